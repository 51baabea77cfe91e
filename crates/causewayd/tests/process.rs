//! The daemon as a process: how it starts, what it says when it cannot, how it stops. Needs root.

mod common;

use api::{DropsQuery, ExplainRequest, Request, Response, Show, VifsQuery};
use common::{Site, leftovers};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    let vifs = rest::client::call(&site.socket(), &Request::Show(Show::Vifs(VifsQuery::default())), ANSWER_WITHIN);
    let Ok(Response::Vifs(vifs)) = vifs else { panic!("{vifs:?}") };
    assert_eq!(vifs.vifs.len(), 2, "the configuration in force stays");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
    assert!(daemon.log().contains("stopped") && !site.socket().exists());
    assert_eq!(leftovers(&site), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_frame_is_explained_over_the_tables_in_force_and_counts_nowhere() {
    let site = Site::new("explains");
    // Nobody is behind the fabric port: else the access port would stay closed, and that would be the story.
    let node = fs::read_to_string(site.node()).expect("it was written");
    fs::write(site.node(), node + "uplink_tracking: { enabled: false }\n").expect("writable");
    let mut daemon = site.start();
    daemon.wait_for_log("the gateway serves");
    // A VMI of the example network asks for an address.
    let frame = "ffffffffffff02000000106481000064080600010800060400010200000010640a01000200000000000000000a010009";
    let request = ExplainRequest { port: "access0".into(), frame: frame.into(), tunnel: None };
    let answer = rest::client::call(&site.socket(), &Request::Explain(request), ANSWER_WITHIN);
    let Ok(Response::Explain(story)) = answer else { panic!("{answer:?}") };
    assert!(story.generation.is_some_and(|generation| generation > 1) && story.assumptions.is_empty(), "{story:?}");
    let objects: Vec<_> = story.decisions.iter().flat_map(|decision| &decision.because_of).collect();
    let network = site.network().display().to_string();
    assert!(
        objects.iter().any(|object| object.object == "VMI blue-server" && object.place.file == network),
        "{story:?}"
    );
    let drops = rest::client::call(&site.socket(), &Request::Show(Show::Drops(DropsQuery::default())), ANSWER_WITHIN);
    let Ok(Response::Drops(drops)) = drops else { panic!("{drops:?}") };
    assert_eq!(drops.accounting.copies, 0, "the workers copied nothing");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
}

#[test]
fn no_other_thread_may_run_on_the_workers_core() {
    let site = Site::new("cores");
    let mut daemon = site.start();
    daemon.wait_for_log("the gateway serves");
    let allowed = |thread: &str| {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.thread(thread))).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("the kernel says so");
        line.trim().to_owned()
    };
    assert_eq!(allowed("worker0"), "0");
    for thread in ["causewayd", "control", "rest", "netlink", "host-io", "watch", "eal"] {
        let list = allowed(thread);
        assert!(!list.split([',', '-']).any(|core| core == "0"), "{thread}: {list}");
    }
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
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

#[test]
fn a_fabric_port_that_loses_its_link_takes_the_carrier_of_its_host_interface_with_it() {
    let site = Site::new("carrier");
    let node = fs::read_to_string(site.node()).expect("it was just written");
    fs::write(site.node(), node.replace("net_null1,no-rx=1", "net_tap1,iface=cwtest-fabric")).expect("writable");
    let mut daemon = site.start();
    daemon.wait_for_log("the gateway serves");
    daemon.wait_for_log("link is up");
    let has_carrier = |daemon: &common::Daemon| !daemon.ip("link show dev cwtest-host").contains("NO-CARRIER");
    assert!(has_carrier(&daemon));
    daemon.ip("link set cwtest-fabric down");
    daemon.wait_for_log("its port has no link");
    assert!(!has_carrier(&daemon));
    assert!(daemon.ip("addr show dev cwtest-host").contains("172.16.0.1/24"));
    daemon.ip("link set cwtest-fabric up");
    daemon.wait_for_log("putting back a configured route");
    assert!(has_carrier(&daemon), "{}", daemon.log());
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
}

#[test]
fn what_linux_asks_of_the_fabric_shows_by_class() {
    let site = Site::new("classes");
    let mut daemon = site.start();
    daemon.wait_for_log("host interface is up");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = rest::client::call(&site.socket(), &Request::Show(Show::Host), ANSWER_WITHIN);
        let Ok(Response::Host(host)) = answer else { panic!("{answer:?}") };
        assert_eq!((host.classes.len(), host.channel_slots), (8, 512));
        let neighbour = host.classes.iter().find(|class| class.class == "neighbour").expect("all classes are shown");
        assert!(neighbour.urgent && neighbour.from_host.limit_pps == 10_000 && neighbour.from_host.policed == 0);
        // ARP for the next hops of VTEPs and routes, which control keeps Linux asking for.
        if neighbour.from_host.injected > 0 && host.from_host_octets >= 42 {
            break;
        }
        assert!(Instant::now() < deadline, "{host:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
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
    let output = Command::new("unshare")
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

/// The log of a start in which the kernel withholds `right`, as Docker does without `--cap-add`.
fn started_without(site: &Site, right: &str) -> String {
    let output = Command::new("unshare")
        .args([
            "--net",
            "--",
            "setpriv",
            "--bounding-set",
            right,
            "--inh-caps",
            right,
            env!("CARGO_BIN_EXE_causewayd"),
            "--node",
        ])
        .arg(site.node())
        .arg("--network")
        .arg(site.network())
        .output()
        .expect("unshare and setpriv are parts of util-linux");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(leftovers(site), Vec::<std::path::PathBuf>::new());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_right_that_a_container_lacks_is_named_with_the_option_that_adds_it() {
    let site = Site::new("rights");
    let said = started_without(&site, "-net_admin");
    assert_says(&said, &["CAP_NET_ADMIN is missing", "host interface", "--cap-add NET_ADMIN", "cap_add: [NET_ADMIN]"]);
    site.write_node("net_af_packet0,iface=lo", "hugepages: false");
    assert_says(&started_without(&site, "-net_raw"), &["CAP_NET_RAW is missing", "--cap-add NET_RAW"]);
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
    let second = Command::new("unshare")
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
    let output = Command::new("unshare")
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
fn a_user_of_its_own_with_the_units_capabilities_is_enough() {
    const NOBODY: u32 = 65534;
    let unit = include_str!("../../../packaging/systemd/causewayd.service");
    let granted =
        unit.lines().find_map(|line| line.strip_prefix("AmbientCapabilities=")).expect("the unit grants some");
    let granted =
        granted.split(' ').map(|name| format!(",+{}", name.strip_prefix("CAP_").expect("a name").to_lowercase()));
    let granted = format!("-all{}", granted.collect::<String>());

    let site = Site::new("user");
    let node = fs::read_to_string(site.node()).expect("it was written");
    fs::write(site.node(), node.replace("group: root", "group: nogroup")).expect("writable");
    std::os::unix::fs::chown(&site.directory, Some(NOBODY), Some(NOBODY)).expect("these tests run as root");
    let manager = Manager::new(&site);
    std::os::unix::fs::chown(&manager.path, Some(NOBODY), None).expect("these tests run as root");
    // As systemd does it: /run/causeway is the user's, and named as its runtime directory.
    let directory = "mount -t tmpfs run /run && install -d -o 65534 -g 65534 /run/causeway && exec \"$0\" \"$@\"";
    let mut daemon = Command::new("unshare")
        .args(["--net", "--mount", "--", "sh", "-c", directory, "setpriv", "--reuid=65534", "--regid=65534"])
        .args(["--clear-groups", "--no-new-privs"])
        .args(["--inh-caps", "--ambient-caps", "--bounding-set"].map(|option| format!("{option}={granted}")))
        .arg(env!("CARGO_BIN_EXE_causewayd"))
        .arg("--node")
        .arg(site.node())
        .arg("--network")
        .arg(site.network())
        .envs([("RUNTIME_DIRECTORY", "/run/causeway"), ("NOTIFY_SOCKET", &manager.path)])
        .stderr(Stdio::null()) // what goes wrong is told to the manager
        .spawn()
        .expect("unshare and setpriv are part of util-linux");
    let heard = manager.hears_until("READY=1\n");
    let stopped = Command::new("kill").arg(daemon.id().to_string()).status();
    assert!(stopped.expect("kill is there").success());
    assert_eq!(daemon.wait().expect("it is our child").code(), Some(0), "{heard:?}");
}

#[test]
fn wrong_options_are_usage_errors() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_causewayd")).args(arguments).output();
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

/// The service manager's end: the socket that the daemon is told of.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn new(site: &Site) -> Self {
        let path = site.directory.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a new path");
        Self { socket, path: path.display().to_string() }
    }

    /// The next message, unless it takes longer than `within`.
    fn hears(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).expect("longer than nothing");
        let mut message = [0; 4096];
        let octets = self.socket.recv(&mut message).ok()?;
        Some(String::from_utf8_lossy(&message[..octets]).into_owned())
    }

    /// Everything that is said up to a message that begins with `wanted`, which is the last.
    #[track_caller]
    fn hears_until(&self, wanted: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|last: &String| last.starts_with(wanted)) {
            let next = self.hears(ANSWER_WITHIN);
            heard.push(next.unwrap_or_else(|| panic!("expected {wanted} after {heard:?}")));
        }
        heard
    }
}

#[test]
fn the_service_manager_is_told_when_it_serves_reloads_and_stops() {
    let site = Site::new("notify");
    let manager = Manager::new(&site);
    let mut daemon = site.start_with(&[("NOTIFY_SOCKET", &manager.path)]);
    let heard = manager.hears_until("READY=1\n");
    assert!(heard[0].starts_with("STATUS=starts"), "{heard:?}");
    let version = rest::client::call(&site.socket(), &Request::Show(Show::Version), ANSWER_WITHIN);
    assert!(version.is_ok(), "ready means that it serves: {version:?}");

    daemon.signal("HUP");
    let reloading = manager.hears_until("RELOADING=1\nMONOTONIC_USEC=").pop().expect("heard");
    let usec = reloading.split(['=', '\n']).nth(3).and_then(|usec| usec.parse::<u64>().ok());
    assert!(usec.is_some_and(|usec| usec > 0), "{reloading}");
    let ready = manager.hears_until("READY=1\n").pop().expect("heard");
    assert!(ready.contains("STATUS=serves: 2 ports, 1 worker\n"), "{ready}");

    fs::write(site.network(), "version: 1\nno_such_key: []\n").expect("writable");
    daemon.signal("HUP");
    manager.hears_until("RELOADING=1\n");
    let ready = manager.hears_until("READY=1\n").pop().expect("heard");
    assert!(ready.contains("; reload refused: nothing changed: 1 error in the configuration\n"), "{ready}");

    daemon.signal("TERM");
    manager.hears_until("STOPPING=1\n");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
    assert_eq!(manager.hears(Duration::from_millis(10)), None, "no watchdog was asked for");
}

#[test]
fn the_service_manager_is_told_why_it_did_not_start() {
    let site = Site::new("notify-refused");
    let manager = Manager::new(&site);
    site.write_node("net_nosuch0", "hugepages: false");
    let mut daemon = site.start_with(&[("NOTIFY_SOCKET", &manager.path)]);
    assert_eq!(daemon.wait().code(), Some(1), "{}", daemon.log());
    manager.hears_until("STATUS=not started: 1 error in the configuration");
}

/// Holds one thread of the daemon still until dropped: a tracer attaches to it.
struct Held(Child);

impl Held {
    fn new(thread: &str) -> Self {
        let attach = "import ctypes, os, sys, time\n\
            thread = int(sys.argv[1])\n\
            assert ctypes.CDLL(None).ptrace(16, thread, 0, 0) == 0, 'cannot attach'\n\
            os.waitpid(thread, 0x40000000)\n\
            print('held', flush=True)\n\
            time.sleep(600)";
        let mut tracer = Command::new("python3")
            .args(["-c", attach, thread])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there, as for the lab");
        let mut said = String::new();
        let stdout = tracer.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut said).expect("readable");
        assert_eq!(said, "held\n");
        Self(tracer)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_watchdog_is_fed_while_control_and_workers_move_and_not_while_one_stands_still() {
    let site = Site::new("watchdog");
    let manager = Manager::new(&site);
    let mut daemon = site.start_with(&[("NOTIFY_SOCKET", &manager.path), ("WATCHDOG_USEC", "400000")]);
    manager.hears_until("READY=1\n");
    manager.hears_until("WATCHDOG=1\n");
    for name in ["worker0", "control"] {
        let held = Held::new(&daemon.thread(name));
        // What was said before, and one that counts the last move.
        let calm = Instant::now() + Duration::from_millis(600);
        while manager.hears(calm.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))).is_some() {}
        let silence = Instant::now() + Duration::from_millis(2500);
        while let Some(left) = silence.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            let heard = manager.hears(left);
            assert_ne!(heard.as_deref(), Some("WATCHDOG=1\n"), "{name} stands still");
        }
        drop(held);
        manager.hears_until("WATCHDOG=1\n");
    }
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
}

#[test]
fn a_watchdog_that_waits_for_another_process_is_not_fed() {
    let site = Site::new("watchdog-pid");
    let manager = Manager::new(&site);
    let environment = [("NOTIFY_SOCKET", manager.path.as_str()), ("WATCHDOG_USEC", "400000"), ("WATCHDOG_PID", "1")];
    let mut daemon = site.start_with(&environment);
    manager.hears_until("READY=1\n");
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        assert_ne!(manager.hears(Duration::from_millis(100)).as_deref(), Some("WATCHDOG=1\n"));
    }
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
}

#[test]
fn without_a_manager_or_with_one_that_cannot_be_reached_it_serves_as_well() {
    for socket in ["/nowhere/at/all", "vsock:2:1234"] {
        let site = Site::new("notify-nobody");
        let mut daemon = site.start_with(&[("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "400000")]);
        daemon.wait_for_log("the gateway serves");
        daemon.signal("TERM");
        assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log());
    }
}
