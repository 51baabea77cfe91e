"""A gateway under test: its files, its process, and what it says of itself through the operator's command."""

import json
import os
from pathlib import Path

from labkit import config, topology
from labkit.report import require
from labkit.shell import Shell, wait_until
from labkit.traffic import end

START_SECONDS = 30
OVERHEARD = "unknown_source_mac"
UNASKED = {"not_routed"}  # answers to another gateway's probes, which have the same source MAC


class Causeway:
    """`causewayd` in a gateway's namespace, and `causeway` to ask it."""

    def __init__(self, shell: Shell, gateway: topology.Gateway, home: Path, binaries: Path):
        self.shell, self.gateway, self.binaries = shell, gateway, binaries
        self.socket = config.socket(gateway, home)
        self.node_file = home / f"{gateway.name}-node.yaml"
        self.network_file = home / f"{gateway.name}-network.yaml"
        self.process = None

    def start(self) -> str:
        """Start the daemon and plug its ports in. Returns its version."""
        self.process = self.shell.spawn(self.gateway.name, self.binaries / "causewayd", "--node", self.node_file,
                                        "--network", self.network_file, netns=self.gateway.netns)
        wait_until(self._answers, START_SECONDS, f"causewayd on {self.gateway.name} answers")
        topology.plug_in(self.shell, self.gateway)
        return self.show("version")["version"]

    def wait_for_nexthops(self) -> None:
        """Wait until the daemon knows the way to every VTEP, which for another gateway's means that it has started too."""
        wait_until(self._resolved, START_SECONDS, f"causewayd on {self.gateway.name} resolves its next hops")

    def stop(self) -> None:
        """SIGTERM, which has to end it with status 0 within five seconds."""
        status = end(self.process)
        require(status == 0, f"causewayd on {self.gateway.name} ended with status {status} after SIGTERM (-9: it had to be killed)")
        self.process = None

    def kill(self) -> None:
        """SIGKILL: it has no time to say goodbye."""
        self.process.kill()
        self.process.wait()

    def command(self, *words, check=True):
        """Run `causeway` with the management socket of this gateway."""
        return self.shell.run(self.binaries / "causeway", "--socket", self.socket, *words, check=check)

    def show(self, *words) -> dict:
        """`causeway show ... --json`."""
        return json.loads(self.command("show", *words, "--json").stdout)

    def dropped(self) -> dict:
        """How often packets were dropped, by reason."""
        return {entry["reason"]: entry["count"] for entry in self.show("drops")["reasons"]}

    def expect_drops(self, reason: str, count: int, action, overheard=0) -> None:
        """Run `action`, which has to raise the drops for `reason` by exactly `count`, and no others but of what comes unasked.

        On one LAN with another gateway so many of the other's announcements may be `overheard`: their MACs are no instance's.
        """
        before = self.dropped()
        action()

        def difference():
            return {name: number - before.get(name, 0) for name, number in self.dropped().items()
                    if number != before.get(name, 0) and name not in UNASKED}

        try:
            wait_until(lambda: difference().get(reason, 0) >= count, 3, "the drops are counted")
        finally:
            found, expected = difference(), {reason: count}
            strangers = found.get(OVERHEARD, 0) - expected.get(OVERHEARD, 0)
            if 0 < strangers <= overheard:
                expected[OVERHEARD] = expected.get(OVERHEARD, 0) + strangers
            require(found == expected, f"dropped {found or 'nothing'} instead of {count} with the reason {reason}")

    def require_accounted(self) -> str:
        """Nothing unaccounted, whatever the ports may have lost. Returns the sums."""
        sums = wait_until(self._at_rest, 3, f"the workers of {self.gateway.name} hold nothing")
        require(sums["unaccounted"] == 0, f"{self.gateway.name}: unaccounted is {sums['unaccounted']}: {sums}")
        return f"{sums['received']} received, {sums['transmitted']} transmitted, {sums['dropped']} dropped"

    def require_balance(self) -> str:
        """Nothing unaccounted, and nothing lost by the ports themselves. Returns the sums."""
        sums = self.require_accounted()
        losses = {port["name"]: port["losses"] for port in self.show("ports")["ports"] if any(port["losses"].values())}
        require(not losses, f"{self.gateway.name}: the ports lost packets: {losses}")
        return sums

    def _at_rest(self):
        sums = self.show("drops")["accounting"]
        return sums if sums["held"] == 0 else None

    def _require_running(self) -> None:
        require(self.process.poll() is None, f"causewayd on {self.gateway.name} ended with status {self.process.returncode}")

    def _answers(self) -> bool:
        self._require_running()
        return self.socket.exists() and self.command("show", "version", check=False).returncode == 0

    def _resolved(self) -> bool:
        self._require_running()
        nexthops = self.show("nexthops")["nexthops"]
        return bool(nexthops) and all(nexthop["state"] == "resolved" for nexthop in nexthops)


def worker_cores(count: int) -> list:
    """A core for each of `count` gateways' workers: the last ones that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return [usable[-1 - number % len(usable)] for number in range(count)]
