//! A test program that runs its cases in turn, some of them in child processes.
#![allow(dead_code, unreachable_pub, missing_docs)]

use dpdk::{Eal, EalConfig, Mbuf, Memory, Pool, PoolConfig, PortConfig};
use std::path::PathBuf;
use std::process::{Command, Output};

/// Names the scenario that a child process is to run.
const SCENARIO: &str = "CWTEST_DPDK_SCENARIO";

pub fn run_dir() -> PathBuf {
    std::env::temp_dir().join("cwtest-dpdk-run")
}

/// EAL on ordinary memory, with a prefix that begins with `cwtest-dpdk-`.
pub fn config(name: &str) -> EalConfig {
    EalConfig {
        file_prefix: format!("cwtest-dpdk-{name}"),
        memory: Memory::Ordinary { size_mb: 128 },
        main_core: 0,
        pci_devices: Vec::new(),
        run_dir: run_dir(),
    }
}

pub fn pool(eal: &Eal, name: &str) -> Pool {
    Pool::new(eal, &PoolConfig { cache: 32, ..PoolConfig::new(name, 4095) }).expect("128 MB hold a small pool")
}

/// A port on `device` as the configuration would have it, on one pool.
pub fn port_config(device: &str) -> PortConfig {
    PortConfig::new("test", device.parse().expect("a device"))
}

/// One frame that holds `octets`.
pub fn frame(pool: &Pool, octets: &[u8]) -> Mbuf {
    let mut frame = pool.alloc().expect("the pool is far from empty");
    let length = u16::try_from(octets.len()).expect("test frames are short");
    frame.append(length).expect("fits").copy_from_slice(octets);
    frame
}

/// The scenario that this process was started for, if any.
pub fn scenario() -> Option<String> {
    std::env::var(SCENARIO).ok()
}

/// This program again, in a process of its own, to run `scenario`; `through` may enter a namespace first.
pub fn child(scenario: &str, through: &[&str]) -> Command {
    let this = std::env::current_exe().expect("Linux knows the running program");
    let mut command = match through {
        [] => Command::new(&this),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(&this);
            command
        }
    };
    command.env(SCENARIO, scenario);
    command
}

/// Runs a child and demands that it succeeds.
pub fn succeed(mut command: Command) -> Output {
    let output = command.output().expect("the program that is running can be started");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    output
}

/// What a case says, and its check.
pub type Case<'a, T> = (&'a str, fn(&T));

/// Runs the cases whose names contain the first argument that is no option.
pub fn run<T>(context: &T, cases: &[Case<'_, T>]) {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    for (name, case) in cases.iter().filter(|(name, _)| name.contains(&filter)) {
        println!("test {name} ...");
        case(context);
    }
    println!("all held");
}
