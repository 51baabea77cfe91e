//! The daemon as a process: how it starts, what it says when it cannot, how it stops. Needs root.

mod common;

use api::{Request, Response, Show};
use common::{Site, leftovers};
use std::fs;
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn it_serves_reloads_on_sighup_and_stops_cleanly_on_sigterm() {
    let site = Site::new("serves");
    let mut daemon = site.start();
    daemon.wait_for_log("the gateway serves");
    let version = rest::client::call(&site.socket(), &Request::Show(Show::Version), ANSWER_WITHIN);
    assert!(matches!(version, Ok(Response::Version(_))), "{version:?}");
    daemon.signal("HUP");
    daemon.wait_for_log("configuration reloaded");
    fs::write(site.network(), "version: 1\nno_such_key: []\n").expect("writable");
    daemon.signal("HUP");
    daemon.wait_for_log("reload refused");
    let vifs = rest::client::call(&site.socket(), &Request::Show(Show::Vifs), ANSWER_WITHIN);
    let Ok(Response::Vifs(vifs)) = vifs else { panic!("{vifs:?}") };
    assert_eq!(vifs.vifs.len(), 2, "the configuration in force stays");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
    assert!(daemon.log().contains("stopped") && !site.socket().exists());
    assert_eq!(leftovers(&site), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_is_done_to_the_host_interface_by_hand_is_logged_and_its_routes_come_back() {
    let site = Site::new("by-hand");
    let mut daemon = site.start();
    daemon.wait_for_log("host interface is up");
    let is_there = |daemon: &common::Daemon| daemon.ip("route show").contains("172.17.0.0/16 via 172.16.0.254");
    assert!(is_there(&daemon));
    daemon.ip("link set cwtest-host down");
    daemon.wait_for_log("ip link set cwtest-host up");
    assert!(!is_there(&daemon));
    daemon.ip("link set cwtest-host up");
    daemon.wait_for_log("putting back a configured route");
    for _ in 0..100 {
        if is_there(&daemon) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(is_there(&daemon), "{}", daemon.log());
    daemon.ip("link delete cwtest-host");
    daemon.wait_for_log("host interface was deleted or renamed");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
}

/// Starts what cannot start; returns the log.
fn refused(site: &Site) -> String {
    let mut daemon = site.start();
    assert_eq!(daemon.wait().code(), Some(1), "{}", daemon.log());
    assert_eq!(leftovers(site), Vec::<std::path::PathBuf>::new());
    daemon.log()
}

#[track_caller]
fn assert_says(log: &str, words: &[&str]) {
    for word in words {
        assert!(log.contains(word), "expected `{word}` in:\n{log}");
    }
}

#[test]
fn a_start_that_fails_at_the_last_step_leaves_no_route() {
    let site = Site::new("last-step");
    fs::write(site.socket(), "no socket").expect("writable");
    let output = std::process::Command::new("unshare")
        .args(["--net", "--", "sh", "-c", "\"$0\" \"$@\"; ip route show", env!("CARGO_BIN_EXE_causewayd"), "--node"])
        .arg(site.node())
        .arg("--network")
        .arg(site.network())
        .output()
        .expect("unshare is part of util-linux");
    assert_says(&String::from_utf8_lossy(&output.stderr), &["exists and is no socket"]);
    let routes = String::from_utf8_lossy(&output.stdout);
    assert!(routes.contains("172.16.0.0/24") && !routes.contains("172.17.0.0/16"), "{routes}");
    assert_eq!(leftovers(&site), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_missing_file_and_a_wrong_one_are_named() {
    let site = Site::new("files");
    fs::write(site.network(), "version: 7\n").expect("writable");
    assert_says(&refused(&site), &["network.yaml:1:10", "version"]);
    fs::remove_file(site.node()).expect("it is there");
    assert_says(&refused(&site), &["node.yaml", "no such file"]);
}

#[test]
fn a_device_that_is_not_there_is_named_with_what_to_do() {
    let site = Site::new("devices");
    site.write_node("0000:fe:1f.7", "hugepages: false");
    assert_says(&refused(&site), &["access0", "0000:fe:1f.7", "lspci -D"]);
    site.write_node("net_nosuch0", "hugepages: false");
    assert_says(&refused(&site), &["node.yaml:7:44", "net_nosuch0", "net_tap"]);
}

/// A network card of this machine that a driver of the kernel's holds, other than those that DPDK would work beside.
fn card_of_the_kernel() -> Option<(String, String)> {
    let functions = fs::read_dir("/sys/bus/pci/devices").ok()?;
    functions.flatten().find_map(|function| {
        let read = |name: &str| fs::read_to_string(function.path().join(name)).unwrap_or_default();
        let driver = fs::read_link(function.path().join("driver")).ok()?;
        let driver = driver.file_name()?.to_string_lossy().into_owned();
        let fits = read("class").starts_with("0x0200") && read("vendor").trim() != "0x15b3";
        let foreign = !driver.starts_with("vfio") && !driver.contains("uio");
        (fits && foreign).then(|| (function.file_name().to_string_lossy().into_owned(), driver))
    })
}

#[test]
fn a_card_that_the_kernel_drives_is_refused_with_its_driver_before_dpdk_touches_it() {
    let Some((address, driver)) = card_of_the_kernel() else {
        eprintln!("skipped: this machine has no network card that the kernel drives");
        return;
    };
    let site = Site::new("kernel-card");
    site.write_node(&address, "hugepages: false");
    let driver = format!("the kernel driver `{driver}` holds it");
    assert_says(&refused(&site), &[&address, &driver, &format!("bind-nic bind {address}")]);
}

#[test]
fn missing_hugepages_are_said_with_the_command_that_reserves_them() {
    let site = Site::new("hugepages");
    let free: u64 = fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    if free > 0 {
        eprintln!("skipped: this machine has {free} free huge pages");
        return;
    }
    site.write_node("net_null0,no-rx=1", "hugepages: true");
    assert_says(&refused(&site), &["128 MB of huge pages wanted", "nr_hugepages", "hugepages: false"]);
}

#[test]
fn a_second_instance_of_the_same_prefix_is_refused_and_the_first_goes_on() {
    let site = Site::new("second");
    let mut first = site.start();
    first.wait_for_log("the gateway serves");
    // The same files again; only the log is another's.
    let log = first.log();
    let second = std::process::Command::new("unshare")
        .args(["--net", "--", env!("CARGO_BIN_EXE_causewayd"), "--node"])
        .arg(site.node())
        .arg("--network")
        .arg(site.network())
        .output()
        .expect("unshare is part of util-linux");
    assert_eq!(second.status.code(), Some(1));
    assert_says(&String::from_utf8_lossy(&second.stderr), &["file prefix", "locked by process"]);
    assert!(log.contains("the gateway serves"));
    let still = rest::client::call(&site.socket(), &Request::Show(Show::Version), ANSWER_WITHIN);
    assert!(still.is_ok(), "{still:?}");
    first.signal("TERM");
    assert_eq!(first.wait().code(), Some(0));
}

#[test]
fn without_rights_it_says_which() {
    let site = Site::new("rights");
    let output = std::process::Command::new("unshare")
        .args(["--net", "--", "setpriv", "--bounding-set=-all", "--inh-caps=-all"])
        .arg(env!("CARGO_BIN_EXE_causewayd"))
        .arg("--node")
        .arg(site.node())
        .arg("--network")
        .arg(site.network())
        .output()
        .expect("unshare and setpriv are part of util-linux");
    assert_eq!(output.status.code(), Some(1));
    assert_says(&String::from_utf8_lossy(&output.stderr), &["CAP_NET_ADMIN"]);
}

#[test]
fn wrong_options_are_usage_errors() {
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_causewayd")).args(arguments).output();
        let output = output.expect("the program is there");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (arguments, word) in [
        (&["--log", "xml"][..], "text, json"),
        (&["--log-level", "loud=very=much"], "--log-level"),
        (&["--nodes", "x"], "--node"),
    ] {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(word), "expected `{word}` in:\n{text}");
    }
}
