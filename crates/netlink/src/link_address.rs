use crate::error::NetlinkError;
use crate::messages;
use crate::socket::RouteSocket;
use wire::MacAddr;

/// The locally-administered bit (IEEE 802-2014 section 8.2.2).
const LOCAL_BIT: u8 = 0x02;
/// What tells the kernel's side of a port from the port: any pattern that leaves the two low bits of the octet alone.
const KERNEL_SIDE: u8 = 0x54;

/// The address to give to the kernel's side of a DPDK port of `net_tap`: locally administered, and not the port's.
///
/// Both sides of such a port start out with the same MAC. A Linux bridge that the kernel's side is a member of would
/// take every frame to the gateway as addressed to itself and never pass it on. The result is the same on every run,
/// and differs for ports that differ in more than the locally-administered bit.
pub const fn kernel_side_address(port: MacAddr) -> MacAddr {
    let mut octets = port.octets();
    octets[0] = (octets[0] ^ KERNEL_SIDE) | LOCAL_BIT;
    octets[0] &= !1;
    MacAddr::new(octets)
}

/// Gives an interface of this thread's network namespace another MAC. Blocks for one exchange with the kernel.
pub fn set_link_address(name: &str, mac: MacAddr) -> Result<(), NetlinkError> {
    if !mac.is_station() {
        return Err(NetlinkError::NotAStation { name: name.into(), mac });
    }
    let mut socket = RouteSocket::open().map_err(NetlinkError::resource("open a netlink socket"))?;
    let link =
        messages::find_link(&mut socket, name)?.ok_or_else(|| NetlinkError::NoSuchInterface { name: name.into() })?;
    messages::change_link(&mut socket, link.header.index, messages::LinkChange::Mac(mac))
        .map_err(|source| NetlinkError::refused("set the MAC of", name, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_group_address_is_refused_before_the_kernel_is_asked() {
        let error = set_link_address("lo", MacAddr::BROADCAST).expect_err("a group address is no station's");
        let text =
            "cannot give lo the MAC ff:ff:ff:ff:ff:ff: expected the address of one station, not a group and not zero";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn an_interface_that_does_not_exist_is_named() {
        let error = set_link_address("no-such-if0", MacAddr::new([2, 0, 0, 0, 0, 1])).expect_err("it does not exist");
        assert_eq!(error.to_string(), "no interface no-such-if0 in this network namespace");
    }

    proptest! {
        #[test]
        fn the_kernel_side_s_address_is_local_and_not_the_port_s(octets in any::<[u8; 6]>()) {
            let port = MacAddr::new(octets);
            let kernel = kernel_side_address(port);
            prop_assert_ne!(kernel, port);
            prop_assert!(kernel.is_station());
            prop_assert_eq!(kernel.octets()[0] & LOCAL_BIT, LOCAL_BIT);
            prop_assert_eq!(&kernel.octets()[1..], &octets[1..]);
        }
    }
}
