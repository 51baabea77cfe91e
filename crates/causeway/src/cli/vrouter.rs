//! The commands of the original vRouter's hands, as far as there is something to show.

use clap::{Args, ValueEnum, value_parser};

use super::value;

/// `causeway vif`.
#[derive(Debug, Args)]
pub(crate) struct Vif {
    #[command(flatten)]
    pub(crate) action: VifAction,
    /// With --clear: of this interface alone
    #[arg(long, value_name = "INDEX", requires = "clear")]
    pub(crate) id: Option<u32>,
}

/// What to do with interfaces.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct VifAction {
    /// Every interface: the VMIs by their index, then the ports
    #[arg(long)]
    list: bool,
    /// The interface of this index
    #[arg(long, value_name = "INDEX")]
    pub(crate) get: Option<u32>,
    /// Have the counters of all interfaces and of drops count from 0 again
    #[arg(long)]
    pub(crate) clear: bool,
}

/// `causeway nh`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Nh {
    /// Every next hop
    #[arg(long)]
    list: bool,
    /// The next hop of this number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) get: Option<u64>,
}

/// `causeway mpls`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Mpls {
    /// Every label that this node answers to
    #[arg(long)]
    dump: bool,
    /// This label
    #[arg(long, value_name = "LABEL", value_parser = value_parser!(u32).range(0..=1_048_575))]
    pub(crate) get: Option<u32>,
}

/// `causeway rt`.
#[derive(Debug, Args)]
pub(crate) struct Rt {
    #[command(flatten)]
    pub(crate) action: RtAction,
    /// With --get: the VRF to look in
    #[arg(long, value_name = "VRF", requires = "get")]
    pub(crate) vrf: Option<u32>,
    /// Which table; there are bridge tables only
    #[arg(long, value_enum, default_value = "bridge")]
    family: Family,
}

/// What of a table.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RtAction {
    /// Every MAC address of this VRF: the number that `vif` shows for a VMI of the network
    #[arg(long, value_name = "VRF")]
    pub(crate) dump: Option<u32>,
    /// This MAC address, in the VRF that --vrf names
    #[arg(long, value_name = "MAC", value_parser = value::mac, requires = "vrf")]
    pub(crate) get: Option<String>,
}

/// Families of routes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Family {
    /// MAC addresses
    Bridge,
}

/// `causeway dropstats`.
#[derive(Debug, Args)]
pub(crate) struct Dropstats {
    /// Only what the worker on this CPU core dropped
    #[arg(long, value_name = "CORE", conflicts_with = "clear")]
    pub(crate) core: Option<u16>,
    /// Count from 0 again
    #[arg(long)]
    pub(crate) clear: bool,
}
