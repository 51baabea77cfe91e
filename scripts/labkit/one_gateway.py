"""The scenario of `scripts/lab`: one gateway between instances on VLANs and a kernel VTEP."""

import shlex
import subprocess
import time

from checks import readme
from labkit import config, frames, judge, topology, traffic
from labkit.report import require
from labkit.topology import BLUE, FAR_BLUE, FAR_GREEN, GREEN, GW1, RED, TOR, VTEP
from labkit.traffic import BROADCAST, Capture, Point

GATEWAYS = (GW1,)
AT_FIRST = (BLUE, GREEN)  # red joins by reload

AT_FAR_BLUE = Point(FAR_BLUE.netns, "eth0", "in")
AT_FAR_GREEN = Point(FAR_GREEN.netns, "eth0", "in")
AT_BLUE = Point(BLUE.netns, BLUE.name, "in")
AT_GREEN = Point(GREEN.netns, GREEN.name, "in")
AT_RED = Point(RED.netns, RED.name, "in")
TO_FABRIC = Point(VTEP, GW1.name, "in")
TO_TRUNK = Point(TOR, GW1.name, "in")


class Scenario:
    """The checks, in the order in which they run."""

    def __init__(self, lab):
        self.lab, self.shell = lab, lab.shell
        self.gateway = lab.gateways[0]

    def checks(self) -> list:
        """Pairs of a title and an action."""
        return [
            ("an instance and a fabric host ping each other", lambda: self.ping_both_ways(BLUE, FAR_BLUE)),
            ("so do those of the second network", lambda: self.ping_both_ways(GREEN, FAR_GREEN)),
            ("a broadcast reaches its network, all of it and nothing else", self.flooding),
            ("the two networks do not reach each other", self.isolation),
            ("TCP from the instance, iperf3 with its defaults", lambda: traffic.tcp(self.shell, BLUE, FAR_BLUE)),
            ("TCP to the instance, iperf3 with its defaults", lambda: traffic.tcp(self.shell, FAR_BLUE, BLUE)),
            ("tshark agrees with every field of the outer headers", self.encapsulation),
            ("frames from the fabric arrive octet by octet, tagged", self.decapsulation),
            ("an unknown VLAN is dropped, with its reason", self.unknown_vlan),
            ("a forged source MAC is dropped, with its reason", self.forged_source),
            ("captures of the frames, and of dropped ones, are what tshark reads", lambda: frames.check(self.shell, self.gateway)),
            ("a frame too big for the fabric is dropped, with its reason", self.too_big),
            ("a refused reload changes nothing", self.refused_reload),
            ("a VLAN added by reload costs the running traffic no packet", self.added_vlan),
            ("the new VLAN reaches the fabric and its neighbour VLAN", self.new_instance),
            ("the README's commands answer", self.readme_commands),
            ("every packet is accounted for", self.gateway.require_balance),
        ]

    def ping_both_ways(self, instance, host) -> str:
        """First the instance asks, then the host; both have to resolve the other by ARP through Causeway."""
        for node in (instance, host):
            self.shell.ip(node.netns, "neighbour flush all")
        traffic.ping(self.shell, host, instance)
        return traffic.ping(self.shell, instance, host)

    def flooding(self) -> None:
        """Broadcasts of both ends, counted at both ends of both networks."""
        points = (AT_FAR_BLUE, AT_FAR_GREEN, AT_BLUE, AT_GREEN, AT_RED, TO_TRUNK)
        with Capture(self.shell, "flooding", *points) as capture:
            self.send(BLUE, [traffic.frame(BLUE, BROADCAST, b"from-instance", "10.1.0.255")] * 10)
            self.send(FAR_BLUE, [traffic.frame(FAR_BLUE, BROADCAST, b"from-fabric", "10.1.0.255")] * 10)
        self.require_seen(capture, b"from-instance", {AT_FAR_BLUE: 10})
        self.require_seen(capture, b"from-fabric", {AT_BLUE: 10, TO_TRUNK: 10})

    def isolation(self) -> None:
        """Neither ping with an address of the other network, nor frames to the other network's MACs."""
        self.shell.ip(BLUE.netns, f"address add 10.2.0.9/24 dev {BLUE.name}")
        try:
            answer = self.shell.run("ping", "-n", "-c", 3, "-i", 0.2, "-W", 1, FAR_GREEN.address, netns=BLUE.netns, check=False)
            require(" 0 received" in answer.stdout, f"blue reached green's host: {answer.stdout}")
        finally:
            self.shell.ip(BLUE.netns, f"address del 10.2.0.9/24 dev {BLUE.name}")
        with Capture(self.shell, "isolation", AT_GREEN, AT_FAR_GREEN) as capture:
            self.send(BLUE, [traffic.frame(BLUE, node.mac, b"stray", node.address) for node in (GREEN, FAR_GREEN)] * 5)
            self.send(FAR_BLUE, [traffic.frame(FAR_BLUE, GREEN.mac, b"stray", GREEN.address)] * 5)
        self.require_seen(capture, b"stray", {})

    def encapsulation(self) -> str:
        """Frames of all sizes, with inner tags and priorities, from many flows; put on the trunk as they are."""
        sizes = [42, 46, 59, 60, 61, 64, 128, 511, 1514]
        sent = [traffic.frame(BLUE, FAR_BLUE.mac, b"judge", port=1000 + port, octets=octets, tags=[(BLUE.vlan, 0)])
                for port, octets in enumerate(sizes)]
        sent += [traffic.frame(BLUE, FAR_BLUE.mac, b"judge", port=2000 + flow % 32, tags=[(BLUE.vlan, flow % 8)]) for flow in range(64)]
        sent += [traffic.frame(BLUE, FAR_BLUE.mac, b"judge", tags=[(BLUE.vlan, 5), (7, 3)])]
        with Capture(self.shell, "encapsulation", TO_FABRIC) as capture:
            traffic.inject(self.shell, TOR, GW1.name, sent)
        return judge.judge_encapsulated(self.shell, GW1, capture.files[TO_FABRIC], capture.seen[TO_FABRIC], sent, FAR_BLUE.vni)

    def decapsulation(self) -> None:
        """Frames of all sizes, one of them with a tag of its own, from a host through the kernel's VTEP."""
        sizes = [60, 61, 64, 128, 511, 1514]
        sent = [traffic.frame(FAR_BLUE, BLUE.mac, b"judge", octets=octets) for octets in sizes]
        sent += [traffic.frame(FAR_BLUE, BLUE.mac, b"judge", tags=[(7, 3)])]
        with Capture(self.shell, "decapsulation", TO_TRUNK) as capture:
            self.send(FAR_BLUE, sent)
        judge.judge_decapsulated(capture.marked(TO_TRUNK, b"judge"), sent, BLUE.vlan)

    def unknown_vlan(self) -> None:
        """Red's VLAN is on the trunk, but not yet in the configuration."""
        sent = [traffic.frame(RED, FAR_BLUE.mac, b"unknown")] * 5
        with Capture(self.shell, "unknown-vlan", TO_FABRIC) as capture:
            self.gateway.expect_drops("unknown_vlan", 5, lambda: self.send(RED, sent))
        self.require_seen(capture, b"unknown", {})

    def forged_source(self) -> None:
        """Frames of blue's VLAN that claim to come from green."""
        sent = [traffic.frame(GREEN, FAR_BLUE.mac, b"forged", tags=[(BLUE.vlan, 0)])] * 5
        with Capture(self.shell, "forged-source", TO_FABRIC) as capture:
            self.gateway.expect_drops("unknown_source_mac", 5, lambda: traffic.inject(self.shell, TOR, GW1.name, sent))
        self.require_seen(capture, b"forged", {})

    def too_big(self) -> None:
        """The largest frame that fits the fabric passes; one octet more does not."""
        fits = topology.FABRIC_MTU - judge.OUTER_OCTETS + 14
        with Capture(self.shell, "too-big", TO_FABRIC) as capture:
            for octets, dropped in ((fits, 0), (fits + 1, 1)):
                sent = [traffic.frame(BLUE, FAR_BLUE.mac, b"big", octets=octets, tags=[(BLUE.vlan, 0)])] * 5
                action = lambda frames=sent: traffic.inject(self.shell, TOR, GW1.name, frames)
                if dropped:
                    self.gateway.expect_drops("too_big_for_fabric", 5, action)
                else:
                    action()
        self.require_seen(capture, b"big", {TO_FABRIC: 5})

    def refused_reload(self) -> str:
        """A network file with a dangling reference: an error with its place, and everything goes on."""
        good = self.gateway.network_file.read_text()
        before = self.gateway.show("version"), self.gateway.show("networks")
        self.gateway.network_file.write_text(good.replace("virtual_network: blue", "virtual_network: azure", 1))
        try:
            answer = self.gateway.command("reload", check=False)
        finally:
            self.gateway.network_file.write_text(good)
        said = answer.stdout + answer.stderr
        require(answer.returncode != 0, f"`causeway reload` took a network that does not exist: {said}")
        require(f"{self.gateway.network_file}:" in said and "azure" in said, f"the error names neither place nor value: {said}")
        require(self.gateway.show("networks") == before[1], "the networks changed although the reload was refused")
        traffic.ping(self.shell, BLUE, FAR_BLUE)

    def added_vlan(self) -> str:
        """Three seconds of pings at 100 a second and, a second into them, the reload that adds red."""
        argv = ["ping", "-n", "-q", "-c", "300", "-i", "0.01", "-W", "2", FAR_BLUE.address]
        pinging = subprocess.Popen(["ip", "netns", "exec", BLUE.netns, *argv], stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(1)
            self.gateway.network_file.write_text(config.network(GATEWAYS, (*AT_FIRST, RED)))
            document = self.gateway.command("reload", "--json").stdout
            output = pinging.communicate(timeout=30)[0]
        finally:
            pinging.kill()
        self.shell.note(document + output)
        return traffic.judge_ping(output, "blue to far-blue over the reload")

    def new_instance(self) -> str:
        """Red to the fabric, and red to blue: from one VLAN to another of the same port."""
        traffic.ping(self.shell, RED, FAR_BLUE)
        traffic.ping(self.shell, BLUE, RED)
        return traffic.ping(self.shell, RED, BLUE)

    def readme_commands(self) -> str:
        """What the README tells an operator to ask a running gateway."""
        asked = [command for command in readme.of_repository() if readme.asks_the_daemon(command)]
        for command in asked:
            self.gateway.command(*shlex.split(command)[1:])
        return f"{len(asked)} commands"

    def send(self, node, frames) -> None:
        """Send frames out of an instance's or a host's own netdev."""
        netdev = node.name if node in topology.INSTANCES else "eth0"
        traffic.inject(self.shell, node.netns, netdev, frames)

    def require_seen(self, capture: Capture, mark: bytes, expected: dict) -> None:
        """Marked frames were seen so often at the points named, and nowhere else."""
        require_counts({point: len(capture.marked(point, mark)) for point in capture.points}, expected, mark)


def require_counts(found: dict, expected: dict, mark: bytes) -> None:
    """Compare counts at points; a point that is not named has to have none."""
    wrong = [f"{point}: {count} instead of {expected.get(point, 0)}" for point, count in found.items() if count != expected.get(point, 0)]
    require(not wrong, f"copies of {mark.decode()!r} frames: {'; '.join(wrong)}")
