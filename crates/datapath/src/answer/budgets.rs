//! What each VMI may ask of this node, so that none takes a worker's time from the others.

use fib::VifIndex;
use telemetry::{Limit, Rate, Service};

/// Requests for an address. A host asks for each neighbour once in 15 to 45 seconds and a few times more until it hears
/// (RFC 4861 section 10); a scan of a subnet of 254 passes.
const ADDRESSES: Rate = Rate { frames_per_second: 1_000, burst: 254 };
/// Pings: 20 monitors at their fastest.
const ECHOES: Rate = Rate { frames_per_second: 200, burst: 50 };

/// A bucket for each interface and kind of service; ARP and neighbour discovery share one.
pub(crate) struct Budgets {
    addresses: Buckets,
    echoes: Buckets,
}

impl Budgets {
    /// Full ones for interfaces below row `vifs`, on a clock of so many ticks a second. Eight octets an interface and kind,
    /// in memory that is real only where an interface has asked.
    pub(crate) fn new(vifs: usize, ticks_per_second: u64) -> Self {
        let buckets = |rate| Buckets::new(Limit::new(rate, ticks_per_second), vifs);
        Self { addresses: buckets(ADDRESSES), echoes: buckets(ECHOES) }
    }

    /// Whether a request is within its interface's rate at `now`; if so, it is counted.
    pub(crate) fn admit(&mut self, service: Service, vif: VifIndex, now: u64) -> bool {
        match service {
            Service::Arp | Service::Nd => self.addresses.admit(vif, now),
            Service::Echo => self.echoes.admit(vif, now),
        }
    }
}

struct Buckets {
    limit: Limit,
    next: Box<[u64]>,
}

impl Buckets {
    fn new(limit: Limit, vifs: usize) -> Self {
        #[allow(
            clippy::disallowed_macros,
            reason = "once, when the worker is made; zeroed by the system, page by page"
        )]
        let next = vec![0; vifs].into_boxed_slice();
        Self { limit, next }
    }

    fn admit(&mut self, vif: VifIndex, now: u64) -> bool {
        self.next.get_mut(vif.row()).is_some_and(|next| self.limit.admit(next, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_interface_s_flood_leaves_the_others_and_the_other_service_their_bursts() {
        let mut budgets = Budgets::new(8, 1_000_000);
        let vif = |n| VifIndex::new(n).unwrap();
        let mut passed = |service, n, at| (0..10_000).filter(|_| budgets.admit(service, vif(n), at)).count();
        assert_eq!(passed(Service::Arp, 3, 0), 254);
        assert_eq!(passed(Service::Nd, 3, 0), 0, "both are one budget");
        assert_eq!([passed(Service::Echo, 3, 0), passed(Service::Nd, 4, 0)], [50, 254]);
        assert_eq!(passed(Service::Arp, 3, 1_000), 1);
        assert_eq!(passed(Service::Arp, 9, 0), 0, "no such interface");
    }
}
