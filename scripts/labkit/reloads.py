"""The scenario of `scripts/lab --reloads N`: so many reloads under numbered traffic, beside as much traffic without.

Slices with and without reloads alternate, so that what the machine itself loses shows in both.
"""

import re
import time
from pathlib import Path

from labkit import config, traffic
from labkit.report import require
from labkit.topology import BLUE, FAR_BLUE, GREEN, GW1, RED
from labkit.traffic import Capture, Point, Stream

GATEWAYS = (GW1,)
AT_FIRST = (BLUE, GREEN)
WAYS = {(BLUE, BLUE.name): Point(FAR_BLUE.netns, "eth0", "in"), (FAR_BLUE, "eth0"): Point(BLUE.netns, BLUE.name, "in")}
SLICES = 10
PHASES = ("without-reloads", "with-reloads")
LONGEST_GAP_NS = 1_000_000
MEMORY_SLACK_KB = 1024  # of the daemon's resident memory, between the first slice and the last


class Scenario:
    """The checks, in the order in which they run."""

    def __init__(self, lab):
        self.shell, self.gateway, self.reloads = lab.shell, lab.gateways[0], lab.reloads
        self.memory_kb = []

    def checks(self) -> list:
        """Pairs of a title and an action."""
        return [
            ("an instance and a fabric host ping each other", lambda: traffic.ping(self.shell, BLUE, FAR_BLUE)),
            (f"{self.reloads} reloads under traffic lose nothing", self.alternate),
            ("no poll was late", self.poll_gap),
            ("every buffer came back", self.buffers),
            ("memory does not grow", self.memory),
            ("every packet is accounted for", self.gateway.require_balance),
        ]

    def alternate(self) -> str:
        """Numbered frames both ways all the time; reloads in every second slice."""
        self.buffers_before = self._buffers_in_use()
        counts = []
        with Capture(self.shell, "reloads", *WAYS.values()) as capture:
            for number in range(2 * SLICES):
                counts.append(self._slice(PHASES[number % 2]))
        lost = dict.fromkeys(PHASES, 0)
        for (node, _), point in WAYS.items():
            for phase in PHASES:
                sent = sum(count[node] for count in counts[PHASES.index(phase)::2])
                lost[phase] += sent - len(set(self._numbers(capture, point, phase)))
        sent = sum(sum(count.values()) for count in counts)
        require(lost["with-reloads"] <= lost["without-reloads"] <= sent // 1000, f"lost of {sent} frames: {lost}")
        return f"{sent} frames, lost with reloads {lost['with-reloads']}, without {lost['without-reloads']}"

    def poll_gap(self) -> str:
        """The longest time between two polls, without what the hypervisor or another thread took."""
        gaps = [worker.get("longest_own_poll_gap_ns", worker["longest_poll_gap_ns"]) for worker in self.gateway.show("workers")["workers"]]
        require(max(gaps) < LONGEST_GAP_NS, f"a worker did not poll for {max(gaps) / 1e6:.2f} ms")
        return f"{max(gaps) / 1e3:.0f} us at most"

    def buffers(self) -> str:
        """As many buffers are in use as before."""
        after = self._buffers_in_use()
        require(after == self.buffers_before, f"{after} buffers in use, {self.buffers_before} before the reloads")
        return f"{after} in use"

    def memory(self) -> str:
        """The daemon is as large after the last slice as after the first."""
        grown = self.memory_kb[-1] - self.memory_kb[0]
        require(grown <= MEMORY_SLACK_KB, f"resident memory after each slice, in KB: {self.memory_kb}")
        return f"{grown:+d} KB from first to last slice"

    def _slice(self, phase: str) -> dict:
        """One slice; how many frames each sender sent in it."""
        streams = {node: Stream(self.shell, node, netdev, other.mac, phase)
                   for (node, netdev), other in zip(WAYS, (FAR_BLUE, BLUE))}
        started = time.monotonic()
        if phase == "with-reloads":
            for number in range(self.reloads // SLICES):
                instances = (*AT_FIRST, RED) if number % 2 == 0 else AT_FIRST
                self.gateway.network_file.write_text(config.network(GATEWAYS, instances))
                self.gateway.command("reload")
            self.memory_kb.append(self._resident_kb())
            self.slice_seconds = time.monotonic() - started
        else:
            time.sleep(getattr(self, "slice_seconds", 1))
        return {node: stream.stop() for node, stream in streams.items()}

    def _numbers(self, capture: Capture, point: Point, phase: str) -> list:
        """The numbers of the frames of one phase that passed a point; frames are numbered over all slices."""
        mark = re.compile(phase.encode() + rb":(\d+);")
        return [found[1] for frame in capture.seen[point] if (found := mark.match(frame, traffic.UDP_PAYLOAD_OFFSET))]

    def _buffers_in_use(self) -> int:
        return sum(worker["pool"]["in_use"] for worker in self.gateway.show("workers")["workers"])

    def _resident_kb(self) -> int:
        status = Path(f"/proc/{self.gateway.show('version')['pid']}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])
