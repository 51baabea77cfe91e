//! EAL's start and end, each in a process of its own.

mod support;

use dpdk::lcore::{available, keep_off};
use dpdk::{Eal, EalError, LockError, Memory, Worker};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

fn main() {
    match support::scenario().as_deref() {
        None => support::run(
            &(),
            &[
                ("EAL starts and ends without a trace", |()| quiet("trace")),
                ("affinity is not inherited from EAL", |()| quiet("affinity")),
                ("a frame that outlives EAL stays readable", |()| quiet("outlive")),
                ("EAL starts once per process", |()| quiet("once")),
                ("a second instance with the prefix is refused and names the first", second_instance),
                ("a killed process does not keep its prefix", killed),
                ("missing memory says what to do and leaves EAL startable", |()| quiet("memory")),
            ],
        ),
        Some("trace") => trace(),
        Some("affinity") => affinity(),
        Some("outlive") => outlive(),
        Some("once") => once(),
        Some("hold") => hold(),
        Some("memory") => memory(),
        Some(other) => panic!("no scenario {other}"),
    }
}

/// Runs the scenario in a child, which may write nothing.
fn quiet(scenario: &str) {
    let output = support::succeed(support::child(scenario, &[]));
    assert_eq!((output.stdout.len(), output.stderr.len()), (0, 0), "{output:?}");
}

fn start(name: &str) -> Eal {
    Eal::start(&support::config(name)).expect("ordinary memory and a free prefix")
}

/// Everything that EAL could leave behind for the prefix.
fn traces(name: &str) -> Vec<PathBuf> {
    let prefix = format!("cwtest-dpdk-{name}");
    let directories = [support::run_dir(), "/var/run/dpdk".into(), "/dev/hugepages".into()];
    let entries = |directory: PathBuf| std::fs::read_dir(directory).into_iter().flatten().flatten();
    let named = |path: &PathBuf| path.to_string_lossy().contains(&prefix);
    directories.into_iter().flat_map(entries).map(|entry| entry.path()).filter(named).collect()
}

fn trace() {
    let eal = start("trace");
    let pool = support::pool(&eal, "trace");
    assert!(Path::new("/var/run/dpdk/cwtest-dpdk-trace").exists());
    drop(eal);
    assert!(pool.alloc().is_some(), "the pool keeps EAL");
    drop(pool);
    assert_eq!(traces("trace"), Vec::<PathBuf>::new());
}

fn affinity() {
    let before = available();
    assert!(before.len() > 1, "one core cannot show it");
    let eal = start("affinity");
    assert_eq!(available(), before, "the thread that started EAL");
    assert_eq!(thread::spawn(available).join().expect("no panic"), before, "a thread started afterwards");
    let registered = eal.clone();
    let worker = thread::spawn(move || Worker::register(&registered, 1).map(|_| available()));
    assert_eq!(worker.join().expect("no panic"), Ok(vec![1]));
    assert_eq!(available(), before);
    let kept_off = thread::spawn(|| (keep_off(&[1]), available(), thread::spawn(available).join()));
    let (is_off, own, child) = kept_off.join().expect("no panic");
    assert!(is_off && !own.contains(&1) && child.is_ok_and(|child| child == own), "{own:?}");
    let all = before.clone();
    assert_eq!(thread::spawn(move || (keep_off(&all), available())).join().expect("no panic"), (false, before));
    // EAL's own threads stay off the worker's core.
    for task in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let allowed =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default().trim();
        if name.starts_with("eal") || name.starts_with("rte") {
            assert_eq!(allowed, "0", "{name}");
        }
    }
}

fn outlive() {
    let eal = start("outlive");
    let pool = support::pool(&eal, "outlive");
    let mut frame = pool.alloc().expect("the pool is full");
    drop((pool, eal));
    frame.append(64).expect("fits").fill(7);
    assert_eq!(frame.octets(), [7; 64]);
    drop(frame);
    assert_eq!(traces("outlive"), Vec::<PathBuf>::new());
}

fn once() {
    drop(start("once"));
    let error = Eal::start(&support::config("once-more")).expect_err("DPDK cannot");
    assert!(matches!(error, EalError::AlreadyStarted), "{error}");
    assert_eq!(traces("once"), Vec::<PathBuf>::new());
}

/// Starts EAL, says so, and ends when its input does.
fn hold() {
    let eal = start("hold");
    println!("running");
    std::io::stdout().flush().expect("a pipe");
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(eal);
}

fn holder() -> std::process::Child {
    let mut child =
        support::child("hold", &[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program");
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("piped above");
    BufReader::new(output).read_line(&mut line).expect("a pipe");
    assert_eq!(line, "running\n");
    child
}

fn second_instance(_: &()) {
    let mut first = holder();
    let error = Eal::start(&support::config("hold")).expect_err("the first one runs");
    assert!(matches!(error, EalError::Lock(LockError::Held { .. })), "{error}");
    assert!(error.to_string().contains(&format!("process {}", first.id())), "{error}");
    drop(first.stdin.take());
    assert!(first.wait().expect("our child").success());
    assert_eq!(traces("hold"), Vec::<PathBuf>::new());
}

fn killed(_: &()) {
    let mut first = holder();
    first.kill().expect("our child");
    first.wait().expect("our child");
    let mut second = holder();
    drop(second.stdin.take());
    assert!(second.wait().expect("our child").success());
    assert_eq!(traces("hold"), Vec::<PathBuf>::new());
}

fn memory() {
    let mut config = support::config("memory");
    config.memory = Memory::Hugepages { size_mb: 1 << 30 };
    let error = Eal::start(&config).expect_err("no machine has a petabyte");
    assert!(matches!(error, EalError::MissingHugepages { wanted_mb: 1_073_741_824, .. }), "{error}");
    assert!(error.to_string().contains("nr_hugepages"), "{error}");
    config.memory = Memory::Ordinary { size_mb: 1 << 30 };
    let error = Eal::start(&config).expect_err("no machine has a petabyte");
    assert!(matches!(error, EalError::MissingMemory { wanted_mb: 1_073_741_824, .. }), "{error}");
    drop(start("memory"));
}
