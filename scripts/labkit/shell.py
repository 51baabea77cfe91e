"""Commands: run to their end or in the background, inside a namespace or not, every one of them in the lab's log."""

import shlex
import subprocess
import threading
import time
from pathlib import Path


class CommandFailed(Exception):
    """A command ended with another status than 0, or not at all."""


class Shell:
    """Runs commands and writes each with its output to `commands.log` below `logs`."""

    def __init__(self, logs: Path):
        self.logs = logs
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        """Write a line of our own between the commands."""
        with self._lock, open(self.logs / "commands.log", "a") as log:
            log.write(f"{time.monotonic() - self._started:8.3f}  {text}\n")

    def run(self, *argv, netns=None, check=True, stdin=None, env=None, timeout=30) -> subprocess.CompletedProcess:
        """Run a command to its end; `CommandFailed` with its output if it fails and `check` is set."""
        full = _inside(netns, argv)
        try:
            done = subprocess.run(full, input=stdin, env=env, timeout=timeout, text=True, capture_output=True)
        except subprocess.TimeoutExpired as late:
            self.note(f"{shlex.join(full)}: not ended after {timeout} s")
            raise CommandFailed(f"`{shlex.join(full)}` had not ended after {timeout} s") from late
        self.note(f"{shlex.join(full)}: status {done.returncode}\n{_indented(done.stdout)}{_indented(done.stderr)}")
        if check and done.returncode != 0:
            raise CommandFailed(f"`{shlex.join(full)}` ended with status {done.returncode}: {done.stderr.strip()}")
        return done

    def ip(self, netns: str, commands: str) -> None:
        """Run `ip` commands, one a line, inside a namespace."""
        self.run("ip", "-netns", netns, "-batch", "-", stdin=commands)

    def spawn(self, name: str, *argv, netns=None, env=None) -> subprocess.Popen:
        """Start a command in the background, in a session of its own; its output goes to `NAME.log`."""
        full = _inside(netns, argv)
        self.note(f"{shlex.join(full)} &")
        with open(self.logs / f"{name}.log", "ab") as log:
            return subprocess.Popen(full, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)


def wait_until(condition, seconds: float, what: str):
    """Poll `condition` until it is true and return what it returned; `CommandFailed` naming `what` when time is up."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise CommandFailed(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)
    return found


def _inside(netns, argv) -> list:
    argv = [str(word) for word in argv]
    return ["ip", "netns", "exec", netns, *argv] if netns else argv


def _indented(text: str) -> str:
    return "".join(f"          {line}\n" for line in text.splitlines())
