//! The program on ports: alone in a ring, and with DPDK's `testpmd` as a forwarder in the middle. Needs root.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn loadgen(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway-loadgen"));
    command.args(arguments).args(["--memory", "128"]).stdin(Stdio::null());
    command
}

/// Runs it to its end: the status, the report, and what it said on standard error.
fn finish(command: &mut Command) -> (Option<i32>, Value, String) {
    told(command.args(["--json", "-"]).output().expect("it was built with this test"))
}

fn told(output: Output) -> (Option<i32>, Value, String) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), said)
}

fn stream<'v>(report: &'v Value, way: &str) -> &'v Value {
    let streams = report["run"]["streams"].as_array().expect("a list");
    streams.iter().find(|stream| stream["way"] == way).expect("it was driven")
}

#[test]
fn a_ring_returns_every_frame_of_every_length() {
    for size in ["64", "imix", "9000"] {
        let arguments = ["--access", "net_ring0", "--size", size, "--count", "5000", "--rate", "20k", "--strict"];
        let (status, report, said) = finish(&mut loadgen(&arguments));
        assert_eq!(status, Some(0), "{size}: {said}\n{report:#}");
        let stream = stream(&report, "to-fabric");
        assert_eq!((&stream["offered"], &stream["received"]), (&5000.into(), &5000.into()), "{size}");
        assert_eq!((&report["complete"], &stream["lost"]), (&true.into(), &0.into()));
        assert_eq!(stream["latency"]["frames"], 5000);
    }
}

#[test]
fn the_gateways_mac_is_learned_by_arp_while_both_directions_have_a_sender() {
    // In a ring our own question comes back, from the gateway's address.
    let mut command =
        loadgen(&["--access", "net_ring0", "--fabric", "net_ring1", "--vtep", "172.16.0.1", "--count", "10"]);
    let (status, report, said) = finish(&mut command);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(stream(&report, "from-fabric")["received"], 10);
}

#[test]
fn a_search_ends_with_what_it_found_or_with_why_not() {
    let arguments =
        ["--access", "net_ring0", "--find", "ndr,pdr", "--max-rate", "2k", "--trial", "0.2", "--verification", "0.3"];
    let (status, report, said) = finish(&mut loadgen(&arguments));
    let searches = report["searches"].as_array().expect("a list");
    assert_eq!((searches.len(), &report["complete"]), (2, &true.into()), "{said}");
    for search in searches {
        let noisy = search["too_noisy"] == true || search["limited_by_generator"] == true;
        // On a crowded machine the generator may not even get two thousand frames out.
        assert!(search["verified"] == true && search["rate_pps"] == 2000.0 || noisy, "{search:#}\n{said}");
    }
    assert_eq!(status == Some(0), searches.iter().all(|search| search["verified"] == true), "{said}");
    assert!(said.contains("ndr: 2000/s for 0.2 s"), "{said}");
}

/// `testpmd` with two memif ports, ended with the test.
struct Forwarder {
    child: Child,
    directory: PathBuf,
}

impl Forwarder {
    /// `None`, and a word about it, where it is not installed.
    fn start(name: &str) -> Option<Self> {
        if !Path::new("/usr/bin/dpdk-testpmd").exists() {
            eprintln!("skipped, testpmd is missing: apt-get install dpdk");
            return None;
        }
        let directory = std::env::temp_dir().join(format!("cwtest-loadgen-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("the temporary directory is ours");
        let port = |n: u8| format!("--vdev=net_memif{n},role=server,id={n},{}", socket(&directory));
        let log = std::fs::File::create(directory.join("log")).expect("writable");
        let child = Command::new("dpdk-testpmd")
            .args(["-l", "0,1", "--no-pci", "--no-huge", "-m", "96", "--file-prefix"])
            .arg(directory.file_name().expect("it has a name"))
            .args([&port(0), &port(1)])
            .args(["--", "--forward-mode=io", "--total-num-mbufs=8192", "--auto-start"])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("it is there");
        Some(Self { child, directory })
    }

    fn device(&self, n: u8) -> String {
        format!("net_memif{n},role=client,id={n},{}", socket(&self.directory))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

fn socket(directory: &Path) -> String {
    format!("socket={},socket-abstract=no", directory.join("memif.sock").display())
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // It ends with its standard input, and has to be told to where it does not.
        drop(self.child.stdin.take());
        let until = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

#[test]
fn testpmd_in_the_middle_loses_nothing_of_slow_traffic() {
    let Some(forwarder) = Forwarder::start("slow") else { return };
    let (access, fabric) = (forwarder.device(0), forwarder.device(1));
    for (size, encapsulation) in [("64", "VXLAN"), ("imix", "MPLSoUDP"), ("9000", "MPLSoGRE")] {
        let mut command = loadgen(&["--access", &access, "--fabric", &fabric, "--gateway-mac", "02:00:00:00:00:01"]);
        // So slow that a ring holds what comes while others have the core.
        command.args([
            "--size",
            size,
            "--encapsulation",
            encapsulation,
            "--rate",
            "500",
            "--count",
            "1000",
            "--strict",
        ]);
        let (status, report, said) = finish(&mut command);
        assert_eq!(status, Some(0), "{size}: {said}\n{report:#}\n{}", forwarder.log());
        for way in ["to-fabric", "from-fabric"] {
            let stream = stream(&report, way);
            assert_eq!((&stream["offered"], &stream["received"]), (&1000.into(), &1000.into()), "{size} {way}");
        }
    }
}

#[test]
fn ctrl_c_ends_it_within_a_second_with_a_partial_report() {
    for signal in ["INT", "TERM"] {
        let mut command = loadgen(&["--access", "net_ring0", "--duration", "60", "--rate", "1k", "--json", "-"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built with this test");
        let id = child.id().to_string();
        std::thread::sleep(Duration::from_secs(3));
        let sent = Instant::now();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().expect("kill is there").success());
        let (status, report, said) = told(child.wait_with_output().expect("it ends"));
        assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
        assert_eq!(status, Some(130), "{said}");
        assert_eq!((&report["complete"], &report["run"]["complete"]), (&false.into(), &false.into()), "{said}");
        assert!(stream(&report, "to-fabric")["received"].as_u64() > Some(0));
        assert!(said.contains("1 of 60 s"), "{said}");
        assert!(!std::env::temp_dir().join(format!("causeway-loadgen-{id}")).exists());
    }
}

#[test]
fn a_search_that_is_interrupted_tells_what_it_knows() {
    let mut command =
        loadgen(&["--access", "net_ring0", "--find", "ndr,pdr", "--max-rate", "1k", "--trial", "30", "--json", "-"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built with this test");
    std::thread::sleep(Duration::from_secs(3));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().expect("kill is there").success());
    let (status, report, said) = told(child.wait_with_output().expect("it ends"));
    assert_eq!((status, &report["complete"]), (Some(130), &false.into()), "{said}");
    assert_eq!(report["searches"][0]["trials"][0]["verdict"], "interrupted");
}

#[test]
fn one_core_sends_and_another_receives() {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        eprintln!("skipped, this machine has one core");
        return;
    }
    let cores = ["--core", "0", "--rx-core", "1"];
    // A ring without room loses, so slow that it never is.
    let mut command =
        loadgen(&["--access", "net_ring0", "--fabric", "net_ring1", "--gateway-mac", "02:00:00:00:00:01"]);
    let (status, report, said) = finish(command.args(cores).args(["--count", "1000", "--rate", "2k", "--strict"]));
    assert_eq!(status, Some(0), "{said}\n{report:#}");
    assert_eq!(report["run"]["lanes"].as_array().map(Vec::len), Some(2));
    assert_eq!(stream(&report, "from-fabric")["received"], 1000);
}

#[test]
fn what_cannot_run_says_why_on_one_line() {
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--access", "net_ring0", "--size", "63"], 2, "64 to 9600"),
        (&["--size", "64"], 2, "--access"),
        (&["--access", "net_ring0", "--direction", "both"], 2, "expected --fabric as well"),
        (&["--access", "net_ring0", "--core", "1000"], 1, "core 1000"),
        (&["--access", "net_null0", "--wait", "0.3"], 1, "no frame to-fabric came through"),
        (&["--fabric", "net_ring0", "--wait", "0.3"], 1, "--gateway 172.16.0.1: no answer to ARP"),
        (
            &["--access", "net_memif0,role=client,socket=/tmp/cwtest-no-such.sock,socket-abstract=no", "--wait", "0.3"],
            1,
            "cannot start",
        ),
    ];
    for (arguments, status, word) in cases {
        let (found, _, said) = finish(&mut loadgen(arguments));
        assert_eq!(found, Some(status), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.lines().count() == 1 && said.contains(word), "{said}");
    }
}
