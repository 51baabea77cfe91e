//! Octets that we send, judged by Scapy and tshark; and packets that Scapy built, decapsulated to what it put inside: every
//! encapsulation, over both families, with and without a fabric VLAN, with every form of tag.
//!
//! Needs Debian's `python3-scapy` and `tshark`; where one is missing its test says so and is skipped.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use testkit::example::*;
use testkit::packets::{ethernet, ethernet_with};
use testkit::{Arrival, Gateway, Mac, Network, pcap};
use wire::{Encapsulation, Tpid};

/// Scapy is installed for Debian's own interpreter, whichever else is first in the path.
const PYTHON: &str = "/usr/bin/python3";

/// A packet that we sent by a fabric port, and what it has to say.
struct Sent {
    packet: Vec<u8>,
    source_mac: Mac,
    next_hops: Vec<Mac>,
    vlan: Option<u16>,
    own: IpAddr,
    vtep: IpAddr,
    dscp: u8,
    dont_fragment: bool,
    encapsulation: Encapsulation,
    number: u32,
    /// Of a label.
    class: u16,
    control_word: bool,
    inner: Vec<u8>,
}

/// The example in three forms: plain; behind two fabric ports with a VLAN, with a table of DSCPs and 0x88a8 tags; and with an
/// untagged instance.
fn networks() -> [Network; 3] {
    let plain = network();
    let mut untagged = plain.clone();
    untagged.vmis[0].vlan = 0;
    untagged.fabric.vlan = Some(4094);
    [plain, wide_network(), untagged]
}

/// What an instance sends, from the type on.
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

/// An instance: its network, its MAC, its tags, and the priority in them.
type Speaker = (usize, Mac, Vec<(u16, u16)>, u16);

/// Each instance that speaks, with several priorities.
fn speakers(net: &Network) -> Vec<Speaker> {
    let tpid = net.access[ACCESS].tpid.value();
    let mut all = vec![];
    for priority in [0, 5, 10, 15] {
        let tag = |vlan| (tpid, vlan | priority << 12);
        let a = net.vmis[0].vlan;
        all.push((0, A, vec![tag(a)], priority));
        all.push((2, D, vec![tag(300)], priority));
        all.push((2, G, vec![tag(400), (0x8100, 7 | (15 - priority) << 12)], priority));
        if a == 0 && priority == 0 {
            all.push((0, A, vec![], 0));
        }
    }
    all
}

/// Every content from every speaker to a station in every form, with its outer tag in the frame or stripped by the port.
fn sent(net: &Network) -> Vec<Sent> {
    let mut gateway = Gateway::new(net);
    let mut all = Vec::new();
    for (n, (kind, payload)) in contents().into_iter().enumerate() {
        for (of, by, tags, priority) in speakers(net).into_iter().skip(n % 3).step_by(3) {
            // Without a tag of the port's, the instance's own would be taken for one.
            for form in forms().filter(|_| !tags.is_empty() || kind != 0x8100) {
                let to = station(of, form.0, form.1);
                let strip = (n + usize::from(priority)) % 2 == 1 && !tags.is_empty();
                let stripped = if strip { Some(tags[0].1) } else { None };
                let octets = ethernet_with(to, by, &tags[usize::from(strip)..], kind, &payload);
                let outcome = gateway.pass(ACCESS, Arrival { octets, stripped, ..Arrival::default() });
                let [(port, packet)] = &outcome.sent[..] else { panic!("{form:?}: {:?}", outcome.drops) };
                let mut inner = ethernet(to, by, &[], kind, &payload);
                inner.resize(inner.len().max(60), 0);
                all.push(told(net, form, of, priority, *port, packet.clone(), inner));
            }
        }
    }
    gateway.settle();
    all
}

fn told(
    net: &Network,
    (encapsulation, vtep): (Encapsulation, IpAddr),
    of: usize,
    priority: u16,
    port: usize,
    packet: Vec<u8>,
    inner: Vec<u8>,
) -> Sent {
    let row = net.vteps.iter().find(|row| row.address == vtep).expect("a VTEP of the example");
    let link = port - net.fabric_port();
    Sent {
        packet,
        source_mac: net.fabric.links[link].mac,
        next_hops: row.paths.iter().filter(|path| path.0 == link).map(|path| path.1).collect(),
        vlan: net.fabric.vlan,
        own: net.fabric.address_for(vtep).expect("the example has both families"),
        vtep,
        dscp: net.fabric.dscp[usize::from(priority)],
        dont_fragment: net.fabric.dont_fragment,
        encapsulation,
        number: number(net, of, encapsulation),
        class: priority >> 1,
        control_word: encapsulation.is_mpls() && net.networks[of].control_word,
        inner,
    }
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

fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program was found before");
    // Both read all of it before they write.
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("the program reads it");
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("both print ASCII")
}

fn scapy(name: &str, arguments: &[&str], input: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scapy").join(name);
    run(PYTHON, &[&[script.to_str().expect("an ASCII path")], arguments].concat(), input)
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

impl Sent {
    /// For `judge.py`.
    fn json(&self) -> String {
        let quoted = |texts: Vec<String>| texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ");
        let or_null = |value: Option<String>| value.unwrap_or_else(|| "null".into());
        let is_v4 = self.vtep.is_ipv4();
        [
            format!("\"source_mac\": {:?}", colons(self.source_mac)),
            format!("\"next_hops\": [{}]", quoted(self.next_hops.iter().map(|mac| colons(*mac)).collect())),
            format!("\"vlan\": {}", or_null(self.vlan.map(|vlan| vlan.to_string()))),
            format!("\"family\": {}", if is_v4 { 4 } else { 6 }),
            format!("\"source\": \"{}\", \"destination\": \"{}\"", self.own, self.vtep),
            format!("\"dscp\": {}", self.dscp),
            format!("\"df\": {}", or_null(is_v4.then(|| self.dont_fragment.to_string()))),
            format!("\"encapsulation\": \"{}\", \"number\": {}", self.encapsulation, self.number),
            format!("\"class\": {}", or_null(self.encapsulation.is_mpls().then(|| self.class.to_string()))),
            format!("\"control_word\": {}", self.control_word),
            format!("\"inner\": \"{}\"", hexadecimal(&self.inner)),
        ]
        .join(", ")
    }
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
        let lines = all.iter().map(|sent| format!("{{{}}}\n", sent.json())).collect::<String>();
        std::fs::write(&expected, lines).unwrap();
        let told = scapy("judge.py", &[packets.to_str().unwrap(), expected.to_str().unwrap()], "");
        assert_eq!(told.trim(), all.len().to_string());
    }
}

/// A field of tshark's, and what it has to say of a packet; nothing: the field is not there.
fn fields(sent: &Sent) -> Vec<(&'static str, String)> {
    let is_v4 = sent.vtep.is_ipv4();
    let is = |holds: bool, value: String| if holds { value } else { String::new() };
    let (vxlan, gre) = (sent.encapsulation == Encapsulation::Vxlan, sent.encapsulation == Encapsulation::MplsOverGre);
    let shim = if vxlan { 8 } else { 4 } + if sent.control_word { 4 } else { 0 };
    let carried = sent.inner.len() + shim + if gre { 4 } else { 8 };
    let port = if vxlan { 4789 } else { 6635 };
    // 1 is "good", 3 "not present".
    let udp_sum = if is_v4 { "3" } else { "1" };
    let protocol = if gre { "47" } else { "17" };
    vec![
        ("eth.src", colons(sent.source_mac)),
        ("ip.version", is(is_v4, "4".into())),
        ("ip.hdr_len", is(is_v4, "20".into())),
        ("ip.dsfield.dscp", is(is_v4, sent.dscp.to_string())),
        ("ip.dsfield.ecn", is(is_v4, "0".into())),
        ("ip.len", is(is_v4, (carried + 20).to_string())),
        ("ip.flags.df", is(is_v4, u8::from(sent.dont_fragment).to_string())),
        ("ip.flags.mf", is(is_v4, "0".into())),
        ("ip.frag_offset", is(is_v4, "0".into())),
        ("ip.ttl", is(is_v4, "64".into())),
        ("ip.proto", is(is_v4, protocol.into())),
        ("ip.checksum.status", is(is_v4, "1".into())),
        ("ip.src", is(is_v4, sent.own.to_string())),
        ("ip.dst", is(is_v4, sent.vtep.to_string())),
        ("ipv6.version", is(!is_v4, "6".into())),
        ("ipv6.tclass.dscp", is(!is_v4, sent.dscp.to_string())),
        ("ipv6.tclass.ecn", is(!is_v4, "0".into())),
        ("ipv6.plen", is(!is_v4, carried.to_string())),
        ("ipv6.nxt", is(!is_v4, protocol.into())),
        ("ipv6.hlim", is(!is_v4, "64".into())),
        ("ipv6.src", is(!is_v4, sent.own.to_string())),
        ("ipv6.dst", is(!is_v4, sent.vtep.to_string())),
        ("udp.dstport", is(!gre, port.to_string())),
        ("udp.length", is(!gre, carried.to_string())),
        ("udp.checksum.status", is(!gre, udp_sum.into())),
        ("gre.flags_and_version", is(gre, "0x0000".into())),
        ("gre.proto", is(gre, "0x8847".into())),
        ("vxlan.flags", is(vxlan, "0x0800".into())),
        ("vxlan.gbp", is(vxlan, "0".into())),
        ("vxlan.reserved8", is(vxlan, "0".into())),
        ("vxlan.vni", is(vxlan, sent.number.to_string())),
        ("mpls.label", is(!vxlan, sent.number.to_string())),
        ("mpls.exp", is(!vxlan, sent.class.to_string())),
        ("mpls.bottom", is(!vxlan, "1".into())),
        ("mpls.ttl", is(!vxlan, "64".into())),
        ("pweth.cw.sequence_number", is(sent.control_word, "0".into())),
    ]
}

/// How tshark is told what is behind each label.
const PSEUDOWIRES: [&str; 6] =
    ["-d", "mpls.label==100,pwethnocw", "-d", "mpls.label==1048575,pwethcw", "-d", "udp.port==5001,data"];

/// What tshark reads of each packet: the outermost of each field, separated by `|`. Of the fields that an inner frame has too,
/// the outermost one is the outer header's, or the inner frame's where that is of the other family.
fn tshark(packets: &Path, fields: &[&str], occurrence: &str) -> Vec<Vec<String>> {
    let fields: Vec<&str> = fields.iter().flat_map(|field| ["-e", *field]).collect();
    let occurrence = format!("occurrence={occurrence}");
    let shape = ["-T", "fields", "-E", &occurrence, "-E", "separator=|", "-E", "aggregator=;"];
    let sums = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
    let told = run(
        "tshark",
        &[&["-n", "-r", packets.to_str().unwrap()], &PSEUDOWIRES[..], &shape, &sums, &fields].concat(),
        "",
    );
    told.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

#[test]
fn tshark_reads_every_field_as_it_was_meant() {
    if is_missing("tshark", "--version") {
        return;
    }
    for (n, net) in networks().iter().enumerate() {
        let packets = place(&format!("tshark-{n}.pcap"));
        let all = sent(net);
        pcap::write(&packets, all.iter().map(|sent| &sent.packet[..])).unwrap();
        let names: Vec<&str> = fields(&all[0]).iter().map(|field| field.0).collect();
        let read = tshark(&packets, &names, "f");
        let addresses = tshark(&packets, &["eth.dst", "eth.src", "frame.protocols", "vlan.id"], "a");
        assert_eq!((read.len(), addresses.len()), (all.len(), all.len()));
        for ((read, addresses), sent) in read.iter().zip(&addresses).zip(&all) {
            let protocols: Vec<&str> = addresses[2].split(':').collect();
            let is_v4 = sent.vtep.is_ipv4();
            let inner_family = sent.inner[12..14] == [0x08, 0] && !is_v4 || sent.inner[12..14] == [0x86, 0xdd] && is_v4;
            for ((name, expected), told) in fields(sent).iter().zip(read) {
                // A field of the other family, or of UDP, is the inner packet's.
                let is_inner = expected.is_empty()
                    && (name.starts_with("ip") && inner_family || name.starts_with("udp") || name.starts_with("ip"));
                assert!(
                    told == expected || is_inner,
                    "{name}: {told}, not {expected} in {protocols:?}: {:02x?}",
                    sent.packet
                );
            }
            let (to, by): (Mac, Mac) = (sent.inner[..6].try_into().unwrap(), sent.inner[6..12].try_into().unwrap());
            let next_hops = sent.next_hops.iter().map(|hop| format!("{};{}", colons(*hop), colons(to)));
            assert!(next_hops.clone().any(|pair| addresses[0] == pair), "{}: {protocols:?}", addresses[0]);
            assert_eq!(addresses[1], format!("{};{}", colons(sent.source_mac), colons(by)));
            let own_tag = (sent.inner[12..14] == [0x81, 0]).then_some("7".to_owned());
            let tags: Vec<String> = sent.vlan.map(|vlan| vlan.to_string()).into_iter().chain(own_tag).collect();
            assert_eq!(addresses[3], tags.join(";"));
        }
        let bad = "_ws.malformed || ip.bogus_header_length || udp.length.bad || udp.checksum.bad || ipv6.plen_exceeds_framing";
        let strange =
            run("tshark", &[&["-n", "-r", packets.to_str().unwrap(), "-Y", bad], &PSEUDOWIRES[..]].concat(), "");
        assert_eq!(strange, "");
    }
}

#[test]
fn what_scapy_built_is_decapsulated_to_what_it_put_inside() {
    if is_missing(PYTHON, "-c") {
        return;
    }
    for net in networks() {
        let targets: Vec<_> = forms().flat_map(|form| [(form, 0, A), (form, 2, G)]).collect();
        let jobs: String = targets.iter().map(|target| job(&net, *target)).collect();
        let built = scapy("build.py", &[], &jobs);
        let mut gateway = Gateway::new(&net);
        let mut of_target = vec![0; targets.len()];
        for line in built.lines() {
            let [target, packet, class, inner] = line.split(' ').collect::<Vec<_>>().try_into().expect("four numbers");
            let target: usize = target.parse().unwrap();
            of_target[target] += 1;
            let expected = delivered(&net, targets[target].2, class.parse::<u16>().unwrap() << 13, &octets(inner));
            let outcome = gateway.pass(FABRIC, octets(packet));
            assert_eq!(outcome.sent, [(ACCESS, expected)], "{:?}, {:?}: {packet}", targets[target], outcome.drops);
        }
        gateway.settle();
        assert!(of_target.iter().all(|packets| *packets >= 16), "{of_target:?}");
    }
}

/// A line for `build.py`: packets of a network for one of its instances.
fn job(net: &Network, (form, of, to): ((Encapsulation, IpAddr), usize, Mac)) -> String {
    let (mac, own) = (colons(net.fabric.links[0].mac), net.fabric.address_for(form.1).unwrap());
    let vlan = net.fabric.vlan.map_or("-".into(), |vlan| vlan.to_string());
    let (word, number) = (if form.0.is_mpls() { net_word(net, of) } else { 0 }, number(net, of, form.0));
    format!("{mac} {own} {} {number} {} {word} {vlan} {} {}\n", form.1, form.0, colons(to), colons(REMOTE))
}

/// What has to come out of the access port for an inner frame to `to`, with these priority bits.
fn delivered(net: &Network, to: Mac, priority: u16, inner: &[u8]) -> Vec<u8> {
    let tpid = net.access[ACCESS].tpid.value();
    let own_tag = [[0x81, 0], [0x88, 0xa8]].iter().any(|tag| inner[12..14] == *tag);
    let tags = match (to, net.vmis[0].vlan) {
        (A, 0) if !own_tag => vec![],
        (A, vlan) => vec![(tpid, vlan | priority)],
        _ => vec![(tpid, 400 | priority), (0x8100, 7 | priority)],
    };
    let mut frame = ethernet_with(to, REMOTE, &tags, u16::from_be_bytes([inner[12], inner[13]]), &inner[14..]);
    frame.resize(frame.len().max(60), 0);
    frame
}

/// The port's TPID, a VMI of the example, its VLAN, its inner VLAN.
type TagForm = (Tpid, usize, u16, Option<u16>);

/// Each form of tag on an access port, 0x8100 and 0x88a8.
fn tag_forms() -> Vec<TagForm> {
    let vlans = [(0, 0, None), (0, 100, None), (5, 400, None), (6, 400, Some(7))];
    let both = [Tpid::Customer, Tpid::Service];
    both.into_iter().flat_map(|tpid| vlans.map(|(vmi, vlan, inner)| (tpid, vmi, vlan, inner))).collect()
}

#[test]
fn scapy_and_tshark_agree_with_us_on_every_form_of_tag() {
    if is_missing(PYTHON, "-c") || is_missing("tshark", "--version") {
        return;
    }
    let all = tag_forms();
    let jobs: String = all.iter().map(tag_job).collect();
    let mut read_back = vec![];
    for line in scapy("tags.py", &["build"], &jobs).lines() {
        let [form, frame, priority, bare] = line.split(' ').collect::<Vec<_>>().try_into().expect("four numbers");
        let (form, priority) = (all[form.parse::<usize>().unwrap()], priority.parse::<u16>().unwrap());
        read_back.push(there_and_back(form, &octets(frame), priority, &octets(bare)));
    }
    assert!(read_back.len() >= all.len() * 16);
    let frames = place("tags.pcap");
    pcap::write(&frames, read_back.iter().map(|(frame, ..)| &frame[..])).unwrap();
    let told = scapy("tags.py", &["read", frames.to_str().unwrap()], "");
    assert_eq!(told.lines().count(), read_back.len());
    for (line, (_, tags, rest)) in told.lines().zip(&read_back) {
        assert_eq!(line, format!("{tags} {rest}"));
    }
    let names = ["ieee8021ad.priority", "ieee8021ad.dei", "ieee8021ad.id", "vlan.priority", "vlan.dei", "vlan.id"];
    for (read, (_, tags, _)) in tshark(&frames, &names, "a").iter().zip(&read_back) {
        assert_eq!(tshark_tags(read), *tags, "{read:?}");
    }
}

/// The network of a form of tag, and a station to send to.
fn served((tpid, row, vlan, _): TagForm) -> (Network, Mac) {
    let mut net = network();
    net.access[ACCESS].tpid = tpid;
    net.vmis[row].vlan = vlan;
    let to = station(net.vmis[row].network, Encapsulation::MplsOverUdp, VTEP.into());
    (net, to)
}

/// A line for `tags.py`.
fn tag_job(form: &TagForm) -> String {
    let ((tpid, row, vlan, inner), (net, to)) = (*form, served(*form));
    let inner = inner.map_or("-".into(), |inner| inner.to_string());
    format!("{} {} {:x} {vlan} {inner}\n", colons(to), colons(net.vmis[row].macs[0]), tpid.value())
}

/// Sends what Scapy built to the fabric, and a frame of the same priority back: that frame, its tags, and what is behind them.
fn there_and_back(form: TagForm, frame: &[u8], priority: u16, bare: &[u8]) -> (Vec<u8>, String, String) {
    let ((tpid, row, vlan, inner), (net, _)) = (form, served(form));
    let (of, by) = (net.vmis[row].network, net.vmis[row].macs[0]);
    let mut gateway = Gateway::new(&net);
    let outcome = gateway.pass(ACCESS, frame.to_vec());
    let [(_, packet)] = &outcome.sent[..] else { panic!("{:?}: {frame:02x?}", outcome.drops) };
    assert!(packet.ends_with(bare), "{frame:02x?}");
    let class = packet[packet.len() - bare.len() - 2 - net_word(&net, of)] >> 1 & 7;
    assert_eq!(u16::from(class), priority >> 1, "{frame:02x?}");
    // Back again: from an instance of the same network.
    let (sender, sender_vlan) = if of == 0 { (B, 101) } else { (D, 300) };
    let back = ethernet_with(by, sender, &[(tpid.value(), sender_vlan | priority << 12)], 0x0800, &datagram(100));
    let outcome = gateway.pass(ACCESS, back);
    let tag = |tpid: u16, vlan: u16| format!("{tpid:04x}:{}:{}:{vlan}", priority >> 1, priority & 1);
    let outer = (vlan != 0).then(|| tag(tpid.value(), vlan));
    let tags: Vec<String> = outer.into_iter().chain(inner.map(|inner| tag(0x8100, inner))).collect();
    let tags = if tags.is_empty() { "-".to_owned() } else { tags.join(",") };
    (outcome.sent[0].1.clone(), tags, hexadecimal(&untagged(by, sender, 100)))
}

/// The octets of control word of a network.
fn net_word(net: &Network, of: usize) -> usize {
    if net.networks[of].control_word { 4 } else { 0 }
}

/// The tags in the order of a frame: tshark tells those of 0x88a8, which are in front here, apart from the others.
fn tshark_tags(read: &[String]) -> String {
    let tags = |tpid: &str, fields: &[String]| {
        let column =
            |n: usize| fields[n].split(';').filter(|text| !text.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let (pcp, dei, vid) = (column(0), column(1), column(2));
        (0..vid.len()).map(|n| format!("{tpid}:{}:{}:{}", pcp[n], dei[n], vid[n])).collect::<Vec<_>>()
    };
    let all = [tags("88a8", &read[..3]), tags("8100", &read[3..])].concat();
    if all.is_empty() { "-".to_owned() } else { all.join(",") }
}
