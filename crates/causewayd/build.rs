//! Tells the program which commit it is built from, where that is known.

use std::process::Command;

fn main() {
    // A file that is not there would count as changed, and the program be built anew each time.
    println!("cargo:rerun-if-changed=build.rs");
    for file in ["HEAD", "logs/HEAD"] {
        // In a further work tree they lie elsewhere.
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    if let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo:rustc-env=CAUSEWAY_COMMIT={commit}");
    }
}

/// What git says; `None` without a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let answer = Command::new("git").args(arguments).output().ok().filter(|answer| answer.status.success())?;
    String::from_utf8(answer.stdout).ok().map(|text| text.trim().to_owned())
}
