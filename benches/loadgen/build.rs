//! Tells the program which commit it is built from, where that is known.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=../../.git/HEAD");
    println!("cargo:rerun-if-changed=../../.git/logs/HEAD");
    let answer = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = answer.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    if let Some(commit) = commit {
        println!("cargo:rustc-env=CAUSEWAY_COMMIT={}", commit.trim());
    }
}
