use crate::error::NetlinkError;
use crate::messages::{self, LinkChange};
use crate::socket::RouteSocket;
use crate::tap::{Tap, check_name};
use control::underlay::{InterfaceIndex, Ipv4Prefix};
use std::net::Ipv4Addr;
use wire::MacAddr;

/// Marks the addresses and routes that are ours (`ip route show proto 202`), so that we touch no others.
///
/// The mark is in the kernel, not in our memory: what a killed process left behind is found and corrected at start.
pub const ROUTE_PROTOCOL: u8 = 202;

/// What the host interface is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostInterfaceConfig {
    /// `fabric.host_interface`.
    pub name: String,
    /// The fabric port's MAC: what the fabric learns by ARP must be what the port accepts.
    pub mac: MacAddr,
    /// Greatest IP packet, in octets: the fabric port's.
    pub mtu: u16,
    /// `fabric.address`.
    pub address: Ipv4Addr,
    /// Its prefix length.
    pub prefix_len: u8,
    /// `fabric.routes`.
    pub routes: Vec<StaticRoute>,
}

/// A configured route by way of the host interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticRoute {
    /// For these destinations.
    pub to: Ipv4Prefix,
    /// By this router, which must be on the fabric subnet.
    pub via: Ipv4Addr,
}

/// The TAP that bears the fabric address, set up in the network namespace of the thread that called
/// [`HostInterface::set_up`].
///
/// The TAP is persistent and is never removed by us: an operator may hang addresses, FRR or firewall rules on it, and
/// they shall outlive a restart of ours. While no process serves it, it has no carrier. Of its configuration we own the
/// MAC, the MTU, the fabric address and the configured routes (both marked with [`ROUTE_PROTOCOL`]), and nothing else.
#[derive(Debug)]
pub struct HostInterface {
    name: String,
    index: u32,
}

impl HostInterface {
    /// Makes or takes over the TAP, and gives it MAC, MTU, address and routes. Blocks for some exchanges with the
    /// kernel.
    ///
    /// Repeatable: addresses and routes of ours that are no longer configured are removed, the others stay as they are.
    /// A configured route takes the place of another's route of the same prefix and metric 0.
    pub fn set_up(config: &HostInterfaceConfig) -> Result<(Self, Tap), NetlinkError> {
        let HostInterfaceConfig { name, mac, mtu, address, prefix_len, routes } = config;
        check_name(name)?;
        if !mac.is_station() {
            return Err(NetlinkError::NotAStation { name: name.clone(), mac: *mac });
        }
        let mut socket = open_socket()?;
        let existing = messages::find_link(&mut socket, name)?;
        if let Some(kind) = existing.as_ref().and_then(messages::kind_unless_tap) {
            return Err(NetlinkError::NameInUse { name: name.clone(), kind });
        }
        let tap = Tap::open(name)?;
        let link = messages::find_link(&mut socket, name)?;
        let index = link.ok_or_else(|| NetlinkError::NoSuchInterface { name: name.clone() })?.header.index;
        settle_sysctls(name);
        let refused = |action| move |source| NetlinkError::refused(action, name, source);
        messages::change_link(&mut socket, index, LinkChange::Mac(*mac)).map_err(refused("set the MAC of"))?;
        messages::change_link(&mut socket, index, LinkChange::Mtu(*mtu)).map_err(refused("set the MTU of"))?;
        messages::change_link(&mut socket, index, LinkChange::Up).map_err(refused("bring up"))?;
        set_address(&mut socket, name, index, (*address, *prefix_len))?;
        messages::remove_our_routes(&mut socket, index, routes).map_err(refused("remove former routes by"))?;
        for route in routes {
            let subject = || format!("{} via {} by {name}", route.to, route.via);
            messages::put_route(&mut socket, index, route)
                .map_err(|source| NetlinkError::refused("add the route", subject(), source))?;
        }
        Ok((Self { name: name.clone(), index }, tap))
    }

    /// The kernel's number of the interface.
    pub fn index(&self) -> InterfaceIndex {
        InterfaceIndex(self.index)
    }

    /// For a clean stop: removes the configured routes again, which lead nowhere without us. The TAP and its address
    /// stay.
    pub fn remove_routes(self) -> Result<(), NetlinkError> {
        let removed = messages::remove_our_routes(&mut open_socket()?, self.index, &[])
            .map_err(|source| NetlinkError::refused("remove our routes by", &self.name, source))?;
        tracing::debug!(interface = %self.name, removed, "removed our routes");
        Ok(())
    }
}

fn open_socket() -> Result<RouteSocket, NetlinkError> {
    RouteSocket::open().map_err(NetlinkError::resource("open a netlink socket"))
}

/// Gives the interface its fabric address, before it takes former ones away: with the last one all routes would go.
fn set_address(socket: &mut RouteSocket, name: &str, index: u32, wanted: (Ipv4Addr, u8)) -> Result<(), NetlinkError> {
    let (address, prefix_len) = wanted;
    let refused =
        |source| NetlinkError::refused("give its address to", format!("{name} ({address}/{prefix_len})"), source);
    messages::put_address(socket, index, address, prefix_len).map_err(refused)?;
    let former = messages::remove_our_addresses(socket, index, wanted)
        .map_err(|source| NetlinkError::refused("remove a former fabric address from", name, source))?;
    if former.is_empty() {
        return Ok(());
    }
    tracing::info!(interface = name, ?former, "removed fabric addresses that are no longer configured");
    // Where promote_secondaries could not be set, the new address of the same subnet went with the former one.
    messages::put_address(socket, index, address, prefix_len).map_err(refused)
}

/// Settings of the interface that only /proc/sys has. Best effort: in many containers it is read-only.
///
/// The underlay is IPv4: the kernel shall not solicit IPv6 routers there, nor configure itself by their answers. When a
/// former fabric address goes, an operator's addresses of the same subnet shall not go with it.
fn settle_sysctls(name: &str) {
    let settings =
        [("ipv6", "accept_ra", "0"), ("ipv6", "router_solicitations", "0"), ("ipv4", "promote_secondaries", "1")];
    for (family, setting, value) in settings {
        let path = format!("/proc/sys/net/{family}/conf/{name}/{setting}");
        if let Err(error) = std::fs::write(&path, value) {
            tracing::debug!(path, value, %error, "setting left as it is");
        }
    }
}
