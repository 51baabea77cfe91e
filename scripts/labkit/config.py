"""The configuration that the lab gives to its gateways: the same network file to all, a node file to each."""

from pathlib import Path

from labkit import topology

BPDUS = "bpdus"  # the network that carries the switches' BPDUs, and its one VMI, which stands for nobody
BPDUS_MAC = "02:02:03:04:05:06"


def node(gateway, core: int, hugepages: bool, home: Path) -> str:
    """The node file of `gateway`, whose one worker runs on `core`."""
    return f"""\
version: 1
name: {gateway.name}
mode: server
cores:
  workers: [{core}]
memory:
  hugepages: {str(hugepages).lower()}
  size_mb: 512
  mbufs: 16384
  file_prefix: {file_prefix(gateway)}
ports:
  - name: access0
    role: access
    device: net_tap0,iface=cw-access0
    mtu: {topology.ACCESS_MTU}
  - name: fabric0
    role: fabric
    device: net_tap1,iface=cw-fabric0
    mtu: {topology.FABRIC_MTU}
fabric:
  address: {gateway.address}/24
  host_interface: cw-host0
api:
  socket: {socket(gateway, home)}
  group: root
"""


def file_prefix(gateway) -> str:
    """The prefix of the gateway's DPDK files."""
    return gateway.netns


def socket(gateway, home: Path) -> Path:
    """The gateway's management socket."""
    return home / f"{gateway.name}.sock"


def network(gateways, instances, bpdus=False) -> str:
    """The network file: every instance of `instances` is served by every gateway, which carry BPDUs if asked to."""
    lines = ["version: 1", "physical_routers:"]
    lines += [f"  - name: {gateway.name}" for gateway in gateways]
    lines += ["physical_interfaces:"]
    lines += [f"  - {{ name: access0, physical_router: {gateway.name} }}" for gateway in gateways]
    lines += ["virtual_networks:"]
    lines += [f"  - {{ name: {host.network}, vxlan_network_identifier: {host.vni} }}" for host in topology.HOSTS]
    lines += [f"  - {{ name: {BPDUS}, vxlan_network_identifier: 5999, bpdu_network: true }}"] if bpdus else []
    lines += members(instances, [f"  - {{ name: {BPDUS}, virtual_network: {BPDUS}, mac_address: '{BPDUS_MAC}' }}"] if bpdus else [])
    lines += ["logical_interfaces:"]
    for gateway in gateways:
        for instance in instances:
            lines += logical_interface(gateway, instance)
        lines += _untagged(gateway) if bpdus else []
    lines += ["static_reachability:"]
    for host in topology.HOSTS:
        lines += [f"  - virtual_network: {host.network}", f"    vtep: {topology.VTEP_ADDRESS}", "    flood: true",
                  f"    mac_addresses: [{host.mac}]"]
        lines += _each_other(gateways, host.network)
    lines += _each_other(gateways, BPDUS) if bpdus else []
    return "\n".join(lines) + "\n"


def _each_other(gateways, network: str) -> list:
    """The lines that make every gateway a VTEP to every other."""
    lines = []
    for gateway in gateways:
        for other in gateways:
            if other != gateway:
                lines += [f"  - virtual_network: {network}", f"    physical_router: {gateway.name}",
                          f"    vtep: {other.address}", "    flood: true"]
    return lines


def _untagged(gateway) -> list:
    """The lines about what has no tag on the gateway's access port: the switch's BPDUs."""
    return [f"  - name: {gateway.name}-access0.0", f"    physical_interface: {gateway.name}:access0",
            "    logical_interface_vlan_tag: 0", f"    virtual_machine_interfaces: [{BPDUS}]"]


def members(instances, more=()) -> list:
    """The lines about the instances' VMIs, `more` VMIs, and the instances' addresses."""
    lines = ["virtual_machine_interfaces:", *more]
    for instance in instances:
        lines += [f"  - name: {instance.name}", f"    virtual_network: {instance.network}", f"    mac_address: {instance.mac}"]
    lines += ["instance_ips:"]
    for instance in instances:
        lines += [f"  - name: {instance.name}-v4", f"    virtual_machine_interface: {instance.name}",
                  f"    instance_ip_address: {instance.address}"]
    return lines


def logical_interface(gateway, instance) -> list:
    """The lines about the instance's VLAN on the gateway's access port."""
    return [f"  - name: {gateway.name}-access0.{instance.vlan}", f"    physical_interface: {gateway.name}:access0",
            f"    logical_interface_vlan_tag: {instance.vlan}", f"    virtual_machine_interfaces: [{instance.name}]"]
