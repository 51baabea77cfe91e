"""The scenario of `scripts/lab --tunnels`: every encapsulation over IPv4 and IPv6 between two gateways with two fabric ports each.

Open vSwitch is a foreign end of MPLSoGRE, Linux one of VXLAN over IPv6. MPLSoUDP has none here: it would take the kernel's
module `bareudp`, which need not be there; tshark judges what the two gateways say.
"""

import sys
import time

from labkit import fabric, fabric_config, judge_tunnels, traffic
from labkit.fabric import (FAR_GRE, GATEWAYS, GRE4, GRE6, GW1, GW2, INSTANCES, KERNEL, LINKS, NETWORKS, ROUTER, SHARING, UDP4,
                           UDP6, VXLAN4, VXLAN6, behind)
from labkit.lab import HOME, Lab
from labkit.one_gateway import require_counts
from labkit.report import require
from labkit.shell import wait_until
from labkit.topology import TOR, tap
from labkit.traffic import BROADCAST, Capture, Point

TCP_SECONDS = 1
INTO_ROUTER = {gateway: [Point(ROUTER, gateway.to_router(link), "in") for link in LINKS] for gateway in GATEWAYS}
OUT_OF_ACCESS = {gateway: Point(TOR, gateway.name, "in") for gateway in GATEWAYS}
SIZES = (60, 61, 64, 128, 511, 1514)
JUDGED = b"[judged-"
FLOWS = 64
STREAM_FLOWS = 8
LONGEST_SILENCE_SECONDS = 2  # of a flow whose link is taken away
LONGEST_RETURN_SECONDS = 4  # of one that goes back to it: the router may have to ask for the gateway's MAC twice, and keeps frames meanwhile


class TunnelLab(Lab):
    """The lab with the surroundings and the configuration of this scenario."""

    stands = "namespaces, switches, router and foreign VTEPs stand"

    def __init__(self, options):
        super().__init__(sys.modules[__name__], options)
        self.cores = {}

    def build_surroundings(self) -> None:
        self.gre_switch = fabric.build(self.shell, HOME)

    def configuration(self, gateway, core: int) -> tuple:
        self.cores[gateway] = core
        return fabric_config.node(gateway, core, self.hugepages, HOME), fabric_config.network()

    def a_ping(self) -> tuple:
        return behind(GW1, UDP6), behind(GW2, UDP6)


class Scenario:
    """The checks, in the order in which they run."""

    def __init__(self, lab):
        self.lab, self.shell = lab, lab.shell
        self.first, self.second = lab.gateways

    def checks(self) -> list:
        """Pairs of a title and an action."""
        return [
            *((f"ping and TCP by {network.title}{', QinQ' if network in (UDP6, GRE6) else ''}",
               lambda network=network: self.talk(network)) for network in NETWORKS),
            ("tshark agrees with every field, priorities arrive: gw1 to gw2", lambda: self.headers(GW1, GW2)),
            ("tshark agrees with every field, priorities arrive: gw2 to gw1", lambda: self.headers(GW2, GW1)),
            ("two instances share a VLAN, told apart by their MACs", self.shared_vlan),
            ("QinQ: other tags are dropped, with their reasons", self.strange_tags),
            *((f"MPLSoGRE over IPv{station.network.family} with Open vSwitch: ping and TCP", lambda station=station: self.open_vswitch(station))
              for station in FAR_GRE),
            ("Open vSwitch sends GRE with checksum and key: taken", self.open_vswitch_checksum),
            ("Open vSwitch sends label stacks, explicit null and entropy label: taken", self.open_vswitch_stacks),
            ("VXLAN over IPv6 with Linux: ping and TCP, all UDP checksums right", self.linux),
            ("Linux sends UDP checksums of zero: dropped, and by configuration taken", self.linux_sends_zero),
            ("we send UDP checksums of zero: Linux takes them only if told to", self.linux_gets_zero),
            *((f"every packet is accounted for on {gateway.gateway.name}", gateway.require_balance) for gateway in self.lab.gateways),
            ("flows share both fabric ports", self.spread),
            ("a fabric port loses its link and has it again: all flows go on", self.lost_link),
            ("the link was back: flows share both ports again", self.spread_again),
            *((f"still nothing is unaccounted on {gateway.gateway.name}", lambda gateway=gateway: self.accounted(gateway))
              for gateway in self.lab.gateways),
        ]

    def talk(self, network) -> str:
        """Both ask, with empty neighbour tables; then TCP with iperf3's defaults, networks taking turns at the way."""
        ends = behind(GW1, network), behind(GW2, network)
        client, server = ends if network.number % 2 else ends[::-1]
        return self.ping_and_tcp(client, server)

    def ping_and_tcp(self, client, server) -> str:
        """Ping both ways, and TCP from `client` to `server`."""
        for node in (client, server):
            self.shell.ip(node.netns, "neighbour flush all")
        for source, destination in ((client, server), (server, client)):
            traffic.ping(self.shell, source, destination, count=3)
        return traffic.tcp(self.shell, client, server, seconds=TCP_SECONDS)

    def headers(self, sender, receiver) -> str:
        """Frames of many sizes, flows and priorities of each network put on one trunk; seen in the fabric and on the other trunk."""
        sent = {network: self._frames(network, sender, receiver) for network in NETWORKS}
        on_trunk = [judge_tunnels.tagged(frame, behind(sender, network), priority)
                    for network, frames in sent.items() for priority, frame in frames]
        with Capture(self.shell, f"headers-{sender.name}", *INTO_ROUTER[sender], OUT_OF_ACCESS[receiver]) as capture:
            traffic.inject(self.shell, TOR, sender.name, on_trunk)
        found = [packet for point in INTO_ROUTER[sender] for packet in judge_tunnels.packets(self.shell, capture.files[point], JUDGED)]
        for network, frames in sent.items():
            of_network = [(row, octets) for row, octets in found if mark(network) in octets]
            judge_tunnels.judge(network, sender, receiver.vtep(network.family), of_network, frames)
            delivered = capture.marked(OUT_OF_ACCESS[receiver], mark(network))
            wanted = [judge_tunnels.tagged(frame, behind(receiver, network), priority) for priority, frame in frames]
            missing, strange = set(wanted) - set(delivered), set(delivered) - set(wanted)
            require(len(delivered) == len(wanted) and not missing,
                    f"{network.name}: {len(delivered)} of {len(wanted)} frames delivered; for instance"
                    f" {[frame.hex() for frame in sorted(strange)[:1]]} instead of {[frame.hex() for frame in sorted(missing)[:1]]}")
        return f"{len(on_trunk)} packets in {len(sent)} forms"

    def _frames(self, network, sender, receiver) -> list:
        """Pairs of a priority and an untagged frame; no two frames are alike."""
        source, destination = behind(sender, network), behind(receiver, network)
        make = lambda port, octets: traffic.frame(source, destination.mac, mark(network), port=port, octets=octets)
        return [(0, make(1000 + octets, octets)) for octets in SIZES] + [(flow % 8, make(3000 + flow, 100)) for flow in range(16)]

    def shared_vlan(self) -> None:
        """One copy a VLAN, none back to it; each MAC reached; neighbours and strangers not let through."""
        one, far = behind(GW1, VXLAN4), behind(GW2, VXLAN4)
        traffic.ping(self.shell, SHARING, far, count=3)
        points = (OUT_OF_ACCESS[GW1], OUT_OF_ACCESS[GW2], *(Point(node.netns, node.name, "in") for node in (one, SHARING)))
        with Capture(self.shell, "shared-vlan", *points) as capture:
            traffic.inject(self.shell, one.netns, one.name, [traffic.frame(one, BROADCAST, b"from-one", "10.3.0.255")] * 5)
            traffic.inject(self.shell, far.netns, far.name, [traffic.frame(far, BROADCAST, b"from-far", "10.3.0.255")] * 5)
            traffic.inject(self.shell, far.netns, far.name, [traffic.frame(far, SHARING.mac, b"to-sharing")] * 5)
        counts = lambda name: {point: len(capture.marked(point, name)) for point in points}
        require_counts(counts(b"from-one"), dict(zip(points, (0, 5, 0, 5))), b"from-one")
        require_counts(counts(b"from-far"), dict(zip(points, (5, 0, 5, 5))), b"from-far")
        require_counts(counts(b"to-sharing"), dict(zip(points, (5, 0, 0, 5))), b"to-sharing")
        stranger = fabric.Node("stranger", VXLAN4, 77, GW1, one.tags)
        self._dropped("unknown_source_mac", traffic.frame(stranger, far.mac, b"stranger"), one)
        self._dropped("same_segment", traffic.frame(one, SHARING.mac, b"neighbour"), one)

    def strange_tags(self) -> None:
        """A C-VLAN that nobody has, another network's, none at all, and an outer tag of the wrong type."""
        udp, gre = behind(GW1, UDP6), behind(GW1, GRE6)
        frame = traffic.frame(udp, behind(GW2, UDP6).mac, b"strange")
        as_tagged = lambda *tags: fabric.Node("", UDP6, 0, GW1, tags)
        self._dropped("unknown_vlan", frame, as_tagged(fabric.S_VLAN, 9))
        self._dropped("unknown_vlan", frame, as_tagged(fabric.S_VLAN))
        self._dropped("unknown_source_mac", frame, gre)
        self._dropped("unknown_tpid", frame, udp, outer_type=0x88A8)

    def _dropped(self, reason: str, frame: bytes, place, outer_type=None) -> None:
        """Frames put on gw1's trunk with the tags of `place` are dropped for the reason, and nothing leaves the gateway."""
        sent = [judge_tunnels.tagged(frame, place, 0, outer_type)] * 5
        self.first.expect_drops(reason, 5, lambda: traffic.inject(self.shell, TOR, GW1.name, sent))

    def open_vswitch(self, station) -> str:
        """Open vSwitch labels whole Ethernet frames and sends them in GRE, and takes ours apart."""
        rates = [self.ping_and_tcp(station, behind(GW1, station.network)), self.ping_and_tcp(behind(GW2, station.network), station)]
        return f"{rates[0]} to gw1, {rates[1]} from gw2"

    def open_vswitch_checksum(self) -> None:
        """Both optional fields of GRE, from somebody else; the echoes go back without them."""
        point, at = Point(ROUTER, "gre", "in"), {4: 14 + 20, 6: 14 + 40}
        for station in FAR_GRE:
            family = station.network.family
            self.lab.gre_switch.change_interface(fabric.gre_port(GW1, family), "options:csum=true", "options:out_key=77",
                                                 "options:in_key=flow")
            with Capture(self.shell, f"gre-options-{family}", point) as capture:
                traffic.ping(self.shell, station, behind(GW1, station.network), count=3)
            headers = [frame[at[family]:][:4].hex() for frame in capture.seen[point]]
            require(headers.count("a0008847") >= 3, f"Open vSwitch sent, at the place of the GRE header: {headers}")

    def open_vswitch_stacks(self) -> None:
        """An explicit null before the service label, and an entropy label with its indicator behind it (RFC 3032, RFC 6790)."""
        station, label, point = FAR_GRE[0], GRE4.label, Point(ROUTER, "gre", "in")
        for name, stack in (("explicit-null", ((0, 64), (label, 64))), ("entropy", ((label, 64), (7, 0), (70_000, 0)))):
            fabric.add_labelled_flow(self.lab.gre_switch, station, GW1, stack)
            with Capture(self.shell, f"stack-{name}", point) as capture:
                traffic.ping(self.shell, station, behind(GW1, GRE4), count=3)
            entries = [(number << 12 | (at == len(stack) - 1) << 8 | ttl).to_bytes(4, "big") for at, (number, ttl) in enumerate(stack)]
            heads = [frame[:80].hex() for frame in capture.seen[point]]
            require(sum(b"".join(entries).hex() in head for head in heads) >= 3, f"the labels {stack} are in none of {heads}")

    def linux(self) -> str:
        """The kernel sends checksums, and refuses packets without; so do we, by default."""
        # Where the kernel's checksums are filled in: behind a veth they are left to the hardware, before a TAP they are not.
        to_us = [Point(GW1.netns, tap(f"fabric{link}"), "out") for link in LINKS]
        from_us = INTO_ROUTER[GW1]
        instance = behind(GW1, VXLAN6)
        rates = [self.ping_and_tcp(KERNEL, instance), self.ping_and_tcp(behind(GW2, VXLAN6), KERNEL)]
        with Capture(self.shell, "linux", *to_us, *from_us) as capture:
            for node, netdev, other in ((KERNEL, "vx", instance), (instance, instance.name, KERNEL)):
                for frame in (traffic.frame(node, destination, b"checksum") for destination in (BROADCAST, other.mac)):
                    traffic.inject(self.shell, node.netns, netdev, [frame] * 3)
        for points, copies in ((to_us, 6), (from_us, 6 + 3)):  # our broadcasts go to gw2, too
            rows = [row for point in points for row, _ in judge_tunnels.packets(self.shell, capture.files[point], b"checksum")]
            states = [row["udp.checksum.status"] for row in rows]
            require(states == ["1"] * copies, f"states of the checksums at {points[0]}, where 1 is right: {states}")
        return f"{rates[0]} to gw1, {rates[1]} from gw2"

    def linux_sends_zero(self) -> None:
        """RFC 6936: only who is told to takes them."""
        instance = behind(GW1, VXLAN6)
        fabric.add_kernel_vxlan(self.shell, zero_sent=True, zero_taken=False)
        sent = [traffic.frame(KERNEL, instance.mac, b"zero")] * 5
        self.first.expect_drops("udp_checksum_missing", 5, lambda: traffic.inject(self.shell, KERNEL.netns, "vx", sent))
        self._reload("  udp6_zero_checksum_rx: true\n")
        traffic.ping(self.shell, KERNEL, instance, count=3)

    def linux_gets_zero(self) -> None:
        """RFC 6935: we send them if told to, and a kernel that was not told to take them does not."""
        instance = behind(GW1, VXLAN6)
        self._reload("  udp6_zero_checksum_rx: true\n  udp6_zero_checksum_tx: true\n")
        answer = self.shell.run("ping", "-n", "-c", 2, "-i", 0.2, "-W", 1, KERNEL.address, netns=instance.netns, check=False)
        require(" 0 received" in answer.stdout, f"Linux took what it should refuse: {answer.stdout}")
        fabric.add_kernel_vxlan(self.shell, zero_sent=True, zero_taken=True)
        with Capture(self.shell, "zero", *INTO_ROUTER[GW1]) as capture:
            traffic.inject(self.shell, instance.netns, instance.name, [traffic.frame(instance, KERNEL.mac, b"zero")] * 3)
        rows = [row for point in INTO_ROUTER[GW1] for row, _ in judge_tunnels.packets(self.shell, capture.files[point], b"zero")]
        require([row["udp.checksum"] for row in rows] == ["0x0000"] * 3, f"we sent {rows}")
        traffic.ping(self.shell, instance, KERNEL, count=3)
        self._reload("")

    def _reload(self, more: str) -> None:
        """Give gw1 a node file with more lines in `fabric`."""
        self.first.node_file.write_text(fabric_config.node(GW1, self.lab.cores[GW1], self.lab.hugepages, HOME, more))
        self.first.command("reload")

    def spread(self) -> str:
        """Each flow keeps to one port, and either port gets its share, whatever the encapsulation."""
        figures = []
        for network in (UDP4, GRE4, UDP6, GRE6):
            counts = self._flows_by_link(network)
            require(min(counts) >= FLOWS // 4, f"{network.title}: of {FLOWS} flows {counts} took each port")
            figures.append("/".join(map(str, counts)))
        return f"{', '.join(figures)} of {FLOWS} flows each"

    def _flows_by_link(self, network) -> list:
        """How many of the flows from behind gw1 take each of its links; none may take two."""
        source, destination = behind(GW1, network), behind(GW2, network)
        frames = [traffic.frame(source, destination.mac, b"flow", port=5000 + flow) for flow in range(FLOWS)] * 2
        with Capture(self.shell, "spread", *INTO_ROUTER[GW1]) as capture:
            traffic.inject(self.shell, TOR, GW1.name, [judge_tunnels.tagged(frame, source, 0) for frame in frames])
        taken = [{frame[-100:][34:36] for frame in capture.marked(point, b"flow")} for point in INTO_ROUTER[GW1]]
        require(sum(map(len, taken)) == FLOWS == len(set.union(*taken)), f"{FLOWS} flows, by link: {list(map(len, taken))}")
        return list(map(len, taken))

    def lost_link(self) -> str:
        """Numbered frames of several flows both ways, IPv4 and IPv6, while gw1's first link goes, and comes back."""
        ways = [ends for network in (UDP4, UDP6) for one, other in [(behind(GW1, network), behind(GW2, network))]
                for ends in ((one, other), (other, one))]
        points = {way: Point(way[1].netns, way[1].name, "in") for way in ways}
        with Capture(self.shell, "lost-link", *points.values()) as capture:
            streams = [traffic.Stream(self.shell, source, source.name, destination.mac, "link", STREAM_FLOWS, 0.004)
                       for source, destination in ways]
            time.sleep(1)
            self._set_link(GW1, 0, "down")
            time.sleep(1 + LONGEST_SILENCE_SECONDS)
            back = time.time()
            self._set_link(GW1, 0, "up")
            time.sleep(LONGEST_RETURN_SECONDS / 2)
            sent = [stream.stop() for stream in streams]
        records = [flows_of(traffic.read_timed_pcap(capture.files[point])) for point in points.values()]
        silences = [longest_silence(of_way, before=back) for of_way in records]
        after = max(longest_silence(of_way, after=back) for of_way in records)
        require(max(silences) < LONGEST_SILENCE_SECONDS, f"the longest silence of a flow, by way: {silences} s")
        require(after < LONGEST_RETURN_SECONDS, f"the longest silence of a flow at the return of the link: {after} s")
        return (f"silent for at most {max(silences[::2]):.2f} s from gw1, {max(silences[1::2]):.2f} s to it, {after:.2f} s at the return;"
                f" {sum(sent) - sum(map(len, records))} of {sum(sent)} frames lost")

    def spread_again(self) -> str:
        """As before the loss, within a few seconds."""
        begin = time.monotonic()
        wait_until(lambda: min(self._flows_by_link(UDP4)) >= FLOWS // 4, 15, "both ports carry IPv4 flows again")
        wait_until(lambda: min(self._flows_by_link(UDP6)) >= FLOWS // 4, 15, "both ports carry IPv6 flows again")
        return f"seen after {time.monotonic() - begin:.1f} s"

    def _set_link(self, gateway, link: int, state: str) -> None:
        """Cut a fabric cable or mend it: the TAP's netdev is the port's end, the veth the router's."""
        side = f"fabric{link}"
        self.shell.ip(gateway.netns, f"link set {side}-cable {state}\nlink set {tap(side)} {state}")

    def accounted(self, gateway) -> None:
        """The law holds for what was lost with the link, too."""
        sums = gateway.show("drops")["accounting"]
        require(sums["unaccounted"] == 0, f"unaccounted is {sums['unaccounted']}: {sums}")


def mark(network) -> bytes:
    """What the frames of a network are known by."""
    return JUDGED + f"{network.name}]".encode()


def flows_of(records: list) -> list:
    """Time and flow of each frame of a stream; every flow has to be there."""
    found = [(seconds, frame[34:36]) for seconds, frame in records if b"link:" in frame]
    flows = len({flow for _, flow in found})
    require(flows == STREAM_FLOWS, f"of {STREAM_FLOWS} flows {flows} arrived")
    return found


def longest_silence(records: list, before=float("inf"), after=0.0) -> float:
    """The longest time in seconds in which a flow was not heard of, between the first and the last frame of all in a span of time."""
    flows = {flow for _, flow in records}
    records = [(seconds, flow) for seconds, flow in records if after <= seconds < before]
    require(bool(records), "nothing arrived at all")
    longest = 0.0
    for flow in flows:
        times = [records[0][0], *(seconds for seconds, of in records if of == flow), records[-1][0]]
        longest = max(longest, *(later - earlier for earlier, later in zip(times, times[1:])))
    return longest
