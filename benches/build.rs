//! Compiles the floor, for this very processor: it is to be as fast as a compiler makes it.

use std::process::exit;

fn main() {
    for input in ["build.rs", "floor/floor.c", "floor/floor.h"] {
        println!("cargo:rerun-if-changed={input}");
    }
    let dpdk = match pkg_config::Config::new().cargo_metadata(false).probe("libdpdk") {
        Ok(library) => library,
        Err(error) => fail(&format!("{error}\nDPDK was not found; on Debian: apt-get install libdpdk-dev pkg-config")),
    };
    let mut build = cc::Build::new();
    build.file("floor/floor.c").include("floor").includes(&dpdk.include_paths).opt_level(3).extra_warnings(false);
    // DPDK's headers want their configuration first; pkg-config has it as flags that are no paths.
    build.flag("-include").flag("rte_config.h").flag("-march=native");
    // gcc follows the null pointer that DPDK returns for a frame that is too short, which floor.h excludes.
    build.flag("-Wno-array-bounds").flag("-Wno-stringop-overread");
    if let Err(error) = build.try_compile("floor") {
        fail(&format!("the floor did not compile\n{error}"));
    }
    for library in ["rte_hash", "rte_mbuf", "rte_mempool", "rte_eal"] {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
}

/// Ends the build with one readable message.
fn fail(message: &str) -> ! {
    eprintln!("error: benches: {message}");
    exit(1);
}
