"""The scenario of `scripts/lab --two-gateways`: both serve the same instance on one LAN without any spanning tree.

Each is a static VTEP to the other, so every way that a frame could loop is open: through the switch from one access
port to the other, and over the fabric from one gateway to the other. Only Causeway's own rules stop it.
"""

from labkit import traffic
from labkit.one_gateway import require_counts
from labkit.topology import BLUE, FAR_BLUE, FAR_GREEN, GREEN, GW1, GW2, TOR, VTEP
from labkit.traffic import BROADCAST, Capture, Point

GATEWAYS = (GW1, GW2)
AT_FIRST = (BLUE, GREEN)
FRAMES = 20
OVERHEARD = 10  # announcements of the other gateway, at most

AT_BLUE = Point(BLUE.netns, BLUE.name, "in")
AT_GREEN = Point(GREEN.netns, GREEN.name, "in")
AT_FAR_BLUE = Point(FAR_BLUE.netns, "eth0", "in")
AT_FAR_GREEN = Point(FAR_GREEN.netns, "eth0", "in")
INTO_ACCESS = {gateway: Point(TOR, gateway.name, "out") for gateway in GATEWAYS}
OUT_OF_ACCESS = {gateway: Point(TOR, gateway.name, "in") for gateway in GATEWAYS}
INTO_FABRIC = {gateway: Point(VTEP, gateway.name, "in") for gateway in GATEWAYS}
OUT_OF_FABRIC = {gateway: Point(VTEP, gateway.name, "out") for gateway in GATEWAYS}
POINTS = (AT_BLUE, AT_GREEN, AT_FAR_BLUE, AT_FAR_GREEN, *INTO_ACCESS.values(), *OUT_OF_ACCESS.values(),
          *INTO_FABRIC.values(), *OUT_OF_FABRIC.values())


class Scenario:
    """The checks, in the order in which they run."""

    def __init__(self, lab):
        self.shell, self.gateways = lab.shell, lab.gateways

    def checks(self) -> list:
        """Pairs of a title and an action."""
        return [
            ("a broadcast of the instance does not loop", self.broadcast_from_instance),
            ("a broadcast of the fabric host does not loop", self.broadcast_from_fabric),
            ("the instance and the fabric host ping each other", self.pings),
            ("TCP from the instance, iperf3 with its defaults", lambda: traffic.tcp(self.shell, BLUE, FAR_BLUE)),
            ("TCP to the instance, iperf3 with its defaults", lambda: traffic.tcp(self.shell, FAR_BLUE, BLUE)),
            ("the broadcasts still do not loop, all MACs known by now", self.broadcasts_again),
            *((f"every packet is accounted for on {gateway.gateway.name}", gateway.require_balance) for gateway in self.gateways),
        ]

    def broadcast_from_instance(self) -> None:
        """Both gateways hear it, each tells the host and the other gateway, and there it ends."""
        sent = [traffic.frame(BLUE, BROADCAST, b"from-instance", "10.1.0.255")] * FRAMES
        found = self._count("from-instance", BLUE, BLUE.name, sent, ends_as="own_source")
        require_counts(found, {
            AT_FAR_BLUE: 2 * FRAMES,  # one copy through each gateway: which of them is to forward is not decided yet
            **{INTO_ACCESS[gateway]: FRAMES for gateway in GATEWAYS},
            **{INTO_FABRIC[gateway]: 2 * FRAMES for gateway in GATEWAYS},  # to the host, to the other gateway
            **{OUT_OF_FABRIC[gateway]: FRAMES for gateway in GATEWAYS},  # from the other gateway
        }, b"from-instance")

    def broadcast_from_fabric(self) -> None:
        """Both gateways deliver it; each hears the other's copy through the switch, and there it ends."""
        sent = [traffic.frame(FAR_BLUE, BROADCAST, b"from-fabric", "10.1.0.255")] * FRAMES
        found = self._count("from-fabric", FAR_BLUE, "eth0", sent, ends_as="unknown_source_mac")
        require_counts(found, {
            AT_BLUE: 2 * FRAMES,
            **{OUT_OF_FABRIC[gateway]: FRAMES for gateway in GATEWAYS},
            **{OUT_OF_ACCESS[gateway]: FRAMES for gateway in GATEWAYS},
            **{INTO_ACCESS[gateway]: FRAMES for gateway in GATEWAYS},  # the other gateway's copy
        }, b"from-fabric")

    def pings(self) -> str:
        """Echoes come back once: unicast takes one gateway each way."""
        traffic.ping(self.shell, FAR_BLUE, BLUE)
        return traffic.ping(self.shell, BLUE, FAR_BLUE)

    def broadcasts_again(self) -> None:
        """The same two counts."""
        self.broadcast_from_instance()
        self.broadcast_from_fabric()

    def _count(self, name: str, node, netdev: str, frames, ends_as: str) -> dict:
        """Send, and count at every point. On each gateway the other's copies have to end by the drop reason `ends_as`."""
        first, second = self.gateways
        send = lambda: traffic.inject(self.shell, node.netns, netdev, frames)
        with Capture(self.shell, name, *POINTS) as capture:
            first.expect_drops(ends_as, FRAMES, lambda: second.expect_drops(ends_as, FRAMES, send, OVERHEARD), OVERHEARD)
        return {point: len(capture.marked(point, name.encode())) for point in POINTS}
