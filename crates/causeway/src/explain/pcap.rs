//! A frame of a capture file.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
};

use pcap_file::{
    DataLink,
    pcap::PcapReader,
    pcapng::{Block, PcapNgReader},
};

use super::Given;

/// How every pcapng file begins.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// A packet as it was captured.
struct Packet {
    link: DataLink,
    octets: Vec<u8>,
    /// How long it was on the wire.
    length: usize,
}

/// The `number`th packet, from 1. What was cut off is taken to be zero, and said.
pub(super) fn read(path: &Path, number: u64) -> Result<Given, String> {
    let name = path.display();
    let mut file = File::open(path).map_err(|error| format!("cannot open `{name}`: {error}"))?;
    let mut magic = [0; 4];
    let read = file.read_exact(&mut magic).and_then(|()| file.rewind());
    read.map_err(|error| format!("`{name}` is no capture file: {error}"))?;
    let file = BufReader::new(file);
    let packet = if magic == PCAPNG { from_pcapng(file, number) } else { from_pcap(file, number) };
    let Packet { link, mut octets, length } = packet.map_err(|error| format!("`{name}`: {error}"))?;
    if link != DataLink::ETHERNET {
        return Err(format!("`{name}`: packet {number} is of link type {link:?}: expected Ethernet"));
    }
    let captured = octets.len();
    let cut = length > captured;
    let assumption = cut.then(|| format!("of the packet's {length} octets {captured} were captured: the rest is zero"));
    octets.resize(length.max(captured).min(::explain::FRAME_OCTETS_MAX + 1), 0);
    Ok(Given { octets, assumption })
}

fn only(count: u64) -> String {
    format!("has {count} packets, and no more")
}

fn from_pcap(file: impl Read, number: u64) -> Result<Packet, String> {
    let mut reader = PcapReader::new(file).map_err(|error| format!("is no capture file: {error}"))?;
    let link = reader.header().datalink;
    let mut count = 0;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.map_err(|error| format!("packet {}: {error}", count + 1))?;
        count += 1;
        if count == number {
            return Ok(Packet { link, length: packet.orig_len as usize, octets: packet.data.into_owned() });
        }
    }
    Err(only(count))
}

fn from_pcapng(file: impl Read, number: u64) -> Result<Packet, String> {
    let mut reader = PcapNgReader::new(file).map_err(|error| format!("is no capture file: {error}"))?;
    let mut links: Vec<DataLink> = Vec::new();
    let mut count = 0;
    while let Some(block) = reader.next_block() {
        let block = block.map_err(|error| format!("packet {}: {error}", count + 1))?;
        let (interface, length, data) = match block {
            Block::SectionHeader(_) => {
                links.clear();
                continue;
            }
            Block::InterfaceDescription(interface) => {
                links.push(interface.linktype);
                continue;
            }
            Block::EnhancedPacket(packet) => (packet.interface_id as usize, packet.original_len, packet.data),
            Block::SimplePacket(packet) => (0, packet.original_len, packet.data),
            _ => continue,
        };
        count += 1;
        if count == number {
            let link = links
                .get(interface)
                .ok_or(format!("packet {number} is of interface {interface}, which is not described"))?;
            return Ok(Packet { link: *link, octets: data.into_owned(), length: length as usize });
        }
    }
    Err(only(count))
}
