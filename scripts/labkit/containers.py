"""The lab in containers: up, checked, down. `boxes` says what stands and how it is joined, `docker` speaks to the engine."""

import json
import os
import shutil
from pathlib import Path

from labkit import boxes, docker, images, topology, traffic
from labkit.boxes import BLUE, FAR, GATEWAYS, RED
from labkit.gateway import Causeway, worker_cores
from labkit.report import Report, require
from labkit.shell import Shell, wait_until
from labkit.traffic import Capture, Point

LOG_TAIL_LINES = 15
FROM_GW1, FROM_GW2 = (Point(FAR.netns, gateway.name, "in") for gateway in GATEWAYS)


class BoxedCauseway(Causeway):
    """`causewayd` in its container."""

    def __init__(self, shell: Shell, engine: docker.Engine, gateway: topology.Gateway, home: Path):
        super().__init__(shell, gateway, home, Path("/usr/local/bin"))
        self.engine, self.container = engine, engine.container(gateway.name)
        self.network_file = home / gateway.name / "network.yaml"

    def command(self, *words, check=True):
        return self.engine.execute(self.container, "causeway", *words, check=check)

    def wait(self, sides) -> str:
        """Wait until the daemon answers, and plug its TAP ports in. Returns its version."""
        wait_until(self._answers, 60, f"causewayd in {self.gateway.name} answers")
        topology.plug_in(self.shell, self.gateway, sides)
        return self.show("version")["version"]

    def stop(self) -> None:
        """`docker stop`, which has to end it with status 0."""
        self.engine.run("stop", "--time", "10", self.container)
        status = self._state()["ExitCode"]
        require(status == 0, f"causewayd in {self.gateway.name} ended with status {status} after `docker stop`")

    def log(self) -> str:
        """The last lines that it logged."""
        done = self.engine.run("logs", "--tail", LOG_TAIL_LINES, self.container, check=False)
        return done.stdout + done.stderr

    def _require_running(self) -> None:
        state = self._state()
        require(state["Running"], f"causewayd in {self.gateway.name} ended with status {state['ExitCode']}: {self.log()}")

    def _answers(self) -> bool:
        self._require_running()
        return self.command("show", "version", check=False).returncode == 0

    def _state(self) -> dict:
        return json.loads(self.engine.run("inspect", "--format", "{{json .State}}", self.container).stdout)


class ContainerLab:
    """One run of one variant."""

    def __init__(self, options):
        self.variant, self.logs, self.binaries = boxes.VARIANTS[options.containers], options.logs, options.binaries
        self.private_images = options.docker_images
        self.may_start_engine = options.install_docker
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        self.shell = Shell(self.logs)
        self.engine = None
        self.gateways = []
        self.kept = False

    def run(self, keep: bool) -> int:
        """Run all checks; 0 if all of them held."""
        checks = self._checks()
        report = Report(len(checks) + (4 if keep else 6), self.shell.note)
        before = traces()
        stands = (report.check("an engine and Compose answer", self._find_engine)
                  and report.check("the images are built", lambda: images.build(self.engine, self.binaries))
                  and report.check("the containers run, their cables are laid", self._build)
                  and report.check("causewayd serves in both gateways", self._start))
        for title, action in checks if stands else ():
            report.check(title, action)
        if keep:
            self._hand_over()
            return self._conclude(report)
        if stands:
            report.check("`docker stop` stops causewayd cleanly", lambda: [gateway.stop() for gateway in self.gateways] and None)
        self._keep_logs()
        report.check("nothing is left behind", lambda: self._leave_no_trace(before))
        return self._conclude(report)

    def _checks(self) -> list:
        """Pairs of a title and an action."""
        return [
            ("blue and the kernel's VXLAN host ping each other, through gw1", lambda: self._ping_both_ways(BLUE, FAR)),
            ("red and the kernel's VXLAN host ping each other, through gw2", lambda: self._ping_both_ways(RED, FAR)),
            ("blue and red ping each other, through both gateways by VXLAN", lambda: self._across(boxes.VXLAN)),
            ("TCP from blue to the host, iperf3 with its defaults", lambda: self._tcp(BLUE, FAR)),
            ("TCP from the host to red, iperf3 with its defaults", lambda: self._tcp(FAR, RED)),
            ("TCP from blue to red, iperf3 with its defaults", lambda: self._tcp(BLUE, RED)),
            ("the gateways change to MPLSoUDP between them, by a reload", lambda: self._speak(boxes.MPLS_OVER_UDP)),
            ("blue and red ping each other, through both gateways by MPLSoUDP", lambda: self._across(boxes.MPLS_OVER_UDP)),
            ("TCP from red to blue by MPLSoUDP, iperf3 with its defaults", lambda: self._tcp(RED, BLUE)),
            ("the host, which speaks VXLAN only, is still reached", lambda: self._ping_both_ways(BLUE, FAR)),
            ("every packet is accounted for", self._balance),
        ]

    def _find_engine(self) -> str:
        docker.HOME.mkdir(mode=0o755)
        self.engine = docker.answering_engine(self.shell)
        if self.engine is None:
            require(self.may_start_engine, "no engine answers; --install-docker starts a private one while the lab lasts")
            self.engine = docker.start_private(self.shell, self.private_images)
        compose = self.engine.find_compose()
        version = self.engine.run("version", "--format", "{{.Server.Version}}").stdout.strip()
        return f"{'a private engine' if self.engine.private else 'the machine’s engine'} {version}, {compose}"

    def _build(self) -> None:
        cores = worker_cores(len(GATEWAYS))
        for gateway, core in zip(GATEWAYS, cores):
            directory = docker.HOME / gateway.name
            directory.mkdir()
            (directory / "node.yaml").write_text(boxes.node(gateway, core, self.variant))
            (directory / "network.yaml").write_text(boxes.network(boxes.VXLAN))
        files = [images.REPOSITORY / "docker" / "compose.yaml"]
        if self.variant.switch_ports:
            files.append(images.REPOSITORY / "docker" / f"compose.{self.variant.name}.yaml")
        self.engine.set_project(files, {
            "CAUSEWAY_LAB": str(docker.HOME), "CAUSEWAY_IMAGE": images.GATEWAY, "CAUSEWAY_NODE_IMAGE": images.NODE,
            "CAUSEWAY_SWITCH_CORE": str(min(os.sched_getaffinity(0)))})
        self.engine.run_compose("up", "--detach", "--no-build")
        boxes.lay_cables(self.engine, self.shell, self.variant)

    def _start(self) -> str:
        self.gateways = [BoxedCauseway(self.shell, self.engine, gateway, docker.HOME) for gateway in GATEWAYS]
        versions = [f"{gateway.gateway.name} version {gateway.wait(self.variant.sides)}" for gateway in self.gateways]
        for gateway in self.gateways:
            gateway.wait_for_nexthops()
        return ", ".join(versions)

    def _ping(self, source, destination) -> str:
        done = self.engine.execute(self.engine.container(source.name), "ping", "-n", "-c", 5, "-i", 0.2, "-W", 2, destination.address, check=False)
        return traffic.judge_ping(done.stdout, f"{source.name} to {destination.name}")

    def _ping_both_ways(self, one, other) -> str:
        """Neighbour tables are emptied first, so that ARP has to cross too."""
        for box in (one, other):
            self.shell.ip(box.netns, "neighbour flush all")
        self._ping(other, one)
        return self._ping(one, other)

    def _across(self, encapsulation: boxes.Encapsulation) -> str:
        """The frames between the instances are seen in the fabric, from gateway to gateway, each way, and all so encapsulated."""
        with Capture(self.shell, "across", FROM_GW1, FROM_GW2) as capture:
            times = self._ping_both_ways(BLUE, RED)
        for point, source, destination in ((FROM_GW1, BLUE, RED), (FROM_GW2, RED, BLUE)):
            inner = bytes.fromhex((destination.mac + source.mac).replace(":", ""))
            outer = encapsulation.port.to_bytes(2, "big"), encapsulation.header + inner
            frames = capture.marked(point, inner)
            strange = [frame for frame in frames if frame[36:38] != outer[0] or not frame[42:].startswith(outer[1])]
            way = f"from {source.name} to {destination.name}"
            require(len(frames) >= 10, f"only {len(frames)} frames {way} are seen in the fabric")
            require(not strange, f"{len(strange)} frames {way} are not {encapsulation.name}, such as {strange[0][:64].hex() if strange else None}")
        return times

    def _speak(self, encapsulation: boxes.Encapsulation) -> None:
        """Change both gateways' files, then have both read them."""
        for gateway in self.gateways:
            gateway.network_file.write_text(boxes.network(encapsulation))
        for gateway in self.gateways:
            gateway.command("reload")
            gateway.wait_for_nexthops()

    def _tcp(self, client, server) -> str:
        """Every host runs an iperf3 server."""
        done = self.engine.execute(self.engine.container(client.name), "iperf3", "--client", server.address, "--time", 3, "--json", check=False)
        return traffic.judge_tcp(done.stdout, f"{client.name} to {server.name}")

    def _balance(self) -> str:
        return "; ".join(f"{gateway.gateway.name}: {gateway.require_balance()}" for gateway in self.gateways)

    def _keep_logs(self) -> None:
        """The containers' logs, before they go with them."""
        if self.engine is None or not self.engine.project:
            return
        log = self.engine.run_compose("logs", "--no-color")
        (self.logs / "containers.log").write_text(log.stdout + log.stderr)

    def _leave_no_trace(self, before: dict) -> None:
        if self.engine is not None and self.engine.project:
            self.engine.run_compose("down", "--volumes", "--timeout", "5")
            left = {kind: names for kind, names in self.engine.objects().items() if names}
            require(not left, f"left in the engine: {left}")
        docker.remove_everything()
        after = traces()
        left = {kind: sorted(after[kind] - before[kind]) for kind in after if after[kind] - before[kind]}
        require(not left, f"left behind: {left}")

    def _hand_over(self) -> None:
        self.kept = True
        host = f"DOCKER_HOST=unix://{docker.SOCKET} " if self.engine and self.engine.private else ""
        print(f"""
The lab stays up. To look around:
    {host}docker ps
    {host}docker exec {self.gateways[0].container[:12] if self.gateways else 'CONTAINER'} causeway show drops
    ip netns exec {FAR.netns} tcpdump -ni underlay
To take it down: scripts/lab --down
""")

    def _conclude(self, report: Report) -> int:
        if not report.failures:
            print(f"All {report.passed} checks held.")
            return 0
        print(f"{report.passed} of {report.total} checks held; these did not: {'; '.join(report.failures)}.")
        print(f"Every command with its output, all containers' logs and captures: {self.logs}")
        return 1


def traces() -> dict:
    """What a lab in containers could leave behind, outside its own directory and the engine."""
    return {
        "namespaces": set(docker.namespaces()),
        "netdevs": set(os.listdir("/sys/class/net")),
        "directories": {str(docker.HOME)} if docker.HOME.exists() else set(),
        "control groups": docker.control_groups(),
        "processes": {pid for pid in os.listdir("/proc") if pid.isdigit() and _is_of_lab(pid)},
    }


def _is_of_lab(pid: str) -> bool:
    try:
        return str(docker.HOME).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
