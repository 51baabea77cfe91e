//! What publishing changed tables costs: 1,048,576 MAC addresses, 10,000 changes a second, a snapshot every 10 ms.
//!
//! The publisher does what control does: it amends the snapshot before, changes 100 entries, and publishes. Beside it a
//! reader does what a worker does: it refreshes once per burst and looks up 32 random keys. Publishing and resting
//! alternate in short phases, so that both meet the same noise; the reader's slowdown is the ratio of the two. The same
//! is measured of tables of the same buckets in flat shards of three sizes.

mod shards;

use crate::random::Random;
use crate::statistics::percentile;
use anyhow::{Context, Result, ensure};
use datapath::BURST;
use fib::{
    Builder, Destination, Fabric, NetworkId, NetworkSpec, NexthopId, Snapshot, SourceCheck, Target, TunnelId,
    TunnelSpec, mac_key,
};
use rcu::{Publisher, Reader};
use serde::Serialize;
use shards::Shards;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use wire::{Encapsulation, MacAddr, Vni};

/// Entries, a power of two so that a random number is a random entry.
const ENTRIES: u64 = 1 << 20;
const NETWORKS: u64 = 64;
const PEERS: u64 = 1000;
const CHANGES: usize = 100;
const INTERVAL: Duration = Duration::from_millis(10);
/// Publications between two phases of rest: 30 ms of each.
const PHASE: u32 = 3;

/// A table that control changes and workers read.
pub(crate) trait Table: Clone + Send + Sync {
    /// With these entries.
    fn filled() -> Result<Self>;
    /// The next generation: `changes` entries go to other next hops, or go, or come back.
    fn changed(&self, changes: &[Change]) -> Result<Self>;
    /// A burst of lookups.
    fn look_up(&self, keys: &[u64; BURST], found: &mut [u32; BURST]);
    /// Octets that are not shared with the generation before.
    fn copied_octets(&self, before: &Self) -> usize;
    /// Octets of all of it.
    fn octets(&self) -> usize;
}

/// One changed entry: its number, and its new next hop or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    entry: u64,
    nexthop: Option<usize>,
}

/// What was measured of one kind of table.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    pub(crate) table: &'static str,
    pub(crate) publications: usize,
    /// Amending, changing, publishing and freeing what no reader holds, in microseconds.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) copied_kib: f64,
    pub(crate) table_mib: f64,
    /// Peak of the process's memory while publishing, above what it was before.
    pub(crate) peak_mib: f64,
    /// Reader, cycles per lookup, without and with publications.
    pub(crate) lookup_quiet_cycles: f64,
    pub(crate) lookup_cycles: f64,
    /// Median ratio of neighbouring phases, less 1, in percent.
    pub(crate) slowdown_percent: f64,
}

/// All kinds of table in turn, `seconds` each. Ends early, with those that are complete, once `interrupted` is set.
pub(crate) fn run(seconds: u64, core: usize, interrupted: &AtomicBool) -> Result<Vec<Costs>> {
    let kinds: [(&str, Measure); 4] = [
        ("snapshot, 4 KiB segments", measure::<Snapshot>),
        ("flat, 4 KiB shards", measure::<Shards<64>>),
        ("flat, 32 KiB shards", measure::<Shards<512>>),
        ("flat, 256 shards of 128 KiB", measure::<Shards<2048>>),
    ];
    let mut costs = Vec::new();
    for (name, measure) in kinds {
        if let Some(of_kind) = measure(name, seconds, core, interrupted)? {
            costs.push(of_kind);
        }
    }
    Ok(costs)
}

/// Measures a kind of table; gives nothing once it is interrupted.
type Measure = fn(&'static str, u64, usize, &AtomicBool) -> Result<Option<Costs>>;

fn measure<T: Table>(name: &'static str, seconds: u64, core: usize, interrupted: &AtomicBool) -> Result<Option<Costs>> {
    if interrupted.load(Relaxed) {
        return Ok(None);
    }
    let mut publisher = Publisher::new(T::filled()?);
    let reader = publisher.reader();
    let (publishing, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let before = memory_kib("VmRSS")?;
    // Forgets the peak so far (proc(5), clear_refs).
    std::fs::write("/proc/self/clear_refs", "5").context("cannot reset the memory peak")?;
    let (published, read) = thread::scope(|scope| {
        let reading = scope.spawn(|| read(reader, &publishing, &stop, core));
        let published = publish(&mut publisher, (&publishing, interrupted), seconds, core);
        stop.store(true, Relaxed);
        (published, reading.join())
    });
    let ((times, copied), phases) = (published?, read.ok().context("the reader ended by a panic")?);
    if interrupted.load(Relaxed) {
        return Ok(None);
    }
    ensure!(phases.len() > 2, "the reader saw {} phases only", phases.len());
    let peak = memory_kib("VmHWM")?;
    let pick = |f: &dyn Fn(&(f64, f64)) -> f64| phases.iter().map(f).collect::<Vec<_>>();
    Ok(Some(Costs {
        table: name,
        publications: times.len(),
        p50_us: percentile(&times, 50),
        p99_us: percentile(&times, 99),
        copied_kib: percentile(&copied, 50) / 1024.0,
        table_mib: publisher.current().octets() as f64 / f64::from(1 << 20),
        peak_mib: peak.saturating_sub(before) as f64 / 1024.0,
        lookup_quiet_cycles: percentile(&pick(&|phase| phase.0), 50),
        lookup_cycles: percentile(&pick(&|phase| phase.1), 50),
        slowdown_percent: (percentile(&pick(&|phase| phase.1 / phase.0), 50) - 1.0) * 100.0,
    }))
}

fn pin(core: usize) {
    core_affinity::set_for_current(core_affinity::CoreId { id: core });
}

/// Publishes at the interval in every other phase, on any core but the reader's; returns the microseconds and the copied octets of each publication.
fn publish<T: Table>(
    publisher: &mut Publisher<T>,
    (publishing, interrupted): (&AtomicBool, &AtomicBool),
    seconds: u64,
    core: usize,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let other = dpdk::lcore::available().into_iter().find(|other| *other != core);
    if let Some(core) = other {
        pin(core);
    }
    let (mut random, mut times, mut copied) = (Random::new(0x1234_5678), Vec::new(), Vec::new());
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end && !interrupted.load(Relaxed) {
        publishing.store(true, Relaxed);
        for _ in 0..PHASE {
            let changes: Vec<Change> = (0..CHANGES).map(|_| Change::any(&mut random)).collect();
            let before = publisher.current().clone();
            let start = Instant::now();
            publisher.publish(publisher.current().changed(&changes)?);
            let published = start.elapsed();
            copied.push(publisher.current().copied_octets(&before) as f64);
            let freeing = Instant::now();
            drop(before);
            times.push((published + freeing.elapsed()).as_secs_f64() * 1e6);
            thread::sleep(INTERVAL.saturating_sub(start.elapsed()));
        }
        publishing.store(false, Relaxed);
        thread::sleep(INTERVAL * PHASE);
    }
    Ok((times, copied))
}

/// Cycles per lookup in each pair of phases: at rest, and under publication.
fn read<T: Table>(mut reader: Reader<T>, publishing: &AtomicBool, stop: &AtomicBool, core: usize) -> Vec<(f64, f64)> {
    pin(core);
    let (mut random, mut found) = (Random::new(0x9876_5432), [0; BURST]);
    let (mut phases, mut rest) = (Vec::new(), None);
    while !stop.load(Relaxed) {
        let phase = publishing.load(Relaxed);
        let (mut bursts, start) = (0u64, dpdk::lcore::tsc());
        while publishing.load(Relaxed) == phase && !stop.load(Relaxed) {
            let keys = std::array::from_fn(|_| key(random.next() % ENTRIES));
            reader.refresh().look_up(&keys, &mut found);
            black_box(&found);
            bursts += 1;
        }
        let cycles = dpdk::lcore::tsc().wrapping_sub(start) as f64 / (bursts * BURST as u64) as f64;
        match (phase, rest.take()) {
            (true, Some(rest)) => phases.push((rest, cycles)),
            (true, None) => {}
            (false, _) => rest = Some(cycles),
        }
    }
    phases
}

/// Cycles of one refresh without a new generation.
pub(crate) fn refresh_cycles() -> f64 {
    const TIMES: u64 = 1_000_000;
    let mut publisher = Publisher::new(0u64);
    let mut reader = publisher.reader();
    let run = |reader: &mut Reader<u64>| {
        let start = dpdk::lcore::tsc();
        for _ in 0..TIMES {
            black_box(black_box(&mut *reader).refresh());
        }
        dpdk::lcore::tsc().wrapping_sub(start) as f64 / TIMES as f64
    };
    percentile(&(0..20).map(|_| run(&mut reader)).collect::<Vec<_>>(), 50)
}

/// A line of `/proc/self/status`, in KiB.
pub(crate) fn memory_kib(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()).and_then(|text| text.parse().ok());
    number.with_context(|| format!("/proc/self/status has no {name}"))
}

/// The key of an entry: spread over the networks, with the low octets of its MAC counting up as cards of one maker do.
pub(crate) fn key(entry: u64) -> u64 {
    let network = NetworkId::new((entry % NETWORKS) as usize).expect("there are 64 networks");
    mac_key(network, 0x0200_0000_0000 | entry)
}

impl Change {
    /// Three of four move or bring back an entry, one removes it.
    fn any(random: &mut Random) -> Self {
        let nexthop = (!random.next().is_multiple_of(4)).then(|| (random.next() % (NETWORKS * PEERS)) as usize);
        Self { entry: random.next() % ENTRIES, nexthop }
    }
}

impl Table for Snapshot {
    fn filled() -> Result<Self> {
        let fabric = Fabric {
            links: Vec::new(),
            vlan: None,
            address: Some(Ipv4Addr::new(172, 16, 0, 1)),
            address_v6: None,
            dont_fragment: true,
            source_check: SourceCheck::Known,
            udp6_zero_checksum_tx: false,
            udp6_zero_checksum_rx: false,
            dscp: [0; 16],
        };
        let mut builder = Builder::new(fabric, 0x5eed);
        for peer in 0..PEERS as usize {
            let remote = Ipv4Addr::from_bits(0xac10_0002 + peer as u32).into();
            let spec = TunnelSpec { remote, encapsulation: Encapsulation::Vxlan, paths: &[] };
            builder.add_tunnel(TunnelId::new(peer).context("too many peers")?, spec)?;
        }
        for network in 0..NETWORKS as usize {
            let vni = Vni::try_from(5000 + network as u64)?;
            let spec = NetworkSpec::new(vni);
            builder.add_network(NetworkId::new(network).context("too many networks")?, spec)?;
            for peer in 0..PEERS as usize {
                let id = NexthopId::new(network * PEERS as usize + peer).context("too many next hops")?;
                builder.add_nexthop(id, TunnelId::new(peer).context("too many peers")?, Target::Vni(vni))?;
            }
        }
        let entries = (0..ENTRIES).map(|entry| Change { entry, nexthop: Some((entry % (NETWORKS * PEERS)) as usize) });
        apply(builder, entries)
    }

    fn changed(&self, changes: &[Change]) -> Result<Self> {
        apply(Builder::amend(self), changes.iter().copied())
    }

    #[inline(always)]
    fn look_up(&self, keys: &[u64; BURST], found: &mut [u32; BURST]) {
        self.macs.lookup_burst(keys, BURST, found);
    }

    fn copied_octets(&self, before: &Self) -> usize {
        self.macs.octets_beyond(&before.macs)
    }

    fn octets(&self) -> usize {
        self.macs.octets()
    }
}

fn apply(mut builder: Builder, changes: impl Iterator<Item = Change>) -> Result<Snapshot> {
    for change in changes {
        let network = NetworkId::new((change.entry % NETWORKS) as usize).context("too many networks")?;
        let mac = MacAddr::from_bits(key(change.entry));
        match change.nexthop.and_then(NexthopId::new) {
            Some(nexthop) => builder.set_mac(network, mac, Destination::Remote(nexthop))?,
            None => _ = builder.remove_mac(network, mac),
        }
    }
    Ok(builder.finish())
}
