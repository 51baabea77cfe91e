"""The scenario of `scripts/lab --neighbours`: who has which MAC, as the ARP caches and neighbour tables of Linux hosts see it.

One gateway, IPv4 and IPv6. After each check the hosts' own tables are read; every frame that Causeway made meanwhile is judged.
"""

import re
import sys
import time
from contextlib import ExitStack
from ipaddress import IPv6Address

from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from labkit import config, judge_originated, topology, traffic
from labkit.fabric import set_kernel
from labkit.judge_originated import BROADCAST, NOBODY_MAC, VIRTUAL_MAC, World, solicited_node
from labkit.lab import HOME, Lab
from labkit.report import require
from labkit.shell import wait_until
from labkit.topology import BLUE, FAR_BLUE, FAR_GREEN, GREEN, GW1, RED, TOR, VTEP, tap
from labkit.traffic import Capture, Point

GATEWAYS = (GW1,)
AT_FIRST = (BLUE, GREEN, RED)
MEMBERS = (*AT_FIRST, FAR_BLUE, FAR_GREEN)
STRANGER = ("10.1.0.77", "fd00:1::77")
PROBE_SECONDS = 2
SMALLEST_FRAME = 60

INTO_TRUNK, OUT_OF_TRUNK = Point(TOR, GW1.name, "out"), Point(TOR, GW1.name, "in")
INTO_FABRIC, OUT_OF_FABRIC = Point(VTEP, GW1.name, "in"), Point(VTEP, GW1.name, "out")
AT_FAR_BLUE, AT_RED = Point(FAR_BLUE.netns, "eth0", "in"), Point(RED.netns, RED.name, "in")


def address6(node) -> str:
    """A node's IPv6 address: the numbers of its IPv4 address."""
    return v6(node.network, int(node.address.split(".")[3]))


def v6(network: str, host: int) -> str:
    """An IPv6 address of a network."""
    return f"fd00:{1 if network == 'blue' else 2}::{host:x}"


def addresses(node) -> tuple:
    """Both addresses of a node."""
    return node.address, address6(node)


def routers(network: str) -> tuple:
    """What the gateway itself has in a network: its own and the service address, in either family."""
    head = "10.1.0" if network == "blue" else "10.2.0"
    return f"{head}.1", f"{head}.53", v6(network, 1), v6(network, 0x53)


def network(suppress=True) -> str:
    """The network file. The far host is a member whose place is known from the fabric; its addresses are known as an instance's are."""
    lines = ["version: 1", "physical_routers: [{ name: gw1 }]", "physical_interfaces: [{ name: access0, physical_router: gw1 }]", "virtual_networks:"]
    for host in topology.HOSTS:
        gateway, service, gateway6, service6 = routers(host.network)
        subnets = ((f"{gateway.rsplit('.', 1)[0]}.0/24", gateway, service), (f"{v6(host.network, 0)[:-1]}/64", gateway6, service6))
        lines += [f"  - name: {host.network}", f"    vxlan_network_identifier: {host.vni}", f"    arp_suppression: {str(suppress).lower()}",
                  "    ipam_subnets:"]
        lines += [f"      - {{ subnet: '{subnet}', default_gateway: '{own}', dns_server_address: '{other}' }}" for subnet, own, other in subnets]
    lines += ["virtual_machine_interfaces:"]
    lines += [f"  - {{ name: {node.name}, virtual_network: {node.network}, mac_address: '{node.mac}' }}" for node in MEMBERS]
    lines += ["instance_ips:"]
    lines += [f"  - {{ name: {node.name}-{number}, virtual_machine_interface: {node.name}, instance_ip_address: '{address}' }}"
              for node in MEMBERS for number, address in enumerate(addresses(node))]
    lines += ["logical_interfaces:"]
    for instance in AT_FIRST:
        lines += config.logical_interface(GW1, instance)
    lines += ["static_reachability:"]
    lines += [f"  - {{ virtual_network: {host.network}, vtep: {topology.VTEP_ADDRESS}, flood: true, mac_addresses: ['{host.mac}'] }}"
              for host in topology.HOSTS]
    return "\n".join(lines) + "\n"


WORLD = World(
    network_of={instance.vlan: instance.network for instance in AT_FIRST},
    owner={(node.network, address): node.mac for node in MEMBERS for address in addresses(node)}
    | {(name, address): VIRTUAL_MAC for name in ("blue", "green") for address in routers(name)},
    at_home={instance.vlan: {instance.mac: addresses(instance)} for instance in AT_FIRST},
)


class NeighboursLab(Lab):
    """The lab with the configuration of this scenario."""

    def __init__(self, options):
        super().__init__(sys.modules[__name__], options)

    def build_surroundings(self) -> None:
        """As always, and hosts with IPv6."""
        super().build_surroundings()
        for node in MEMBERS:
            set_kernel(self.shell, node.netns, [f"ipv6/conf/{netdev(node)}/{setting}" for setting in ("disable_ipv6=0", "accept_ra=0")])
            self.shell.ip(node.netns, f"address add {address6(node)}/64 dev {netdev(node)} nodad")

    def configuration(self, gateway, core: int) -> tuple:
        return config.node(gateway, core, self.hugepages, HOME), network()


class Scenario:
    """The checks, in the order in which they run. One capture runs through all of them."""

    def __init__(self, lab):
        self.shell, self.gateway = lab.shell, lab.gateways[0]
        self.watching = ExitStack()

    def checks(self) -> list:
        """Pairs of a title and an action."""
        return [
            ("everything at trunk and fabric is captured from now on", self.watch),
            ("known addresses are answered with their MACs, and nobody else is asked", self.known),
            ("gateway and service address are answered with the virtual MAC, and with echoes", self.routers),
            ("an unknown address is asked for everywhere", self.unknown),
            ("gratuitous ARP, unsolicited advertisements and DAD pass", self.gratuitous),
            ("inside an inner tag ARP is not answered and passes", self.inner_tag),
            ("from the fabric the gateway's address is not answered", self.from_fabric),
            ("each address is probed every two seconds", self.probes),
            ("a link that comes back has the gateway announced", self.announcements),
            ("with suppression off a known address is asked for everywhere", self.suppression_off),
            ("scapy and tshark agree with every frame that Causeway made", self.judged),
            ("every packet is accounted for", self.gateway.require_accounted),
        ]

    def watch(self) -> None:
        """From before the first frame until all are judged."""
        points = INTO_TRUNK, OUT_OF_TRUNK, OUT_OF_FABRIC
        self.all = self.watching.enter_context(Capture(self.shell, "everything", *points))

    def known(self) -> None:
        """Blue asks for the far host and for its network's other instance, the latter for blue, with empty tables."""
        for asking, wanted, elsewhere in ((BLUE, FAR_BLUE, (AT_FAR_BLUE, AT_RED)), (BLUE, RED, (AT_FAR_BLUE, AT_RED)), (RED, BLUE, (AT_FAR_BLUE,))):
            self._forget(asking)
            with Capture(self.shell, "known", *elsewhere) as capture:
                for address in addresses(wanted):
                    self._ping(asking, address)
            for point in elsewhere:
                asked = [frame for frame in capture.seen[point] if asks(frame, asking)]
                require(not asked, f"{point} was asked though the answer is known: {asked[0].hex() if asked else None}")
            self._require_table(asking, {address: wanted.mac for address in addresses(wanted)})

    def routers(self) -> None:
        """The four addresses of the gateway, from two VLANs."""
        for node in (BLUE, GREEN):
            self._forget(node)
            for address in routers(node.network):
                self._ping(node, address)
            self._require_table(node, dict.fromkeys(routers(node.network), VIRTUAL_MAC))

    def unknown(self) -> None:
        """Requests for an address that nobody has reach the far host and the other instance, once each, and get no answer."""
        self._passes("unknown", [arp(BLUE, STRANGER[0]), solicitation(BLUE, STRANGER[1])])
        self._forget(BLUE)
        self.shell.run("ping", "-n", "-c", 1, "-W", 1, STRANGER[0], netns=BLUE.netns, check=False)
        self._require_table(BLUE, {STRANGER[0]: None})

    def gratuitous(self) -> None:
        """What an instance says unasked is for everybody to hear, though the gateway could answer for it."""
        own4, own6 = addresses(BLUE)
        advertisement = (Ether(src=BLUE.mac, dst="33:33:00:00:00:01") / IPv6(src=own6, dst="ff02::1", hlim=255)
                         / ICMPv6ND_NA(tgt=own6, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=BLUE.mac))
        self._passes("gratuitous", [arp(BLUE, own4), arp(BLUE, own4, operation=2), arp(BLUE, own4, sender="0.0.0.0"), bytes(advertisement),
                                    solicitation(BLUE, own6, source="::")])

    def inner_tag(self) -> None:
        """A request within a customer's VLAN arrives with its tag. It is put on the trunk: an access port of the switch takes no tags."""
        asked = arp(BLUE, FAR_BLUE.address)
        tagged = asked[:12] + bytes.fromhex("81000007") + asked[12:]
        outer = tagged[:12] + bytes.fromhex("8100") + BLUE.vlan.to_bytes(2, "big") + tagged[12:]
        self._passes("inner-tag", [tagged], lambda: traffic.inject(self.shell, TOR, GW1.name, [outer]))

    def from_fabric(self) -> None:
        """The far host asks for the gateway's address in vain, and no instance is bothered."""
        self._forget(FAR_BLUE)
        gateway = routers("blue")[0]
        with Capture(self.shell, "from-fabric", OUT_OF_TRUNK) as capture:
            self.shell.run("ping", "-n", "-c", 1, "-W", 1, gateway, netns=FAR_BLUE.netns, check=False)
        self._require_table(FAR_BLUE, {gateway: None})
        require(not [frame for frame in capture.seen[OUT_OF_TRUNK] if FAR_BLUE.mac == Ether(frame).src], "the request was passed on")

    def probes(self) -> str:
        """Of every address of every instance, at least three in a row, each two seconds after the one before."""
        with Capture(self.shell, "probes", OUT_OF_TRUNK) as capture:
            time.sleep(4 * PROBE_SECONDS)
        found, worst = {}, 0.0
        for at, frame in traffic.read_timed_pcap(capture.files[OUT_OF_TRUNK]):
            if (probe := probed(frame)) is not None:
                found.setdefault(probe, []).append(at)
        for instance in AT_FIRST:
            for address in addresses(instance):
                times = found.pop((instance.vlan, address), [])
                require(len(times) >= 3, f"{address} was probed {len(times)} times in {4 * PROBE_SECONDS} s")
                worst = max([worst, *(abs(later - earlier - PROBE_SECONDS) for earlier, later in zip(times, times[1:]))])
        require(not found, f"probes of what is not there: {sorted(found)}")
        require(worst < PROBE_SECONDS / 2, f"two probes of an address were {worst:.2f} s off their distance")
        return f"at most {worst * 1000:.0f} ms early or late"

    def announcements(self) -> str:
        """Gateway and service address, on every VLAN, from the virtual MAC, within two rounds of probes."""
        wanted = {(instance.vlan, address) for instance in AT_FIRST for address in routers(instance.network)}
        with Capture(self.shell, "announcements", OUT_OF_TRUNK) as capture:
            self.shell.ip(GW1.netns, f"link set {tap('access')} down")
            time.sleep(0.5)
            self.shell.ip(GW1.netns, f"link set {tap('access')} up")
            since = time.time()
            told = lambda: {told: at for at, frame in traffic.read_timed_pcap(capture.files[OUT_OF_TRUNK]) if at > since and (told := announced(frame))}
            wait_until(lambda: wanted <= told().keys(), 3 * PROBE_SECONDS, "gateway and service address are announced everywhere")
        return f"the last one after {max(told()[one] for one in wanted) - since:.2f} s"

    def suppression_off(self) -> None:
        """A reload takes it away; the request is flooded, and who has the address answers."""
        self.gateway.network_file.write_text(network(suppress=False))
        self.gateway.command("reload")
        self._forget(BLUE)
        with Capture(self.shell, "suppression-off", AT_FAR_BLUE) as capture:
            for address in addresses(FAR_BLUE):
                self._ping(BLUE, address)
        require(len([frame for frame in capture.seen[AT_FAR_BLUE] if asks(frame, BLUE)]) >= 2, "the far host was not asked")
        self._require_table(BLUE, {address: FAR_BLUE.mac for address in addresses(FAR_BLUE)})

    def judged(self) -> str:
        """Of what came out of the trunk, all that did not come in from the fabric or by another VLAN."""
        self.watching.close()
        came_in = {untagged(frame[50:]) for frame in self.all.seen[OUT_OF_FABRIC] if frame[36:38] == (4789).to_bytes(2, "big")}
        came_in |= {untagged(frame) for frame in self.all.seen[INTO_TRUNK]}
        read = {point: list(zip(judge_originated.by_tshark(self.shell, self.all.files[point]), self.all.seen[point])) for point in (INTO_TRUNK, OUT_OF_TRUNK)}
        for said, frame in read[OUT_OF_TRUNK]:
            require(said.get("eth.src") not in WORLD.at_home[int(said["vlan.id"])], f"an instance hears its own MAC: {frame.hex()}")
        made = [(said, frame) for said, frame in read[OUT_OF_TRUNK] if untagged(frame) not in came_in]
        for said, frame in made:
            other = judge_originated.by_scapy(frame)
            require(said == other, f"tshark reads {said}, scapy {other} in {frame.hex()}")
        counts = judge_originated.judge(WORLD, made, read[INTO_TRUNK])
        wanted = {"ARP request", "ARP reply", "ARP announcement", "neighbour solicitation", "neighbour advertisement", "echo reply", "echo reply of IPv6"}
        require(wanted <= counts.keys(), f"not all kinds of frames were made: {dict(counts)}")
        return ", ".join(f"{count} of {kind}" for kind, count in sorted(counts.items()))

    def _passes(self, name: str, frames, send=None) -> None:
        """Frames that blue sends go to the far host and to red, once each, octet by octet but for padding, and nobody answers them."""
        with Capture(self.shell, name, AT_FAR_BLUE, OUT_OF_TRUNK) as capture:
            (send or (lambda: traffic.inject(self.shell, BLUE.netns, BLUE.name, frames)))()
        to_red = bytes.fromhex("8100") + RED.vlan.to_bytes(2, "big")
        for frame in (frame.ljust(SMALLEST_FRAME, b"\0") for frame in frames):
            for point, expected in ((AT_FAR_BLUE, frame), (OUT_OF_TRUNK, frame[:12] + to_red + frame[12:])):
                count = capture.seen[point].count(expected)
                require(count == 1, f"{point}: {count} copies instead of one of {expected.hex()}")
        answers = [frame for frame in capture.seen[OUT_OF_TRUNK] if ARP in Ether(frame) and Ether(frame)[ARP].op == 2 and Ether(frame)[Dot1Q].vlan == BLUE.vlan]
        require(not answers, f"somebody answers: {answers[0].hex() if answers else None}")

    def _ping(self, node, address: str) -> None:
        done = self.shell.run("ping", "-n", "-c", 2, "-i", 0.2, "-W", 2, address, netns=node.netns, check=False)
        traffic.judge_ping(done.stdout, f"{node.name} to {address}")

    def _forget(self, node) -> None:
        self.shell.ip(node.netns, f"neighbour flush dev {netdev(node)}")

    def _require_table(self, node, expected: dict) -> None:
        """The host's own table has these MACs for these addresses; None if it is to have none."""
        shown = self.shell.run("ip", "-netns", node.netns, "neighbour", "show", "dev", netdev(node)).stdout
        found = {address: mac for address, mac in re.findall(r"^(\S+) .*?lladdr (\S+)", shown, re.MULTILINE)}
        wrong = {address: found.get(address) for address, mac in expected.items() if found.get(address) != mac}
        require(not wrong, f"the neighbour table of {node.name} has {wrong} instead of {({one: expected[one] for one in wrong})}")


def netdev(node) -> str:
    """The netdev of an instance or a host."""
    return node.name if node in topology.INSTANCES else "eth0"


def arp(node, target: str, operation=1, sender=None) -> bytes:
    """A broadcast ARP packet; `target` is its own address where it tells instead of asking (RFC 5227)."""
    sender = sender or node.address
    return bytes(Ether(src=node.mac, dst=BROADCAST) / ARP(op=operation, hwsrc=node.mac, psrc=sender, hwdst=NOBODY_MAC, pdst=target)).ljust(SMALLEST_FRAME, b"\0")


def solicitation(node, target: str, source=None) -> bytes:
    """A neighbour solicitation to the target's group; without a source of its own it is duplicate address detection (RFC 4862)."""
    group = solicited_node(target)
    head = Ether(src=node.mac, dst=f"33:33:ff:{IPv6Address(target).packed[13:].hex(':')}") / IPv6(src=source or address6(node), dst=group, hlim=255)
    return bytes(head / ICMPv6ND_NS(tgt=target))



def asks(frame: bytes, node) -> bool:
    """Whether a frame is a request or solicitation of a node."""
    read = Ether(frame)
    return read.src == node.mac and (ARP in read and read[ARP].op == 1 or ICMPv6ND_NS in read)


def probed(frame: bytes):
    """VLAN and address that a frame asks for from the virtual MAC; None if it does not."""
    read = Ether(frame)
    if read.src != VIRTUAL_MAC or Dot1Q not in read:
        return None
    if ARP in read and read[ARP].op == 1 and read[ARP].psrc != read[ARP].pdst:
        return read[Dot1Q].vlan, read[ARP].pdst
    return (read[Dot1Q].vlan, read[ICMPv6ND_NS].tgt) if ICMPv6ND_NS in read else None


def announced(frame: bytes):
    """VLAN and address that a frame announces; None if it does not."""
    read = Ether(frame)
    if Dot1Q not in read:
        return None
    if ARP in read and read[ARP].psrc == read[ARP].pdst and read[ARP].hwsrc == VIRTUAL_MAC:
        return read[Dot1Q].vlan, read[ARP].psrc
    return (read[Dot1Q].vlan, read[ICMPv6ND_NA].tgt) if ICMPv6ND_NA in read and read[IPv6].dst == "ff02::1" else None


def untagged(frame: bytes) -> bytes:
    """A frame without its outer tag, padded."""
    return (frame[:12] + frame[16:] if frame[12:14] == bytes.fromhex("8100") else frame).ljust(SMALLEST_FRAME, b"\0")
