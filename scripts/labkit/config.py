"""The configuration that the lab gives to its gateways: the same network file to all, a node file to each."""

from pathlib import Path

from labkit import topology


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


def network(gateways, instances) -> str:
    """The network file: every instance of `instances` is served by every gateway."""
    lines = ["version: 1", "physical_routers:"]
    lines += [f"  - name: {gateway.name}" for gateway in gateways]
    lines += ["physical_interfaces:"]
    lines += [f"  - {{ name: access0, physical_router: {gateway.name} }}" for gateway in gateways]
    lines += ["virtual_networks:"]
    lines += [f"  - {{ name: {host.network}, vxlan_network_identifier: {host.vni} }}" for host in topology.HOSTS]
    lines += members(instances)
    lines += ["logical_interfaces:"]
    for gateway in gateways:
        for instance in instances:
            lines += logical_interface(gateway, instance)
    lines += ["static_reachability:"]
    for host in topology.HOSTS:
        lines += [f"  - virtual_network: {host.network}", f"    vtep: {topology.VTEP_ADDRESS}", "    flood: true",
                  f"    mac_addresses: [{host.mac}]"]
        for gateway in gateways:
            for other in gateways:
                if other != gateway:
                    lines += [f"  - virtual_network: {host.network}", f"    physical_router: {gateway.name}",
                              f"    vtep: {other.address}", "    flood: true"]
    return "\n".join(lines) + "\n"


def members(instances) -> list:
    """The lines about the instances' VMIs and addresses."""
    lines = ["virtual_machine_interfaces:"]
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
