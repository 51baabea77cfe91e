use crate::error::NetlinkError;
use crate::messages::{self, LinkChange};
use crate::settings;
use crate::socket::RouteSocket;
use crate::tap::{Tap, check_name};
use control::underlay::{ConfiguredRoute, InterfaceIndex, by_prefix};
use std::fmt;
use std::net::IpAddr;
use wire::MacAddr;

/// Marks the addresses and routes that are ours (`ip route show proto 202`), so that we touch no others.
///
/// The mark is in the kernel, not in our memory: what a killed process left behind is found and corrected at start.
pub const ROUTE_PROTOCOL: u8 = 202;

/// What the host interface of one fabric port is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostInterfaceConfig {
    /// Its name.
    pub name: String,
    /// The fabric port's MAC: what the fabric learns by ARP and ND must be what the port accepts.
    pub mac: MacAddr,
    /// Greatest IP packet, in octets: the fabric port's.
    pub mtu: u16,
    /// The link's own addresses and this node's VTEP addresses, as far as they are kept here.
    pub addresses: Vec<InterfaceAddress>,
}

/// An address of an interface, and the length of its subnet's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// The prefix length: how much of the address others on the link share.
    pub prefix_len: u8,
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

/// The TAPs that stand for the fabric ports in Linux, set up in the network namespace of the thread that called
/// [`HostInterfaces::set_up`].
///
/// A TAP is persistent and is never removed by us: an operator may hang addresses, FRR or firewall rules on it, and
/// they shall outlive a restart of ours. While no process serves it, it has no carrier. Of its configuration we own the
/// MAC, the MTU, the configured addresses and routes (both marked with [`ROUTE_PROTOCOL`]), and nothing else.
#[derive(Debug)]
pub struct HostInterfaces {
    indices: Vec<InterfaceIndex>,
}

impl HostInterfaces {
    /// Makes or takes over the TAPs, and gives them MAC, MTU, addresses and routes. Blocks for some exchanges with the
    /// kernel. The TAPs are in the order of `configs`, which is what [`ConfiguredRoute::interface`] counts in.
    ///
    /// Repeatable: addresses and routes of ours that are no longer configured are removed, the others stay as they are.
    /// A configured route takes the place of another's route of the same prefix and the default metric.
    pub fn set_up(
        configs: &[HostInterfaceConfig],
        routes: &[ConfiguredRoute],
    ) -> Result<(Self, Vec<Tap>), NetlinkError> {
        let mut socket = open_socket()?;
        let (mut taps, mut indices) = (Vec::new(), Vec::new());
        for config in configs {
            let (tap, index) = set_up_interface(&mut socket, config, configs.len())?;
            taps.push(tap);
            indices.push(InterfaceIndex(index));
        }
        let routes = by_prefix(routes, |at| indices.get(at).copied());
        let names = || configs.iter().map(|config| config.name.as_str()).collect::<Vec<_>>().join(", ");
        messages::remove_our_routes(&mut socket, &indices, &routes)
            .map_err(|source| NetlinkError::refused("remove former routes by", names(), source))?;
        for (to, hops) in &routes {
            let routers = || hops.iter().filter_map(|hop| hop.via).map(|via| via.to_string()).collect::<Vec<_>>();
            let subject = || format!("{to} via {} by {}", routers().join(", "), names());
            messages::put_route(&mut socket, *to, hops)
                .map_err(|source| NetlinkError::refused("add the route", subject(), source))?;
        }
        Ok((Self { indices }, taps))
    }

    /// The kernel's numbers of the interfaces, in their order.
    pub fn indices(&self) -> &[InterfaceIndex] {
        &self.indices
    }

    /// For a clean stop: removes the configured routes again, which lead nowhere without us. The TAPs and their
    /// addresses stay.
    pub fn remove_routes(self) -> Result<(), NetlinkError> {
        let removed = messages::remove_our_routes(&mut open_socket()?, &self.indices, &[])
            .map_err(|source| NetlinkError::refused("remove", "our routes", source))?;
        tracing::debug!(removed, "removed our routes");
        Ok(())
    }
}

/// One TAP with all but its routes. `count`: how many there will be.
fn set_up_interface(
    socket: &mut RouteSocket,
    config: &HostInterfaceConfig,
    count: usize,
) -> Result<(Tap, u32), NetlinkError> {
    let HostInterfaceConfig { name, mac, mtu, addresses } = config;
    check_name(name)?;
    if !mac.is_station() {
        return Err(NetlinkError::NotAStation { name: name.clone(), mac: *mac });
    }
    let existing = messages::find_link(socket, name)?;
    if let Some(kind) = existing.as_ref().and_then(messages::kind_unless_tap) {
        return Err(NetlinkError::NameInUse { name: name.clone(), kind });
    }
    let tap = Tap::open(name)?;
    let link = messages::find_link(socket, name)?;
    let index = link.ok_or_else(|| NetlinkError::NoSuchInterface { name: name.clone() })?.header.index;
    settings::settle(name, addresses.iter().any(|address| address.address.is_ipv6()), count > 1);
    let refused = |action| move |source| NetlinkError::refused(action, name, source);
    messages::change_link(socket, index, LinkChange::Mac(*mac)).map_err(refused("set the MAC of"))?;
    messages::change_link(socket, index, LinkChange::Mtu(*mtu)).map_err(refused("set the MTU of"))?;
    messages::change_link(socket, index, LinkChange::Up).map_err(refused("bring up"))?;
    set_addresses(socket, name, index, addresses)?;
    Ok((tap, index))
}

fn open_socket() -> Result<RouteSocket, NetlinkError> {
    RouteSocket::open().map_err(NetlinkError::resource("open a netlink socket"))
}

/// Gives the interface its addresses, before it takes former ones away: with the last one all routes would go.
fn set_addresses(
    socket: &mut RouteSocket,
    name: &str,
    index: u32,
    wanted: &[InterfaceAddress],
) -> Result<(), NetlinkError> {
    let put_all = |socket: &mut RouteSocket| {
        wanted.iter().try_for_each(|address| {
            messages::put_address(socket, index, *address).map_err(|source| {
                if address.address.is_ipv6() && settings::lacks_ipv6(name) {
                    return NetlinkError::Ipv6Disabled { name: name.into(), address: address.address };
                }
                NetlinkError::refused("give its address to", format!("{name} ({address})"), source)
            })
        })
    };
    put_all(socket)?;
    let former = messages::remove_our_addresses(socket, index, wanted)
        .map_err(|source| NetlinkError::refused("remove a former fabric address from", name, source))?;
    if former.is_empty() {
        return Ok(());
    }
    tracing::info!(interface = name, ?former, "removed fabric addresses that are no longer configured");
    // Where promote_secondaries could not be set, the new address of the same subnet went with the former one.
    put_all(socket)
}
