//! Frames of every kind that we make, read by tshark and by Scapy: fields, lengths, checksums, and where the number stands.
//!
//! Needs Debian's `python3-scapy` and `tshark`; where one is missing its test says so and is skipped.

use loadgen::frame::{Plan, Traffic, Way};
use loadgen::number::Number;
use loadgen::tunnel::Tunnel;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wire::{Encapsulation, MacAddr};

const PYTHON: &str = "/usr/bin/python3";
const SIZES: [&str; 4] = ["64", "65", "imix", "9000"];
const FRAMES: u64 = 60;

fn tunnel(encapsulation: Encapsulation) -> Tunnel {
    Tunnel {
        encapsulation,
        gateway: [172, 16, 0, 1].into(),
        gateway_mac: MacAddr::new([2, 0, 0, 0, 0, 1]),
        vtep: [172, 16, 0, 2].into(),
        vtep_mac: MacAddr::new([2, 0, 0, 0, 0, 0x99]),
        vni_base: 5000,
        label_base: 100_000,
    }
}

/// A frame and what it has to say.
struct Made {
    octets: Vec<u8>,
    vlan: u16,
    payload: usize,
    sequence: u64,
}

fn made(way: Way, tunnel: Option<&Tunnel>) -> Vec<Made> {
    let one = |size: &&str| {
        let plan =
            Plan { sizes: size.parse().expect("legal"), vlans: "100-163".parse().expect("legal"), flows: 70_000 };
        let traffic = Traffic::new(&plan, way, tunnel);
        // Flows of both ends of the range.
        let make = |n: u64| {
            let sequence = n * 1_166 + (n << 40);
            let mut octets = vec![0; traffic.octets(sequence)];
            let number = Number { stream: way.index() as u16, sequence, sent_tsc: 0xffff_0000_0000 + n * 0x0101_0101 };
            assert!(traffic.write(number, &mut octets));
            Made { octets, vlan: traffic.vlan(sequence), payload: traffic.payload_octets(sequence), sequence }
        };
        (0..FRAMES).map(make).collect::<Vec<_>>()
    };
    SIZES.iter().flat_map(one).collect()
}

/// Writes a file that tcpdump would have written (pcap, version 2.4, Ethernet).
fn pcap(name: &str, frames: &[Made]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let words = |list: &[u32]| list.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
    for (n, frame) in (0..).zip(frames) {
        let length = frame.octets.len() as u32;
        file.extend(words(&[n, 0, length, length]));
        file.extend(&frame.octets);
    }
    fs::write(&path, file).expect("the target directory is ours");
    path
}

fn is_missing(program: &str, arguments: &[&str]) -> bool {
    let missing = !Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success());
    if missing {
        eprintln!("skipped, python3-scapy or tshark is missing: apt-get install python3-scapy tshark");
    }
    missing
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn kinds() -> Vec<(&'static str, Way, Option<Tunnel>)> {
    let tunnels =
        Encapsulation::ALL.map(|encapsulation| (encapsulation.name(), Way::FromFabric, Some(tunnel(encapsulation))));
    [("tagged", Way::ToFabric, None)].into_iter().chain(tunnels).collect()
}

/// What tshark is told beside the file: verify checksums, and what is behind our labels and ports.
fn tshark(file: &str, more: &[&str]) -> String {
    let labels: Vec<String> = (100_100..100_164).map(|label| format!("mpls.label=={label},pwethnocw")).collect();
    let ports = [5001, 5002].map(|port| format!("udp.port=={port},data"));
    let decode = labels.iter().chain(&ports).flat_map(|rule| ["-d", rule.as_str()]);
    let sums = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
    run(
        "tshark",
        &["-n", "-r", file].into_iter().chain(sums).chain(decode).chain(more.iter().copied()).collect::<Vec<_>>(),
    )
}

const FIELDS: [&str; 8] = [
    "ip.checksum.status",
    "udp.checksum.status",
    "ip.len",
    "udp.length",
    "eth.dst",
    "vlan.id",
    "vxlan.vni",
    "mpls.label",
];

/// What [`FIELDS`] have to say of the innermost headers; "1" of a checksum is "good".
fn expected(frame: &Made, way: Way, tunnel: Option<&Tunnel>) -> Vec<String> {
    let (vlan, udp) = (frame.vlan, frame.payload + 8);
    let [tag, vni, label] = match tunnel.map(|tunnel| tunnel.encapsulation) {
        None => [vlan.to_string(), String::new(), String::new()],
        Some(Encapsulation::Vxlan) => [String::new(), (5000 + vlan).to_string(), String::new()],
        Some(_) => [String::new(), String::new(), (100_000 + u32::from(vlan)).to_string()],
    };
    let end = if way == Way::ToFabric { 0x10 } else { 0x20 };
    let mac = format!("02:00:00:00:{end:02x}:{vlan:02x}");
    ["1".into(), "1".into(), (udp + 20).to_string(), udp.to_string(), mac, tag, vni, label].into()
}

#[test]
fn tshark_reads_every_field_as_it_was_meant_and_finds_no_wrong_checksum() {
    if is_missing("tshark", &["--version"]) {
        return;
    }
    let fields: Vec<&str> = FIELDS.iter().flat_map(|field| ["-e", *field]).collect();
    let shape = ["-T", "fields", "-E", "separator=|", "-E", "occurrence=l"];
    for (name, way, tunnel) in kinds() {
        let frames = made(way, tunnel.as_ref());
        let file = pcap(&format!("tshark-{name}.pcap"), &frames);
        let file = file.to_str().expect("plain");
        let read = tshark(file, &[&shape[..], &fields].concat());
        assert_eq!(read.lines().count(), frames.len());
        for (line, frame) in read.lines().zip(&frames) {
            let read: Vec<&str> = line.split('|').collect();
            assert_eq!(read, expected(frame, way, tunnel.as_ref()), "{name}");
        }
        // Those of outer headers, too.
        let wrong = tshark(file, &["-Y", "ip.checksum.status == 0 || udp.checksum.status == 0"]);
        assert_eq!(wrong, "", "{name}");
    }
}

/// Prints of each frame: whether Scapy computes the same checksums for the innermost headers, and the payload's last 18 octets.
const READER: &str = r"
import sys
from scapy.all import Ether, IP, UDP, rdpcap
for packet in rdpcap(sys.argv[1]):
    data, at = bytes(packet), int(sys.argv[2])
    inner = Ether(data[at:])
    ip, udp = inner[IP], inner[UDP]
    fresh = inner.copy()
    del fresh[IP].chksum, fresh[UDP].chksum, fresh[IP].len, fresh[UDP].len
    print(bytes(fresh) == bytes(inner), bytes(udp.payload)[-18:].hex(), len(udp.payload))
";

#[test]
fn scapy_computes_the_same_headers_and_finds_the_number_at_the_end_of_the_payload() {
    if is_missing(PYTHON, &["-c", "import scapy"]) {
        return;
    }
    for (name, way, tunnel) in kinds() {
        let frames = made(way, tunnel.as_ref());
        let file = pcap(&format!("scapy-{name}.pcap"), &frames);
        let outer = tunnel.map_or(0, |tunnel| tunnel.octets()).to_string();
        let read = run(PYTHON, &["-c", READER, file.to_str().expect("plain"), &outer]);
        assert_eq!(read.lines().count(), frames.len());
        for (line, frame) in read.lines().zip(&frames) {
            let end: String =
                frame.octets.iter().skip(frame.octets.len() - 18).map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(line, format!("True {end} {}", frame.payload), "{name}");
            assert_eq!(u64::from_str_radix(&end[8..20], 16), Ok(frame.sequence));
        }
    }
}
