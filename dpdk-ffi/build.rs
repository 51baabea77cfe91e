//! Finds the installed DPDK, generates the bindings that `dpdk` uses, and compiles the shim for DPDK's inline functions.
//!
//! pkg-config is asked for the version and the compiler flags only. Its list of libraries names some fifty, most of
//! which are drivers that EAL loads as plugins at run time; the four that are called are linked by name.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// The release line that is tested; others may work and are warned about.
const TESTED: &str = "22.11.";

/// The shared libraries whose symbols the bindings and the shim use.
const LIBRARIES: [&str; 4] = ["rte_ethdev", "rte_mbuf", "rte_mempool", "rte_eal"];

/// Where the missing pieces come from, for the end of every error message.
const PACKAGES: &str = "on Debian or Ubuntu: apt-get install libdpdk-dev pkg-config libclang-dev";

const FUNCTIONS: &[&str] = &[
    "rte_dev_name",
    "rte_dev_probe",
    "rte_eal_cleanup",
    "rte_eal_get_runtime_dir",
    "rte_eal_hotplug_remove",
    "rte_eal_init",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_callback_register",
    "rte_eth_dev_callback_unregister",
    "rte_eth_dev_close",
    "rte_eth_dev_configure",
    "rte_eth_dev_get_mtu",
    "rte_eth_dev_info_get",
    "rte_eth_dev_set_link_down",
    "rte_eth_dev_set_link_up",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_socket_id",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_dev_get_port_by_name",
    "rte_eth_link_get_nowait",
    "rte_eth_macaddr_get",
    "rte_eth_promiscuous_enable",
    "rte_eth_promiscuous_get",
    "rte_eth_rx_queue_setup",
    "rte_eth_stats_get",
    "rte_eth_tx_queue_setup",
    "rte_get_tsc_hz",
    "rte_mempool_avail_count",
    "rte_pktmbuf_pool_create",
    "rte_strerror",
    "rte_thread_register",
    "rte_thread_unregister",
    "rte_version",
    "shim_.*",
];

const TYPES: &[&str] =
    &["rte_mbuf", "rte_mempool", "rte_eth_conf", "rte_eth_dev_info", "rte_eth_link", "rte_eth_stats"];

const CONSTANTS: &[&str] = &[
    "DPDK_.*",
    "RTE_ETH_NAME_MAX_LEN",
    "RTE_MAX_ETHPORTS",
    "RTE_MBUF_F_RX_.*",
    "RTE_MBUF_F_TX_.*",
    "RTE_MEMPOOL_CACHE_MAX_SIZE",
    "RTE_PKTMBUF_HEADROOM",
];

fn main() {
    for input in ["build.rs", "shim/shim.c", "shim/shim.h"] {
        println!("cargo:rerun-if-changed={input}");
    }
    for variable in ["PKG_CONFIG", "PKG_CONFIG_PATH", "LIBCLANG_PATH"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let version = probe();
    if !version.starts_with(TESTED) {
        println!("cargo:warning=DPDK {version} is installed; only {TESTED}x is tested");
    }
    let flags = pkg_config(&["--cflags", "libdpdk"]);
    let flags: Vec<&str> = flags.split_whitespace().collect();

    compile_shim(&flags);
    // Cargo sets OUT_DIR for every build script.
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_else(|| fail("OUT_DIR is not set: run through cargo")));
    generate_bindings(&flags, &out.join("bindings.rs"));

    println!("cargo:rustc-link-search=native={}", pkg_config(&["--variable=libdir", "libdpdk"]));
    for library in LIBRARIES {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    println!("cargo:version={version}");
}

/// The version of the installed DPDK; ends the build with advice where there is none.
fn probe() -> String {
    match pkg_config::Config::new().cargo_metadata(false).env_metadata(true).probe("libdpdk") {
        Ok(library) => library.version,
        Err(error) => fail(&format!("{error}\nDPDK was not found by pkg-config (libdpdk.pc); {PACKAGES}")),
    }
}

fn pkg_config(arguments: &[&str]) -> String {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    match Command::new(&program).args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(output) => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            fail(&format!("`{program} {}` failed: {complaint}; {PACKAGES}", arguments.join(" ")))
        }
        Err(error) => fail(&format!("`{program}` cannot be run: {error}; {PACKAGES}")),
    }
}

/// The shim sees exactly the flags that DPDK was built with: its headers choose intrinsics and layouts by them.
fn compile_shim(flags: &[&str]) {
    let mut build = cc::Build::new();
    build.file("shim/shim.c").include("shim").opt_level(3).warnings(true).extra_warnings(false);
    for flag in flags {
        build.flag(flag);
    }
    if let Err(error) = build.try_compile("dpdk_shim") {
        fail(&format!("the C shim for DPDK's inline functions did not compile; {PACKAGES}\n{error}"));
    }
}

fn generate_bindings(flags: &[&str], target: &Path) {
    let mut builder = bindgen::Builder::default()
        .header("shim/shim.h")
        .clang_args(flags)
        .derive_default(true)
        .generate_comments(false)
        .layout_tests(true)
        .prepend_enum_name(false)
        .use_core();
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    for name in TYPES {
        builder = builder.allowlist_type(name);
    }
    for constant in CONSTANTS {
        builder = builder.allowlist_var(constant);
    }
    // bindgen panics, rather than failing, where libclang cannot be loaded; the message below says it better.
    set_hook(Box::new(|_| {}));
    let bindings = match catch_unwind(AssertUnwindSafe(|| builder.generate())) {
        Ok(Ok(bindings)) => bindings,
        Ok(Err(error)) => fail(&format!("bindgen could not read DPDK's headers: {error}; {PACKAGES}")),
        Err(_) => fail(&format!("bindgen found no usable libclang (set LIBCLANG_PATH if it is installed); {PACKAGES}")),
    };
    if let Err(error) = bindings.write_to_file(target) {
        fail(&format!("cannot write {}: {error}", target.display()));
    }
}

/// Ends the build with one readable message.
fn fail(message: &str) -> ! {
    eprintln!("error: dpdk-sys: {message}");
    exit(1);
}
