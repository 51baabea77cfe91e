"""The life of a lab: up, checked, down, with nothing left of it on the machine."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from labkit import config, topology
from labkit.gateway import Causeway, worker_cores
from labkit.report import Report, require
from labkit.shell import CommandFailed, Shell

HOME = Path("/run/cw-lab")
LOCK = Path("/run/cw-lab.lock")
DPDK_RUN = Path("/run/dpdk")
FRAMING_CHECKS = 4  # before and after those of the scenario
LOG_TAIL_LINES = 15


class Lock:
    """One lab at a time on one machine: namespaces have names."""

    def __enter__(self):
        self.file = open(LOCK, "w")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandFailed(f"another lab is running on this machine (it holds {LOCK}); wait for it to end") from None
        return self

    def __exit__(self, kind, error, trace):
        LOCK.unlink()
        self.file.close()


class Lab:
    """One scenario with its gateways."""

    stands = "namespaces, switch and kernel VTEP stand"

    def __init__(self, scenario, options):
        self.scenario, self.logs = scenario, options.logs
        self.hugepages, self.reloads = options.hugepages, options.reloads
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        self.shell = Shell(self.logs)
        self.gateways = [Causeway(self.shell, gateway, HOME, options.binaries) for gateway in scenario.GATEWAYS]
        self.kept = False

    def run(self, keep: bool) -> int:
        """Run all checks; 0 if all of them held."""
        checks = self.scenario.Scenario(self).checks()
        report = Report(len(checks) + (FRAMING_CHECKS - 2 if keep else FRAMING_CHECKS), self.shell.note)
        before = traces()
        built = report.check(self.stands, self._build)
        started = built and report.check("causewayd starts", self._start)
        for title, action in checks if started else ():
            report.check(title, action)
        if keep:
            self._hand_over()
            return self._conclude(report)
        if started:
            report.check("SIGTERM stops causewayd cleanly", self._stop)
        report.check("nothing is left behind", lambda: self._leave_no_trace(before))
        return self._conclude(report)

    def _build(self) -> None:
        HOME.mkdir(mode=0o700)
        if self.hugepages:
            require_hugepages(len(self.gateways))
        self.build_surroundings()

    def build_surroundings(self) -> None:
        """Make everything but the gateways' own ports."""
        topology.build(self.shell, self.scenario.GATEWAYS, HOME)

    def configuration(self, gateway, core: int) -> tuple:
        """The node file and the network file of a gateway, whose worker runs on `core`."""
        network = config.network(self.scenario.GATEWAYS, self.scenario.AT_FIRST)
        return config.node(gateway, core, self.hugepages, HOME), network

    def a_ping(self) -> tuple:
        """Somebody who can ping somebody else, to show those who look around."""
        return topology.BLUE, topology.FAR_BLUE

    def _start(self) -> str:
        cores = worker_cores(len(self.gateways))
        for causeway, core in zip(self.gateways, cores):
            node, network = self.configuration(causeway.gateway, core)
            causeway.node_file.write_text(node)
            causeway.network_file.write_text(network)
        versions = [f"{causeway.gateway.name} version {causeway.start()}" for causeway in self.gateways]
        for causeway in self.gateways:
            causeway.wait_for_nexthops()
        return ", ".join(versions)

    def _stop(self) -> None:
        for causeway in self.gateways:
            require(causeway.process is not None, f"causewayd on {causeway.gateway.name} was not running")
            causeway.stop()
            require(not causeway.socket.exists(), f"{causeway.socket} is still there")
            files = DPDK_RUN / config.file_prefix(causeway.gateway)
            require(not files.exists(), f"{files} is still there")

    def _leave_no_trace(self, before: dict) -> None:
        take_down()
        after = traces()
        left = {kind: sorted(after[kind] - before[kind]) for kind in after if after[kind] - before[kind]}
        require(not left, f"left behind: {left}")

    def _hand_over(self) -> None:
        self.kept = True
        gateway, (source, destination) = self.gateways[0], self.a_ping()
        print(f"""
The lab stays up. To look around:
    ip netns exec {source.netns} ping {destination.address}
    ip netns exec {gateway.gateway.netns} bash
    {gateway.binaries}/causeway --socket {gateway.socket} show drops
Its namespaces: ip netns | grep {topology.PREFIX}
To take it down: scripts/lab --down
""")

    def _conclude(self, report: Report) -> int:
        if not report.failures:
            print(f"All {report.passed} checks held.")
            return 0
        for causeway in self.gateways:
            log = self.logs / f"{causeway.gateway.name}.log"
            if log.exists():
                print(f"\nThe last lines of causewayd's log on {causeway.gateway.name}:")
                print("".join(f"    {line}\n" for line in log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]))
        print(f"{report.passed} of {report.total} checks held; these did not: {'; '.join(report.failures)}.")
        print(f"Every command with its output, all daemons' logs and captures: {self.logs}")
        return 1


def take_down() -> bool:
    """End every process in the lab's namespaces and remove them; whether there was anything. Safe to call twice."""
    namespaces = lab_namespaces()
    end_processes(namespaces)
    for netns in namespaces:
        _ip("netns", "delete", netns)
    there_was = bool(namespaces) or HOME.exists()
    shutil.rmtree(HOME, ignore_errors=True)
    return there_was


def lab_namespaces() -> list:
    """The names of the lab's namespaces that exist."""
    return [name for name in _ip("netns", "list").split() if name.startswith(f"{topology.PREFIX}-")]


def end_processes(namespaces) -> None:
    """Everything that runs in the lab's namespaces is the lab's: ask it to stop, then insist."""
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + patience
        for pid in processes(namespaces):
            send(pid, number)
        while processes(namespaces) and time.monotonic() < deadline:
            time.sleep(0.05)


def processes(namespaces) -> list:
    """The processes in some namespaces."""
    return [int(pid) for netns in namespaces for pid in _ip("netns", "pids", netns).split()]


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may just have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _ip(*words) -> str:
    return subprocess.run(["ip", *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def traces() -> dict:
    """What a lab could leave behind, outside its own directory."""
    hugepages = [str(path) for path in Path("/dev/hugepages").glob(f"{topology.PREFIX}*")]
    return {
        "namespaces": set(lab_namespaces()),
        "netdevs": {name for name in os.listdir("/sys/class/net") if name.startswith("cw-")},
        "DPDK files": {path.name for path in DPDK_RUN.glob(f"{topology.PREFIX}*")} | set(hugepages),
        "directories": {str(HOME)} if HOME.exists() else set(),
        "processes": {pid for pid in os.listdir("/proc") if pid.isdigit() and runs_in_lab(pid)},
    }


def runs_in_lab(pid: str) -> bool:
    """Whether a process has a path of the lab's directory in its command line."""
    try:
        return str(HOME).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def require_hugepages(gateways: int) -> None:
    """Enough free huge pages for every gateway's 512 MB, or say how to reserve them."""
    sizes = Path("/sys/kernel/mm/hugepages")
    free_kb = sum(int((size / "free_hugepages").read_text()) * int(size.name.split("-")[1][:-2]) for size in sizes.iterdir())
    needed_kb = gateways * 512 * 1024
    mounted = any(line.split()[2] == "hugetlbfs" for line in Path("/proc/mounts").read_text().splitlines())
    require(mounted and free_kb >= needed_kb,
            f"--hugepages needs {needed_kb >> 10} MB of free huge pages and a mounted hugetlbfs, there are {free_kb >> 10} MB; for instance:"
            " mkdir -p /dev/hugepages; mount -t hugetlbfs nodev /dev/hugepages;"
            f" echo {needed_kb >> 11} > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
