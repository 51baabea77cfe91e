//! What can be typed.

use crate::frame::{FLOWS_MAX, Vlans, Way};
use crate::rate::Rate;
use crate::sizes::Sizes;
use clap::{Parser, ValueEnum};
use dpdk::Device;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;
use wire::{Encapsulation, MacAddr};

/// What the exit statuses mean, for the help and the manual.
pub const EXIT_STATUSES: [(u8, &str); 5] = [
    (0, "it ran to its end"),
    (1, "it could not run: a port, memory, no link, or nothing came through"),
    (2, "wrong usage"),
    (3, "it ran, and with --strict frames were lost, doubled or spoilt, or --find found no rate that holds"),
    (130, "it was interrupted; the report is partial"),
];

/// The statuses as a paragraph of the help.
fn exit_status_help() -> String {
    let list = EXIT_STATUSES.map(|(status, meaning)| format!("  {status:<3}  {meaning}"));
    format!("Exit status:\n{}", list.join("\n"))
}

/// Send numbered frames through a gateway, or any forwarder, and count what comes back.
///
/// The two ports are the other ends of the gateway's. Frames to the fabric enter with a VLAN tag at --access and are expected,
/// in whatever tunnel, at --fabric; frames from the fabric the other way round. A frame that comes back where it was sent counts
/// as well. One port alone is enough for one direction and a peer that returns frames.
#[derive(Clone, Debug, Parser)]
#[command(name = "causeway-loadgen", version, after_help = exit_status_help(), max_term_width = 120)]
pub struct Cli {
    /// Port on the side of the VLANs: a PCI address or DPDK device, as net_memif0,role=client,socket=/run/a.sock
    #[arg(long, value_name = "DEVICE", required_unless_present_any = ["fabric", "man"])]
    pub access: Option<Device>,

    /// Port on the side of the fabric
    #[arg(long, value_name = "DEVICE")]
    pub fabric: Option<Device>,

    /// Directions to send in; those whose port is given, if not said
    #[arg(long, value_name = "WAY")]
    pub direction: Option<Direction>,

    /// Length of frames, untagged and with check sequence: 64 to 9600, or imix (28 x 64, 16 x 570, 4 x 1518)
    #[arg(long, value_name = "SIZE", default_value = "64")]
    pub size: Sizes,

    /// Frames a second in each direction (200k, 1.5M), or 500Mbit, 50% of the link, max
    #[arg(long, value_name = "RATE", default_value = "100k", conflicts_with = "find")]
    pub rate: Rate,

    /// Time of sending, 0.01 to 86400 seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, conflicts_with = "find")]
    pub duration: Duration,

    /// Frames of each direction at most
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "find")]
    pub count: Option<u64>,

    /// Look for the highest rate without loss (ndr), or with 0.5 % (pdr), by bisection; or both: ndr,pdr
    #[arg(long, value_name = "GOAL", value_delimiter = ',')]
    pub find: Vec<Find>,

    /// With --find: time of a trial, 0.01 to 86400 seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub trial: Duration,

    /// With --find: time of the last trial, in which the rate found has to hold, 0.01 to 86400 seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub verification: Duration,

    /// With --find: how near to come, 0.1 to 20 percent of the rate
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = percent)]
    pub resolution: f64,

    /// With --find: the highest rate to try; what comes through at full speed and a tenth more, if not said
    #[arg(long, value_name = "RATE")]
    pub max_rate: Option<Rate>,

    /// The forwarder's process, where it runs on this machine: loss while its threads wait for a core is told apart
    #[arg(long, value_name = "PID")]
    pub watch: Option<u32>,

    /// VLANs, each with an instance and a peer behind the fabric
    #[arg(long, value_name = "FIRST-LAST", default_value = "100-163")]
    pub vlans: Vlans,

    /// Flows of each direction, dealt to the VLANs
    #[arg(long, value_name = "FLOWS", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=i64::from(FLOWS_MAX)))]
    pub flows: u32,

    /// Tunnels from the fabric: VXLAN, MPLSoUDP or MPLSoGRE
    #[arg(long, value_name = "NAME", default_value = "VXLAN")]
    pub encapsulation: Encapsulation,

    /// VTEP address of the gateway
    #[arg(long, value_name = "ADDRESS", default_value = "172.16.0.1")]
    pub gateway: Ipv4Addr,

    /// MAC of the gateway on the fabric; asked for by ARP if not given
    #[arg(long, value_name = "MAC")]
    pub gateway_mac: Option<MacAddr>,

    /// VTEP address to send from; ARP for it is answered
    #[arg(long, value_name = "ADDRESS", default_value = "172.16.0.2")]
    pub vtep: Ipv4Addr,

    /// MAC to send from on the fabric
    #[arg(long, value_name = "MAC", default_value = "02:00:00:00:00:99")]
    pub vtep_mac: MacAddr,

    /// The VNI of a VLAN is this and the VLAN
    #[arg(long, value_name = "VNI", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(0..=0xff_f001))]
    pub vni_base: u32,

    /// The label of a VLAN at the gateway is this and the VLAN
    #[arg(long, value_name = "LABEL", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(15..=0xf_f001))]
    pub label_base: u32,

    /// Wait so long for links, for ARP, and for the first frames to come through, 0.01 to 86400 seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub wait: Duration,

    /// Keep the ports open so long after the report, or until a link goes down: a DPDK 22.11 process may crash when the other end
    /// of a memif leaves while it polls, so end that one first
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub linger: Option<Duration>,

    /// Read numbers only, and do not compare every octet of a payload
    #[arg(long)]
    pub numbers_only: bool,

    /// End with status 3 where anything was lost, doubled, corrupted or misdirected
    #[arg(long)]
    pub strict: bool,

    /// Also write the report as JSON to this file, or with `-` to standard output instead of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Core that sends and receives; the last one that may be used, if not said
    #[arg(long, value_name = "CORE")]
    pub core: Option<usize>,

    /// Core that receives, if not the same
    #[arg(long, value_name = "CORE")]
    pub rx_core: Option<usize>,

    /// Core of DPDK's own threads; the first one that may be used, if not said
    #[arg(long, value_name = "CORE")]
    pub main_core: Option<usize>,

    /// Ordinary memory for frames, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(64..=65536))]
    pub memory: u32,

    /// Use so many MiB of huge pages instead: PCI devices need them
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(64..=65536))]
    pub hugepages: Option<u32>,

    /// Write the manual page into this directory, and stop
    #[arg(long, value_name = "DIRECTORY", hide = true, exclusive = true)]
    pub man: Option<PathBuf>,
}

/// Which directions are driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Both.
    Both,
    /// Only from VLANs to tunnels.
    ToFabric,
    /// Only from tunnels to VLANs.
    FromFabric,
}

/// A rate to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Find {
    /// No loss.
    Ndr,
    /// Half a percent.
    Pdr,
}

impl Find {
    /// As in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndr => "ndr",
            Self::Pdr => "pdr",
        }
    }

    /// Share of frames that may be lost.
    #[must_use]
    pub fn tolerance(self) -> f64 {
        match self {
            Self::Ndr => 0.0,
            Self::Pdr => 0.005,
        }
    }
}

/// What can be wrong with options that are right one by one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UsageError {
    /// The port that the direction begins at is not there.
    #[error("--direction {way}: expected --{port} as well, which it begins at")]
    NoPort {
        /// The direction.
        way: &'static str,
        /// The option.
        port: &'static str,
    },
    /// One core for two things.
    #[error("--rx-core {0}: expected another core than --core")]
    SameCore(usize),
    /// The VLANs' labels leave the range.
    #[error("--label-base {0}: expected {most} at most with these VLANs", most = 0xf_ffff - 4094)]
    Labels(u32),
}

impl Cli {
    /// The directions to send in.
    ///
    /// # Errors
    /// The port of a direction that was asked for is missing.
    pub fn ways(&self) -> Result<Vec<Way>, UsageError> {
        let has = |way| if way == Way::ToFabric { self.access.is_some() } else { self.fabric.is_some() };
        let wanted = match self.direction {
            None => return Ok(Way::BOTH.into_iter().filter(|way| has(*way)).collect()),
            Some(Direction::Both) => Way::BOTH.to_vec(),
            Some(Direction::ToFabric) => vec![Way::ToFabric],
            Some(Direction::FromFabric) => vec![Way::FromFabric],
        };
        let port = |way| if way == Way::ToFabric { "access" } else { "fabric" };
        match wanted.iter().copied().find(|way| !has(*way)) {
            Some(way) => Err(UsageError::NoPort { way: way.name(), port: port(way) }),
            None => Ok(wanted),
        }
    }

    /// The cores of DPDK, of the lane, and of the lane that receives if it is another.
    ///
    /// # Errors
    /// Both lanes on one core.
    pub fn cores(&self, available: &[usize]) -> Result<(usize, usize, Option<usize>), UsageError> {
        let main = self.main_core.or_else(|| available.first().copied()).unwrap_or(0);
        let core = self.core.or_else(|| available.last().copied()).unwrap_or(0);
        match self.rx_core {
            Some(rx_core) if rx_core == core => Err(UsageError::SameCore(rx_core)),
            rx_core => Ok((main, core, rx_core)),
        }
    }
}

/// A time in seconds.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let value: Option<f64> = text.parse().ok();
    let legal = value.filter(|value| (0.01..=86_400.0).contains(value));
    legal.map(Duration::from_secs_f64).ok_or("expected 0.01 to 86400 seconds")
}

/// A share in percent.
fn percent(text: &str) -> Result<f64, &'static str> {
    let value: Option<f64> = text.parse().ok();
    value.filter(|value| (0.1..=20.0).contains(value)).ok_or("expected 0.1 to 20 percent")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Cli, String> {
        let words = ["causeway-loadgen"].into_iter().chain(words.split_ascii_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn directions_follow_from_the_ports_or_are_refused() {
        let ways = |words: &str| parse(words).expect("legal options").ways();
        assert_eq!(ways("--access net_ring0"), Ok(vec![Way::ToFabric]));
        assert_eq!(ways("--access net_ring0 --fabric net_ring1"), Ok(Way::BOTH.to_vec()));
        assert_eq!(ways("--access net_ring0 --fabric net_ring1 --direction from-fabric"), Ok(vec![Way::FromFabric]));
        let error = ways("--fabric net_ring1 --direction both").expect_err("no access port");
        assert_eq!(error.to_string(), "--direction to-fabric: expected --access as well, which it begins at");
    }

    #[test]
    fn an_error_names_the_option_the_value_and_what_was_expected() {
        for (words, parts) in [
            ("--access net_ring0 --size 63", ["--size", "'63'", "64 to 9600"]),
            ("--access net_ring0 --rate fast", ["--rate", "'fast'", "frames a second"]),
            ("--access net_ring0 --vlans 0-5", ["--vlans", "'0-5'", "1 to 4094"]),
            ("--access eth0", ["--access", "'eth0'", "PCI address"]),
            ("--access net_ring0 --duration 0", ["--duration", "'0'", "0.01 to 86400"]),
            ("--access net_ring0 --flows 0", ["--flows", "0", "1..=1048576"]),
            ("--access net_ring0 --encapsulation vxlan", ["--encapsulation", "'vxlan'", "VXLAN"]),
        ] {
            let error = parse(words).expect_err(words);
            let line = error.lines().next().unwrap_or_default();
            assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        }
        assert!(parse("").is_err());
    }

    #[test]
    fn both_lanes_want_a_core_of_their_own() {
        let cores = |words: &str| parse(&format!("--access net_ring0 {words}")).expect("legal").cores(&[1, 2, 3]);
        assert_eq!(cores(""), Ok((1, 3, None)));
        assert_eq!(cores("--core 1 --rx-core 2"), Ok((1, 1, Some(2))));
        assert_eq!(cores("--rx-core 3"), Err(UsageError::SameCore(3)));
    }
}
