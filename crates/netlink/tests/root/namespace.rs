use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A named network namespace, removed with all that is in it.
struct Namespace(String);

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Runs the test in a namespace of its own, on a thread of its own, unless root tests were not asked for.
pub(crate) fn in_namespace(test: impl FnOnce() + Send) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    if std::env::var("CAUSEWAY_ROOT_TESTS").as_deref() != Ok("1") {
        println!("skipped: needs root rights and network namespaces; run with CAUSEWAY_ROOT_TESTS=1");
        return;
    }
    let name = format!("netlink-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    ip(&format!("netns add {name}"));
    let namespace = Namespace(name);
    let file = File::open(format!("/run/netns/{}", namespace.0)).expect("the namespace was just made");
    let result = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may do this");
                ip("link set lo up");
                test();
            })
            .join()
    });
    drop(namespace);
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in the namespace of this thread and returns what it prints.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Sets a sysctl of this thread's namespace, given as a path below /proc/sys/net.
pub(crate) fn sysctl(path: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{path}"), value).expect(path);
}

/// Calls `attempt` until it yields something; fails the test after ten seconds.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
