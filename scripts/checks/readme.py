"""The commands that the README tells its readers to type: the lines of its `sh` blocks."""

import re
from pathlib import Path


def commands(text: str) -> list:
    """One command a line, without comments, `sudo`, and a line's continuation."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    stripped = [re.sub(r"(^|\s)#.*", "", line).strip().removeprefix("sudo ") for line in lines]
    return [re.sub(r"\s+", " ", line) for line in stripped if line]


def asks_the_daemon(command: str) -> bool:
    """Whether a command talks to a running causewayd: the lab runs these."""
    return re.match(r"causeway (show|reload|clear)\b", command) is not None


def of_repository() -> list:
    """The commands of this repository's README."""
    return commands(Path("README.md").read_text())
