"""The calls in a linked program, as its machine code has them: which function refers to which other.

A reference counts as a call, be it a call, a jump, an entry of the global offset table, or an address that is taken: what
a function holds it may call. What it calls by a pointer from elsewhere is told apart, since nobody knows where that leads.
"""

import collections
import re
import subprocess

# `refers`: {target: addresses of the instructions}. `unknown`: addresses of calls that lead nobody knows where.
Function = collections.namedtuple("Function", "name refers unknown")

_LABEL = re.compile(r"^([0-9a-f]+) <(.*)>:$")
_INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t(\S+) *(.*)$")
_DIRECT = re.compile(r"^([0-9a-f]+) <")
_RELATIVE = re.compile(r"\(%rip\).*# ([0-9a-f]+)")
_JUMPS = re.compile(r"^(call|jmp|j[a-z]+)")
_REGISTER = re.compile(r"^\*(%r\w+)$")
_RELOCATION = re.compile(r"^([0-9a-f]+) +[0-9a-f]+ +R_X86_64_(\w+) +(.*)$")


def functions(program: str) -> dict:
    """Every function of a program by its address."""
    run = lambda *command: subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return parse(run("objdump", "-d", "-C", "-w", "--no-show-raw-insn", program), run("readelf", "-r", "-W", program))


def slots(relocations: str) -> dict:
    """What the places hold that the loader fills in: a function's address here, or a name from elsewhere."""
    found = {}
    for line in relocations.splitlines():
        if match := _RELOCATION.match(line.strip()):
            place, kind, rest = match.groups()
            if kind == "RELATIVE":
                found[int(place, 16)] = int(rest, 16)
            elif kind in ("GLOB_DAT", "JUMP_SLOT"):
                found[int(place, 16)] = rest.split()[1].split("@")[0]
    return found


def parse(assembly: str, relocations: str) -> dict:
    """As `functions`, of what the tools print. A name instead of an address is a function of another library."""
    filled, lines = slots(relocations), assembly.splitlines()
    labels = {int(match[1], 16): match[2] for match in map(_LABEL.match, lines) if match}
    found, current, held = {}, None, set()
    for line in lines:
        if match := _LABEL.match(line):
            current, held = int(match[1], 16), set()
            found[current] = Function(match[2], {}, [])
        elif match := _INSTRUCTION.match(line):
            at, operation, operands = int(match[1], 16), match[2], match[3]
            target = _target(operands, filled, labels)
            if target is not None and target != current:
                found[current].refers.setdefault(target, []).append(at)
                held.add(operands.rpartition(",")[2].split()[0])
            elif operation.startswith(("call", "jmp")) and operands.startswith("*") and not _stays(operation, operands, held):
                found[current].unknown.append(at)
    return found


def _target(operands: str, filled: dict, labels: dict):
    """The function that an instruction refers to, if it does."""
    if match := _DIRECT.match(operands):
        address = int(match[1], 16)
    elif match := _RELATIVE.search(operands):
        address = int(match[1], 16)
        address = filled.get(address, address)
    else:
        return None
    return address if isinstance(address, str) or address in labels else None


def _stays(operation: str, operands: str, held: set) -> bool:
    """Whether the target is a register that was given a function's address above, or one of the branches of a `match`."""
    register = _REGISTER.match(operands)
    return bool(register) and (register[1] in held or operation.startswith("jmp"))
