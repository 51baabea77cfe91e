//! Resolution against a kernel that keeps everything in lists and searches them from end to end.

use super::*;
use proptest::prelude::*;
use std::net::Ipv6Addr;

/// One route with one hop, or with none if it refuses. Several of one prefix and metric are a multipath route.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Single {
    to: IpPrefix,
    metric: u32,
    hop: Option<Hop>,
}

/// What happens in the kernel.
#[derive(Debug, Clone)]
enum Step {
    /// `ip route replace`, of all hops.
    Replace(IpPrefix, u32, Vec<Hop>),
    /// `ip -6 route append`, of one hop; IPv4 has no such thing.
    Join(IpPrefix, u32, Hop),
    /// `ip -6 route delete`, of one hop; IPv4 has no such thing.
    Leave(IpPrefix, u32, usize),
    /// `ip route delete`, of all hops.
    Delete(IpPrefix, u32),
    Neighbour(InterfaceIndex, IpAddr, Option<MacAddr>),
    Link(usize, bool),
}

/// The slow, obvious kernel.
#[derive(Debug, Default)]
struct Kernel {
    routes: Vec<Single>,
    neighbours: Vec<(InterfaceIndex, IpAddr, MacAddr)>,
    /// Numbers of the host interfaces that are up; the first has number 1, the second 2, and 3 is not ours.
    up: Vec<u32>,
}

impl Kernel {
    fn all(&self, to: IpPrefix, metric: u32) -> Vec<Hop> {
        let same = |single: &&Single| (single.to, single.metric) == (to, metric);
        self.routes.iter().filter(same).filter_map(|single| single.hop).collect()
    }

    fn holds(&self, to: IpPrefix, metric: u32) -> bool {
        self.routes.iter().any(|single| (single.to, single.metric) == (to, metric))
    }

    /// Does the step, and says what the kernel says of it.
    fn take(&mut self, step: &Step) -> Option<KernelEvent> {
        let says = |change, to, metric, hops: &[Hop]| {
            let hops = hops.to_vec();
            Some(KernelEvent::Route(change, KernelRoute { destination: to, metric, hops }))
        };
        match step {
            Step::Replace(to, metric, hops) => {
                let was_there = self.holds(*to, *metric);
                self.routes.retain(|single| (single.to, single.metric) != (*to, *metric));
                let single = |hop| Single { to: *to, metric: *metric, hop };
                self.routes.extend(hops.iter().map(|hop| single(Some(*hop))));
                self.routes.extend(hops.is_empty().then(|| single(None)));
                says(if was_there { RouteChange::Replaced } else { RouteChange::Added }, *to, *metric, hops)
            }
            Step::Join(to, metric, hop) => {
                let refuses = self.routes.contains(&Single { to: *to, metric: *metric, hop: None });
                if to.address().is_ipv4() || refuses || self.all(*to, *metric).contains(hop) {
                    return None;
                }
                self.routes.push(Single { to: *to, metric: *metric, hop: Some(*hop) });
                says(RouteChange::Appended, *to, *metric, &self.all(*to, *metric))
            }
            Step::Leave(to, metric, which) => {
                let hops = self.all(*to, *metric);
                if to.address().is_ipv4() || hops.is_empty() {
                    return None;
                }
                let gone = hops[which % hops.len()];
                self.routes.retain(|s| *s != Single { to: *to, metric: *metric, hop: Some(gone) });
                says(RouteChange::Removed, *to, *metric, &[gone])
            }
            Step::Delete(to, metric) => {
                let (hops, was_there) = (self.all(*to, *metric), self.holds(*to, *metric));
                self.routes.retain(|single| (single.to, single.metric) != (*to, *metric));
                was_there.then(|| says(RouteChange::Removed, *to, *metric, &hops))?
            }
            Step::Neighbour(interface, address, mac) => {
                self.neighbours.retain(|(at, known, _)| (at, known) != (interface, address));
                self.neighbours.extend(mac.map(|mac| (*interface, *address, mac)));
                let state = if mac.is_some() { NeighbourState::Reachable } else { NeighbourState::Failed };
                let (interface, address, mac) = (*interface, *address, *mac);
                Some(KernelEvent::Neighbour(KernelNeighbour { address, interface, mac, state }))
            }
            Step::Link(host, up) => {
                let number = *host as u32 + 1;
                self.up.retain(|other| *other != number);
                self.up.extend(up.then_some(number));
                Some(host_link(*host, *up))
            }
        }
    }

    /// What a listing says: each route once, with all its hops.
    fn listing(&self) -> Vec<KernelEvent> {
        let mut events = vec![KernelEvent::ResyncBegin];
        events.extend((0..2).map(|host| host_link(host, self.up.contains(&(host as u32 + 1)))));
        events.extend(self.neighbours.iter().map(|&(interface, address, mac)| {
            let state = NeighbourState::Stale;
            KernelEvent::Neighbour(KernelNeighbour { address, interface, mac: Some(mac), state })
        }));
        let mut seen = Vec::new();
        for single in &self.routes {
            let (destination, metric) = (single.to, single.metric);
            if !seen.contains(&(destination, metric)) {
                seen.push((destination, metric));
                let hops = self.all(destination, metric);
                events.push(KernelEvent::Route(RouteChange::Appended, KernelRoute { destination, metric, hops }));
            }
        }
        events.push(KernelEvent::ResyncEnd);
        events
    }

    /// Every route that covers, best first; the first that does not leave by down interfaces alone; its hops in order.
    fn resolve(&self, vtep: IpAddr) -> Resolution {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => format!("{:032b}", v4.to_bits()),
            IpAddr::V6(v6) => format!("{:0128b}", v6.to_bits()),
        };
        if self.up.is_empty() {
            return Resolution::HostInterfaceDown;
        }
        let covers = |to: IpPrefix| {
            to.address().is_ipv4() == vtep.is_ipv4()
                && bits(vtep).starts_with(&bits(to.address())[..usize::from(to.len())])
        };
        let mut covering: Vec<_> = self.routes.iter().filter(|single| covers(single.to)).collect();
        covering.sort_by_key(|single| (128 - single.to.len(), single.metric, single.hop));
        let usable =
            |single: &&&Single| single.hop.is_none_or(|hop| hop.interface.0 == 3 || self.up.contains(&hop.interface.0));
        let Some(best) = covering.iter().find(usable) else {
            let reason =
                covering.first().and_then(|single| single.hop).map(|hop| NoRoute::InterfaceDown(hop.interface));
            return Resolution::NoRoute(reason.unwrap_or(NoRoute::NotCovered));
        };
        let all = self.all(best.to, best.metric);
        let Some(least) = all.iter().min() else { return Resolution::NoRoute(NoRoute::Refused) };
        let mut ways: Vec<_> = all.iter().filter(|hop| self.up.contains(&hop.interface.0)).collect();
        ways.sort();
        let mut paths = ArrayVec::new();
        for hop in &ways {
            let next_hop = hop.via.unwrap_or(vtep);
            let known = self.neighbours.iter().find(|(at, address, _)| (*at, *address) == (hop.interface, next_hop));
            if let Some((_, _, mac)) = known.filter(|_| !paths.is_full()) {
                paths.push(Path { next_hop, mac: *mac, interface: hop.interface.0 as usize - 1 });
            }
        }
        match ways.first() {
            _ if !paths.is_empty() => Resolution::Resolved { paths },
            Some(hop) => Resolution::Unresolved { next_hop: hop.via.unwrap_or(vtep) },
            None => Resolution::NoRoute(NoRoute::OtherInterface(least.interface)),
        }
    }
}

fn host_link(host: usize, up: bool) -> KernelEvent {
    let index = InterfaceIndex(host as u32 + 1);
    KernelEvent::Link(KernelLink { index, name: format!("cw-host{host}"), up, mtu: 1600, mac: Some(MAC) })
}

/// Addresses that differ in few bits, at both ends, so that prefixes nest.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![(0u32..8).prop_map(|low| low | 0xac10_0000), (0u32..8).prop_map(|high| high << 29)];
    let v6 = prop_oneof![(0u128..8).prop_map(|low| low | 0xfd << 120), (0u128..8).prop_map(|high| high << 125)];
    prop_oneof![
        v4.prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        v6.prop_map(|bits| Ipv6Addr::from_bits(bits).into())
    ]
}

/// Few prefixes of any length, so that one is changed again and again.
fn prefixes() -> impl Strategy<Value = IpPrefix> {
    (address(), prop::sample::select(vec![0u8, 1, 2, 3, 8, 29, 30, 31, 32, 125, 126, 128])).prop_map(
        |(address, len)| {
            IpPrefix::covering(address, len.min(IpPrefix::longest(address)))
                .expect("no longer than the family's addresses")
        },
    )
}

fn hops() -> impl Strategy<Value = Hop> {
    (1u32..4, prop::option::of(address())).prop_map(|(index, via)| hop(InterfaceIndex(index), via))
}

fn step() -> impl Strategy<Value = Step> {
    let mac = prop::option::weighted(0.8, (1u8..4).prop_map(|last| MacAddr::new([2, 0, 0, 0, 0, last])));
    let some_hops = prop::collection::hash_set((1u32..4, prop::option::of(address())), 0..12);
    let some_hops = some_hops.prop_map(|set| set.into_iter().map(|(at, via)| hop(InterfaceIndex(at), via)).collect());
    prop_oneof![
        4 => (prefixes(), 0u32..3, some_hops).prop_map(|(to, metric, hops)| Step::Replace(to, metric, hops)),
        3 => (prefixes(), 0u32..3, hops()).prop_map(|(to, metric, hop)| Step::Join(to, metric, hop)),
        1 => (prefixes(), 0u32..3, 0usize..8).prop_map(|(to, metric, which)| Step::Leave(to, metric, which)),
        1 => (prefixes(), 0u32..3).prop_map(|(to, metric)| Step::Delete(to, metric)),
        6 => (1u32..3, address(), mac).prop_map(|(at, address, mac)| Step::Neighbour(InterfaceIndex(at), address, mac)),
        1 => (0usize..2, prop::bool::weighted(0.6)).prop_map(|(host, up)| Step::Link(host, up)),
    ]
}

proptest! {
    #[test]
    fn every_vtep_resolves_as_in_lists_searched_from_end_to_end(
        steps in prop::collection::vec(step(), 1..80),
        probes in prop::collection::vec(address(), 1..16),
    ) {
        let (mut underlay, mut kernel) = (Underlay::new(["cw-host0", "cw-host1"]), Kernel::default());
        let start = [Step::Link(0, true), Step::Link(1, true)];
        for step in start.iter().chain(&steps) {
            let before: Vec<_> = probes.iter().map(|probe| underlay.resolve(*probe)).collect();
            let Some(event) = kernel.take(step) else { continue };
            let changed = underlay.apply(event);
            let after: Vec<_> = probes.iter().map(|probe| underlay.resolve(*probe)).collect();
            prop_assert!(changed || before == after, "a change was not reported: {step:?}");
            for (probe, resolution) in probes.iter().zip(after) {
                prop_assert_eq!(resolution, kernel.resolve(*probe), "{} after {:?}", probe, step);
            }
        }
    }

    #[test]
    fn a_listing_leaves_the_same_as_hearing_it_first(
        before in prop::collection::vec(step(), 0..40),
        unheard in prop::collection::vec(step(), 0..40),
        probes in prop::collection::vec(address(), 1..16),
    ) {
        let (mut underlay, mut kernel) = (Underlay::new(["cw-host0", "cw-host1"]), Kernel::default());
        for step in &before {
            kernel.take(step).map(|event| underlay.apply(event));
        }
        for step in &unheard {
            kernel.take(step);
        }
        for event in kernel.listing() {
            underlay.apply(event);
        }
        for probe in &probes {
            prop_assert_eq!(underlay.resolve(*probe), kernel.resolve(*probe), "{}", probe);
        }
    }
}
