//! The thread that looks at frames for the operator, and the filter that it asks: tcpdump's, by libpcap.

use control::watching::{Compile, Filter, WatchCall, Watching};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use pcap::{Capture, Linktype};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Calls that may wait for it.
pub(crate) const WAITING_CALLS: usize = 8;

/// Answers calls and takes in what workers saw, until `stop` is set or nobody can call any more.
pub(crate) fn run(mut watching: Watching, calls: &Receiver<WatchCall>, stop: &AtomicBool) {
    // Relaxed: the flag publishes nothing, and a turn more does not matter.
    while !stop.load(Ordering::Relaxed) {
        match calls.recv_timeout(watching.patience()) {
            Ok(call) => watching.hear(call, Instant::now()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        watching.turn(Instant::now());
    }
}

/// Makes filters of what pcap-filter(7) says. Nothing is captured by libpcap itself.
pub(crate) fn compiler() -> Compile {
    Box::new(|text| {
        let handle = Capture::dead(Linktype::ETHERNET).map_err(|error| error.to_string())?;
        let program = handle.compile(text, true).map_err(|error| error.to_string())?;
        let filter: Filter = Box::new(move |octets| program.filter(octets));
        Ok(filter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_wants_what_tcpdump_would_and_a_wrong_one_says_why() {
        let compile = compiler();
        let mut arp = compile("vlan 100 and arp").expect("tcpdump's syntax");
        let frame = |vlan, ether_type: [u8; 2]| [&[2; 12][..], &[0x81, 0, 0, vlan], &ether_type, &[0; 46]].concat();
        assert!(arp(&frame(100, [8, 6])));
        assert!(!arp(&frame(101, [8, 6])) && !arp(&frame(100, [8, 0])));
        let wrong = compile("vlan vlan vlan 9999 nonsense").err().expect("no filter");
        assert!(wrong.contains("error"), "{wrong}");
    }
}
