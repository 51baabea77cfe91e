"""The images of the lab in containers: the base from a registry or by debootstrap, the node, and the gateway.

The programs are built outside, as for the lab without containers, and put on the runtime stage of docker/Dockerfile.
"""

import re
import shutil
import tempfile
from pathlib import Path

from labkit.docker import Engine
from labkit.report import require

RELEASE = "bookworm"
BASE = "debian:bookworm-slim"
NODE, RUNTIME, GATEWAY = "causeway-lab-node", "causeway:runtime", "causeway:lab"
PULL_SECONDS = 180
DEBOOTSTRAP_SECONDS = 900
REPOSITORY = Path(__file__).resolve().parents[2]
# Of what apt is set up with, only what lets it reach its archive; no place for keys or passwords.
APT_SETTINGS = re.compile(r"^Acquire::(Check-|Retries|ForceIPv4|ForceIPv6|(http|https)::(Proxy|Timeout|No-Cache|Pipeline-Depth))\S* ")


def build(engine: Engine, binaries: Path) -> str:
    """Make sure that all images are there. Says where the base came from."""
    origin = "the base image was there" if engine.image(BASE) else _base(engine)
    docker = REPOSITORY / "docker"
    engine.build(NODE, docker / "lab", "--target", "node")
    with tempfile.TemporaryDirectory() as context:
        # The runtime stage copies nothing, so its context is empty.
        shutil.copy(docker / "Dockerfile", context)
        engine.build(RUNTIME, Path(context), "--target", "runtime")
        for file in (binaries / "causewayd", binaries / "causeway", *(docker / "lab").iterdir()):
            shutil.copy(file, context)
        engine.build(GATEWAY, Path(context), "--target", "gateway", "--build-arg", f"CAUSEWAY_RUNTIME={RUNTIME}")
    return origin


def _base(engine: Engine) -> str:
    pulled = engine.run("pull", BASE, check=False, timeout=PULL_SECONDS)
    if pulled.returncode == 0:
        return "the base image was pulled"
    require(shutil.which("debootstrap") is not None,
            f"{BASE} can be neither pulled ({pulled.stderr.strip()}) nor made: apt-get install debootstrap")
    with tempfile.TemporaryDirectory(dir=engine.shell.logs) as directory:
        root, archive = Path(directory) / "root", Path(directory) / "base.tar"
        sources = _archives(engine)
        engine.shell.run("debootstrap", "--variant=minbase", RELEASE, root, sources[0][0], timeout=DEBOOTSTRAP_SECONDS)
        _configure_apt(engine, root, sources)
        engine.shell.run("tar", "-C", root, "-cf", archive, "--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*",
                         ".", timeout=DEBOOTSTRAP_SECONDS)
        engine.run("import", "--change", f"LABEL causeway.lab={RELEASE}", archive, BASE, timeout=PULL_SECONDS)
    return "the base image was made by debootstrap"


def _archives(engine: Engine) -> list:
    """Where the machine's own apt finds this release: address, suite and component, the release itself first."""
    listed = engine.shell.run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    found = [tuple(line.split()[1:]) for line in listed.stdout.splitlines() if line.startswith("Debian ") and f" {RELEASE}" in line]
    found.sort(key=lambda archive: archive[1:] != (RELEASE, "main"))
    require(bool(found) and found[0][1:] == (RELEASE, "main"),
            f"{BASE} cannot be pulled, and this machine's apt knows no archive of {RELEASE} to make it from")
    return found


def _configure_apt(engine: Engine, root: Path, archives: list) -> None:
    """Let apt in the image reach what the machine's reaches, in the same way."""
    lines = [f"deb {address} {suite} {component}\n" for address, suite, component in archives]
    (root / "etc/apt/sources.list").write_text("".join(lines))
    settings = engine.shell.run("apt-config", "dump").stdout.splitlines(keepends=True)
    (root / "etc/apt/apt.conf.d/90machine").write_text("".join(line for line in settings if APT_SETTINGS.match(line)))
