"""What stands in the lab in containers, and the cables between the containers.

    blue  VLAN 100 ---+                    +--- gw1 ---+
                      +--- tor (a trunk ---+           +--- far: underlay bridge, VTEP of the kernel, VNI 5100
    red   VLAN 300 ---+    a gateway)      +--- gw2 ---+

Every box is a container with a network namespace of its own, to which this gives a name for `ip`. blue is served by gw1 only and
red by gw2 only, so what they say to each other crosses the fabric. In the variant `tap` each cable is a veth pair, joined with the
gateway's TAP netdev by a bridge; in `virtio-user` the trunks are vhost-user sockets instead.
"""

from dataclasses import dataclass, replace

from labkit import config, topology
from labkit.docker import PROJECT, Engine
from labkit.shell import Shell, wait_until

BLUE, RED = (replace(instance, prefix=PROJECT) for instance in (topology.BLUE, topology.RED))
INSTANCES = (BLUE, RED)
GW1, GW2 = (replace(gateway, prefix=PROJECT) for gateway in (topology.GW1, topology.GW2))
GATEWAYS = (GW1, GW2)
FAR = replace(topology.FAR_BLUE, name="far", prefix=PROJECT)
TOR = "tor"
NAMES = (GW1.name, GW2.name, TOR, BLUE.name, RED.name, FAR.name)
SERVED_BY = {BLUE: GW1, RED: GW2}
SOCKETS = "/run/wire"
VHOST_CLIENT = ("type=dpdkvhostuserclient", f"options:vhost-server-path={SOCKETS}/gw1.sock")
VIRTIO_USER = ("type=dpdk", f"options:dpdk-devargs=net_virtio_user2,path={SOCKETS}/gw2.sock,queues=1")

LABEL = 1000  # blue's, when the gateways speak MPLS


@dataclass(frozen=True)
class Encapsulation:
    """What the gateways put around the frames that they send to each other: UDP to `port`, and then `header`."""

    name: str
    port: int
    header: bytes


VXLAN = Encapsulation("VXLAN", 4789, bytes([0x08, 0, 0, 0]) + FAR.vni.to_bytes(3, "big") + bytes(1))  # RFC 7348
MPLS_OVER_UDP = Encapsulation("MPLSoUDP", 6635, (LABEL << 12 | 1 << 8 | 64).to_bytes(4, "big"))  # RFC 7510, 3032: bottom of stack, TTL 64


class Variant:
    """One way to connect the gateways' access ports with the switch."""

    def __init__(self, name: str, devices: dict, switch_ports: dict):
        self.name, self.devices, self.switch_ports = name, devices, switch_ports
        self.sides = ("access", "fabric") if not switch_ports else ("fabric",)


VARIANTS = {
    "tap": Variant("tap", {gateway: "net_tap0,iface=cw-access0" for gateway in GATEWAYS}, {}),
    "virtio-user": Variant(
        "virtio-user",
        {GW1: f"net_virtio_user0,path={SOCKETS}/gw1.sock,server=1,queues=1", GW2: f"net_vhost0,iface={SOCKETS}/gw2.sock"},
        {GW1: VHOST_CLIENT, GW2: VIRTIO_USER}),
}


def node(gateway, core: int, variant: Variant) -> str:
    """The node file of `gateway`."""
    return f"""\
version: 1
name: {gateway.name}
mode: server
cores:
  workers: [{core}]
memory:
  hugepages: false
  size_mb: 512
  mbufs: 16384
ports:
  - name: access0
    role: access
    device: {variant.devices[gateway]}
    mtu: 1500
  - name: fabric0
    role: fabric
    device: net_tap1,iface=cw-fabric0
    mtu: {topology.FABRIC_MTU}
fabric:
  address: {gateway.address}/24
  host_interface: cw-host0
"""


def network(encapsulation: Encapsulation) -> str:
    """The network file, the same for both gateways; `encapsulation` is what they speak to each other. The host speaks VXLAN only."""
    lines = ["version: 1", "physical_routers:"]
    lines += [f"  - name: {gateway.name}" for gateway in GATEWAYS]
    lines += ["physical_interfaces:"]
    lines += [f"  - {{ name: access0, physical_router: {gateway.name} }}" for gateway in GATEWAYS]
    lines += ["virtual_networks:", f"  - {{ name: {FAR.network}, vxlan_network_identifier: {FAR.vni}, mpls_label: {LABEL} }}"]
    lines += config.members(INSTANCES)
    lines += ["logical_interfaces:"]
    for instance, gateway in SERVED_BY.items():
        lines += config.logical_interface(gateway, instance)
    lines += ["static_reachability:", f"  - virtual_network: {FAR.network}", f"    vtep: {topology.VTEP_ADDRESS}", "    flood: true",
              f"    mac_addresses: [{FAR.mac}]"]
    for instance, gateway in SERVED_BY.items():
        # The other gateway is told where this instance is.
        for other in GATEWAYS:
            if other != gateway:
                lines += [f"  - virtual_network: {FAR.network}", f"    physical_router: {other.name}", f"    vtep: {gateway.address}",
                          f"    encapsulations: [{encapsulation.name}]", "    flood: true", f"    mac_addresses: [{instance.mac}]"]
    return "\n".join(lines) + "\n"


def lay_cables(engine: Engine, shell: Shell, variant: Variant) -> None:
    """Name the containers' namespaces and join them. The gateways' own TAP netdevs are plugged in later: see `topology.plug_in`."""
    for name in NAMES:
        pid = engine.run("inspect", "--format", "{{.State.Pid}}", engine.container(name)).stdout.strip()
        shell.run("ip", "netns", "attach", f"{PROJECT}-{name}", pid)
        topology.quieten(shell, f"{PROJECT}-{name}")
    switch = Switch(engine)
    topology.build_underlay(shell, FAR.netns)
    for gateway in GATEWAYS:
        topology.add_cable(shell, gateway, "fabric", FAR.netns, topology.FABRIC_MTU)
        shell.ip(FAR.netns, f"link set {gateway.name} master underlay")
        if gateway not in variant.switch_ports:
            topology.add_cable(shell, gateway, "access", switch.netns, 1500)
        vlans = [instance.vlan for instance, server in SERVED_BY.items() if server == gateway]
        switch.add_port(gateway.name, f"trunks={','.join(map(str, vlans))}", variant.switch_ports.get(gateway, ()))
    for instance in INSTANCES:
        switch.add_port(instance.name, f"tag={instance.vlan}", ("type=internal",))
        shell.run("ip", "-netns", switch.netns, "link", "set", instance.name, "netns", instance.netns)
        shell.ip(instance.netns, f"""link set {instance.name} address {instance.mac}
            link set {instance.name} up
            address add {instance.address}/24 dev {instance.name}""")
    _add_vtep(shell)


class Switch:
    """The switch in its container."""

    netns = f"{PROJECT}-{TOR}"

    def __init__(self, engine: Engine):
        self.engine, self.container = engine, engine.container(TOR)
        wait_until(self._ready, 30, "the switch is ready")

    def add_port(self, name: str, vlans: str, interface) -> None:
        """Add a port; `interface` is what the switch has to know of its kind, nothing for a netdev."""
        kind = ["--", "set", "Interface", name, *interface] if interface else []
        self.engine.execute(self.container, "ovs-vsctl", "--timeout=20", "add-port", "tor", name, vlans, *kind)

    def _ready(self) -> bool:
        return "the switch is ready" in self.engine.run("logs", self.container).stdout


def _add_vtep(shell: Shell) -> None:
    """Give `far` a VXLAN netdev with an address of the instances' network, and tell it what is behind which gateway."""
    netdev = f"vx{FAR.vni}"
    shell.ip(FAR.netns, f"""link add {netdev} address {FAR.mac} type vxlan id {FAR.vni} local {topology.VTEP_ADDRESS} dstport 4789 nolearning dev underlay
        link set {netdev} mtu 1500 up
        address add {FAR.address}/24 dev {netdev}""")
    for instance, gateway in SERVED_BY.items():
        for command, mac in (("append", "00:00:00:00:00:00"), ("replace", instance.mac)):
            shell.run("bridge", "-netns", FAR.netns, "fdb", command, mac, "dev", netdev, "dst", gateway.address, "self", "permanent")
