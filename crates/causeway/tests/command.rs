//! The command as its users meet it: a process with arguments, two streams and an exit status.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{net::UnixListener, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use api::{DropsQuery, ErrorCode, ErrorDocument, FdbQuery, Request, Response, Show};
use rest::{Backend, Config, Handle};
use serde_json::Value;

const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/node.yaml");
const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/network.yaml");

/// A directory of its own for one test, gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only the numbers must differ.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("causeway-command-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the temporary directory is writable");
        path.display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A daemon as far as the socket shows one.
struct Daemon {
    handle: Handle,
    _directory: Directory,
}

impl Daemon {
    fn new(backend: impl Backend) -> Self {
        let directory = Directory::new();
        let config = Config { socket: directory.0.join("c.sock"), group: None };
        let handle = rest::serve(config, Arc::new(backend)).expect("serves");
        Self { handle, _directory: directory }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let socket = self.handle.socket().to_str().expect("UTF-8");
        run(&[&["--socket", socket], arguments].concat())
    }
}

/// Answers from the documents of the `api` crate, and knows the networks `blue` and `green`.
struct Documents;

impl Backend for Documents {
    fn call(&self, request: Request) -> Result<Response, ErrorDocument> {
        let name = match &request {
            Request::Show(Show::Ports) => "ports",
            Request::Show(Show::Vifs(_)) => "vifs",
            Request::Show(Show::Networks) => "networks",
            Request::Show(Show::Fdb(FdbQuery { network: Some(network), .. })) if network != "blue" => {
                return Err(ErrorDocument::new(ErrorCode::NotFound, format!("no virtual network `{network}`")));
            }
            Request::Show(Show::Fdb(_)) => "fdb",
            Request::Show(Show::Nexthops(_)) => "nexthops",
            Request::Show(Show::Labels(_)) => "labels",
            Request::Show(Show::Vteps(_)) => "vteps",
            Request::Show(Show::Hosts(_)) => "hosts",
            Request::Show(Show::Drops(DropsQuery { all: false, .. })) => {
                return Ok(Response::Drops(api::DropsDocument::default()));
            }
            Request::Show(Show::Drops(_)) => "drops",
            Request::Show(Show::Stp) => "stp",
            Request::Show(Show::Storm(_)) => "storm",
            Request::Show(Show::Reachability(_)) => "reachability",
            Request::Show(Show::Events(_)) => "events",
            Request::Show(Show::Host) => "host",
            Request::Show(Show::Workers) => "workers",
            Request::Show(Show::Config) => "config",
            Request::Show(Show::Version) => "version",
            Request::Explain(_) => "explain",
            Request::Clear(_) => "clear",
            Request::Reload => "reload",
            Request::LastDrops(_) => "last-drops",
            Request::Watch(_) => "watch",
            Request::WatchNext(_) | Request::WatchEnd(_) => "seen",
        };
        Ok(request.read_response(document(name).as_bytes()).expect("documents are valid"))
    }
}

/// Refuses everything as a daemon refuses a wrong configuration.
struct Refusing;

impl Backend for Refusing {
    fn call(&self, _: Request) -> Result<Response, ErrorDocument> {
        Err(serde_json::from_str(&document("error")).expect("a valid document"))
    }
}

fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn document(name: &str) -> String {
    fs::read_to_string(manifest(&format!("../api/tests/documents/{name}.json")))
        .expect("the documents are in the repository")
}

fn golden(name: &str) -> String {
    fs::read_to_string(manifest(&format!("tests/golden/{name}.txt"))).expect("the golden texts are in the repository")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_causeway")).args(arguments).output().expect("the command was built")
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by signal {:?}: {}", output.status.signal(), stderr(output)))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

#[test]
fn show_prints_the_agreed_text_and_with_json_the_document_itself() {
    let daemon = Daemon::new(Documents);
    for name in [
        "ports",
        "vifs",
        "networks",
        "fdb",
        "nexthops",
        "labels",
        "vteps",
        "hosts",
        "reachability",
        "events",
        "storm",
        "host",
        "workers",
        "config",
    ] {
        let text = daemon.run(&["show", name]);
        // What is live stands behind what is agreed.
        let shown = stdout(&text).split("\nWORKER").next().map(str::to_owned);
        assert_eq!((status(&text), shown, stderr(&text)), (0, Some(golden(name)), String::new()));
        let json = daemon.run(&["show", name, "--json"]);
        assert_eq!((status(&json), stdout(&json), stderr(&json)), (0, document(name), String::new()));
    }
    let drops = daemon.run(&["show", "drops", "--all"]);
    assert_eq!((status(&drops), stdout(&drops)), (0, golden("drops")));
    assert!(stdout(&daemon.run(&["show", "drops"])).ends_with("\nno packet was dropped\n"));
    assert_eq!(stdout(&daemon.run(&["--json", "show", "drops", "--all"])), document("drops"));
    let version = daemon.run(&["show", "version"]);
    assert!(stdout(&version).starts_with("causewayd      0.1.0 (release build, commit a9b4d53c)\n"));
    assert_eq!(stdout(&daemon.run(&["show", "version", "--json"])), document("version"));
}

#[test]
fn a_capture_is_pcapng_that_others_read_with_what_became_of_each_frame() {
    let daemon = Daemon::new(Documents);
    let captured = daemon.run(&["capture", "--vif", "blue-server", "-w", "-", "vlan", "100"]);
    assert_eq!(status(&captured), 0, "{}", stderr(&captured));
    assert_eq!(stderr(&captured), "1 frames; 4 more were seen and not wanted by the filter\n");
    let comment =
        "verdict: sent by fabric0; VMI: blue-server; network: blue; configuration: /etc/causeway/network.yaml:32";
    let directory = Directory::new();
    let file = directory.0.join("captured.pcapng");
    let path = file.to_str().expect("UTF-8");
    let to_file = daemon.run(&["capture", "--vif", "blue-server", "-w", path, "--json", "vlan", "100"]);
    assert_eq!((status(&to_file), &json(&to_file)["file"]), (0, &Value::from(path)));
    assert_eq!(fs::read(&file).expect("it was written"), captured.stdout, "to a file it is the same");
    let fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.interface_name", "frame.comment"];
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let Ok(read) = Command::new("tshark").args(["-r", path, "-T", "fields"]).args(fields).output() else {
        return eprintln!("skipped, tshark is missing: apt-get install tshark");
    };
    let expected = format!("1795576801.123456789\t98\t18\tblue-server\t{comment}\n");
    assert_eq!(stdout(&read), expected, "{}", stderr(&read));
}

#[test]
fn frames_are_shown_as_lines_as_stories_and_as_json() {
    let daemon = Daemon::new(Documents);
    let line = "2026-11-25T03:20:01.123456789Z in access0, 98 octets, 02:00:00:00:10:64 > 02:00:00:00:20:64; verdict: sent by fabric0; VMI: ";
    assert!(stdout(&daemon.run(&["capture", "--port", "access0"])).starts_with(line));
    let traced = stdout(&daemon.run(&["trace", "--vif", "blue-server", "--count", "1"]));
    let lines: Vec<&str> = traced.lines().collect();
    assert!(lines[0].starts_with(&format!("1: {line}")), "{traced}");
    assert_eq!(
        lines[2..],
        ["  bridge    02:00:00:00:20:64 is behind the fabric", "  left as", "    0000  02 fa 00 00 00 02"]
    );
    let shown = daemon.run(&["trace", "--vif", "blue-server", "--json"]);
    assert_eq!(json(&shown)["stages"][0]["stage"], "classify");
    let summary: Value = serde_json::from_str(&stderr(&shown)).expect("the summary is JSON too");
    assert_eq!((&summary["frames"], &summary["filtered_out"]), (&Value::from(1), &Value::from(4)));
    let drops = stdout(&daemon.run(&["show", "drops", "--last"]));
    assert!(
        drops.contains("; verdict: dropped: unknown_vlan; configuration: /etc/causeway/node.yaml:24\n    0000  02 00"),
        "{drops}"
    );
    for wrong in [&["capture"][..], &["capture", "--vif", "a", "--port", "b"], &["show", "drops", "--reason", "runt"]] {
        assert_eq!(status(&daemon.run(wrong)), 2, "{wrong:?}");
    }
}

#[test]
fn the_commands_of_vrouter_print_its_shapes_and_refuse_what_is_not_there() {
    let daemon = Daemon::new(Documents);
    for (arguments, name) in [
        (&["vif", "--list"][..], "vrouter-vif-list"),
        (&["nh", "--list"], "vrouter-nh-list"),
        (&["mpls", "--dump"], "vrouter-mpls-dump"),
        (&["rt", "--dump", "1", "--family", "bridge"], "vrouter-rt-dump"),
    ] {
        let output = daemon.run(arguments);
        assert_eq!((status(&output), stdout(&output), stderr(&output)), (0, golden(name), String::new()));
    }
    assert!(stdout(&daemon.run(&["vif", "--get", "17"])).contains("printer Vlan(o/i)(,S): 0/0, 02:00:00:00:10:65"));
    assert!(stdout(&daemon.run(&["nh", "--get", "0"])).contains("Type:Drop "));
    assert!(stdout(&daemon.run(&["mpls", "--get", "2000"])).ends_with("    2000         2\n\n"));
    assert!(stdout(&daemon.run(&["dropstats"])).starts_with("Invalid IF                    0\n"));
    for (arguments, word) in [
        (&["vif", "--get", "99"][..], "no interface 99; `causeway vif --list`"),
        (&["vif", "--clear", "--id", "99"], "no interface 99"),
        (&["nh", "--get", "12345"], "no next hop 12345"),
        (&["mpls", "--get", "17"], "no label 17"),
        (&["rt", "--dump", "0"], "no VRF of a virtual network 0"),
        (&["dropstats", "--core", "99"], "no worker runs on core 99: expected one of 1, 13"),
    ] {
        let output = daemon.run(arguments);
        assert_eq!((status(&output), stdout(&output)), (1, String::new()), "{arguments:?}");
        assert!(stderr(&output).contains(word), "{arguments:?}: {}", stderr(&output));
    }
    assert!(stdout(&daemon.run(&["vif", "--clear"])).contains("for all interfaces"));
    assert!(stdout(&daemon.run(&["vif", "--clear", "--id", "65536"])).contains("for interface 65536"));
    assert!(stdout(&daemon.run(&["dropstats", "--clear"])).contains("cleared"));
}

#[test]
fn fdb_takes_a_network_and_says_if_there_is_none_of_that_name() {
    let daemon = Daemon::new(Documents);
    assert_eq!(status(&daemon.run(&["show", "fdb", "--network", "blue"])), 0);
    let unknown = daemon.run(&["show", "fdb", "--network", "purple haze"]);
    assert_eq!((status(&unknown), stdout(&unknown)), (1, String::new()));
    assert_eq!(stderr(&unknown), "causeway: no virtual network `purple haze`\n");
}

#[test]
fn clear_tells_what_counts_from_when_on() {
    let daemon = Daemon::new(Documents);
    let done = daemon.run(&["clear", "counters"]);
    let text = "counters of 3 VMIs, 1 port, the drop reasons count from 2026-11-22T19:00:00Z on\n";
    assert_eq!((status(&done), stdout(&done), stderr(&done)), (0, text.to_owned(), String::new()));
    assert_eq!(stdout(&daemon.run(&["clear", "counters", "--json"])), document("clear"));
}

/// Counts 1000 packets in and 500 out at each look, of 100 octets each.
#[derive(Default)]
struct Counting(AtomicU32);

impl Backend for Counting {
    fn call(&self, request: Request) -> Result<Response, ErrorDocument> {
        // Relaxed: the calls come one after the other.
        let looks = u64::from(self.0.fetch_add(1, Ordering::Relaxed));
        let mut response = Documents.call(request)?;
        match &mut response {
            Response::Vifs(document) => document.vifs[0].traffic.rx_packets += 1000 * looks,
            Response::Ports(document) => document.ports[0].traffic.tx_packets += 500 * looks,
            Response::Drops(document) => document.reasons[0].count += 100 * looks,
            // Each look half a second later, a fifth of which it was busy.
            Response::Workers(document) => {
                let worker = &mut document.workers[0];
                let half_a_second = worker.tsc_hz / 2;
                worker.life_cycles = worker.life_cycles.map(|life| life + looks * half_a_second);
                worker.busy_cycles = worker.busy_cycles.map(|busy| busy + looks * half_a_second / 5);
                (worker.packets, worker.bursts) = (worker.packets + 1_000_000 * looks, worker.bursts + 50_000 * looks);
                (worker.polls, worker.empty_polls) =
                    (worker.polls + 400_000 * looks, worker.empty_polls + 350_000 * looks);
            }
            other => panic!("no rates of {other:?}"),
        }
        Ok(response)
    }
}

/// That a rate of something that grew by `growth` within a little more than `interval_ms` is what it should be.
fn assert_rate(document: &Value, pointer: &str, growth: f64) {
    let interval = document["interval_ms"].as_f64().expect("a number") / 1000.0;
    let rate = document.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {document}"));
    assert!((0.1..30.0).contains(&interval), "{document}");
    // The interval is told in whole milliseconds.
    assert!((rate * interval - growth).abs() < growth / 50.0, "{document}");
}

#[test]
fn rates_are_the_growth_between_two_looks() {
    let daemon = Daemon::new(Counting::default());
    let rates = |what: &str| json(&daemon.run(&["show", what, "--rate", "--interval", "200ms", "--json"]));
    assert_rate(&rates("vifs"), "/vifs/0/traffic/rx_packets_per_s", 1000.0);
    assert_rate(&rates("ports"), "/ports/0/traffic/tx_packets_per_s", 500.0);
    let drops = rates("drops");
    assert_rate(&drops, "/reasons/0/packets_per_s", 100.0);
    assert_eq!(drops["reasons"].as_array().map(Vec::len), Some(1), "reasons that did not occur meanwhile are left out");
}

#[test]
fn workers_tell_their_load_between_two_looks_or_since_the_start() {
    let daemon = Daemon::new(Counting::default());
    let live = json(&daemon.run(&["show", "workers", "--interval", "100ms", "--json"]));
    let worker = |document: &Value, name: &str| document["workers"][0][name].as_f64().expect("a number");
    assert_eq!((worker(&live, "busy_share"), worker(&live, "packets_per_s")), (0.2, 2_000_000.0));
    assert_eq!((worker(&live, "packets_per_burst"), worker(&live, "empty_polls_share")), (20.0, 0.875));
    // A fifth of 2.495 GHz for 2 million packets a second; the other four fifths are free.
    assert_eq!((worker(&live, "cycles_per_packet"), worker(&live, "headroom_packets_per_s")), (249.5, 8_000_000.0));
    assert!(live["interval_ms"].as_u64().is_some_and(|interval| interval >= 100), "{live}");
    let since_start = json(&Daemon::new(Documents).run(&["show", "workers", "--since-start", "--json"]));
    assert_eq!((worker(&since_start, "busy_share"), since_start.get("interval_ms")), (0.125, None));
    let text = stdout(&Daemon::new(Documents).run(&["show", "workers", "--since-start"]));
    assert!(text.starts_with(&golden("workers")) && text.contains("\nsince the start\n"), "{text}");
}

/// Reads until `count` lines begin with `heading`, then reads no more, and waits for the end.
fn run_for_lines(daemon: &Daemon, arguments: &[&str], heading: &str, count: usize) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .arg("--socket")
        .arg(daemon.handle.socket())
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command was built");
    let pipe = child.stdout.take().expect("piped");
    let mut lines = BufReader::new(pipe).lines().map(|line| line.expect("text"));
    assert_eq!(lines.by_ref().filter(|line| line.starts_with(heading)).take(count).count(), count);
    drop(lines);
    child.wait_with_output().expect("ends")
}

#[test]
fn watched_rates_go_on_until_the_reader_has_seen_enough() {
    let daemon = Daemon::new(Counting::default());
    for (arguments, heading) in [
        (&["show", "vifs", "--rate", "--interval", "100ms", "--watch"][..], "INDEX"),
        (&["show", "workers", "--interval", "100ms", "--watch"], "WORKER"),
    ] {
        let output = run_for_lines(&daemon, arguments, heading, 3);
        assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    }
}

#[test]
fn reload_tells_what_it_did_and_warns_on_standard_error() {
    let daemon = Daemon::new(Documents);
    let done = daemon.run(&["reload"]);
    assert_eq!((status(&done), stdout(&done)), (0, golden("reload")));
    assert!(
        stderr(&done).starts_with("causeway: warning: /etc/causeway/network.yaml:40:5: VMI printer"),
        "{}",
        stderr(&done)
    );
    let json = daemon.run(&["reload", "--json"]);
    assert_eq!((status(&json), stdout(&json), stderr(&json)), (0, document("reload"), String::new()));
}

#[test]
fn a_refused_reload_lists_every_place_and_exits_1() {
    let daemon = Daemon::new(Refusing);
    let refused = daemon.run(&["reload"]);
    assert_eq!((status(&refused), stdout(&refused)), (1, String::new()));
    assert!(stderr(&refused).contains("\n/etc/causeway/network.yaml:45:33: "), "{}", stderr(&refused));
    let json = daemon.run(&["reload", "--json"]);
    assert_eq!((status(&json), stdout(&json), stderr(&json)), (1, document("error"), String::new()));
}

#[test]
fn without_a_daemon_the_exit_status_is_3_and_the_message_says_what_to_do() {
    let directory = Directory::new();
    let absent = directory.0.join("absent.sock").display().to_string();
    let stale = directory.0.join("stale.sock").display().to_string();
    drop(UnixListener::bind(&stale).expect("binds"));
    for (socket, word) in [(absent, "Is causewayd running?"), (stale, "Start causewayd again")] {
        let text = run(&["--socket", &socket, "show", "ports"]);
        assert_eq!((status(&text), stdout(&text)), (3, String::new()));
        assert!(stderr(&text).contains(&format!("`{socket}`")) && stderr(&text).contains(word), "{}", stderr(&text));
        let output = run(&["reload", "--json", "--socket", &socket]);
        assert_eq!((status(&output), &json(&output)["code"]), (3, &Value::from("unreachable")));
    }
}

#[test]
fn something_else_on_the_socket_counts_as_no_daemon() {
    let directory = Directory::new();
    let socket = directory.0.join("other.sock");
    let listener = UnixListener::bind(&socket).expect("binds");
    let other = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
    });
    let output = run(&["--socket", socket.to_str().expect("UTF-8"), "show", "ports"]);
    other.join().expect("ends");
    assert_eq!(status(&output), 3);
    assert!(stderr(&output).contains("does not speak as causewayd does"), "{}", stderr(&output));
}

#[test]
fn wrong_usage_exits_2_and_names_what_is_wrong() {
    for (arguments, words) in [
        (&[][..], &["Usage: causeway"][..]),
        (&["shwo"], &["shwo", "show"]),
        (&["show"], &["ports", "drops"]),
        (&["show", "port"], &["'port'", "'ports'"]),
        (&["show", "ports", "access0"], &["access0"]),
        (&["show", "ports", "--all"], &["--all"]),
        (&["show", "fdb", "--network"], &["--network <NAME>"]),
        (&["show", "fdb", "--network", ""], &["--network <NAME>"]),
        (&["show", "networks", "--network", "blue"], &["--network"]),
        (&["show", "vifs", "--vlan", "4095"], &["4095", "0..=4094"]),
        (&["show", "vifs", "--interval", "2s"], &["--rate"]),
        (&["show", "vifs", "--rate", "--interval", "5"], &["'5'", "500ms, 2s, 1m"]),
        (&["show", "fdb", "--mac", "02:00"], &["six octets"]),
        (&["show", "fdb", "--vtep", "gw2"], &["gw2", "IP address"]),
        (&["show", "networks", "--rate"], &["--rate"]),
        (&["show", "workers", "--rate"], &["--rate"]),
        (&["show", "workers", "--interval", "5"], &["'5'", "500ms, 2s, 1m"]),
        (&["show", "workers", "--since-start", "--interval", "1s"], &["--since-start", "--interval <TIME>"]),
        (&["show", "workers", "--since-start", "--watch"], &["--since-start", "--watch"]),
        (&["show", "workers", "--watch", "1s"], &["1s"]),
        (&["clear"], &["counters"]),
        (&["vif"], &["--list", "--get <INDEX>", "--clear"]),
        (&["vif", "--list", "--get", "1"], &["--list", "--get <INDEX>"]),
        (&["nh", "--get", "x"], &["'x'", "--get <NUMBER>"]),
        (&["mpls", "--get", "1048576"], &["1048576", "0..=1048575"]),
        (&["rt", "--get", "02:00:00:00:00:01"], &["--vrf <VRF>"]),
        (&["rt", "--dump", "1", "--family", "inet"], &["inet", "bridge"]),
        (&["dropstats", "--core", "1", "--clear"], &["--core <CORE>", "--clear"]),
        (&["clear", "counters", "--vif", "a", "--drops"], &["--vif <NAME>", "--drops"]),
        (&["--socket", "", "show", "ports"], &["--socket <PATH>"]),
        (&["check", "--node", ""], &["--node <FILE>"]),
        (&["check", "node.yaml"], &["node.yaml"]),
        (&["reload", "--node", "x"], &["--node"]),
        (&["--jason", "show", "ports"], &["--jason", "--json"]),
    ] {
        let output = run(arguments);
        assert_eq!((status(&output), stdout(&output)), (2, String::new()), "{arguments:?}");
        for word in words {
            assert!(stderr(&output).contains(word), "{arguments:?}: {}", stderr(&output));
        }
        let output = run(&[arguments, &["--json"]].concat());
        // An option without its value takes `--json` for it, or complains of its absence: an error either way.
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert_eq!(json(&output)["code"], "bad_request", "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_errors_and_the_help_tells_the_exit_statuses() {
    let help = run(&["--help"]);
    assert_eq!(status(&help), 0);
    assert!(stdout(&help).contains("3  causewayd cannot be reached"), "{}", stdout(&help));
    assert!(!stdout(&help).contains('\u{1b}'), "no colours where there is no terminal");
    assert!(!stdout(&help).contains("man "), "the hidden command is hidden");
    let version = run(&["--version"]);
    assert_eq!((status(&version), stdout(&version)), (0, format!("causeway {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn check_accepts_the_examples_of_the_repository() {
    let output = run(&["check", "--node", NODE, "--network", NETWORK]);
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    assert_eq!(
        stdout(&output),
        "node gw1: 2 ports, 2 VMIs in 2 networks: configuration is valid\n\
         each worker needs 2656 packet buffers (2048 in rings, 384 in its cache, 224 in work) and has 16384\n"
    );
    let output = run(&["check", "--node", NODE, "--network", NETWORK, "--json"]);
    assert_eq!(status(&output), 0);
    let document: api::CheckDocument = serde_json::from_slice(&output.stdout).expect("a check document");
    assert_eq!((document.node_name.as_str(), document.ports, document.vifs, document.networks), ("gw1", 2, 2, 2));
    assert_eq!(document.warnings, []);
}

#[test]
fn check_lists_every_error_with_its_place() {
    let directory = Directory::new();
    let text = fs::read_to_string(NETWORK).expect("the example is in the repository");
    let wrong = text.replace("vlan_tag: 200", "vlan_tag: 4095").replace("vxlan_network_identifier: 5200", "colour: 7");
    let network = directory.write("network.yaml", &wrong);
    let output = run(&["check", "--node", NODE, "--network", &network]);
    assert_eq!((status(&output), stdout(&output)), (1, String::new()));
    let place = |word: &str| {
        let line = wrong.lines().position(|line| line.contains(word)).expect("was replaced") + 1;
        format!("\n{network}:{line}:")
    };
    for word in ["4095", "colour"] {
        assert!(stderr(&output).contains(&place(word)), "{word}: {}", stderr(&output));
    }
    let output = run(&["check", "--json", "--node", NODE, "--network", &network]);
    let document: ErrorDocument = serde_json::from_slice(&output.stdout).expect("an error document");
    assert_eq!((status(&output), document.code), (1, ErrorCode::Configuration));
    assert!(document.places.len() >= 2 && document.places.iter().all(|finding| finding.place.is_some()));
}

#[test]
fn check_says_which_file_it_cannot_read() {
    let directory = Directory::new();
    let missing = directory.0.join("missing.yaml").display().to_string();
    for arguments in [["--node", &missing, "--network", NETWORK], ["--node", NODE, "--network", &missing]] {
        let output = run(&[&["check"][..], &arguments[..]].concat());
        assert_eq!(status(&output), 1);
        assert!(stderr(&output).contains(&format!("{missing}:")), "{}", stderr(&output));
    }
    let output = run(&["check", "--node", &missing, "--network", NETWORK]);
    assert!(stderr(&output).contains("network.yaml` is checked once"), "{}", stderr(&output));
}

#[test]
fn check_warns_and_still_accepts() {
    let directory = Directory::new();
    let text = fs::read_to_string(NODE).expect("the example is in the repository");
    let node = directory.write("node.yaml", &text.replace("mode: server", "mode: none"));
    let output = run(&["check", "--node", &node, "--network", NETWORK]);
    assert_eq!(status(&output), 0);
    assert!(stderr(&output).starts_with("causeway: warning: "), "{}", stderr(&output));
    assert!(stdout(&output).contains("0 VMIs in 0 networks"), "{}", stdout(&output));
}

#[test]
fn a_reader_that_closes_early_is_no_error() {
    /// More than a pipe holds.
    struct Many;
    impl Backend for Many {
        fn call(&self, _: Request) -> Result<Response, ErrorDocument> {
            let entry: api::FdbEntry = serde_json::from_value(
                serde_json::json!({"network": "n", "mac": "m", "where": {"vif": "v"}, "origin": "static"}),
            )
            .expect("an entry");
            Ok(Response::Fdb(api::FdbDocument { entries: vec![entry; 50_000], total: 50_000, learning: vec![] }))
        }
    }
    let daemon = Daemon::new(Many);
    for json in [&[][..], &["--json"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_causeway"))
            .arg("--socket")
            .arg(daemon.handle.socket())
            .args(["show", "fdb"])
            .args(json)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command was built");
        let mut pipe = child.stdout.take().expect("piped");
        pipe.read_exact(&mut [0; 10]).expect("ten octets");
        drop(pipe);
        let output = child.wait_with_output().expect("ends");
        assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["check", "--node", NODE, "--network", NETWORK])
        .stdout(full)
        .output()
        .expect("the command was built");
    assert_eq!(status(&output), 1);
    assert!(stderr(&output).contains("cannot write to standard output"), "{}", stderr(&output));
}

#[test]
fn the_manual_pages_in_docs_are_those_of_this_command() {
    let directory = Directory::new();
    let output = run(&["man", directory.0.to_str().expect("UTF-8")]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let pages = |directory: &Path| {
        let files = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let paths = files.map(|file| file.expect("readable").path());
        let mut pages: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|section| section == "1"))
            .map(|path| (path.file_name().map(|n| n.to_owned()), fs::read_to_string(&path).expect("readable")))
            .collect();
        pages.sort();
        pages
    };
    let (written, committed) = (pages(&directory.0), pages(&manifest("../../docs/man")));
    assert!(written.len() > 10);
    assert!(written == committed, "docs/man is out of date: run `causeway man docs/man`");
}

#[test]
fn completion_scripts_know_the_commands_and_their_shells_accept_them() {
    for (shell, check) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let output = run(&["completion", shell]);
        assert_eq!((status(&output), stderr(&output)), (0, String::new()), "{shell}");
        let script = stdout(&output);
        for word in ["vifs", "nexthops", "completion", "interval"] {
            assert!(script.contains(word), "{shell} {word}");
        }
        let directory = Directory::new();
        let file = directory.write("script", &script);
        // Where there is no such shell, there is nothing to judge by.
        if let Ok(judged) = Command::new(shell).args(check).arg(&file).output() {
            assert!(judged.status.success(), "{shell}: {}", stderr(&judged));
        }
    }
    let unknown = run(&["completion", "csh"]);
    assert_eq!(status(&unknown), 2);
    assert!(stderr(&unknown).contains("bash, zsh, fish"), "{}", stderr(&unknown));
}

#[test]
fn bash_completes_what_can_be_typed() {
    let directory = Directory::new();
    let file = directory.write("script", &stdout(&run(&["completion", "bash"])));
    let ask = |words: &str, count: usize| {
        let script = format!(
            "source {file}; COMP_WORDS=({words}); COMP_CWORD={count}; _causeway causeway \"${{COMP_WORDS[{count}]}}\" x; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &script]).output().expect("bash is there to run scripts");
        stdout(&output)
    };
    assert_eq!(ask("causeway show ne", 2), "networks nexthops\n");
    assert_eq!(ask("causeway clear co", 2), "counters\n");
    assert!(
        ask("causeway show vifs --n", 3).split_whitespace().eq(["--network", "--name"]),
        "{}",
        ask("causeway show vifs --n", 3)
    );
}

/// The files of an archive with their contents, by their names below its folder.
fn unpacked(archive: &Path) -> std::collections::BTreeMap<String, String> {
    let folder = archive.with_extension("unpacked");
    fs::create_dir_all(&folder).expect("the temporary directory is writable");
    let tar = Command::new("tar").args(["--strip-components=1", "-xzf"]).arg(archive).arg("-C").arg(&folder).status();
    assert!(tar.expect("tar is there").success());
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![folder.clone()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("readable").map(|entry| entry.expect("readable").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let name = entry.strip_prefix(&folder).expect("below it").display().to_string();
                files.insert(name, String::from_utf8_lossy(&fs::read(&entry).expect("readable")).into_owned());
            }
        }
    }
    files
}

#[test]
fn tech_writes_one_archive_with_every_document_and_says_what_is_in_it() {
    let (daemon, directory) = (Daemon::new(Documents), Directory::new());
    let log = directory.write("daemon.log", "started\napi_token: abc\n");
    let archive = directory.0.join("a.tar.gz");
    let path = archive.display().to_string();
    let output = daemon.run(&["show", "tech", "--output", &path, "--log", &log]);
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    let told = stdout(&output);
    assert!(told.contains(&format!("{path} written, ")) && told.contains("look into it before"), "{told}");
    let files = unpacked(&archive);
    for name in ["vifs", "fdb", "drops", "vteps", "config", "host"] {
        assert_eq!(format!("{}\n", files[&format!("documents/{name}.json")]), document(name), "{name}");
    }
    assert_eq!(files["log.txt"], "started\napi_token: (left out)\n");
    assert!(files["README.txt"].contains("Values of keys that sound like a secret"), "{}", files["README.txt"]);
    assert!(files.keys().all(|name| told.contains(name.as_str())), "{told}");
    // The documents name files below /etc/causeway, which need not be here: then that is said.
    let has_config = files.contains_key("config/node.yaml");
    assert!(has_config || files["missing.txt"].contains("config/node.yaml: "), "{files:?}");
    let again = daemon.run(&["show", "tech", "--output", &path]);
    assert_eq!((status(&again), stdout(&again)), (1, String::new()));
    assert!(stderr(&again).contains("exists already"), "{}", stderr(&again));
}

#[test]
fn tech_goes_as_far_as_it_can_without_a_daemon() {
    let directory = Directory::new();
    let archive = directory.0.join("a.tar.gz");
    let absent = directory.0.join("absent.sock").display().to_string();
    let path = archive.display().to_string();
    let output = run(&["--socket", &absent, "show", "tech", "--output", &path, "--json"]);
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    let files = unpacked(&archive);
    assert!(files["missing.txt"].contains("documents/vifs.json: cannot reach causewayd"), "{}", files["missing.txt"]);
    assert!(files["kernel/memory.txt"].contains("MemTotal"));
    assert_eq!(json(&output)["path"], path);
    let nowhere = run(&["--socket", &absent, "show", "tech", "--output", "/nonexistent/a.tar.gz"]);
    assert_eq!(status(&nowhere), 1);
    assert!(stderr(&nowhere).contains("/nonexistent/a.tar.gz") && stderr(&nowhere).contains("--output"));
}
