"""Frames: made, sent from any netdev of the lab, and captured wherever they should or should not appear."""

import itertools
import json
import re
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from labkit.report import require
from labkit.shell import Shell, wait_until

BROADCAST = "ff:ff:ff:ff:ff:ff"
NOBODY = "10.1.0.250"  # an address that no node has, so that none answers by ICMP
SNAPSHOT_OCTETS = 2048  # any frame here is shorter, and the longer they might be the fewer fit the buffer
BUFFER_KB = 8192
STREAM_PAYLOAD_OCTETS = 64
FIRST_PORT = 4000  # where a stream's flows come from
UDP_PAYLOAD_OFFSET = 42  # in an untagged frame: Ethernet 14, IPv4 20, UDP 8
INJECT = Path(__file__).with_name("inject.py")
SETTLE_SECONDS = 0.5  # frames take well under a millisecond each, but the machine may be busy
SETTLE_LIMIT_SECONDS = 10
QUIET_OCTETS = 2048  # of a capture file in that time: a dozen probes and their answers


@dataclass(frozen=True)
class Point:
    """A place to watch: a netdev in a namespace and a direction, `in` or `out` as that netdev sees it."""

    netns: str
    netdev: str
    direction: str

    def __str__(self) -> str:
        return f"{self.netns} {self.netdev} {self.direction}"


def frame(source, destination_mac: str, mark: bytes, destination_address=NOBODY, port=4000, octets=100, tags=()) -> bytes:
    """A UDP datagram from `source` in a frame of `octets` plus its `tags` (VLAN id, priority), with `mark` in its payload."""
    head = Ether(src=source.mac, dst=destination_mac)
    for vlan, priority in tags:
        head /= Dot1Q(vlan=vlan, prio=priority)
    payload = (mark * octets)[: octets - UDP_PAYLOAD_OFFSET]
    return bytes(head / IP(src=source.address, dst=destination_address) / UDP(sport=port, dport=4001) / Raw(payload))


def inject(shell: Shell, netns: str, netdev: str, frames) -> None:
    """Send frames out of a netdev, a millisecond apart."""
    shell.run("/usr/bin/python3", INJECT, netdev, netns=netns, stdin="".join(f"{frame.hex()}\n" for frame in frames))


class Stream:
    """Numbered frames from a node's netdev to a MAC, until it is stopped: a thousand a second, of one flow. No number comes twice."""

    numbers = itertools.count()

    def __init__(self, shell: Shell, node, netdev: str, destination_mac: str, mark: str, flows=1, interval=0.001):
        self.sent, self.interval = 0, interval
        self._stopping = threading.Event()
        argv = ["ip", "netns", "exec", node.netns, "/usr/bin/python3", INJECT, netdev]
        self._injector = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True, start_new_session=True)
        head = frame(node, destination_mac, b"-", octets=UDP_PAYLOAD_OFFSET + STREAM_PAYLOAD_OCTETS)[:40] + bytes(2)  # no UDP checksum
        heads = [head[:34] + (FIRST_PORT + flow).to_bytes(2, "big") + head[36:] for flow in range(flows)]
        self._feeder = threading.Thread(target=self._feed, args=(itertools.cycle(heads), mark))
        self._feeder.start()

    def stop(self) -> int:
        """End it; returns how many frames were sent."""
        self._stopping.set()
        self._feeder.join()
        self._injector.stdin.close()
        require(self._injector.wait(10) == 0, "a stream of frames broke off")
        return self.sent

    def _feed(self, heads, mark: str) -> None:
        while not self._stopping.is_set():
            payload = f"{mark}:{next(self.numbers)};".encode().ljust(STREAM_PAYLOAD_OCTETS)
            self._injector.stdin.write(f"{(next(heads) + payload).hex()}\n")
            self._injector.stdin.flush()
            self.sent += 1
            time.sleep(self.interval)


class Capture:
    """Watches points while a `with` block runs, and a moment longer; afterwards holds what was seen at each.

    `only` is a filter in tcpdump's words.
    """

    ordinals = itertools.count(1)

    def __init__(self, shell: Shell, name: str, *points: Point, only=""):
        self.shell, self.points, self.only = shell, points, only
        name = f"capture-{next(self.ordinals):02}-{name}"
        self.files = {point: shell.logs / f"{name}-{number}.pcap" for number, point in enumerate(points)}
        self.seen = {}
        self._dumps = []

    def __enter__(self):
        for point, file in self.files.items():
            argv = ["tcpdump", "-i", point.netdev, "-Q", point.direction, "-w", file, "-U", "--immediate-mode",
                    "-s", SNAPSHOT_OCTETS, "-B", BUFFER_KB, "-Z", "root", self.only]
            self._dumps.append(self.shell.spawn(file.stem, *argv, netns=point.netns))
        for file in self.files.values():
            log = file.with_suffix(".log")
            wait_until(lambda: "listening on" in log.read_text(), 10, f"tcpdump listens ({log})")
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self._settle()
        for dump in self._dumps:
            end(dump)
        for file in self.files.values():
            log = file.with_suffix(".log").read_text()
            require(kind is not None or "\n0 packets dropped by kernel" in log, f"tcpdump could not keep up: {log}")
        self.seen = {point: read_pcap(file) for point, file in self.files.items()}

    def _settle(self) -> None:
        """Wait until hardly anything new was seen anywhere for a while: gateways probe their instances all the time."""
        deadline, grown = time.monotonic() + SETTLE_LIMIT_SECONDS, QUIET_OCTETS + 1
        while grown > QUIET_OCTETS:
            require(time.monotonic() < deadline, f"frames still arrive after {SETTLE_LIMIT_SECONDS} s: do they loop?")
            before = [file.stat().st_size for file in self.files.values()]
            time.sleep(SETTLE_SECONDS)
            grown = max(file.stat().st_size - size for file, size in zip(self.files.values(), before))

    def marked(self, point: Point, mark: bytes) -> list:
        """The frames with `mark` in them that passed `point`."""
        return [frame for frame in self.seen[point] if mark in frame]


def read_pcap(file: Path) -> list:
    """The frames of a capture file."""
    return [frame for _, frame in read_timed_pcap(file)]


def read_timed_pcap(file: Path) -> list:
    """Seconds and frame of each packet of a capture file as tcpdump writes it here: classic format, this machine's byte order."""
    content, frames, at = file.read_bytes(), [], 24
    while at + 16 <= len(content):
        seconds, microseconds, length = struct.unpack_from("=3I", content, at)
        frames.append((seconds + microseconds / 1e6, content[at + 16 : at + 16 + length]))
        at += 16 + length
    return frames


def ping(shell: Shell, source, destination, count=5, interval=0.1) -> str:
    """Ping; every echo must be answered. Returns the round trip times."""
    done = shell.run("ping", "-n", "-c", count, "-i", interval, "-W", 2, destination.address, netns=source.netns,
                     check=False, timeout=count * interval + 30)
    return judge_ping(done.stdout, f"{source.name} to {destination.name}")


def judge_ping(output: str, way: str) -> str:
    """Read ping's summary: nothing lost, nothing twice. Returns the round trip times."""
    counts = re.search(r"(\d+) packets transmitted, (\d+) received(.*)", output)
    require(counts is not None and counts[1] == counts[2] and "duplicates" not in counts[3],
            f"ping from {way}: {counts[0] if counts else output.strip() or 'no answer'}")
    times = re.search(r"= [\d.]+/([\d.]+)/([\d.]+)/", output)
    return f"{times[1]} ms on average, {times[2]} ms at most" if times else ""


def tcp(shell: Shell, client, server, seconds=3) -> str:
    """Run iperf3 with its defaults from `client` to `server`, and return the rate that arrived."""
    listener = shell.spawn("iperf3", "iperf3", "--server", "--one-off", netns=server.netns)
    try:
        wait_until(lambda: "LISTEN" in shell.run("ss", "-Hltn", "sport = :5201", netns=server.netns).stdout, 5, "iperf3 listens")
        done = shell.run("iperf3", "--client", server.address, "--time", seconds, "--json", netns=client.netns,
                         check=False, timeout=seconds + 20)
        return judge_tcp(done.stdout, f"{client.name} to {server.name}")
    finally:
        end(listener)


def judge_tcp(output: str, way: str) -> str:
    """Read what iperf3 says with `--json`; returns the rate that arrived."""
    result = json.loads(output)
    require("error" not in result, f"iperf3 from {way}: {result.get('error')}")
    bits = result["end"]["sum_received"]["bits_per_second"]
    require(bits > 10e6, f"iperf3 from {way}: only {bits / 1e6:.2f} Mbit/s")
    return f"{bits / 1e6:.0f} Mbit/s"


def end(process: subprocess.Popen, seconds: float = 5) -> int:
    """Ask a process to stop, wait, and insist if it does not; returns its status."""
    process.terminate()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
