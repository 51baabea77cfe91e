//! The host I/O thread's side of `show host`; control fills in the workers'.

use crate::channels::HOST_SLOTS;
use netlink::{HostIoClassCounters, HostIoReader};
use telemetry::slots::{ClassRates, SlotClass};

pub(crate) fn document(host_io: &HostIoReader) -> api::HostDocument {
    let counters = host_io.snapshot();
    api::HostDocument {
        channel_slots: HOST_SLOTS as u32,
        to_host_octets: counters.to_host_octets,
        from_host_octets: counters.from_host_octets,
        read_errors: counters.read_errors,
        classes: SlotClass::ALL.into_iter().zip(&counters.classes).map(class).collect(),
    }
}

fn class((class, counters): (SlotClass, &HostIoClassCounters)) -> api::HostClass {
    let (up, down) = (ClassRates::TO_HOST.of(class), ClassRates::TO_FABRIC.of(class));
    api::HostClass {
        class: class.name().into(),
        urgent: class.is_urgent(),
        to_host: api::ToHost {
            limit_pps: up.frames_per_second,
            burst: up.burst,
            delivered: counters.to_host_frames,
            refused: counters.to_host_errors,
            ..api::ToHost::default()
        },
        from_host: api::FromHost {
            limit_pps: down.frames_per_second,
            burst: down.burst,
            injected: counters.from_host.passed,
            policed: counters.from_host.policed,
            channel_full: counters.from_host.full,
            too_long: counters.from_host.too_long,
        },
    }
}
