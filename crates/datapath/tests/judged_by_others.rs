//! Octets that we send, judged by Scapy and tshark; and packets that Scapy built, decapsulated to what it put inside.
//!
//! Needs Debian's `python3-scapy` and `tshark`; where one is missing its test says so and is skipped.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::example::*;
use testkit::packets::ethernet;
use testkit::{Gateway, Mac, Network, pcap};

/// Scapy is installed for Debian's own interpreter, whichever else is first in the path.
const PYTHON: &str = "/usr/bin/python3";

/// A packet that we sent, and what it has to say.
struct Sent {
    packet: Vec<u8>,
    destination: String,
    vni: u32,
    inner: Vec<u8>,
}

fn networks() -> [Network; 2] {
    let plain = network();
    let mut trunk = plain.clone();
    (trunk.fabric.vlan, trunk.fabric.dont_fragment) = (Some(100), false);
    [plain, trunk]
}

/// What the instance on VLAN 100 sends, from the type on.
fn contents() -> Vec<(u16, Vec<u8>)> {
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &A, &[10, 1, 0, 2], &[0; 6], &[10, 1, 0, 3]].concat();
    let ipv6 = [&[0x60, 0, 0, 0, 0, 4, 59, 64][..], &[0xfd; 16], &[0xfe; 16], &[1, 2, 3, 4]].concat();
    let tagged = [&7u16.to_be_bytes()[..], &[8, 0], &datagram(30)].concat();
    vec![
        (0x0800, datagram(0)),
        (0x0800, datagram(1)),
        (0x0800, datagram(333)),
        (0x0800, datagram(1472)),
        (0x0806, arp),
        (0x86dd, ipv6),
        (0x8100, tagged),
        (0x88b5, vec![]),
    ]
}

/// Every content, to one VTEP and flooded, with its tag in the frame or stripped by the port.
fn sent(net: &Network) -> Vec<Sent> {
    let mut gateway = Gateway::new(net);
    let mut all = Vec::new();
    for (kind, payload) in contents() {
        for to in [REMOTE, REMOTE_QUIET, BROADCAST] {
            let mut inner = ethernet(to, A, &[], kind, &payload);
            let stripped = testkit::Arrival { octets: inner.clone(), stripped: Some(100), ..Default::default() };
            inner.resize(inner.len().max(60), 0);
            for arrival in [stripped, ethernet(to, A, &[100], kind, &payload).into()] {
                let packets = gateway.pass(ACCESS, arrival).sent.into_iter().filter(|(port, _)| *port == FABRIC);
                let destination = if to == REMOTE_QUIET { QUIET } else { VTEP }.to_string();
                let told =
                    |(_, packet)| Sent { packet, destination: destination.clone(), vni: BLUE, inner: inner.clone() };
                all.extend(packets.map(told));
            }
        }
    }
    assert_eq!(all.len(), contents().len() * 6);
    all
}

fn colons(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn octets(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("Scapy prints hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn is_missing(program: &str, argument: &str) -> bool {
    let found = Command::new(program).args([argument, "import scapy"]).output().is_ok_and(|o| o.status.success());
    if !found {
        // Not println: the test harness would keep it to itself.
        let note = "skipped, python3-scapy or tshark is missing: apt-get install python3-scapy tshark";
        let _ = writeln!(std::io::stderr(), "{program}: {note}");
    }
    !found
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the program was found before");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("both print ASCII")
}

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scapy").join(name).display().to_string()
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn scapy_reads_every_field_as_it_was_meant() {
    if is_missing(PYTHON, "-c") {
        return;
    }
    for (n, net) in networks().iter().enumerate() {
        let (packets, expected) = (place(&format!("scapy-{n}.pcap")), place(&format!("scapy-{n}.expected")));
        let all = sent(net);
        pcap::write(&packets, all.iter().map(|sent| &sent.packet[..])).unwrap();
        let vlan = net.fabric.vlan.map_or("-".into(), |vlan| vlan.to_string());
        let (ours, next_hop) = (colons(net.fabric.mac), colons(net.vteps[0].next_hop.unwrap()));
        let df = u8::from(net.fabric.dont_fragment);
        let lines = all.iter().fold(String::new(), |mut lines, Sent { destination, vni, inner, .. }| {
            let address = net.fabric.address;
            let _ =
                writeln!(lines, "{ours} {next_hop} {vlan} {address} {destination} {df} {vni} {}", hexadecimal(inner));
            lines
        });
        std::fs::write(&expected, lines).unwrap();
        let told = run(PYTHON, &[&script("judge.py"), packets.to_str().unwrap(), expected.to_str().unwrap()]);
        assert_eq!(told.trim(), all.len().to_string());
    }
}

const FIELDS: [&str; 21] = [
    "ip.checksum.status",
    "ip.version",
    "ip.hdr_len",
    "ip.dsfield",
    "ip.flags.df",
    "ip.flags.mf",
    "ip.frag_offset",
    "ip.ttl",
    "ip.proto",
    "ip.src",
    "udp.dstport",
    "udp.checksum",
    "vxlan.flags",
    "vxlan.gbp",
    "vxlan.reserved8",
    "eth.src",
    "eth.dst",
    "ip.dst",
    "ip.len",
    "udp.length",
    "vxlan.vni",
];

#[test]
fn tshark_reads_every_field_as_it_was_meant() {
    if is_missing("tshark", "--version") {
        return;
    }
    for (n, net) in networks().iter().enumerate() {
        let packets = place(&format!("tshark-{n}.pcap"));
        let all = sent(net);
        pcap::write(&packets, all.iter().map(|sent| &sent.packet[..])).unwrap();
        let fields: Vec<&str> = FIELDS.iter().flat_map(|field| ["-e", *field]).collect();
        let shape = ["-T", "fields", "-E", "occurrence=f", "-E", "separator=/s", "-o", "ip.check_checksum:TRUE"];
        let told = run("tshark", &[&["-n", "-r", packets.to_str().unwrap()], &shape[..], &fields].concat());
        assert_eq!(told.lines().count(), all.len());
        let df = u8::from(net.fabric.dont_fragment);
        let (ours, next_hop) = (colons(net.fabric.mac), colons(net.vteps[0].next_hop.unwrap()));
        for (line, Sent { destination, vni, inner, .. }) in told.lines().zip(&all) {
            let (ip, udp) = (inner.len() + 36, inner.len() + 16);
            let same = format!("1 4 20 0x00 {df} 0 0 64 17 {} 4789 0x0000 0x0800 0 0", net.fabric.address);
            assert_eq!(line, format!("{same} {ours} {next_hop} {destination} {ip} {udp} {vni}"));
        }
        let bad = "_ws.malformed || ip.bogus_header_length || udp.length.bad";
        // What the instances say to each other on this port is nothing that tshark knows.
        let strange = run("tshark", &["-n", "-d", "udp.port==5001,data", "-r", packets.to_str().unwrap(), "-Y", bad]);
        assert_eq!(strange, "");
    }
}

#[test]
fn what_scapy_built_is_decapsulated_to_what_it_put_inside() {
    if is_missing(PYTHON, "-c") {
        return;
    }
    let net = network();
    let (gateway_mac, gateway) = (colons(net.fabric.mac), net.fabric.address.to_string());
    let (vtep, vni) = (VTEP.to_string(), BLUE.to_string());
    let built = run(PYTHON, &[&script("build.py"), &gateway_mac, &gateway, &vtep, &vni, &colons(A), &colons(REMOTE)]);
    assert_eq!(built.lines().count(), 28);
    let mut gateway = Gateway::new(&net);
    for line in built.lines() {
        let (packet, inner) = line.split_once(' ').expect("a line is two numbers");
        let inner = octets(inner);
        let mut expected = [&inner[..12], &[0x81, 0, 0, 100], &inner[12..]].concat();
        expected.resize(expected.len().max(60), 0);
        let outcome = gateway.pass(FABRIC, octets(packet));
        assert_eq!(outcome.sent, [(ACCESS, expected)], "{:?}: {packet}", outcome.drops);
    }
    gateway.settle();
}
