"""The configuration of the gateways of `scripts/lab --tunnels`: one network file for both, a node file for each."""

from labkit import config
from labkit.fabric import (AT_ROUTER, FAR_GRE, GATEWAYS, INSTANCES, KERNEL, LINKS, NETWORKS, VXLAN6, Gateway, gre_vtep,
                           kernel_vtep)
from labkit.topology import FABRIC_MTU

DSCP = [8 * priority for priority in range(8)]  # class selectors: of the outer header by PCP, so that VXLAN carries it too


def node(gateway: Gateway, core: int, hugepages: bool, home, fabric="") -> str:
    """The node file; `fabric` is one more line of the section of that name."""
    ports = [f"""\
  - name: fabric{link}
    role: fabric
    device: net_tap{link + 1},iface=cw-fabric{link}
    mtu: {FABRIC_MTU}
    host_interface: cw-host{link}
    address: [{gateway.link(link, 4)}/24, "{gateway.link(link, 6)}/64"]
""" for link in LINKS]
    routes = [f'    - {{ to: "{to}", via: "{gateway.link(link, family, AT_ROUTER)}" }}\n'
              for family, to in ((4, "0.0.0.0/0"), (6, "::/0")) for link in LINKS]
    return f"""\
version: 1
name: {gateway.name}
mode: server
cores:
  workers: [{core}]
memory:
  hugepages: {str(hugepages).lower()}
  size_mb: 512
  mbufs: 32768
  file_prefix: {config.file_prefix(gateway)}
ports:
  - name: access0
    role: access
    device: net_tap0,iface=cw-access0
    tpid: {gateway.outer_type:#x}
{"".join(ports)}fabric:
  address: {gateway.vtep(4)}/32
  address_v6: "{gateway.vtep(6)}/128"
  dscp: {DSCP}
{fabric}  routes:
{"".join(routes)}api:
  socket: {config.socket(gateway, home)}
  group: root
"""


def network() -> str:
    """The network file."""
    lines = ["version: 1", "physical_routers:"]
    lines += [f"  - name: {gateway.name}" for gateway in GATEWAYS]
    lines += ["physical_interfaces:"]
    lines += [f"  - {{ name: access0, physical_router: {gateway.name} }}" for gateway in GATEWAYS]
    lines += ["virtual_networks:"]
    for each in NETWORKS:
        lines += [f"  - name: {each.name}", f"    vxlan_network_identifier: {each.vni}", f"    mpls_label: {each.label}",
                  f"    layer2_control_word: {str(each.control_word).lower()}"]
    lines += ["virtual_machine_interfaces:"]
    lines += [f"  - {{ name: {node.name}, virtual_network: {node.network.name}, mac_address: {node.mac} }}" for node in INSTANCES]
    lines += ["logical_interfaces:"]
    for gateway in GATEWAYS:
        for tags in dict.fromkeys(node.tags for node in INSTANCES if node.gateway == gateway):
            lines += _logical_interface(gateway, tags)
    lines += ["static_reachability:"]
    for each in NETWORKS:
        for reader, other in (GATEWAYS, GATEWAYS[::-1]):
            macs = [node.mac for node in INSTANCES if node.gateway == other and node.network == each]
            lines += _reachability(each, other.vtep(each.family), macs, f"physical_router: {reader.name}")
    lines += _reachability(VXLAN6, kernel_vtep(), [KERNEL.mac])
    for station in FAR_GRE:
        lines += _reachability(station.network, gre_vtep(station.network.family), [station.mac])
    return "\n".join(lines) + "\n"


def _logical_interface(gateway: Gateway, tags) -> list:
    inner = [f"    logical_interface_inner_vlan_tag: {tags[1]}"] if len(tags) == 2 else []
    members = [node.name for node in INSTANCES if node.gateway == gateway and node.tags == tags]
    return [f"  - name: {gateway.name}-access0.{'.'.join(map(str, tags))}", f"    physical_interface: {gateway.name}:access0",
            f"    logical_interface_vlan_tag: {tags[0]}", *inner, f"    virtual_machine_interfaces: [{', '.join(members)}]"]


def _reachability(network, vtep: str, macs, *more: str) -> list:
    return [f"  - virtual_network: {network.name}", f'    vtep: "{vtep}"', "    flood: true",
            f"    encapsulations: [{network.encapsulation}]", f"    mac_addresses: [{', '.join(macs)}]",
            *(f"    {line}" for line in more)]
