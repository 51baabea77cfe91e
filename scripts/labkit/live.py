"""`scripts/lab --live`: causewayd under numbered, paced traffic while nothing happens, while it reloads, while it is asked.

causewayd's worker has one core, the generator another; two memifs are their cables. Phases alternate, each with a fresh
causewayd, so that what the machine itself costs shows in all of them and each phase has a longest poll gap of its own.
"""

import json
import os
import shutil
import statistics
import threading
import time
from pathlib import Path

from labkit.lab import HOME
from labkit.report import Report, require
from labkit.shell import CommandFailed, Shell, wait_until
from labkit.topology import PREFIX
from labkit.traffic import end

NETNS = f"{PREFIX}-live"
VLANS = range(100, 164)
CHURN = (range(1000, 2000), range(2000, 3000))  # one thousand VLANs go and as many others come with every reload
PHASES = ("quiet", "reloads", "scrapes")
SCRAPE_SECONDS = 0.1
SCRAPED = ("workers", "ports", "vifs", "drops")
LONGEST_OWN_GAP_US = 200
START_SECONDS = 30
COLUMNS = (("phase", "phase"), ("frames", "offered"), ("lost", "lost"), ("not near stolen", "lost_elsewhere"), ("twice", "duplicates"),
           ("reordered", "reordered"), ("p50 us", "p50_us"), ("p99 us", "p99_us"), ("p99.9 us", "p999_us"), ("max us", "max_us"),
           ("own gap us", "own_gap_us"), ("gap us", "gap_us"), ("steal ms", "steal_ms"), ("reloads", "reloads"), ("scrapes", "scrapes"))


def mac(kind: int, vlan: int) -> str:
    """As causeway-loadgen has them: 0x10 for the peer behind the fabric, 0x20 for the instance."""
    return f"02:00:00:{vlan >> 8:02x}:{kind:02x}:{vlan & 255:02x}"


def network(vlans, encapsulation: str) -> str:
    """The network file: a network, an instance and a peer for each VLAN."""
    lines = ["version: 1", "physical_routers: [{ name: gw1 }]", "physical_interfaces: [{ name: access0, physical_router: gw1 }]"]
    lines += ["virtual_networks:"]
    lines += [f"  - {{ name: net{v}, vxlan_network_identifier: {5000 + v}, mpls_label: {100_000 + v} }}" for v in vlans]
    lines += ["virtual_machine_interfaces:"]
    lines += [f"  - {{ name: vmi{v}, virtual_network: net{v}, mac_address: '{mac(0x20, v)}' }}" for v in vlans]
    lines += ["logical_interfaces:"]
    lines += [f"  - {{ name: li{v}, physical_interface: 'gw1:access0', logical_interface_vlan_tag: {v}, "
              f"virtual_machine_interfaces: [vmi{v}] }}" for v in vlans]
    lines += ["static_reachability:"]
    for v in vlans:
        label = "" if encapsulation == "VXLAN" else f"mpls_label: {200_000 + v}, "
        lines += [f"  - {{ virtual_network: net{v}, vtep: 172.16.0.2, encapsulations: [{encapsulation}], {label}"
                  f"mac_addresses: ['{mac(0x10, v)}'] }}"]
    return "\n".join(lines) + "\n"


def memif(number: int, role: str) -> str:
    """One end of a cable."""
    return f"net_memif{number},role={role},id={number},socket={HOME}/cables.sock,socket-abstract=no"


def node(core: int, mtu: int) -> str:
    """The node file."""
    return f"""\
version: 1
name: gw1
mode: server
cores: {{ workers: [{core}], polling: busy }}
memory: {{ hugepages: false, size_mb: 512, mbufs: 16384, file_prefix: {NETNS} }}
ports:
  - {{ name: access0, role: access, device: "{memif(0, 'server')}", mtu: {mtu} }}
  - {{ name: fabric0, role: fabric, device: "{memif(1, 'server')}", mtu: {mtu + 100} }}
fabric: {{ address: 172.16.0.1/24, host_interface: cw-host0 }}
api: {{ socket: {HOME}/gw1.sock, group: root }}
limits: {{ vmis: 65536 }} # numbers of VMIs that went are free again once the worker has polled, which may have to wait for its core
"""


class LiveLab:
    """The phases, and what came of them."""

    def __init__(self, options):
        self.options, self.logs, self.binaries = options, options.logs, options.binaries
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        self.shell = Shell(self.logs)
        self.gateway = self.generator = None
        self.rows, self.kept = [], False
        cores = sorted(os.sched_getaffinity(0))
        self.gateway_core, self.generator_core = cores[-1], cores[0]
        if len(cores) < 2:
            raise CommandFailed("--live needs two cores: one for causewayd's worker, one for the generator")

    def run(self, keep: bool) -> int:
        """Run everything; 0 if all checks held. Leaves nothing behind, whatever `keep` says."""
        report = Report(3 + self.options.rounds * len(PHASES), self.shell.note)
        try:
            if report.check("a gateway and a generator at its cables", self._build) and report.check("how much it carries", self._rate):
                for number in range(self.options.rounds):
                    for phase in PHASES:
                        report.check(f"round {number + 1}, {phase}", lambda phase=phase: self._phase(phase))
                report.check("no poll was late, and nothing lost more than without", self._judge)
        finally:
            self._tell(complete=len(self.rows) == self.options.rounds * len(PHASES))
        return 1 if report.failures else 0

    def _build(self) -> str:
        HOME.mkdir(mode=0o700)
        self.shell.run("ip", "netns", "add", NETNS)
        self.shell.run("ip", "-netns", NETNS, "link", "set", "lo", "up")
        for number, churn in enumerate(CHURN):
            (HOME / f"network{number}.yaml").write_text(network([*VLANS, *churn], self.options.encapsulation))
        size = 1518 if self.options.size == "imix" else int(self.options.size)
        (HOME / "node.yaml").write_text(node(self.gateway_core, max(1500, size - 18)))
        return f"causewayd on core {self.gateway_core}, causeway-loadgen on core {self.generator_core}"

    def _start(self) -> None:
        (HOME / "network.yaml").write_text((HOME / "network0.yaml").read_text())
        self.gateway = self.shell.spawn("causewayd", "nice", "-n", -10, self.binaries / "causewayd", "--node", HOME / "node.yaml",
                                        "--network", HOME / "network.yaml", netns=NETNS)
        prefer(self.gateway, -10)
        wait_until(self._answers, START_SECONDS, "causewayd answers")

    def _answers(self) -> bool:
        require(self.gateway.poll() is None, f"causewayd ended with status {self.gateway.returncode}: see {self.logs}/causewayd.log")
        return (HOME / "gw1.sock").exists() and self._causeway("show", "version", check=False).returncode == 0

    def _stop(self) -> None:
        gateway, generator = self.gateway, self.generator
        self.gateway = self.generator = None
        status = end(gateway) if gateway else 0
        if generator:
            end(generator)
        require(status == 0, f"causewayd ended with status {status} after SIGTERM")

    def _causeway(self, *words, check=True):
        return self.shell.run(self.binaries / "causeway", "--socket", HOME / "gw1.sock", *words, check=check)

    def _workers(self) -> list:
        return json.loads(self._causeway("show", "workers", "--json").stdout)["workers"]

    def _generate(self, *words, seconds: float) -> dict:
        """A run of the generator, as its report says. The generator stays until causewayd is ended: DPDK's net_memif may crash where
        it polls while its other end leaves."""
        pid = json.loads(self._causeway("show", "version", "--json").stdout)["pid"]
        report = HOME / "report.json"
        report.unlink(missing_ok=True)
        self.generator = self.shell.spawn("causeway-loadgen", "nice", "-n", -20, self.binaries / "causeway-loadgen", "--access",
                                          memif(0, "client"), "--fabric", memif(1, "client"), "--core", self.generator_core, "--main-core",
                                          self.generator_core, "--watch", pid, "--wait", 20, "--size", self.options.size, "--encapsulation",
                                          self.options.encapsulation, "--linger", 60, "--json", report, *words, netns=NETNS)
        prefer(self.generator, -20)
        return wait_until(lambda: self._report(report), seconds + 90, "causeway-loadgen reports")

    def _report(self, path):
        ended = self.generator.poll()
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            require(ended is None, f"causeway-loadgen ended with status {ended}: see {self.logs}/causeway-loadgen.log")
            return None

    def _rate(self) -> str:
        """Half of what is carried without loss, unless a rate was given."""
        if self.options.rate:
            self.rate, self.found = self.options.rate, None
            return f"not looked for: {self.rate} frames a second in each direction were asked for"
        self._start()
        try:
            self.found = self._generate("--find", "ndr", seconds=300)["searches"][0]
        finally:
            self._stop()
        self.rate = int(self.found["rate_pps"] / 2)
        require(self.rate > 0, "no rate was carried without loss; with --rate one can be given")
        limits = {"limited_by_generator": ", the generator does no more", "too_noisy": ", noise hid more"}
        limit = "".join(words for key, words in limits.items() if self.found[key])
        held = "" if self.found["verified"] else ", NOT verified"
        found = f"{self.found['rate_pps']:,.0f} frames a second in each direction without loss"
        return f"{found}{held}{limit}; half of it follows"

    def _phase(self, phase: str) -> str:
        seconds, steal_ms = self.options.seconds, self._steal_ms()
        self._start()
        at_start = own_gap_us(self._workers())
        done, counts = threading.Event(), {"reloads": 0, "scrapes": 0, "seconds": 0.0}
        disturber = threading.Thread(target=self._disturb, args=(phase, done, counts))
        disturber.start()
        try:
            run = self._generate("--rate", self.rate, "--duration", seconds, seconds=seconds)["run"]
        finally:
            done.set()
            disturber.join()
        workers = self._workers()
        self._stop()
        row = summed(run, workers) | {"phase": phase, "reloads": counts["reloads"], "scrapes": counts["scrapes"],
                                      "steal_ms": self._steal_ms() - steal_ms, "own_gap_at_start_us": at_start,
                                      "failed": counts.get("failed"), "generator": run["lanes"], "streams": run["streams"],
                                      "stolen_elsewhere_ns": run["stolen_elsewhere_ns"]}
        self.rows.append(row)
        require(not row["failed"], f"a {phase} command failed: {row['failed']}")
        each = f", {counts['seconds'] / counts[phase] * 1000:.0f} ms each" if counts.get(phase) else ""
        return (f"{row['lost']} of {row['offered']} lost, {row['lost_elsewhere']} not near stolen time; own gap {row['own_gap_us']:.0f} us"
                f"{f', {counts[phase]} {phase}{each}' if phase in counts else ''}")

    def _steal_ms(self) -> int:
        """How long the hypervisor has had the gateway's core, to the hundredth of a second. The worker cannot know it."""
        line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{self.gateway_core} "))
        return int(line.split()[8]) * 10

    def _disturb(self, phase: str, done: threading.Event, counts: dict) -> None:
        try:
            while phase != "quiet" and not done.is_set():
                started = time.monotonic()
                if phase == "reloads":
                    other = (counts["reloads"] + 1) % len(CHURN)
                    (HOME / "network.yaml").write_text((HOME / f"network{other}.yaml").read_text())
                    self._causeway("reload")
                else:
                    for what in SCRAPED:
                        self._causeway("show", what, "--json")
                counts[phase] += 1
                counts["seconds"] += time.monotonic() - started
                if phase == "scrapes":
                    done.wait(max(0.0, SCRAPE_SECONDS - (time.monotonic() - started)))
        except CommandFailed as error:
            counts["failed"] = str(error)

    def _judge(self) -> str:
        sums = {phase: [row for row in self.rows if row["phase"] == phase] for phase in PHASES}
        require(all(len(rows) == self.options.rounds for rows in sums.values()), "not every phase was run")
        lost = {phase: sum(row["lost_elsewhere"] for row in rows) for phase, rows in sums.items()}
        judged = {phase: [row["own_gap_us"] for row in rows if row["steal_ms"] == 0] for phase, rows in sums.items()}
        require(all(judged.values()), f"the hypervisor had core {self.gateway_core} in every round of a phase: a quieter machine is needed")
        # What the hypervisor takes below a hundredth of a second is nowhere to be read. What a phase does itself is in each of its rounds.
        gaps = {phase: statistics.median_low(gaps) for phase, gaps in judged.items()}
        problems = [f"{phase}: {lost[phase]} frames lost, {lost['quiet']} without" for phase in PHASES[1:] if lost[phase] > lost["quiet"]]
        problems += [f"{phase}: a longest own poll gap of {gap:.0f} us in the middling round, {LONGEST_OWN_GAP_US} us are allowed"
                     for phase, gap in gaps.items() if gap >= LONGEST_OWN_GAP_US]
        require(not problems, "; ".join(problems))
        worst = max(map(max, judged.values()))
        return ", ".join(f"{phase} {gap:.0f} us" for phase, gap in gaps.items()) + f"; {worst:.0f} us in the worst round"

    def _tell(self, complete: bool) -> None:
        if self.rows:
            cells = [[title for title, _ in COLUMNS]] + [[shown(row.get(key)) for _, key in COLUMNS] for row in self.rows]
            widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
            print("\n" + "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in cells))
        if self.options.json:
            document = {"complete": complete, "size": self.options.size, "encapsulation": self.options.encapsulation,
                        "seconds": self.options.seconds, "rate_pps": getattr(self, "rate", None), "ndr": getattr(self, "found", None),
                        "phases": self.rows}
            self.options.json.write_text(json.dumps(document, indent=2) + "\n")


def summed(run: dict, workers: list) -> dict:
    """Both directions of a run, and the worker's longest gaps."""
    streams = run["streams"]
    row = {key: sum(stream[key] for stream in streams) for key in ("offered", "received", "lost", "duplicates", "reordered", "slipped")}
    row["lost_elsewhere"] = row["lost"] - sum(stream["lost_near_stolen_time"] for stream in streams)
    for key in ("p50", "p99", "p999", "max"):
        row[f"{key}_us"] = max(stream["latency"][f"{key}_ns"] for stream in streams) / 1000
    row["own_gap_us"] = own_gap_us(workers)
    row["gap_us"] = max(worker["longest_poll_gap_ns"] for worker in workers) / 1000
    return row


def prefer(process, nice: int) -> None:
    """Both come before what else runs; the generator before control, which shares its core if there are two, and gets a tenth of it.
    Where Linux groups processes by session, `nice` counts only within a group."""
    group = Path(f"/proc/{process.pid}/autogroup")
    if group.exists():
        group.write_text(str(nice))


def own_gap_us(workers: list) -> float:
    """The longest time between two polls of a worker, without what the kernel gave to others."""
    return max(worker.get("longest_own_poll_gap_ns", worker["longest_poll_gap_ns"]) for worker in workers) / 1000


def shown(value) -> str:
    """A cell."""
    return value if isinstance(value, str) else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
