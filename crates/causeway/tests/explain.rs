//! `causeway explain` as its users meet it.

use std::{
    borrow::Cow,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use api::{ErrorDocument, ExplainDocument, ExplainOutcome, ExplainRequest, Request, Response};
use pcap_file::{
    DataLink,
    pcap::{PcapPacket, PcapWriter},
    pcapng::{
        PcapNgWriter,
        blocks::{enhanced_packet::EnhancedPacketBlock, interface_description::InterfaceDescriptionBlock},
    },
};

const FILES: [&str; 4] = ["--node", "node.yaml", "--network", "network.yaml"];
/// A VMI of the example files.
const BLUE: &str = "02:00:00:00:10:64";
/// A station behind a VTEP of the example files.
const REMOTE: &str = "02:00:00:00:20:64";

fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs the command where the example files are.
fn explain(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.arg("explain").args(arguments).current_dir(manifest("../../config"));
    command.output().expect("the command was built")
}

fn offline(arguments: &[&str]) -> Output {
    explain(&[&FILES, arguments].concat())
}

fn text(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).expect("UTF-8");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn document(arguments: &[&str]) -> ExplainDocument {
    let output = offline(&[arguments, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {:?}", text(&output)))
}

fn refusal(arguments: &[&str]) -> String {
    let (status, stdout, stderr) = text(&offline(arguments));
    assert_eq!((status, stdout.as_str()), (Some(1), ""), "{stderr}");
    stderr
}

#[test]
fn the_story_is_told_as_agreed() {
    for (name, arguments) in [
        (
            "to-vtep",
            &[
                "--port", "access0", "--vlan", "100", "--src", BLUE, "--dst", REMOTE, "--src-ip", "10.1.0.2",
                "--dst-ip", "10.1.0.3",
            ][..],
        ),
        (
            "flooded",
            &[
                "--port",
                "access0",
                "--vlan",
                "100",
                "--src",
                BLUE,
                "--type",
                "arp",
                "--src-ip",
                "10.1.0.2",
                "--dst-ip",
                "10.1.0.9",
                "--next-hop",
                "172.16.0.2=none",
            ],
        ),
        (
            "from-fabric",
            &["--port", "fabric0", "--from-vtep", "172.16.0.2", "--vni", "5100", "--src", REMOTE, "--dst", BLUE],
        ),
        ("dropped", &["--port", "access0", "--vlan", "100", "--src", "02:00:00:00:10:65", "--dst", REMOTE]),
        (
            "to-host",
            &[
                "--port",
                "fabric0",
                "--src",
                "02:00:00:00:00:99",
                "--type",
                "arp",
                "--src-ip",
                "172.16.0.9",
                "--dst-ip",
                "172.16.0.1",
            ],
        ),
    ] {
        let golden = std::fs::read_to_string(manifest(&format!("tests/golden/explain-{name}.txt")));
        assert_eq!(
            text(&offline(arguments)),
            (Some(0), golden.expect("it is in the repository"), String::new()),
            "{name}"
        );
    }
}

#[test]
fn hexadecimal_fields_and_capture_files_are_the_same_frame() {
    let fields = document(&["--port", "access0", "--vlan", "100", "--src", BLUE, "--dst", REMOTE]);
    assert_eq!((fields.outcome, fields.sent.len()), (ExplainOutcome::Sent, 1));
    let spaced: Vec<&str> = (0..fields.frame.hex.len() / 2).map(|n| &fields.frame.hex[2 * n..2 * n + 2]).collect();
    let octets: Vec<u8> = spaced.iter().map(|octet| u8::from_str_radix(octet, 16).expect("two digits")).collect();
    assert_eq!(document(&["--port", "access0", "--hex", &spaced.join(" ")]), fields);
    let directory = std::env::temp_dir().join(format!("causeway-explain-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the temporary directory is writable");
    let paths = [directory.join("a.pcap"), directory.join("a.pcapng")];
    write_pcap(&paths[0], &octets);
    write_pcapng(&paths[1], &octets);
    for path in &paths {
        let path = path.to_str().expect("UTF-8");
        assert_eq!(document(&["--port", "access0", "--pcap", path, "--packet", "2"]), fields, "{path}");
        let cut = document(&["--port", "access0", "--pcap", path, "--packet", "3"]);
        assert_eq!((cut.frame.octets, cut.assumptions.len()), (1500, fields.assumptions.len() + 1), "{path}");
        let message = refusal(&["--port", "access0", "--pcap", path, "--packet", "4"]);
        assert!(message.ends_with("has 3 packets, and no more\n"), "{message}");
    }
    let _ = std::fs::remove_dir_all(directory);
}

/// Another frame, the frame, and the frame as part of one that was cut.
fn write_pcap(path: &Path, octets: &[u8]) {
    let mut writer = PcapWriter::new(File::create(path).expect("writable")).expect("a header");
    for (length, data) in [(14, &[0; 14][..]), (octets.len(), octets), (1500, octets)] {
        writer.write_packet(&PcapPacket::new(Duration::ZERO, length as u32, data)).expect("writable");
    }
}

fn write_pcapng(path: &Path, octets: &[u8]) {
    let mut writer = PcapNgWriter::new(File::create(path).expect("writable")).expect("a section");
    let interface = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: 0, options: vec![] };
    writer.write_pcapng_block(interface).expect("writable");
    for (length, data) in [(14, &[0; 14][..]), (octets.len(), octets), (1500, octets)] {
        let (timestamp, options) = (Duration::ZERO, vec![]);
        let (original_len, data) = (length as u32, Cow::Borrowed(data));
        let packet = EnhancedPacketBlock { interface_id: 0, timestamp, original_len, data, options };
        writer.write_pcapng_block(packet).expect("writable");
    }
}

#[test]
fn what_cannot_be_explained_says_why() {
    let frame = ["--src", BLUE, "--dst", REMOTE];
    for (arguments, word) in [
        (&["--port", "access9", "--hex", "00"][..], "no port `access9`: expected one of access0, fabric0"),
        (&["--port", "access0", "--hex", ""], "the frame has no octets"),
        (&["--port", "access0", "--hex", "02 0g"], "not hexadecimal at character 4 (`0g`)"),
        (&["--port", "access0", "--pcap", "node.yaml"], "`node.yaml`: is no capture file"),
        (&["--port", "access0", "--pcap", "none.pcap"], "cannot open `none.pcap`"),
        (&["--port", "access0", "--src", BLUE], "--dst is missing"),
    ] {
        let message = refusal(arguments);
        assert!(message.contains(word), "{arguments:?}: {message}");
    }
    for (arguments, word) in [
        (
            &["--port", "access0", "--from-vtep", "172.16.0.2", "--vni", "1"][..],
            "a tunnel packet comes in by a fabric port",
        ),
        (&["--port", "fabric0", "--from-vtep", "fd00::2", "--vni", "1"], "no fabric address of that family"),
        (&["--port", "fabric0", "--from-vtep", "172.16.0.2", "--vni", "16777216"], "VNI 16777216: expected at most"),
    ] {
        let message = refusal(&[arguments, &frame].concat());
        assert!(message.contains(word), "{arguments:?}: {message}");
    }
    let (status, _, message) = text(&explain(&["--port", "access0", "--hex", "00", "--next-hop", "10.0.0.1=none"]));
    assert!(status == Some(1) && message.contains("--next-hop is for tables made from files"), "{message}");
    for wrong in [&["--port", "access0"][..], &["--port", "a", "--hex", "00", "--src", BLUE], &["--hex", "00"]] {
        assert_eq!(offline(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn wrong_files_are_refused_as_check_refuses_them() {
    let arguments = ["--node", "network.yaml", "--port", "access0", "--hex", "00"];
    let (status, stdout, stderr) = text(&explain(&arguments));
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("configuration is not valid") && stderr.contains("\nnetwork.yaml:"), "{stderr}");
}

/// Answers with what it was asked, in the document's place for the port.
struct Echo;

impl rest::Backend for Echo {
    fn call(&self, request: Request) -> Result<Response, ErrorDocument> {
        let Request::Explain(ExplainRequest { port, frame, tunnel }) = &request else { panic!("{request:?}") };
        let json = std::fs::read(manifest("../api/tests/documents/explain.json")).expect("it is in the repository");
        let mut document: ExplainDocument = serde_json::from_slice(&json).expect("a document");
        document.generation = Some(7);
        document.port = format!("{port} {frame} {tunnel:?}");
        Ok(Response::Explain(document))
    }
}

#[test]
fn without_files_the_daemon_is_asked() {
    let directory = std::env::temp_dir().join(format!("causeway-explain-live-{}", std::process::id()));
    let config = rest::Config { socket: directory.join("c.sock"), group: None };
    let handle = rest::serve(config, std::sync::Arc::new(Echo)).expect("serves");
    let socket = handle.socket().to_str().expect("UTF-8");
    let tunnel = ["--from-vtep", "172.16.0.2", "--label", "17", "--encapsulation", "MPLSoGRE"];
    let (status, told, _) =
        text(&explain(&[&["--socket", socket, "--port", "fabric0", "--hex", "00:01"], &tunnel[..]].concat()));
    assert_eq!(status, Some(0));
    assert!(told.starts_with("node gw1, the tables in force, generation 7\n"), "{told}");
    let asked =
        r#"comes in by fabric0 0001 Some(ExplainTunnel { from: 172.16.0.2, encapsulation: "MPLSoGRE", number: 17 }):"#;
    assert!(told.contains(asked), "{told}");
    handle.stop();
    let _ = std::fs::remove_dir_all(directory);
}
