"""The scenario of `scripts/lab --storm`: a broadcast storm in one network, and what another network and the switches see of it.

Slices with and without the storm alternate, so that what the machine itself loses shows in both. In all of them numbered frames
flow in the other network and control frames both ways between the switches, whose own BPDUs go on as always.
"""

import itertools
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

from labkit import spanning_tree, traffic
from labkit.report import require
from labkit.shell import Shell
from labkit.spanning_tree import PROVIDER_BRIDGE_GROUP, SpanningTreeLab
from labkit.switches import Watch
from labkit.topology import BLUE, FAR_BLUE, GREEN, GW1, GW2, TOR, tap
from labkit.traffic import BROADCAST, INJECT, Capture, Stream
from labkit.two_gateways import AT_BLUE, AT_FAR_BLUE, INTO_ACCESS, OUT_OF_ACCESS

GATEWAYS = (GW1, GW2)
AT_FIRST = spanning_tree.AT_FIRST
PHASES = ("quiet", "storm")
SLICES = 4  # of each phase
SLICE_SECONDS = 4
STORM_PPS = 100_000
LEAST_STORM_PPS = 25_000  # of a TAP netdev each frame costs a signal: two cores that all share reach half of what is asked for
BUDGET_PPS = 1000  # of broadcasts, of an interface for which nothing is configured
FEW = 100  # broadcasts that green sends by itself
CONTROL_SECONDS = 0.05  # between control frames of our own
LONGEST_DELAY_SECONDS = 1
QUEUE_PACKETS = 20_000  # that Linux keeps for a TAP netdev nobody reads: a fifth of a second of the storm
CONTROL_ONLY = "ether[0:4] = 0x0180c200"
FLOOD = Path(__file__).with_name("flood.py")


class StormLab(SpanningTreeLab):
    """The lab of `--spanning-tree rstp`. Budgets are those that an interface has if none are configured."""

    def __init__(self, options):
        super().__init__(options, "rstp", sys.modules[__name__])


class Storm:
    """Broadcasts of an instance, put into a gateway's access port as fast as asked for, until it is stopped. They take the queue of the
    TAP netdev that the trunk's frames take, but not the trunk: its way through the kernel costs a core that the worker needs."""

    def __init__(self, shell: Shell, gateway, instance, pps: int):
        frame = traffic.frame(instance, BROADCAST, b"storm", "10.2.0.255", tags=[(instance.vlan, 0)])
        self.process = subprocess.Popen(["ip", "netns", "exec", gateway.netns, "/usr/bin/python3", FLOOD, tap("access"), str(pps)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.process.stdin.write(f"{frame.hex()}\n")
        self.process.stdin.flush()

    def stop(self) -> tuple:
        """End it; returns frames and seconds."""
        self.process.terminate()
        sent, seconds = self.process.communicate(timeout=10)[0].split()
        return int(sent), float(seconds)


class Hellos:
    """Numbered control frames out of a trunk, twenty a second: as a switch's, but of a kind that no switch here listens to."""

    numbers = itertools.count()

    def __init__(self, gateway):
        self._stopping = threading.Event()
        argv = ["ip", "netns", "exec", TOR, "/usr/bin/python3", INJECT, gateway.name]
        self._injector = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True, start_new_session=True)
        self._feeder = threading.Thread(target=self._feed, args=(gateway,))
        self._feeder.start()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self._feeder.join()
        self._injector.stdin.close()
        require(self._injector.wait(10) == 0, "a stream of control frames broke off")

    def _feed(self, gateway) -> None:
        head = PROVIDER_BRIDGE_GROUP + bytes.fromhex(f"0200000000{0xE0 + GATEWAYS.index(gateway):02x}0003424203")
        while not self._stopping.wait(CONTROL_SECONDS):
            self._injector.stdin.write(f"{head.hex()}{next(self.numbers):086x}\n")
            self._injector.stdin.flush()


class Scenario:
    """The checks, in the order in which they run."""

    def __init__(self, lab):
        self.shell, self.switches, self.gateways = lab.shell, lab.switches, lab.gateways
        self.switched = spanning_tree.Scenario(lab)

    def checks(self) -> list:
        """Pairs of a title and an action."""
        return [
            ("exactly one access port forwards", self.switched.converged),
            (f"up to {STORM_PPS} broadcasts a second cost another network nothing", self.storms),
            ("no control frame was late or lost", self.control_frames),
            ("the switches noticed nothing", self.switches_quiet),
            ("storm control names who it was, and counts what it dropped", self.counted),
            ("the instance and the fabric host ping each other", self.switched.pings),
            *((f"nothing is unaccounted on {causeway.gateway.name}", causeway.require_accounted) for causeway in self.gateways),
        ]

    def storms(self) -> str:
        """Slices in turn; returns what was lost in each phase."""
        self.active, _ = self.switched.active()
        for gateway in GATEWAYS:
            self.shell.ip(gateway.netns, f"link set {tap('access')} txqueuelen {QUEUE_PACKETS}\nlink set {tap('fabric')} txqueuelen {QUEUE_PACKETS}")
        sent, self.stormed, self.stormed_seconds = dict.fromkeys(PHASES, 0), 0, 0.0
        ends = ((BLUE, BLUE.name, FAR_BLUE), (FAR_BLUE, "eth0", BLUE))
        control = Capture(self.shell, "control", *INTO_ACCESS.values(), *OUT_OF_ACCESS.values(), only=CONTROL_ONLY)
        with Capture(self.shell, "numbered", AT_FAR_BLUE, AT_BLUE) as capture, control, Watch(self.switches) as self.watch:
            hellos = [Hellos(gateway) for gateway in GATEWAYS]
            try:
                for number in range(2 * SLICES):
                    phase = PHASES[number % 2]
                    streams = [Stream(self.shell, node, netdev, other.mac, phase) for node, netdev, other in ends]
                    sent[phase] += self._slice(phase, streams)
            finally:
                for hello in hellos:
                    hello.stop()
        self.control = control
        lost = {phase: sent[phase] - sum(len(_numbers(capture.seen[point], phase)) for point in capture.points) for phase in PHASES}
        rate = self.stormed / self.stormed_seconds
        require(lost["storm"] <= lost["quiet"] <= sum(sent.values()) // 1000, f"at {rate:.0f} broadcasts a second lost of {sent} frames: {lost}")
        require(rate > LEAST_STORM_PPS, f"this machine sends only {rate:.0f} broadcasts a second")
        return f"{rate:.0f} broadcasts a second; of {sent['storm']} frames lost {lost['storm']}, of {sent['quiet']} without storm {lost['quiet']}"

    def control_frames(self) -> str:
        """Those of the switches and our own: each arrives within a second, at the other trunk and octet by octet."""
        worst, count = 0.0, 0
        for sender, receiver in (GATEWAYS, GATEWAYS[::-1]):
            left, arrived = (_between_hellos(traffic.read_timed_pcap(self.control.files[points[gateway]]))
                             for points, gateway in ((INTO_ACCESS, sender), (OUT_OF_ACCESS, receiver)))
            require([frame for _, frame in left] == [frame for _, frame in arrived], f"{sender.name} to {receiver.name}: {len(left)} left, {len(arrived)} arrived, or others")
            worst = max([worst, *(at - since for (since, _), (at, _) in zip(left, arrived))])
            count += len(left)
        require(worst < LONGEST_DELAY_SECONDS, f"a control frame was under way for {worst:.2f} s")
        return f"{count} of them, the slowest took {worst * 1000:.1f} ms"

    def switches_quiet(self) -> None:
        """No port changed its state."""
        require(len(self.watch.changes) == 1, f"the ports' states: {self.watch.story(0)}")

    def counted(self) -> str:
        """The first interface of all talkers is green's: its budget passed and no more, and drops have the rest by their reason."""
        gateway = next(causeway for causeway in self.gateways if causeway.gateway == self.active)
        first = next(talker for talker in gateway.show("storm")["talkers"] if "vif" in talker)
        who = first["network"], first["vif"], first["class"], first["budget_pps"]
        require(who == (GREEN.network, GREEN.name, "broadcast", BUDGET_PPS), f"the top talker is {first}")
        most = BUDGET_PPS * (self.stormed_seconds + SLICES)  # and what may pass at once after a pause
        require(BUDGET_PPS * self.stormed_seconds / 2 < first["flooded"] <= most, f"of the storm passed {first['flooded']}, at most {most:.0f} may")
        dropped = gateway.dropped().get("storm_broadcast", 0)
        require(dropped == first["suppressed"], f"suppressed {first['suppressed']}, dropped as storm_broadcast {dropped}")
        require(first["suppressed"] + first["flooded"] <= self.stormed + FEW, f"counted {first}, sent {self.stormed}")
        return f"{self.stormed} sent, {first['flooded']} flooded, {first['suppressed']} suppressed"

    def _slice(self, phase: str, streams) -> int:
        """One slice; how many numbered frames were sent in it."""
        storm = Storm(self.shell, self.active, GREEN, STORM_PPS) if phase == "storm" else None
        time.sleep(SLICE_SECONDS)
        sent = sum(stream.stop() for stream in streams)
        if storm:
            frames, seconds = storm.stop()
            self.stormed += frames
            self.stormed_seconds += seconds
            time.sleep(0.5)  # until what still waits has gone
        return sent


def _between_hellos(timed: list) -> list:
    """Padded, from the first to the last frame of our own: the edges of two captures differ."""
    own = [at for at, (_, frame) in enumerate(timed) if frame.startswith(PROVIDER_BRIDGE_GROUP)]
    require(own, "no control frame of our own is seen")
    return [(at, frame.ljust(spanning_tree.SMALLEST_FRAME, b"\0")) for at, frame in timed[own[0] : own[-1] + 1]]


def _numbers(frames, phase: str) -> set:
    mark = re.compile(phase.encode() + rb":(\d+);")
    return {found[1] for frame in frames if (found := mark.match(frame, traffic.UDP_PAYLOAD_OFFSET))}
