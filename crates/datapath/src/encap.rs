//! Writes the outer header: a template copied, and six fields patched.

use crate::burst::Lanes;
use crate::io::Frame;
use crate::{Burst, Verdict};
use fib::{Snapshot, Tunnel};
use telemetry::DropReason;
use wire::{ethernet, ipv4, udp, vxlan};

/// IPv4, UDP and VXLAN: what the IP length counts beside the inner frame.
const IP_OVERHEAD: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS;
const UDP_OVERHEAD: usize = udp::HEADER_OCTETS + vxlan::HEADER_OCTETS;
/// Room for the longest outer header and the inner MACs behind it.
pub(crate) const WINDOW: usize = 54 + MACS;
pub(crate) const MACS: usize = 12;

/// Identification values for this worker's packets: the counters of `workers` workers never meet.
#[derive(Debug, Clone)]
pub(crate) struct IpIds {
    first: u16,
    next: u16,
    step: u16,
}

impl IpIds {
    /// The sequence of worker `index` among `workers`.
    pub(crate) fn new(index: u16, workers: u16) -> Self {
        Self { first: index, next: index, step: workers.max(1) }
    }

    #[inline(always)]
    pub(crate) fn take(&mut self) -> u16 {
        let id = self.next;
        // Not a wrapping addition: 65,536 is no multiple of every number of workers.
        self.next = id.checked_add(self.step).unwrap_or(self.first);
        id
    }
}

/// What differs from packet to packet.
#[derive(Clone)]
pub(crate) struct Inner {
    /// Inner frame, in octets from its destination MAC, without check sequence.
    pub(crate) octets: usize,
    pub(crate) destination: u64,
    pub(crate) source: u64,
    pub(crate) hash: u32,
    pub(crate) shim: u32,
}

/// Sends the `to_remote` lanes out of the fabric port: pops the tag, pads to 60 octets, writes the outer header.
///
/// Drops: `NoNexthop`, `NexthopUnresolved`, `TooBigForFabric`, `NoHeadroom`, `NoTailroom`. Grows a frame by 46 octets
/// (tag popped in the same step), 50 when the port took the tag out, 4 more with a fabric VLAN.
#[inline]
pub(crate) fn to_fabric<F: Frame>(t: &Snapshot, ids: &mut IpIds, burst: &mut Burst<F>) {
    // In registers while the burst lasts.
    let mut taken = ids.clone();
    for lane in burst.lanes.to_remote {
        let Some(frame) = burst.frames.get_mut(lane) else { break };
        let lanes = &mut burst.lanes;
        match one(t, &mut taken, lanes, lane, frame) {
            Ok(tunnel) => lanes.verdict[lane] = Verdict::Send(tunnel.port()),
            Err(reason) => lanes.drop(lane, reason),
        }
    }
    *ids = taken;
    burst.lanes.live.remove_all(burst.lanes.to_remote);
}

#[inline(always)]
fn one<'t, F: Frame>(
    t: &'t Snapshot,
    ids: &mut IpIds,
    lanes: &Lanes,
    lane: usize,
    frame: &mut F,
) -> Result<&'t Tunnel, DropReason> {
    let nexthop = t.nexthop(lanes.nexthop[lane]).ok_or(DropReason::NoNexthop)?;
    let tunnel = t.tunnel(nexthop.tunnel()).ok_or(DropReason::NoNexthop)?;
    let tag = usize::from(lanes.tag_octets[lane]);
    let mut octets = frame.total_octets() - tag;
    if octets < ethernet::MIN_FRAME_OCTETS {
        pad(frame, ethernet::MIN_FRAME_OCTETS - octets)?;
        octets = ethernet::MIN_FRAME_OCTETS;
    }
    check(tunnel, octets)?;
    let inner = Inner {
        octets,
        destination: lanes.destination[lane],
        source: lanes.source[lane],
        hash: lanes.hash[lane],
        shim: nexthop.shim(),
    };
    let head = frame.prepend(tunnel.header_octets() - tag).ok_or(DropReason::NoHeadroom)?;
    let window = head.first_chunk_mut::<WINDOW>().ok_or(DropReason::NotContiguous)?;
    write(window, tunnel, &inner, ids.take());
    Ok(tunnel)
}

/// Whether a frame can go this way at all.
#[inline(always)]
pub(crate) fn check(tunnel: &Tunnel, octets: usize) -> Result<(), DropReason> {
    if tunnel.header_octets() == 0 {
        return Err(DropReason::NexthopUnresolved);
    }
    if octets > tunnel.max_frame() {
        return Err(DropReason::TooBigForFabric);
    }
    Ok(())
}

/// Adds `n` zero octets behind: an Ethernet frame has at least 60 without its check sequence.
#[cold]
pub(crate) fn pad<F: Frame>(frame: &mut F, n: usize) -> Result<(), DropReason> {
    frame.append(n).ok_or(DropReason::NoTailroom)?.fill(0);
    Ok(())
}

/// Writes the outer header of a resolved tunnel and the inner MACs behind it.
#[inline(always)]
pub(crate) fn write(window: &mut [u8; WINDOW], tunnel: &Tunnel, inner: &Inner, id: u16) {
    if tunnel.header_octets() == vxlan::OUTER_OCTETS {
        write_at::<14>(window, tunnel, inner, id);
    } else {
        write_tagged(window, tunnel, inner.clone(), id);
    }
}

/// Not inlined: the compiler would merge both ways into one whose places are variables. By value: a reference would keep
/// the packet's numbers in memory on the other way too.
#[inline(never)]
fn write_tagged(window: &mut [u8; WINDOW], tunnel: &Tunnel, inner: Inner, id: u16) {
    write_at::<18>(window, tunnel, &inner, id);
}

/// `IP` is where the IP header begins; a constant, so no bounds check is left.
#[inline(always)]
fn write_at<const IP: usize>(window: &mut [u8; WINDOW], tunnel: &Tunnel, inner: &Inner, id: u16) {
    let header = IP + IP_OVERHEAD;
    window[..header].copy_from_slice(&tunnel.header()[..header]);
    let total = (inner.octets + IP_OVERHEAD) as u16;
    let sum = tunnel.checksum() + u32::from(total) + u32::from(id);
    put(window, IP + 2, total.to_be_bytes());
    put(window, IP + 4, id.to_be_bytes());
    put(window, IP + 10, (!fold(sum)).to_be_bytes());
    put(window, IP + 20, udp::entropy_port(inner.hash).to_be_bytes());
    put(window, IP + 24, ((inner.octets + UDP_OVERHEAD) as u16).to_be_bytes());
    put(window, IP + 32, inner.shim.to_be_bytes());
    put(window, header, mac_octets(inner.destination, inner.source));
}

/// Folds the one's complement sum of at most three 16-bit words, which two steps do.
#[inline(always)]
fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// Twelve octets: destination and source of an Ethernet header.
#[inline(always)]
pub(crate) fn mac_octets(destination: u64, source: u64) -> [u8; MACS] {
    ((u128::from(destination) << 48 | u128::from(source)) << 32)
        .to_be_bytes()
        .first_chunk()
        .copied()
        .unwrap_or([0; MACS])
}

#[inline(always)]
fn put<const N: usize>(window: &mut [u8; WINDOW], at: usize, octets: [u8; N]) {
    window[at..at + N].copy_from_slice(&octets);
}
