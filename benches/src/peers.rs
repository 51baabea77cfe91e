//! Other programs that do the same work on the same kind of ports, measured in the same run.
//!
//! A peer is started once for a case and takes turns with what runs in this process: about a second each, at a few points
//! between the rounds of ports, floor and Causeway. While one is measured the others rest, so that the core has one user.

mod ovs;
mod process;
mod testpmd;

use crate::scene::{self, Scene};
use crate::statistics::percentile;
use crate::traffic::{Load, Traffic};
use anyhow::{Context, Result};
use ovs::Ovs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use testpmd::Testpmd;
use wire::MacAddr;

/// How long a peer runs before it is measured: caches fill, clocks settle.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long a peer is measured at a time, and how often in a turn: the median counts, so that somebody else's moment on the core
/// does not.
const SAMPLE: Duration = Duration::from_millis(200);
const SAMPLES: usize = 5;

/// Turns that each peer has in a case.
pub(crate) const TURNS: u32 = 5;
/// What Open vSwitch's figures are called: of all flows, and of one, which its first cache always knows, the best that it can do.
const MANY: [&str; 1] = ["OVS-DPDK, 4,096 flows"];
const ONE: [&str; 1] = ["OVS-DPDK, one flow"];
/// Octets of a classic capture file before its frames, and before each frame.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// A program beside Causeway, at rest but for [`Peer::measure`].
pub(crate) trait Peer {
    /// What it is called in the report; a name for each figure that it gives.
    fn names(&self) -> &'static [&'static str];

    /// Runs it for a turn. Returns cycles per packet in the order of the names.
    ///
    /// # Errors
    /// The program ended, said something that is not understood, or lost packets.
    fn measure(&mut self) -> Result<Vec<f64>>;
}

/// Where a peer runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// Its packets: the core that Causeway's worker has.
    pub(crate) work: usize,
    /// Everything else that it does.
    pub(crate) control: usize,
}

/// What a peer has to be told of the network: addresses, and the VNI of each VLAN that the traffic uses.
pub(crate) struct Network {
    own: Ipv4Addr,
    peer: Ipv4Addr,
    own_mac: String,
    router_mac: String,
    vlans: Vec<(u16, u32)>,
}

/// Starts the peers of a case.
pub(crate) struct Peers {
    directory: PathBuf,
    cores: Cores,
    /// Peers that are not in the figures, and why: the report says so.
    absent: Mutex<Vec<String>>,
}

impl Peers {
    /// `directory` is for their files; who made it removes it. `core` is the worker's.
    ///
    /// # Errors
    /// There is no second core.
    pub(crate) fn new(directory: &Path, core: usize) -> Result<Self> {
        let other = dpdk::lcore::available().into_iter().find(|other| *other != core);
        let control = other.context("peers need a second core, for their control threads; try --no-peers")?;
        Ok(Self { directory: directory.into(), cores: Cores { work: core, control }, absent: Mutex::default() })
    }

    /// The peers that can do the work of this case, at rest. One that cannot be started is noted and left out.
    ///
    /// # Errors
    /// The traffic cannot be written.
    pub(crate) fn beside(&self, case: &str, load: &Load, traffic: &Traffic) -> Result<Vec<Box<dyn Peer>>> {
        let mut peers: Vec<Box<dyn Peer>> = Vec::new();
        if !has_testpmd(case) {
            return Ok(peers);
        }
        let directory = self.directory.join(case.replace('/', "-"));
        std::fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let (all, one) = (directory.join("all.pcap"), directory.join("one.pcap"));
        traffic.write(&all)?;
        self.admit(&mut peers, case, Testpmd::start(&directory, self.cores, &all, traffic.longest()));
        if has_ovs(case) {
            repeat_first(&all, &one)?;
            for (names, flows, pcap) in [(&MANY, "many", &all), (&ONE, "one", &one)] {
                let ovs =
                    Ovs::start(names, directory.join(flows), self.cores, &network(&load.scene), load.direction, pcap);
                self.admit(&mut peers, case, ovs);
            }
        }
        Ok(peers)
    }

    fn admit<P: Peer + 'static>(&self, peers: &mut Vec<Box<dyn Peer>>, case: &str, peer: Result<P>) {
        match peer {
            Ok(peer) => peers.push(Box::new(peer)),
            Err(error) => self.note(case, &error),
        }
    }

    /// Notes why a peer is not in the figures of a case.
    pub(crate) fn note(&self, case: &str, error: &anyhow::Error) {
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.push(format!("{case}: {error:#}"));
    }

    /// What was noted.
    pub(crate) fn into_absent(self) -> Vec<String> {
        self.absent.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What peers add to the time that a case takes.
pub(crate) fn expected(case: &str) -> Duration {
    let turns = 2 * (u32::from(has_testpmd(case)) + u32::from(has_ovs(case)));
    let starting = Duration::from_secs(u64::from(has_testpmd(case)) + 6 * u64::from(has_ovs(case)));
    starting + (WARM_UP + SAMPLE * SAMPLES as u32) * turns * TURNS
}

/// The median of a turn's samples.
fn turn(mut sample: impl FnMut() -> Result<f64>) -> Result<f64> {
    let samples: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect::<Result<_>>()?;
    Ok(percentile(&samples, 50))
}

/// The plain cases, and the frame sizes that are compared with testpmd.
fn has_testpmd(case: &str) -> bool {
    ["/64-vlans", "/imix", "/1518", "/9000"].iter().any(|end| case.ends_with(end))
}

/// Open vSwitch has no MPLSoUDP, and its MPLSoGRE is not what is compared here.
fn has_ovs(case: &str) -> bool {
    case.ends_with("/vxlan/64-vlans")
}

/// A scene as far as its busy VLANs go.
fn network(scene: &Scene) -> Network {
    let vlans = (scene::FIRST_BUSY..scene::FIRST_BUSY + scene::BUSY).map(|vlan| (vlan, scene.site(vlan).vni));
    Network {
        own: scene::OWN_ADDRESS,
        peer: scene::PEER_ADDRESS,
        own_mac: MacAddr::new(scene::OWN_MAC).to_string(),
        router_mac: MacAddr::new(scene::ROUTER_MAC).to_string(),
        vlans: vlans.collect(),
    }
}

/// Writes a capture with as many frames as `all`, each of which is the first of `all`: one flow, and as much memory.
fn repeat_first(all: &Path, one: &Path) -> Result<()> {
    let capture = std::fs::read(all).with_context(|| format!("cannot read {}", all.display()))?;
    let first = (|| {
        let (header, records) = capture.split_at_checked(FILE_HEADER)?;
        let octets = records.get(8..12)?.try_into().ok().map(u32::from_le_bytes)? as usize;
        Some((header, records, records.get(..RECORD_HEADER + octets)?))
    })();
    let (header, records, first) = first.with_context(|| format!("{} holds no frame", all.display()))?;
    let repeated = [header, &first.repeat(records.len() / first.len())].concat();
    std::fs::write(one, repeated).with_context(|| format!("cannot write {}", one.display()))
}
