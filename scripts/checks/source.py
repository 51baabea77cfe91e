"""Rust source as the checks see it: without comments and literals, and with the extent of functions and test modules.

A real parser is not needed for questions of length and of one keyword. What this reads is formatted by rustfmt.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_LITERAL = re.compile(
    r"//[^\n]*"  # line comment
    r"|/\*"  # block comment: they nest, so its end is searched for by hand
    r'|\b[bc]?r(?P<hashes>#*)".*?"(?P=hashes)'  # raw string
    r'|[bc]?"(?:\\.|[^"\\])*"'  # string
    r"|b?'(?:\\(?:[^u]|u\{[^}]*\})[^']*|[^'\\\n])'",  # character; a lifetime has no closing quote
    re.DOTALL,
)
_FUNCTION = re.compile(r"\bfn\s+(\w+)")
_TEST_ATTRIBUTE = re.compile(r"#\[cfg\([^\]]*\btest\b[^\]]*\)\]")


@dataclass(frozen=True)
class Function:
    """A function with a body: its name and its first and last line, from 1."""

    name: str
    first: int
    last: int

    @property
    def lines(self) -> int:
        return self.last - self.first + 1


def rust_files() -> list:
    """Every Rust file of the repository that git does not ignore, committed or not."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.rs"],
                            check=True, text=True, capture_output=True).stdout
    return [Path(name) for name in sorted(set(listed.splitlines())) if Path(name).exists()]


def is_test_file(path: Path) -> bool:
    """Whether the whole file is tests."""
    return "tests" in path.parts[:-1] or path.name == "tests.rs"


def blank(text: str) -> str:
    """`text` with every comment and literal turned into spaces; lines and columns stay."""
    kept, at = [], 0
    while found := _LITERAL.search(text, at):
        end = _block_comment_end(text, found.start()) if found.group() == "/*" else found.end()
        kept += [text[at : found.start()], re.sub(r"[^\n]", " ", text[found.start() : end])]
        at = end
    return "".join(kept) + text[at:]


def functions(blanked: str) -> list:
    """The functions that have a body."""
    found = []
    for match in _FUNCTION.finditer(blanked):
        body = _body(blanked, match.end())
        if body is not None:
            found.append(Function(match[1], _line(blanked, match.start()), _line(blanked, body[1] - 1)))
    return found


def test_lines(blanked: str) -> set:
    """The numbers of the lines that belong to items compiled for tests only."""
    lines = set()
    for match in _TEST_ATTRIBUTE.finditer(blanked):
        body = _body(blanked, match.end())
        end = body[1] - 1 if body else blanked.find(";", match.end())
        lines.update(range(_line(blanked, match.start()), _line(blanked, end) + 1))
    return lines


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _body(blanked: str, start: int):
    """The extent of the first `{...}` after `start`, or None if the item ends by a semicolon before one."""
    depth = 0
    for at in range(start, len(blanked)):
        character = blanked[at]
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == ";" and depth == 0:
            return None
        elif character == "{" and depth == 0:
            return at, _closing_brace(blanked, at)
    return None


def _closing_brace(blanked: str, opening: int) -> int:
    depth = 0
    for match in re.compile(r"[{}]").finditer(blanked, opening):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.end()
    return len(blanked)


def _block_comment_end(text: str, start: int) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)
