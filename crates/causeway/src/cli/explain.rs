//! A frame, where it comes in, and what it runs over.

use std::{net::IpAddr, path::PathBuf};

use clap::{ArgGroup, Args, builder::NonEmptyStringValueParser, value_parser};
use wire::{Encapsulation, MacAddr};

use super::value;

/// For the help and the manual.
pub(super) const NOTES: &str = "\
With --node or --network the tables are made from the files, as `causeway check` reads them, and
the daemon need not run; what only Linux or the ports could tell is assumed, and said. Without
them the daemon runs the frame over a copy of its tables in force. Either way the code is that
which forwards packets, and nothing is sent, counted or learned.";

/// What to explain.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("frame").required(true).args(["src", "hex", "pcap"])))]
pub(crate) struct Explain {
    /// The port that the frame comes in by
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) port: String,

    /// The frame in hexadecimal, without its check sequence
    #[arg(long, value_name = "OCTETS")]
    pub(crate) hex: Option<String>,

    /// A frame of this capture file, pcap or pcapng
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,

    /// Which frame of the capture file, from 1
    #[arg(long, value_name = "N", requires = "pcap", default_value_t = 1, value_parser = value_parser!(u64).range(1..))]
    pub(crate) packet: u64,

    #[command(flatten)]
    pub(crate) fields: Fields,

    #[command(flatten)]
    pub(crate) tunnel: TunnelFields,

    /// Make the tables from this node file
    #[arg(long, value_name = "FILE", help_heading = "Tables")]
    pub(crate) node: Option<PathBuf>,

    /// Make the tables from this network file
    #[arg(long, value_name = "FILE", help_heading = "Tables")]
    pub(crate) network: Option<PathBuf>,

    /// With files: the MAC of an underlay next hop, or `none` if it does not answer
    #[arg(long, value_name = "ADDRESS=MAC", value_parser = next_hop, help_heading = "Tables")]
    pub(crate) next_hop: Vec<(IpAddr, Option<MacAddr>)>,
}

/// A frame by its header fields.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "A frame by its fields")]
pub(crate) struct Fields {
    /// Source MAC
    #[arg(long, value_name = "MAC", value_parser = mac)]
    pub(crate) src: Option<MacAddr>,

    /// Destination MAC; ARP and neighbour solicitations have their own
    #[arg(long, value_name = "MAC", value_parser = mac, requires = "src")]
    pub(crate) dst: Option<MacAddr>,

    /// VLAN of the outer tag; without it there is none
    #[arg(long, value_name = "ID", requires = "src", value_parser = value_parser!(u16).range(..=4094))]
    pub(crate) vlan: Option<u16>,

    /// VLAN of a tag behind that one
    #[arg(long, value_name = "ID", requires = "vlan", value_parser = value_parser!(u16).range(..=4094))]
    pub(crate) inner_vlan: Option<u16>,

    /// Priority of the outer tag
    #[arg(long, value_name = "PCP", requires = "vlan", value_parser = value_parser!(u16).range(..=7))]
    pub(crate) priority: Option<u16>,

    /// Type of the outer tag: 0x8100 or 0x88a8
    #[arg(long, value_name = "TYPE", requires = "vlan", value_parser = number, default_value = "0x8100")]
    pub(crate) tpid: u16,

    /// What it carries: ipv4, ipv6, arp, arp-reply, ns (neighbour solicitation), or a type such as 0x88cc; by default
    /// IP if addresses are given, else a type that means nothing
    #[arg(long = "type", value_name = "TYPE", requires = "src", value_parser = carried)]
    pub(crate) carries: Option<Carried>,

    /// Source IP address; of ARP, the sender's
    #[arg(long, value_name = "ADDRESS", requires = "src")]
    pub(crate) src_ip: Option<IpAddr>,

    /// Destination IP address; of ARP and neighbour solicitations, the one that is asked for
    #[arg(long, value_name = "ADDRESS", requires = "src")]
    pub(crate) dst_ip: Option<IpAddr>,

    /// What the IP packet carries: udp, tcp, icmp (an echo request), or a protocol's number
    #[arg(long, value_name = "PROTOCOL", requires = "dst_ip", value_parser = protocol, default_value = "udp")]
    pub(crate) proto: Protocol,

    /// Source port of UDP or TCP
    #[arg(long, value_name = "PORT", requires = "dst_ip", default_value_t = 49_152)]
    pub(crate) sport: u16,

    /// Destination port of UDP or TCP
    #[arg(long, value_name = "PORT", requires = "dst_ip", default_value_t = 7)]
    pub(crate) dport: u16,

    /// Octets of payload behind the last header
    #[arg(long, value_name = "OCTETS", requires = "src", default_value_t = 32)]
    pub(crate) len: u16,
}

/// A tunnel that the frame comes in.
#[derive(Debug, Args)]
#[command(next_help_heading = "A tunnel around the frame, to this node")]
#[command(group(ArgGroup::new("number").args(["vni", "label"])))]
pub(crate) struct TunnelFields {
    /// The VTEP that sends it
    #[arg(long, value_name = "ADDRESS", requires = "number")]
    pub(crate) from_vtep: Option<IpAddr>,

    /// By VXLAN with this VNI
    #[arg(long, value_name = "VNI", requires = "from_vtep")]
    pub(crate) vni: Option<u32>,

    /// By MPLS with this label
    #[arg(long, value_name = "LABEL", requires = "from_vtep")]
    pub(crate) label: Option<u32>,

    /// What carries the label: MPLSoUDP or MPLSoGRE
    #[arg(long, value_name = "ENCAPSULATION", requires = "label", value_parser = mpls, default_value = "MPLSoUDP")]
    pub(crate) encapsulation: Encapsulation,
}

/// What an Ethernet frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    Ipv4,
    Ipv6,
    ArpRequest,
    ArpReply,
    NeighbourSolicitation,
    Other(u16),
}

/// What an IP packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Protocol {
    #[default]
    Udp,
    Tcp,
    Echo,
    Other(u8),
}

fn mac(text: &str) -> Result<MacAddr, String> {
    value::mac(text)?.parse().map_err(|error: wire::MacAddrError| error.to_string())
}

/// Decimal, or hexadecimal behind 0x.
fn number(text: &str) -> Result<u16, String> {
    let parsed = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u16::from_str_radix(hex, 16));
    parsed.map_err(|_| "expected a number up to 65535, or up to 0xffff".to_owned())
}

fn carried(text: &str) -> Result<Carried, String> {
    Ok(match text {
        "ipv4" => Carried::Ipv4,
        "ipv6" => Carried::Ipv6,
        "arp" => Carried::ArpRequest,
        "arp-reply" => Carried::ArpReply,
        "ns" => Carried::NeighbourSolicitation,
        _ => Carried::Other(
            number(text).map_err(|_| "expected ipv4, ipv6, arp, arp-reply, ns or a type such as 0x88cc".to_owned())?,
        ),
    })
}

fn protocol(text: &str) -> Result<Protocol, String> {
    Ok(match text {
        "udp" => Protocol::Udp,
        "tcp" => Protocol::Tcp,
        "icmp" => Protocol::Echo,
        _ => Protocol::Other(text.parse().map_err(|_| "expected udp, tcp, icmp or a number up to 255".to_owned())?),
    })
}

fn mpls(text: &str) -> Result<Encapsulation, String> {
    let known = text.parse().ok().filter(|encapsulation: &Encapsulation| encapsulation.is_mpls());
    known.ok_or_else(|| "expected MPLSoUDP or MPLSoGRE".to_owned())
}

fn next_hop(text: &str) -> Result<(IpAddr, Option<MacAddr>), String> {
    let expected = || "expected an address and a MAC, as in 172.16.0.254=02:00:00:00:00:fe, or ADDRESS=none".to_owned();
    let (address, at) = text.split_once('=').ok_or_else(expected)?;
    let address = address.parse().map_err(|_| expected())?;
    let at = if at == "none" { None } else { Some(mac(at).map_err(|_| expected())?) };
    Ok((address, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_protocols_and_next_hops_are_read_or_refused_with_what_was_expected() {
        assert_eq!(carried("0x88cc"), Ok(Carried::Other(0x88cc)));
        assert_eq!(carried("arp"), Ok(Carried::ArpRequest));
        assert!(carried("arpa").is_err_and(|message| message.contains("0x88cc")));
        assert_eq!((protocol("icmp"), protocol("89")), (Ok(Protocol::Echo), Ok(Protocol::Other(89))));
        assert!(protocol("256").is_err());
        let mac = MacAddr::new([2, 0, 0, 0, 0, 0xfe]);
        assert_eq!(next_hop("fd00::2=02:00:00:00:00:fe"), Ok(("fd00::2".parse().unwrap(), Some(mac))));
        assert_eq!(next_hop("172.16.0.2=none"), Ok(("172.16.0.2".parse().unwrap(), None)));
        assert!(next_hop("172.16.0.2").is_err() && next_hop("here=none").is_err() && next_hop("::1=x").is_err());
        assert!(mpls("VXLAN").is_err() && mpls("MPLSoGRE").is_ok());
    }
}
