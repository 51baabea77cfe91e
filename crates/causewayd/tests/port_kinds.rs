//! The same traffic through an access port of every kind that this machine can run: the same packets on the fabric, the same
//! frames back, the same counters; and checksums that a sender left to the port are filled in. Needs root.

mod rig;

use rig::{
    BLUE, BLUE_REMOTE, Bench, End, GREEN, GREEN_REMOTE, Gateway, Node, OUTER, ROUTER_MAC, TAG, change, frame,
    in_namespace, ip, packet, sum, tunnelled, until,
};
use std::collections::BTreeMap;

/// A kind of access port: the gateway's device, and this process's at the other end.
struct Kind {
    name: &'static str,
    device: String,
    other: String,
    /// The other end listens, so it has to be there first.
    other_first: bool,
    /// The other end can leave checksums to the gateway by a flag.
    tells: bool,
    /// It leaves them, and the gateway's port does not say so.
    hides: bool,
}

/// What came out.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    fabric: Vec<Vec<u8>>,
    access: Vec<Vec<u8>>,
    counters: BTreeMap<String, u64>,
}

fn main() {
    in_namespace(|| {
        let bench = Bench::new("kinds");
        let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
        let mut first: Option<Outcome> = None;
        for kind in kinds(&bench).iter().filter(|kind| kind.name.contains(&filter)) {
            println!("test the same traffic through {} ...", kind.name);
            let outcome = through(&bench, kind);
            let expected = first.get_or_insert(outcome_of(&outcome));
            assert_eq!(&outcome, expected, "{}", kind.name);
        }
        println!("all held");
    });
}

fn outcome_of(outcome: &Outcome) -> Outcome {
    let Outcome { fabric, access, counters } = outcome;
    Outcome { fabric: fabric.clone(), access: access.clone(), counters: counters.clone() }
}

fn kinds(bench: &Bench) -> Vec<Kind> {
    let plain = |name, device: &str, other: &str| Kind {
        name,
        device: device.to_owned(),
        other: other.to_owned(),
        other_first: false,
        tells: false,
        hides: false,
    };
    let memif = bench.path("memif.sock");
    let memif = |role: &str| format!("net_memif1,role={role},socket={memif},socket-abstract=no,id=1");
    let (vhost, virtio) = (bench.path("vhost.sock"), bench.path("virtio.sock"));
    vec![
        plain("memif", &memif("server"), &memif("client")),
        Kind {
            tells: true,
            ..plain("vhost", &format!("net_vhost0,iface={vhost}"), &format!("net_virtio_user0,path={vhost}"))
        },
        Kind {
            other_first: true,
            ..plain("virtio_user", &format!("net_virtio_user0,path={virtio}"), &format!("net_vhost0,iface={virtio}"))
        },
        plain("tap", "net_tap0,iface=cwt-tap", "net_af_packet0,iface=cwt-tap"),
        Kind { hides: true, ..plain("af_packet", "net_af_packet0,iface=cwt-a", "net_af_packet1,iface=cwt-b") },
        Kind { hides: true, ..plain("af_xdp", "net_af_xdp0,iface=cwt-a", "net_af_packet0,iface=cwt-b") },
        plain("pcap", "net_pcap0,iface=cwt-a", "net_af_packet0,iface=cwt-b"),
    ]
}

fn through(bench: &Bench, kind: &Kind) -> Outcome {
    let has_veth = kind.device.contains("iface=cwt-a");
    if has_veth {
        ip("link add cwt-a type veth peer name cwt-b");
        ip("link set cwt-a up");
        ip("link set cwt-b up");
    }
    let early = kind.other_first.then(|| bench.open(&kind.other, (1, 1), false));
    let node = Node { name: kind.name, workers: 1, access: &kind.device, access_keys: "", fabric_keys: "" };
    let gateway = Gateway::start(bench, &node);
    let mut access = early.unwrap_or_else(|| bench.open(&kind.other, (1, 1), kind.tells));
    let mut fabric = bench.open(&gateway.fabric_device(), (1, 1), false);
    rig::meet(&mut access, &mut fabric);

    let before = gateway.counters();
    let mut outcome =
        Outcome { fabric: outward(&mut access, &mut fabric), access: Vec::new(), counters: before.clone() };
    outcome.access = inward(&mut access, &mut fabric);
    outcome.counters = until("the workers' counters", || {
        let counters = change(&before, &gateway.counters());
        (counters.get("received") == Some(&((traffic().len() + answers().len()) as u64))).then_some(counters)
    });
    let port = gateway.port("access0");
    assert_eq!((port.checksums_completed, port.frames_refused), (0, 0), "what is whole is left alone");
    if kind.tells || kind.hides {
        partial(&mut access, &mut fabric, kind.tells);
        assert_eq!(gateway.port("access0").checksums_completed, partial_frames().len() as u64);
    }
    drop((access, fabric, gateway));
    if has_veth {
        ip("link delete cwt-a");
    }
    outcome
}

/// What an instance sends, and whether it is to come out on the fabric.
fn traffic() -> Vec<(Vec<u8>, bool)> {
    let blue = |tci: u16, rest: &[u8]| frame(BLUE_REMOTE, BLUE, &[(TAG, tci)], rest);
    let counting = |octets: usize| [&[0x88, 0xb5][..], &(0..octets).map(|n| n as u8).collect::<Vec<_>>()].concat();
    let mut all = Vec::new();
    for octets in [42, 46, 47, 200, 257, 1000, 1496, 1500] {
        all.push((blue(100, &counting(octets)), true));
    }
    for (v6, protocol, octets) in [(false, 6, 0), (false, 17, 1), (true, 6, 1440), (true, 17, 333)] {
        let (right, _, field) = packet(v6, protocol, 4000, &vec![7; octets]);
        let mut wrong = right.clone();
        wrong[field] ^= 0x55;
        let mut none = right.clone();
        none[field..field + 2].fill(0);
        let large = octets == 1440;
        all.extend([right, wrong, none].map(|rest| (blue(100, &rest), true)));
        if !large {
            // Priority and DEI, and tags within the VLAN.
            let (rest, ..) = packet(v6, protocol, 4001, &vec![9; octets]);
            all.push((blue(0xb064, &rest), true));
            all.push((frame(BLUE_REMOTE, BLUE, &[(TAG, 100), (TAG, 0x2007)], &rest), true));
        }
    }
    all.push((frame([0xff; 6], BLUE, &[(TAG, 100)], &counting(300)), true));
    all.push((frame(GREEN_REMOTE, GREEN, &[(TAG, 200)], &counting(60)), true));
    // Unknown VLAN, none, another's source, unknown destination.
    all.push((frame(BLUE_REMOTE, BLUE, &[(TAG, 999)], &counting(60)), false));
    all.push((frame(BLUE_REMOTE, BLUE, &[], &counting(60)), false));
    all.push((frame(BLUE_REMOTE, GREEN, &[(TAG, 100)], &counting(60)), false));
    all.push((frame([2, 9, 9, 9, 9, 9], BLUE, &[(TAG, 100)], &counting(60)), false));
    all
}

/// A tagged frame as it travels in a tunnel: without the tag, 60 octets at least.
fn inside(frame: &[u8]) -> Vec<u8> {
    let mut inner = [&frame[..12], &frame[16..]].concat();
    inner.resize(inner.len().max(60), 0);
    inner
}

fn outward(access: &mut End, fabric: &mut End) -> Vec<Vec<u8>> {
    let traffic = traffic();
    for (frame, _) in &traffic {
        access.send(0, std::slice::from_ref(frame));
    }
    let mut expected: Vec<_> = traffic.iter().filter(|(_, passes)| *passes).map(|(frame, _)| inside(frame)).collect();
    let mut packets = fabric.expect(expected.len(), |packet| packet[..6] == ROUTER_MAC);
    // Floods leave a burst last, and bursts are what they happen to be.
    expected.sort();
    packets.sort_by(|a, b| a[OUTER..].cmp(&b[OUTER..]));
    for (packet, inner) in packets.iter_mut().zip(&expected) {
        assert_eq!(packet[OUTER..], inner[..]);
        assert_eq!(sum(&packet[14..34]), 0xffff, "the outer IPv4 checksum");
        // The IP id counts packets, those before these too.
        packet[18..20].fill(0);
        packet[24..26].fill(0);
    }
    packets
}

/// What a remote VTEP sends.
fn answers() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for octets in [0, 100, 1460] {
        let (rest, ..) = packet(false, 6, 80, &vec![3; octets]);
        let mut inner = frame(BLUE, BLUE_REMOTE, &[], &rest);
        inner.resize(inner.len().max(60), 0);
        all.push(tunnelled(0xc001, &inner));
    }
    all
}

fn inward(access: &mut End, fabric: &mut End) -> Vec<Vec<u8>> {
    let answers = answers();
    fabric.send(0, &answers);
    let frames = access.expect(answers.len(), |frame| frame[..6] == BLUE);
    for (frame, packet) in frames.iter().zip(&answers) {
        let inner = &packet[OUTER..];
        assert_eq!(*frame, [&inner[..12], &[0x81, 0, 0, 100], &inner[12..]].concat());
    }
    frames
}

/// What a sender with checksum offload leaves, and what has to come of it: rest of the frame, header octets, UDP, whole.
fn partial_frames() -> Vec<(Vec<u8>, u16, bool, Vec<u8>)> {
    let mut all = Vec::new();
    for (v6, protocol) in [(false, 6), (false, 17), (true, 6), (true, 17)] {
        for octets in [0, 1, 1000, 1400] {
            let (whole, pseudo, field) = packet(v6, protocol, octets, &vec![0xa7; octets.into()]);
            let mut left = whole.clone();
            left[field..field + 2].copy_from_slice(&pseudo.to_be_bytes());
            all.push((left, if v6 { 40 } else { 20 }, protocol == 17, whole));
        }
    }
    all
}

fn partial(access: &mut End, fabric: &mut End, tell: bool) {
    for (left, header, is_udp, whole) in partial_frames() {
        let sent = frame(BLUE_REMOTE, BLUE, &[(TAG, 100)], &left);
        access.send_with(0, &[sent], |mbuf| {
            if tell {
                mbuf.leave_l4_checksum(18, header, is_udp);
            }
        });
        let packets = fabric.expect(1, |packet| packet[..6] == ROUTER_MAC);
        assert_eq!(packets[0][OUTER..], inside(&frame(BLUE_REMOTE, BLUE, &[(TAG, 100)], &whole)));
    }
}
