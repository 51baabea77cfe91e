"""What stands around the gateways: namespaces, cables, the switch, instances, and a kernel VTEP with hosts behind it.

    instances           top-of-rack switch          gateways                     fabric
    blue   VLAN 100 ---+                 +--- gw1: cw-access0  cw-fabric0 ---+
    green  VLAN 200 ---+--- Open vSwitch-+        (causewayd)                +--- underlay: VTEP of the kernel
    red    VLAN 300 ---+                 +--- gw2: the same, if asked -------+      VNI 5100 --- far-blue
                                                                                    VNI 5200 --- far-green

A cable is a veth pair. At the gateway's end a bridge without learning joins it with the TAP netdev, which has to stay
in the gateway's namespace. Every netdev is made inside a namespace; the host's own has never seen one.
"""

from dataclasses import dataclass
from pathlib import Path

from labkit.ovs import Switch
from labkit.shell import Shell, wait_until

PREFIX = "cw-lab"
FABRIC_MTU = 1600
ACCESS_MTU = 1700  # above the fabric's, so that a frame can be too big for it
VTEP_ADDRESS = "172.16.0.2"
VTEP_MAC = "02:00:00:00:00:02"


@dataclass(frozen=True)
class Instance:
    """A remote instance: one untagged port of the switch in one VLAN."""

    name: str
    vlan: int
    network: str
    mac: str
    address: str
    prefix: str = PREFIX

    @property
    def netns(self) -> str:
        return f"{self.prefix}-{self.name}"


@dataclass(frozen=True)
class Host:
    """A host in the fabric, behind the kernel's VTEP."""

    name: str
    network: str
    vni: int
    mac: str
    address: str
    prefix: str = PREFIX

    @property
    def netns(self) -> str:
        return f"{self.prefix}-{self.name}"


@dataclass(frozen=True)
class Gateway:
    """A gateway's name and its address in the underlay."""

    name: str
    address: str
    prefix: str = PREFIX

    sides = ("access", "fabric")  # its cables

    @property
    def netns(self) -> str:
        return f"{self.prefix}-{self.name}"


BLUE = Instance("blue", 100, "blue", "02:00:00:00:10:64", "10.1.0.2")
GREEN = Instance("green", 200, "green", "02:00:00:00:10:c8", "10.2.0.2")
RED = Instance("red", 300, "blue", "02:00:00:00:11:2c", "10.1.0.4")  # a second member of blue, unknown at first
INSTANCES = (BLUE, GREEN, RED)

FAR_BLUE = Host("far-blue", "blue", 5100, "02:00:00:00:20:64", "10.1.0.3")
FAR_GREEN = Host("far-green", "green", 5200, "02:00:00:00:20:c8", "10.2.0.3")
HOSTS = (FAR_BLUE, FAR_GREEN)

GW1 = Gateway("gw1", "172.16.0.1")
GW2 = Gateway("gw2", "172.16.0.3")

TOR = f"{PREFIX}-tor"
VTEP = f"{PREFIX}-vtep"


def trunks() -> str:
    """The setting of a port of Open vSwitch that carries the VLANs of all instances."""
    return f"trunks={','.join(str(instance.vlan) for instance in INSTANCES)}"


class TopOfRack:
    """The switch that is there if a scenario brings none of its own: one bridge, without a spanning tree."""

    def start(self, shell: Shell, home: Path) -> None:
        """Start it, without a port."""
        self.switch = Switch(shell, TOR, home / "ovs")
        self.switch.start()
        self.switch.add_bridge("tor")

    def add_trunk(self, gateway) -> None:
        """Take in the cable to a gateway."""
        self.switch.add_port("tor", gateway.name, trunks())

    def add_instance(self, instance: Instance) -> None:
        """Make the netdev of an instance and hand it over to its namespace."""
        self.switch.add_internal_port("tor", instance.name, f"tag={instance.vlan}")
        self.switch.hand_over(instance.name, instance.netns)


def build(shell: Shell, gateways, home: Path, switch=None, vteps_learn=False) -> None:
    """Make everything but the gateways' own ports, which appear when causewayd starts.

    The fabric's VTEP is told what is behind the gateways, or learns it from what comes from them.
    """
    for netns in [TOR, VTEP, *(node.netns for node in (*INSTANCES, *HOSTS, *gateways))]:
        add_namespace(shell, netns)
    switch = switch or TopOfRack()
    switch.start(shell, home)
    build_underlay(shell, VTEP)
    for gateway in gateways:
        add_cable(shell, gateway, "access", TOR, ACCESS_MTU)
        switch.add_trunk(gateway)
        add_cable(shell, gateway, "fabric", VTEP, FABRIC_MTU)
        shell.ip(VTEP, f"link set {gateway.name} master underlay")
    for instance in INSTANCES:
        switch.add_instance(instance)
        shell.ip(instance.netns, f"""link set {instance.name} address {instance.mac}
            link set {instance.name} up
            address add {instance.address}/24 dev {instance.name}""")
    for host in HOSTS:
        _add_host(shell, host, gateways, vteps_learn)


def plug_in(shell: Shell, gateway, sides=None) -> None:
    """Join the TAP netdevs that causewayd has made with their cables, all of the gateway's or those of some sides."""
    for side in sides or gateway.sides:
        netdev = tap(side)
        exists = lambda: shell.run("ip", "-netns", gateway.netns, "link", "show", netdev, check=False).returncode == 0
        wait_until(exists, 10, f"causewayd makes {netdev}")
        shell.ip(gateway.netns, f"link set {netdev} master {side}")


def tap(side: str) -> str:
    """The TAP netdev of a side's port; a side whose name has no number is the first of its kind."""
    return f"cw-{side}" if side[-1].isdigit() else f"cw-{side}0"


def add_namespace(shell: Shell, netns: str) -> None:
    """Make a namespace that is quiet."""
    shell.run("ip", "netns", "add", netns)
    quieten(shell, netns)
    shell.ip(netns, "link set lo up")


def quieten(shell: Shell, netns: str) -> None:
    """Keep a namespace from speaking unasked."""
    # Every frame that a check counts has to be that check's: without IPv6 no netdev speaks unasked, and without forwarding,
    # which a namespace has when the machine has it, no node answers by ICMP to what is not for it.
    quiet = "for scope in all default; do echo 1 >/proc/sys/net/ipv6/conf/$scope/disable_ipv6; done"
    shell.run("sh", "-c", f"echo 0 >/proc/sys/net/ipv4/ip_forward; [ ! -d /proc/sys/net/ipv6 ] || {quiet}", netns=netns)


def add_cable(shell: Shell, gateway, side: str, far_netns: str, mtu: int, far_netdev=None) -> None:
    """Run a cable from the bridge `side` in the gateway's namespace to a netdev elsewhere, which has the gateway's name by default.

    The bridge must not speak ARP: Linux answers for every address of a namespace on every netdev in it, so it would
    answer for the address of cw-host0 with the bridge's MAC. Of the group addresses that bridges keep to themselves it
    passes all that Linux lets it pass, as a cable does.
    """
    far_netdev = far_netdev or gateway.name
    shell.ip(gateway.netns, f"""link add {side} arp off type bridge ageing_time 0 mcast_snooping 0 group_fwd_mask 0xfff8
        link add {side}-cable type veth peer name {far_netdev} netns {far_netns}
        link set {side}-cable mtu {mtu} master {side} up
        link set {side} up""")
    shell.ip(far_netns, f"link set {far_netdev} mtu {mtu} up")


def build_underlay(shell: Shell, netns: str) -> None:
    """Make the bridge that joins the gateways' fabric cables and has the kernel VTEP's address."""
    shell.ip(netns, f"""link add underlay address {VTEP_MAC} mtu {FABRIC_MTU} type bridge mcast_snooping 0
        link set underlay up
        address add {VTEP_ADDRESS}/24 dev underlay""")


def _add_host(shell: Shell, host: Host, gateways, learns: bool) -> None:
    """Add a host, its bridge in the VTEP's namespace and the VXLAN netdev, whose FDB holds what is behind the gateways or learns it."""
    shell.ip(VTEP, f"""link add {host.name} type bridge mcast_snooping 0
        link add vx{host.vni} type vxlan id {host.vni} local {VTEP_ADDRESS} dstport 4789 {"" if learns else "no"}learning dev underlay
        link set vx{host.vni} mtu 1500 master {host.name} up
        link add {host.name}-port type veth peer name eth0 netns {host.netns}
        link set {host.name}-port master {host.name} up
        link set {host.name} up""")
    shell.ip(host.netns, f"""link set eth0 address {host.mac} up
        address add {host.address}/24 dev eth0""")
    for gateway in gateways:
        shell.run("bridge", "-netns", VTEP, "fdb", "append", "00:00:00:00:00:00", "dev", f"vx{host.vni}",
                  "dst", gateway.address, "self", "permanent")
    for instance in INSTANCES:
        if instance.network == host.network and not learns:
            shell.run("bridge", "-netns", VTEP, "fdb", "replace", instance.mac, "dev", f"vx{host.vni}",
                      "dst", gateways[0].address, "self", "permanent")
