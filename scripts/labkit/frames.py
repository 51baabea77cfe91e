"""What `causeway capture`, `trace` and `show drops --last` show of real traffic, read back by tshark."""

import json
import subprocess

from labkit import traffic
from labkit.report import require
from labkit.shell import wait_until
from labkit.topology import BLUE, FAR_BLUE, GREEN, TOR

SECONDS = 20


class Looking:
    """`causeway capture` or `trace` in the background, ended by the frames that it is to see."""

    def __init__(self, gateway, *words):
        argv = [str(gateway.binaries / "causeway"), "--socket", str(gateway.socket), words[0], "--duration", f"{SECONDS}s", *words[1:]]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self) -> tuple:
        """Its standard output and error, once it has ended by itself."""
        try:
            output, errors = self.process.communicate(timeout=SECONDS + 10)
        finally:
            self.process.kill()
        require(self.process.returncode == 0, f"it ended with status {self.process.returncode}: {errors}")
        return output, errors


def check(shell, gateway) -> str:
    """Frames of blue both ways are in its captures, inside and outside, with verdict and line; forged ones with their reason."""
    home = gateway.network_file.parent
    files = {"inside": home / "inside.pcapng", "outside": home / "outside.pcapng"}
    with_reason = [traffic.frame(GREEN, FAR_BLUE.mac, b"forged", tags=[(BLUE.vlan, 0)])] * 2
    captures = []
    for place, extra, expression in (("inside", [], f"vlan {BLUE.vlan}"), ("outside", ["--outside"], "udp or proto 47")):
        looking = Looking(gateway, "capture", "--vif", vmi_name(gateway), *extra, "--count", "4", "--json", "-w", str(files[place]), expression)
        if place == "inside":
            action = lambda: (traffic.ping(shell, BLUE, FAR_BLUE), traffic.inject(shell, TOR, gateway.gateway.name, with_reason))
        else:
            action = lambda: traffic.ping(shell, BLUE, FAR_BLUE)
        wait_until(lambda file=files[place]: has_begun(file), 10, f"the capture {place} has begun")
        action()
        summary = json.loads(looking.finish()[0])
        require(summary["frames"] == 4 and summary["lost"] == 0, f"capture {place}: {summary}")
        captures.append(rows(shell, files[place]))
    inside, outside = captures
    require(all("VMI: " in comment and "configuration: " in comment for _, comment in inside), f"comments inside: {inside}")
    require(any("verdict: sent" in comment for _, comment in outside), f"comments outside: {outside}")
    require(any(number for number, _ in outside), f"tshark finds no tunnel outside: {outside}")
    drops = gateway.show("drops", "--last", "--reason", "unknown_source_mac")["frames"]
    require(drops and all(frame["drop"] == "unknown_source_mac" for frame in drops), f"the latest dropped frames: {drops}")
    return f"{len(inside)} frames inside, {len(outside)} outside, {len(drops)} dropped ones kept"


def vmi_name(gateway) -> str:
    """The VMI of blue's VLAN on this gateway."""
    return next(vif["name"] for vif in gateway.show("vifs")["vifs"] if vif["vlan"] == BLUE.vlan)


def has_begun(file) -> bool:
    """Whether a capture has been granted: then its file has a header."""
    return file.exists() and file.stat().st_size > 0


def rows(shell, file) -> list:
    """Of each packet, what tshark makes of its tunnel (a number or nothing), and its comment."""
    fields = ["-e", "vxlan.vni", "-e", "mpls.label", "-e", "frame.comment"]
    output = shell.run("tshark", "-r", file, "-d", "udp.port==6635,mpls", "-T", "fields", *fields).stdout
    lines = [line.split("\t") for line in output.splitlines()]
    return [(vni or label, comment) for vni, label, comment in lines]
