//! What goes between the fabric and Linux.

use api::{FromHost, HostClass, HostDocument, ToHost};

use crate::table::Table;

pub(super) fn host(document: &HostDocument) -> String {
    let mut up = Table::new(&[
        "TO LINUX",
        "URGENT",
        ">LIMIT/S",
        ">BURST",
        ">PUNTED",
        ">POLICED",
        ">CHANNEL FULL",
        ">TOO LONG",
        ">DELIVERED",
        ">REFUSED",
    ]);
    let mut down = Table::new(&[
        "FROM LINUX",
        "URGENT",
        ">LIMIT/S",
        ">BURST",
        ">INJECTED",
        ">POLICED",
        ">CHANNEL FULL",
        ">TOO LONG",
    ]);
    for class in &document.classes {
        let ToHost { limit_pps, burst, punted, policed, channel_full, too_long, delivered, refused } = class.to_host;
        let limits = [limit_pps, burst].map(u64::from);
        up.row(row(class, limits.into_iter().chain([punted, policed, channel_full, too_long, delivered, refused])));
        let FromHost { limit_pps, burst, injected, policed, channel_full, too_long } = class.from_host;
        let limits = [limit_pps, burst].map(u64::from);
        down.row(row(class, limits.into_iter().chain([injected, policed, channel_full, too_long])));
    }
    format!(
        "{up}\n{down}\n{} octets to Linux, {} from Linux; {} failed reads of the host interface\n\
         a channel has {} slots, a quarter of them for urgent classes alone; limits to Linux are each worker's\n",
        document.to_host_octets, document.from_host_octets, document.read_errors, document.channel_slots
    )
}

fn row(class: &HostClass, counts: impl Iterator<Item = u64>) -> impl Iterator<Item = String> {
    let urgent = if class.urgent { "yes" } else { "no" };
    [class.class.clone(), urgent.to_owned()].into_iter().chain(counts.map(|count| count.to_string()))
}
