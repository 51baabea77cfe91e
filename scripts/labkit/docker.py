"""Docker for the lab in containers: the machine's engine or a private one, and Compose as plugin or as program.

A private engine is Debian's `dockerd` with directories, process file and socket of its own. It makes no network and touches no
packet filter: the lab's containers have only the cables that the lab lays.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from labkit.report import require
from labkit.shell import CommandFailed, Shell, wait_until

HOME = Path("/run/cw-box")  # the state of a lab in containers; its length counts: sockets lie below it
PROJECT = "cw-box"
STATE = HOME / "state.json"
SOCKET = HOME / "docker.sock"
PID_FILE = HOME / "docker.pid"  # written by dockerd
ENGINE = HOME / "engine"  # its process id too, written by us as soon as there is one
BUILD_SECONDS = 1200
DOWN_SECONDS = 120
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Engine:
    """An engine that answers, and what was found out about it."""

    def __init__(self, shell: Shell, private: bool):
        self.shell, self.private = shell, private
        self.env = dict(os.environ, DOCKER_CLI_HINTS="false")
        if private:
            self.env["DOCKER_HOST"] = f"unix://{SOCKET}"
        self.compose = []
        self.project = []

    def find_compose(self) -> str:
        """Find out how Compose is called here. Returns its version."""
        for words in (["docker", "compose"], ["docker-compose"]):
            if shutil.which(words[0]) is None:
                continue
            answer = self.shell.run(*words, "version", "--short", env=self.env, check=False)
            if answer.returncode == 0:
                self.compose = words
                return f"{' '.join(words)} {answer.stdout.strip()}"
        raise CommandFailed("there is neither the plugin `docker compose` nor the program `docker-compose`")

    def run(self, *words, check=True, stdin=None, timeout=60):
        """Run `docker`."""
        return self.shell.run("docker", *words, env=self.env, check=check, stdin=stdin, timeout=timeout)

    def execute(self, container: str, *words, check=True, timeout=60):
        """Run a command in a container of the lab."""
        return self.run("exec", container, *words, check=check, timeout=timeout)

    def set_project(self, files, environment: dict) -> None:
        """Say which Compose files make the lab, and write it down for whoever takes the lab down."""
        self.project = ["--project-name", PROJECT, *(word for file in files for word in ("--file", str(file)))]
        self.env.update(environment)
        state = {"private": self.private, "compose": self.compose, "project": self.project, "environment": environment}
        STATE.write_text(json.dumps(state))

    def run_compose(self, *words, timeout=DOWN_SECONDS):
        """Run Compose on the lab's project."""
        return self.shell.run(*self.compose, *self.project, *words, env=self.env, timeout=timeout)

    def container(self, service: str) -> str:
        """The id of a service's container."""
        found = self.run("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label=com.docker.compose.project={PROJECT}",
                         "--filter", f"label=com.docker.compose.service={service}").stdout.split()
        require(len(found) == 1, f"{len(found)} containers of the service {service} instead of one")
        return found[0]

    def objects(self) -> dict:
        """What of the lab the engine still has: containers, networks, volumes."""
        mine = ("--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}")
        return {"containers": set(self.run("ps", "--all", *mine).stdout.split()),
                "networks": set(self.run("network", "ls", *mine).stdout.split()),
                "volumes": set(self.run("volume", "ls", *mine).stdout.split())}

    def build(self, tag: str, context: Path, *words) -> None:
        """Build an image. On a private engine, which has no network for containers, commands use the machine's."""
        proxies = [word for name in PROXIES if name in os.environ for word in ("--build-arg", name)]
        network = ["--network", "host"] if self.private else []
        before = self.image(tag)
        self.run("build", "--tag", tag, *network, *proxies, *words, context, timeout=BUILD_SECONDS)
        if before and before != self.image(tag):
            self.run("image", "rm", before, check=False)

    def image(self, name: str) -> str:
        """The id of an image, empty if there is none."""
        return self.run("image", "inspect", "--format", "{{.Id}}", name, check=False).stdout.strip()


def answering_engine(shell: Shell):
    """The engine that the machine's `docker` reaches, or `None`."""
    if shutil.which("docker") is None:
        return None
    engine = Engine(shell, private=False)
    return engine if _version(engine) else None


def start_private(shell: Shell, images: Path) -> Engine:
    """Start a private `dockerd`, whose images stay in the directory `images` for the next time."""
    images.mkdir(parents=True, exist_ok=True)
    options = ["--data-root", images, "--exec-root", HOME / "docker", "--pidfile", PID_FILE, "--host", f"unix://{SOCKET}",
               "--containerd-namespace", PROJECT, "--containerd-plugins-namespace", f"{PROJECT}-plugins",
               "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", PROJECT,
               "--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]
    # Not a configuration that an engine of the machine has.
    empty = HOME / "daemon.json"
    empty.write_text("{}")
    process = shell.spawn("dockerd", "dockerd", "--config-file", empty, *options)
    ENGINE.write_text(str(process.pid))
    engine = Engine(shell, private=True)

    def answers():
        require(process.poll() is None, f"dockerd ended with status {process.returncode}; its log: {shell.logs}/dockerd.log")
        return _version(engine)

    wait_until(answers, 60, "dockerd answers")
    return engine


def _version(engine: Engine) -> str:
    return engine.run("version", "--format", "{{.Server.Version}}", check=False).stdout.strip()


def remove_everything() -> bool:
    """Remove what a lab has made in an engine, and end a private engine; whether there was anything. Safe to call twice."""
    if not HOME.exists():
        return False
    if STATE.exists():
        state = json.loads(STATE.read_text())
        env = dict(os.environ, **state["environment"])
        if state["private"]:
            env["DOCKER_HOST"] = f"unix://{SOCKET}"
        _quietly([*state["compose"], *state["project"], "down", "--volumes", "--remove-orphans", "--timeout", "5"], env)
    for netns in namespaces():
        _quietly(["ip", "netns", "delete", netns], None)
    _end_private()
    shutil.rmtree(HOME, ignore_errors=True)
    return True


def namespaces() -> list:
    """The names that the lab gave to its containers' network namespaces."""
    listed = subprocess.run(["ip", "netns", "list"], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return [name for name in listed.split() if name.startswith(f"{PROJECT}-")]


def control_groups() -> set:
    """The control groups that a private engine has made, innermost first when sorted backwards."""
    return {str(path) for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/*") for path in Path("/").glob(f"{top[1:]}/{PROJECT}")}


def _end_private() -> None:
    """SIGTERM to the private engine's process, if it still is one, which ends its `containerd` too."""
    if not ENGINE.exists():
        return
    pid = int(ENGINE.read_text())
    if _is_private_engine(pid):
        _quietly(["kill", "-TERM", str(pid)], None)
        try:
            wait_until(lambda: not _is_private_engine(pid), 30, "dockerd ends")
        except CommandFailed:
            _quietly(["kill", "-KILL", str(pid)], None)
    # It leaves a network namespace mounted.
    for point in [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if f" {HOME}/" in line]:
        _quietly(["umount", point], None)
    for group in sorted(control_groups(), reverse=True):
        try:
            os.rmdir(group)
        except OSError:
            pass  # what is in use is not ours to remove; the check of what is left behind tells


def _is_private_engine(pid: int) -> bool:
    try:
        return str(SOCKET).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _quietly(argv, env) -> None:
    """Run a step of taking down; whether it goes well or not, the next ones have to follow."""
    try:
        subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DOWN_SECONDS)
    except subprocess.TimeoutExpired:
        pass
