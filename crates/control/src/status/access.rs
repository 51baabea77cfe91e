//! The instances behind the access ports, and what has happened.

use super::View;
use super::filter::{fits, not_found, page};
use crate::access::log::EventKind;
use crate::access::probes::{self, Reachability, State, Target};
use crate::config::{ServedVmi, VirtualMachineInterface};
use api::{
    AddressReachability, ErrorDocument, Event, EventsDocument, EventsQuery, ReachabilityDocument, ReachabilityQuery,
    ReachabilityState,
};
use std::time::{Duration, Instant};

impl View {
    pub(super) fn reachability(&self, query: &ReachabilityQuery) -> Result<ReachabilityDocument, ErrorDocument> {
        self.expect_network(query.network.as_deref())?;
        let (served, now) = (self.served_by_vmi(), Instant::now());
        let one = |(target, known): &(Target, Reachability)| {
            let (served, vmi) = served.get(&*target.vmi)?;
            Some(self.address(now, served, vmi, (target, known)))
        };
        let wanted = |address: &AddressReachability| {
            query.network.as_ref().is_none_or(|only| *only == address.network)
                && query.name.as_ref().is_none_or(|pattern| fits(pattern, &address.vmi))
                && query.state.is_none_or(|only| only == address.state)
        };
        let addresses: Vec<_> = self.reachability.iter().filter_map(one).filter(wanted).collect();
        let (addresses, total) = page(addresses, query.offset, query.limit);
        Ok(ReachabilityDocument { addresses, total, period_ms: milliseconds(probes::PERIOD) })
    }

    fn address(
        &self,
        now: Instant,
        served: &ServedVmi,
        vmi: &VirtualMachineInterface,
        (target, known): (&Target, &Reachability),
    ) -> AddressReachability {
        let ago = |then: Instant| milliseconds(now.saturating_duration_since(then));
        AddressReachability {
            vmi: target.vmi.to_string(),
            network: self.loaded.network[vmi.virtual_network].name.to_string(),
            address: target.address,
            port: self.loaded.node[served.port].name.to_string(),
            vlan: served.vlan.value(),
            inner_vlan: served.inner_vlan.map(|vlan| vlan.value()),
            state: match known.state {
                State::Unknown => ReachabilityState::Unknown,
                State::Reachable => ReachabilityState::Reachable,
                State::Unreachable => ReachabilityState::Unreachable,
                State::PortDown => ReachabilityState::PortDown,
            },
            for_ms: ago(known.since),
            heard_ago_ms: known.heard.map(ago),
            mac: known.mac.map(|mac| mac.to_string()),
            unanswered: known.unanswered,
        }
    }

    pub(super) fn events(&self, query: &EventsQuery) -> Result<EventsDocument, ErrorDocument> {
        let names = || EventKind::ALL.iter().map(|kind| kind.name());
        if let Some(kind) = query.kind.as_deref().filter(|kind| names().all(|name| name != *kind)) {
            return Err(not_found("kind of event", kind, names()));
        }
        let wanted = |event: &&crate::access::log::Event| {
            query.kind.as_deref().is_none_or(|only| only == event.kind.name())
                && query.since.is_none_or(|since| event.at >= since)
        };
        let kept = || self.log.events();
        let mut events: Vec<_> = kept().filter(wanted).map(document).collect();
        let total = events.len() as u64;
        let left_out = query.last.map_or(0, |last| total.saturating_sub(last));
        events.drain(..left_out as usize);
        Ok(EventsDocument {
            events,
            total,
            first_kept: kept().next().map_or(0, |event| event.number),
            latest: kept().next_back().map_or(0, |event| event.number),
        })
    }
}

fn document(event: &crate::access::log::Event) -> Event {
    Event {
        number: event.number,
        at: event.at,
        kind: event.kind.name().into(),
        about: event.about.clone(),
        what: event.what.clone(),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
