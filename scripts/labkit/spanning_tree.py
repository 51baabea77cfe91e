"""The scenario of `scripts/lab --spanning-tree`: two gateways whose switches choose the one that serves, by RSTP or STP.

The gateways carry the switches' BPDUs between their access ports and take no part in the protocol. What the switches make of
them is read from the switches; how long traffic is interrupted is read from numbered frames. Both have this machine's clock.
"""

import sys
import time

from labkit import config, traffic, two_gateways
from labkit.cables import AccessCables
from labkit.lab import HOME, Lab
from labkit.one_gateway import require_counts
from labkit.report import require
from labkit.shell import wait_until
from labkit.switches import SWITCHES, Watch, forwarding
from labkit.topology import BLUE, FAR_BLUE, GREEN, GW1, GW2, TOR, build, tap
from labkit.traffic import BROADCAST, Capture, Stream
from labkit.two_gateways import AT_BLUE, AT_FAR_BLUE, FRAMES, INTO_ACCESS, INTO_FABRIC, OUT_OF_ACCESS, OUT_OF_FABRIC, POINTS

GATEWAYS = (GW1, GW2)
AT_FIRST = (BLUE, GREEN)
BRIDGE_GROUP = bytes.fromhex("0180c2000000")  # IEEE 802.1D-2004 table 7-10
PROVIDER_BRIDGE_GROUP = bytes.fromhex("0180c2000008")  # the same of IEEE 802.1ad; no switch here listens to it
STRANGER = b"stranger--"
SMALLEST_FRAME = 60  # octets, without the frame check sequence
INTERVAL_SECONDS = 0.002  # between numbered frames
TAKEOVER_SECONDS = 20  # from a cut until traffic flows again, at most
OURS_SECONDS = 4  # of them after the port of the other gateway forwards: two rounds of probes
HELLO_SECONDS = 2  # of RSTP; that of STP is shorter


class SpanningTreeLab(Lab):
    """The lab with the switches and the configuration of this scenario."""

    stands = "namespaces, switches with a spanning tree and kernel VTEP stand"

    def __init__(self, options, kind: str, scenario=sys.modules[__name__]):
        super().__init__(scenario, options)
        self.switches, self.cables = SWITCHES[kind](), None

    def _start(self) -> str:
        """Start the gateways, and have the switches notice when one takes its port down."""
        versions = super()._start()
        self.cables = AccessCables(self.shell, self.gateways)
        return versions

    def _leave_no_trace(self, before: dict) -> None:
        if self.cables:
            self.cables.stop()
        super()._leave_no_trace(before)

    def build_surroundings(self) -> None:
        build(self.shell, GATEWAYS, HOME, self.switches, vteps_learn=True)

    def configuration(self, gateway, core: int) -> tuple:
        return config.node(gateway, core, self.hugepages, HOME), config.network(GATEWAYS, AT_FIRST, bpdus=True)


class Scenario:
    """The checks, in the order in which they run."""

    def __init__(self, lab):
        self.lab, self.shell, self.switches = lab, lab.shell, lab.switches
        self.gateways = {causeway.gateway.name: causeway for causeway in lab.gateways}

    def checks(self) -> list:
        """Pairs of a title and an action."""
        return [
            (f"exactly one access port forwards: {self.switches.title}", self.converged),
            ("`causeway show stp` says the same on both gateways", self.told),
            ("BPDUs reach the other port octet by octet, and nothing else does", self.octets),
            ("a broadcast arrives once, from either end", self.broadcasts),
            ("the instance and the fabric host ping each other", self.pings),
            ("the active gateway's access cable is cut: the other port forwards", lambda: self.failover("cut", self._cut)),
            ("the cable is mended: exactly one port forwards", lambda: self._restored(self._mend)),
            ("the active gateway loses the fabric: it takes its access port down, the other forwards", lambda: self.failover("fabric", self._lose_fabric)),
            ("the fabric is back: exactly one port forwards", lambda: self._restored(self._find_fabric)),
            ("the active gateway is killed: the other port forwards", lambda: self.failover("killed", self._kill)),
            ("it is started again: exactly one port forwards", lambda: self._restored(self._start_again)),
            *((f"every packet is accounted for on {name}", causeway.require_accounted) for name, causeway in self.gateways.items()),
            ("without a spanning tree nothing loops", self.without),
        ]

    def converged(self) -> str:
        """Neither both nor none, and that stays so for a hello."""
        limit = time.monotonic() + self.switches.converged_seconds
        states, since = {}, time.monotonic()
        while len(forwarding(states)) != 1 or time.monotonic() - since < HELLO_SECONDS:
            require(time.monotonic() < limit, f"after {self.switches.converged_seconds} s the ports are {states}")
            time.sleep(0.01)
            if (now := self.switches.states()) != states:
                states, since = now, time.monotonic()
        return ", ".join(f"{name} {state}" for name, state in sorted(states.items()))

    def told(self) -> str:
        """Both gateways name the switches' root and know by whose access port the one designated port is heard."""
        active, _ = self.active()
        root = "{}.{}".format(*self.switches.root())
        for name, causeway in self.gateways.items():
            tree = next(tree for tree in causeway.show("stp")["networks"][0]["trees"] if "vlan" not in tree)
            designated = [sender["member"] for sender in tree["senders"] if sender["designated"] and sender["live"]]
            said = tree.get("root"), tree["dual_active"], designated
            wanted = root, False, ["access0" if name == active.name else active.address]
            require(said == wanted, f"{name} says root, dual-active and designated are {said} instead of {wanted}")
        return f"root {root}, {active.name} active"

    def octets(self) -> str:
        """Two hellos of the switches themselves, between frames with padding that is not zero, put on both trunks."""
        made = {gateway: [padded_frame(gateway, octets) for octets in (17, 46, 59, 60, 61, 64, 119, 1514)] for gateway in GATEWAYS}
        with Capture(self.shell, "octets", *INTO_ACCESS.values(), *OUT_OF_ACCESS.values()) as capture:
            for gateway, frames in made.items():
                traffic.inject(self.shell, TOR, gateway.name, [*frames[:-1], *strangers(gateway)])
            time.sleep(2 * HELLO_SECONDS)
            for gateway, frames in made.items():
                traffic.inject(self.shell, TOR, gateway.name, frames[-1:])
        passed = [frame.hex() for point in OUT_OF_ACCESS.values() for frame in capture.marked(point, STRANGER)]
        require(not passed, f"{len(passed)} frames passed that no network carries: {passed[:1]}")
        counts = []
        for sender, receiver in (GATEWAYS, GATEWAYS[::-1]):
            sent, received = (between_made(_control_frames(capture.seen[points[gateway]]))
                              for points, gateway in ((INTO_ACCESS, sender), (OUT_OF_ACCESS, receiver)))
            require(received == sent, f"{sender.name} to {receiver.name}: {_difference(sent, received)}")
            own = [frame for frame in sent if frame.startswith(BRIDGE_GROUP)]
            counts.append(len(own))
            require(len(sent) == len(own) + len(made[sender]), f"{len(sent)} control frames left towards {sender.name}")
        require(sum(counts) >= 1, "the switches sent no BPDU in two hellos")
        return f"{sum(counts)} BPDUs of the switches, {sum(map(len, made.values()))} made ones"

    def broadcasts(self) -> None:
        """Both gateways get a broadcast of the fabric and the active one that of the instance; each end sees one copy."""
        active, standby = self.active()
        found = self._count("from-instance", BLUE, BLUE.name)
        require_counts(found, {AT_FAR_BLUE: FRAMES, INTO_ACCESS[active]: FRAMES, INTO_FABRIC[active]: 2 * FRAMES,
                               OUT_OF_FABRIC[standby]: FRAMES}, b"from-instance")
        found = self._count("from-fabric", FAR_BLUE, "eth0")
        delivered = {points[gateway]: FRAMES for points in (OUT_OF_FABRIC, OUT_OF_ACCESS) for gateway in GATEWAYS}
        require_counts(found, {AT_BLUE: FRAMES, **delivered}, b"from-fabric")

    def pings(self) -> str:
        """Echoes come back once. The instance speaks first: the fabric's VTEP learns from it where it is."""
        traffic.ping(self.shell, BLUE, FAR_BLUE)
        return traffic.ping(self.shell, FAR_BLUE, BLUE)

    def failover(self, name: str, fail) -> str:
        """Numbered frames both ways while the active gateway fails: how long neither end sees the other's, and whose time that is."""
        active, standby = self.active()
        with Capture(self.shell, name, AT_FAR_BLUE, AT_BLUE) as capture, Watch(self.switches) as watch:
            streams = [Stream(self.shell, node, netdev, other.mac, name, interval=INTERVAL_SECONDS)
                       for node, netdev, other in ((BLUE, BLUE.name, FAR_BLUE), (FAR_BLUE, "eth0", BLUE))]
            failed = time.time()
            try:
                flows = lambda: _grow(capture.files.values())
                wait_until(flows, TAKEOVER_SECONDS, "numbered frames arrive at both ends")
                failed = time.time()
                fail(active)
                wait_until(lambda: watch.forwards(standby.name, failed), TAKEOVER_SECONDS, f"the port to {standby.name} forwards")
                wait_until(flows, TAKEOVER_SECONDS, "numbered frames arrive at both ends again")
            finally:
                sent = [stream.stop() for stream in streams]
                self.shell.note(watch.story(failed))
        spanning_tree = watch.forwards(standby.name, failed) - failed
        arrivals = [[at for at, frame in traffic.read_timed_pcap(capture.files[point]) if name.encode() in frame]
                    for point in (AT_FAR_BLUE, AT_BLUE)]
        silences = [_silence(times, failed) for times in arrivals]
        total = max(silences)
        ours = max(0.0, total - spanning_tree)
        require(ours <= OURS_SECONDS, f"traffic flowed {ours:.2f} s after the port forwarded")
        lost = ", ".join(f"{count - len(times)} of {count}" for count, times in zip(sent, arrivals))
        each = ", ".join(f"{way} {seconds:.2f} s" for way, seconds in zip(("from the instance", "to it"), silences))
        return f"outage {total:.2f} s: spanning tree {spanning_tree:.2f} s, ours {ours:.2f} s ({each}; lost {lost})"

    def without(self) -> str:
        """The counts of `--two-gateways`: both ports forward, each copy ends by the rules alone."""
        self.switches.end_spanning_tree()
        scenario = two_gateways.Scenario(self.lab)
        scenario.broadcast_from_instance()
        scenario.broadcast_from_fabric()
        return scenario.pings()

    def active(self) -> tuple:
        """The gateway whose port forwards, and the other one."""
        names = forwarding(self.switches.states())
        require(len(names) == 1, f"these ports forward: {names}")
        return GATEWAYS if names[0] == GW1.name else GATEWAYS[::-1]

    def _cut(self, gateway) -> None:
        """Both ends of the cable: the gateway's own end is the TAP netdev."""
        self.failed = gateway
        self.shell.ip(gateway.netns, f"link set access-cable down\nlink set {tap('access')} down")

    def _mend(self) -> None:
        self.shell.ip(self.failed.netns, f"link set access-cable up\nlink set {tap('access')} up")

    def _lose_fabric(self, gateway) -> None:
        self.failed = gateway
        self.shell.ip(gateway.netns, f"link set fabric-cable down\nlink set {tap('fabric')} down")

    def _find_fabric(self) -> None:
        self.shell.ip(self.failed.netns, f"link set fabric-cable up\nlink set {tap('fabric')} up")
        self.gateways[self.failed.name].wait_for_nexthops()

    def _kill(self, gateway) -> None:
        self.failed = gateway
        self.gateways[gateway.name].kill()

    def _start_again(self) -> None:
        causeway = self.gateways[self.failed.name]
        causeway.start()
        causeway.wait_for_nexthops()

    def _restored(self, action) -> str:
        """One port forwards, and echoes come back as soon after that as after a failure."""
        action()
        states = self.converged()
        echo = lambda: self.shell.run("ping", "-n", "-c", 1, "-W", 0.1, FAR_BLUE.address, netns=BLUE.netns, check=False).returncode == 0
        wait_until(echo, OURS_SECONDS, "the instance reaches the fabric host again")
        self.pings()
        return states

    def _count(self, mark: str, node, netdev: str) -> dict:
        frames = [traffic.frame(node, BROADCAST, mark.encode(), "10.1.0.255")] * FRAMES
        with Capture(self.shell, mark, *POINTS) as capture:
            traffic.inject(self.shell, node.netns, netdev, frames)
        return {point: len(capture.marked(point, mark.encode())) for point in POINTS}


def padded_frame(gateway, octets: int) -> bytes:
    """A frame of 802.3 with a length and LLC of a BPDU that says nothing, whatever is left of `octets` padded with what nobody pads with."""
    source = bytes.fromhex(f"0200000000{0xF0 + GATEWAYS.index(gateway):02x}")
    head = PROVIDER_BRIDGE_GROUP + source + (3).to_bytes(2, "big") + bytes.fromhex("424203")
    return head + bytes(octet % 255 + 1 for octet in range(octets - len(head)))


def strangers(gateway) -> list:
    """Frames without a tag that are nobody's: LLDP, a spanning tree of one VLAN (PVST), and a broadcast."""
    kinds = (("01:80:c2:00:00:0e", "88cc"), ("01:00:0c:cc:cc:cd", "0026aaaa0300000c010b"), (BROADCAST, "0800"))
    source = bytes.fromhex(f"0200000000{0xD0 + GATEWAYS.index(gateway):02x}")
    return [bytes.fromhex(group.replace(":", "")) + source + bytes.fromhex(kind) + STRANGER * 5 for group, kind in kinds]


def between_made(frames) -> list:
    """From the first to the last frame that was made: at the edges of a capture one end may have seen what the other has not."""
    made = [at for at, frame in enumerate(frames) if frame.startswith(PROVIDER_BRIDGE_GROUP)]
    require(made, "none of the frames that were made is seen")
    return frames[made[0] : made[-1] + 1]


def _control_frames(frames) -> list:
    """Padded, as Ethernet has them."""
    return [frame.ljust(SMALLEST_FRAME, b"\0") for frame in frames if frame.startswith((BRIDGE_GROUP, PROVIDER_BRIDGE_GROUP))]


def _difference(wanted: list, received: list) -> str:
    missing = [frame.hex() for frame in wanted if frame not in received]
    strange = [frame.hex() for frame in received if frame not in wanted]
    return f"{len(wanted)} sent, {len(received)} received; not received {missing[:1]}, received but not sent {strange[:1]}"


def _grow(files) -> bool:
    """Whether at least twenty frames more are in each file after the time that they take."""
    before = [file.stat().st_size for file in files]
    time.sleep(40 * INTERVAL_SECONDS)
    return all(file.stat().st_size - size > 20 * traffic.STREAM_PAYLOAD_OCTETS for file, size in zip(files, before))


def _silence(times: list, since: float) -> float:
    """From a moment to the end of the longest silence that ended after it, in seconds."""
    pairs = [(later - earlier, later) for earlier, later in zip(times, times[1:]) if later > since]
    require(pairs, "no numbered frame arrived after the failure")
    longest, end = max(pairs)
    return end - since if longest > 20 * INTERVAL_SECONDS else 0.0
