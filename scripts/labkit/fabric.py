"""What stands around the two gateways of `scripts/lab --tunnels`, and what each network of it is.

    instances                                                        a router of the fabric
    on VLANs --- tor1: one tag, 0x8100 ------ gw1: cw-access0 +-- cw-fabric0 ---+
             --- tor1: 0x8100 in 0x8100 --+   (causewayd)     +-- cw-fabric1 ---+
                                                                                +--- kernel: Linux's VXLAN over IPv6
             --- tor2: one tag, 0x88a8 ------ gw2: the same --+-- cw-fabric0 ---+--- gre: Open vSwitch's MPLSoGRE
             --- tor2: 0x8100 in 0x88a8 --+                   +-- cw-fabric1 ---+

The VTEP addresses of the gateways are on no link: the router reaches each by two, and each gateway the router by two.
"""

from dataclasses import dataclass
from pathlib import Path

from labkit.ovs import Switch
from labkit.shell import Shell
from labkit.topology import ACCESS_MTU, FABRIC_MTU, PREFIX, TOR, add_cable, add_namespace

ROUTER = f"{PREFIX}-router"
GRE_SWITCH = f"{PREFIX}-gre"
LINKS = (0, 1)  # of each gateway to the router
S_VLAN = 400  # the provider's tag of the QinQ instances


@dataclass(frozen=True)
class Gateway:
    """A gateway with two fabric ports; `number` makes its addresses differ."""

    name: str
    number: int
    outer_type: int  # of the tags of its access port

    sides = ("access", "fabric0", "fabric1")  # its cables

    @property
    def netns(self) -> str:
        return f"{PREFIX}-{self.name}"

    def vtep(self, family: int) -> str:
        """Its own end of every tunnel."""
        return f"172.16.0.{self.number}" if family == 4 else f"fd00::{self.number}"

    def link(self, number: int, family: int, end=None) -> str:
        """Its address on a link to the router, or the address of another `end`."""
        return subnet(10 * self.number + number, family, self.number if end is None else end)

    def to_router(self, link: int) -> str:
        """The router's netdev of a link."""
        return f"{self.name}-{link}"


def subnet(number: int, family: int, host: int) -> str:
    """The address of a host in one of the fabric's subnets."""
    return f"10.0.{number}.{host}" if family == 4 else f"fd00:{number}::{host}"


AT_ROUTER = 254  # the router's host number in every subnet
KERNEL_SUBNET, GRE_SUBNET = 50, 60
GW1, GW2 = Gateway("gw1", 1, 0x8100), Gateway("gw2", 3, 0x88A8)
GATEWAYS = (GW1, GW2)


@dataclass(frozen=True)
class Network:
    """A virtual network with the one encapsulation that its VTEPs speak."""

    name: str
    number: int
    encapsulation: str
    family: int  # of the underlay
    control_word: bool = False

    @property
    def vni(self) -> int:
        return 5100 + self.number

    @property
    def label(self) -> int:
        return 16000 + self.number

    @property
    def title(self) -> str:
        word = " with a control word" if self.control_word else ""
        return f"{self.encapsulation} over IPv{self.family}{word}"


UDP4 = Network("udp4", 1, "MPLSoUDP", 4)
GRE4 = Network("gre4", 2, "MPLSoGRE", 4)
VXLAN4 = Network("vxlan4", 3, "VXLAN", 4)
UDP6 = Network("udp6", 4, "MPLSoUDP", 6, control_word=True)
GRE6 = Network("gre6", 5, "MPLSoGRE", 6)
VXLAN6 = Network("vxlan6", 6, "VXLAN", 6)
NETWORKS = (UDP4, GRE4, VXLAN4, UDP6, GRE6, VXLAN6)


@dataclass(frozen=True)
class Node:
    """Somebody in a network: an instance behind a gateway, or a station behind a foreign VTEP."""

    name: str
    network: Network
    number: int
    gateway: object = None
    tags: tuple = ()  # VLANs, outer one first

    @property
    def netns(self) -> str:
        return f"{PREFIX}-{self.name}"

    @property
    def mac(self) -> str:
        return f"02:00:00:00:{self.network.number:02x}:{self.number:02x}"

    @property
    def address(self) -> str:
        return f"10.{self.network.number}.0.{self.number}"


def _pair(network: Network, *tags: int) -> list:
    """An instance behind each gateway, with the same tags."""
    return [Node(f"{network.name}-{gateway.number}", network, gateway.number, gateway, tags) for gateway in GATEWAYS]


SHARING = Node("vxlan4-2", VXLAN4, 2, GW1, (103,))  # the VLAN of another instance
INSTANCES = (*_pair(UDP4, 101), *_pair(GRE4, 102), *_pair(VXLAN4, 103), SHARING,
             *_pair(UDP6, S_VLAN, 7), *_pair(GRE6, S_VLAN, 8), *_pair(VXLAN6, 106))
KERNEL = Node("kernel", VXLAN6, 9)
FAR_GRE = (Node("far-gre4", GRE4, 9), Node("far-gre6", GRE6, 9))  # behind Open vSwitch


def behind(gateway: Gateway, network: Network) -> Node:
    """The first instance of a network behind a gateway."""
    return next(node for node in INSTANCES if node.gateway == gateway and node.network == network)


def build(shell: Shell, home: Path) -> Switch:
    """Make everything but the gateways' own ports. Returns Open vSwitch's end of the MPLSoGRE tunnels."""
    for netns in (TOR, ROUTER, GRE_SWITCH, *(node.netns for node in (KERNEL, *FAR_GRE, *INSTANCES, *GATEWAYS))):
        add_namespace(shell, netns)
    tor = Switch(shell, TOR, home / "tor")
    tor.start()
    _build_router(shell)
    for number, gateway in enumerate(GATEWAYS, 1):
        add_cable(shell, gateway, "access", TOR, ACCESS_MTU)
        _build_tor(tor, number, gateway)
        for link in LINKS:
            add_cable(shell, gateway, f"fabric{link}", ROUTER, FABRIC_MTU, gateway.to_router(link))
            _join_router(shell, gateway.to_router(link), 10 * gateway.number + link)
        _route_to_gateway(shell, gateway)
    for node in INSTANCES:
        tor.hand_over(node.name, node.netns)
        _start_node(shell, node, node.name)
    build_kernel_vtep(shell)
    return _build_gre_switch(shell, home / "gre")


def _build_router(shell: Shell) -> None:
    """A router that shares flows among equal paths, and takes no path whose link is down."""
    settings = ["ipv4/ip_forward=1", "ipv4/fib_multipath_hash_policy=1", "ipv4/conf/all/ignore_routes_with_linkdown=1",
                "ipv6/conf/all/disable_ipv6=0", "ipv6/conf/default/disable_ipv6=0", "ipv6/conf/all/forwarding=1",
                "ipv6/fib_multipath_hash_policy=1", "ipv6/conf/all/ignore_routes_with_linkdown=1",
                "ipv6/conf/default/ignore_routes_with_linkdown=1", "ipv4/conf/default/ignore_routes_with_linkdown=1"]
    set_kernel(shell, ROUTER, settings)


def set_kernel(shell: Shell, netns: str, settings) -> None:
    """Set kernel parameters below /proc/sys/net in a namespace."""
    shell.run("sh", "-e", stdin="".join("echo {1} >/proc/sys/net/{0}\n".format(*setting.split("=")) for setting in settings), netns=netns)


def _join_router(shell: Shell, netdev: str, number: int) -> None:
    """Give the router its addresses of a subnet."""
    shell.ip(ROUTER, f"""address add {subnet(number, 4, AT_ROUTER)}/24 dev {netdev}
        address add {subnet(number, 6, AT_ROUTER)}/64 dev {netdev} nodad""")


def _route_to_gateway(shell: Shell, gateway: Gateway) -> None:
    for family in (4, 6):
        hops = " ".join(f"nexthop via {gateway.link(link, family)} dev {gateway.to_router(link)}" for link in LINKS)
        shell.ip(ROUTER, f"route add {gateway.vtep(family)}/{32 if family == 4 else 128} {hops}")


def _build_tor(tor: Switch, number: int, gateway: Gateway) -> None:
    """One side of the switch: a provider's bridge, and a customer's whose tags it carries inside its own."""
    provider, customer, kind = f"tor{number}", f"customer{number}", "802.1q" if gateway.outer_type == 0x8100 else "802.1ad"
    tor.add_bridge(provider)
    tor.add_bridge(customer)
    tor.join(provider, customer, "vlan_mode=dot1q-tunnel", f"tag={S_VLAN}", f"other_config:qinq-ethtype={kind}")
    vlans = {node.tags[0] for node in INSTANCES if node.gateway == gateway}
    tor.add_port(provider, gateway.name, f"trunks={','.join(map(str, sorted(vlans)))}")
    for node in INSTANCES:
        if node.gateway == gateway and len(node.tags) == 2:
            tor.add_internal_port(customer, node.name, f"tag={node.tags[1]}")
        elif node.gateway == gateway and gateway.outer_type == 0x8100:
            tor.add_internal_port(provider, node.name, f"tag={node.tags[0]}")
        elif node.gateway == gateway:  # only as a tunnel's does the switch add a tag of another type
            tor.add_internal_port(provider, node.name, "vlan_mode=dot1q-tunnel", f"tag={node.tags[0]}",
                                  f"other_config:qinq-ethtype={kind}")


def _start_node(shell: Shell, node: Node, netdev: str) -> None:
    shell.ip(node.netns, f"""link set {netdev} address {node.mac}
        link set {netdev} up
        address add {node.address}/24 dev {netdev}""")


def build_kernel_vtep(shell: Shell) -> None:
    """A host with an address on the VXLAN netdev itself: the kernel alone is VTEP and station."""
    shell.ip(ROUTER, f"""link add kernel mtu {FABRIC_MTU} type veth peer name fabric netns {KERNEL.netns}
        link set kernel up""")
    _join_router(shell, "kernel", KERNEL_SUBNET)
    set_kernel(shell, KERNEL.netns, ["ipv6/conf/fabric/disable_ipv6=0"])
    shell.ip(KERNEL.netns, f"""link set fabric mtu {FABRIC_MTU} up
        address add {kernel_vtep()}/64 dev fabric nodad
        route add default via {subnet(KERNEL_SUBNET, 6, AT_ROUTER)}""")
    add_kernel_vxlan(shell, zero_sent=False, zero_taken=False)


def kernel_vtep() -> str:
    """The kernel's VTEP address."""
    return subnet(KERNEL_SUBNET, 6, 2)


def add_kernel_vxlan(shell: Shell, zero_sent: bool, zero_taken: bool) -> None:
    """The VXLAN netdev, which replaces an earlier one: whether it sends and takes UDP checksums of zero cannot be changed."""
    netdev, no = "vx", lambda wanted: "" if wanted else "no"
    shell.run("ip", "-netns", KERNEL.netns, "link", "delete", netdev, check=False)
    shell.ip(KERNEL.netns, f"""link add {netdev} mtu 1500 type vxlan id {VXLAN6.vni} local {kernel_vtep()} dstport 4789 nolearning \
{no(zero_sent)}udp6zerocsumtx {no(zero_taken)}udp6zerocsumrx dev fabric""")
    _start_node(shell, KERNEL, netdev)
    for gateway in GATEWAYS:
        for mac in ("00:00:00:00:00:00", behind(gateway, VXLAN6).mac):
            shell.run("bridge", "-netns", KERNEL.netns, "fdb", "append", mac, "dev", netdev, "dst", gateway.vtep(6), "self", "permanent")


def gre_vtep(family: int) -> str:
    """Open vSwitch's VTEP address."""
    return subnet(GRE_SUBNET, family, 2)


def gre_port(gateway: Gateway, family: int) -> str:
    """Open vSwitch's tunnel to a gateway."""
    return f"{gateway.name}-v{family}"


def _build_gre_switch(shell: Shell, home: Path) -> Switch:
    """Open vSwitch as an end of MPLSoGRE tunnels: GRE ports that carry more than Ethernet, and flows that label frames."""
    switch = Switch(shell, GRE_SWITCH, home)
    switch.start()
    shell.ip(ROUTER, f"""link add gre mtu {FABRIC_MTU} type veth peer name fabric netns {GRE_SWITCH}
        link set gre up""")
    _join_router(shell, "gre", GRE_SUBNET)
    switch.add_bridge("underlay")
    switch.add_port("underlay", "fabric")
    set_kernel(shell, GRE_SWITCH, ["ipv6/conf/underlay/disable_ipv6=0"])
    shell.ip(GRE_SWITCH, f"""link set fabric mtu {FABRIC_MTU} up
        link set underlay up
        address add {gre_vtep(4)}/24 dev underlay
        address add {gre_vtep(6)}/64 dev underlay nodad
        route add default via {subnet(GRE_SUBNET, 4, AT_ROUTER)}
        route add default via {subnet(GRE_SUBNET, 6, AT_ROUTER)}""")
    switch.add_bridge("overlay")
    for station in FAR_GRE:
        switch.add_internal_port("overlay", station.name)
        switch.hand_over(station.name, station.netns)
        _start_node(shell, station, station.name)
    switch.clear_flows("overlay")
    for station in FAR_GRE:
        _add_tunnels(switch, station)
    return switch


def _add_tunnels(switch: Switch, station: Node) -> None:
    """The tunnels of a station's network, to both gateways, and the flows between them and the station."""
    network = station.network
    ports = {gateway: gre_port(gateway, network.family) for gateway in GATEWAYS}
    for gateway, port in ports.items():
        switch.add_tunnel_port("overlay", port, "type=gre", f'options:remote_ip="{gateway.vtep(network.family)}"', "options:packet_type=ptap")
        switch.add_flow("overlay", f"in_port={port},packet_type=(1,0x8847),mpls_label={network.label},"
                                   f"actions=decap(packet_type(ns=0,type=0)),output:{station.name}")
        add_labelled_flow(switch, station, gateway, [(network.label, 64)])
    everywhere = ",".join(_labelled([(network.label, 64)], port) for port in ports.values())
    switch.add_flow("overlay", f"in_port={station.name},dl_dst=ff:ff:ff:ff:ff:ff,actions={everywhere}")


def add_labelled_flow(switch: Switch, station: Node, gateway: Gateway, stack) -> None:
    """From now on the station's frames for an instance behind `gateway` go with these labels: number and TTL each, outermost first."""
    match = f"in_port={station.name},dl_dst={behind(gateway, station.network).mac}"
    switch.add_flow("overlay", f"{match},actions={_labelled(stack, gre_port(gateway, station.network.family))}")


def _labelled(stack, port: str) -> str:
    """The action that sends a frame with labels. It works on a copy: of a frame that was labelled and sent Open vSwitch can do nothing
    more, it aborts."""
    labels = (f"encap(mpls),set_field:{number}->mpls_label,set_field:{ttl}->mpls_ttl" for number, ttl in reversed(stack))
    return f"clone({','.join(labels)},output:{port})"
