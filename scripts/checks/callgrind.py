"""Reads what callgrind counted, and says for every instruction which stage of the pipeline it belongs to.

Inlining leaves few functions, so the debug information decides: an instruction is of the innermost source file that is a
stage's. Code of libraries and of the tables is of whoever calls it, in proportion.
"""

import collections
import re
import subprocess
from pathlib import Path

STAGE = re.compile(r"crates/datapath/src/(?!burst\b|io\b)(\w+)")  # those two are tools of all stages
DRIVER = re.compile(r"crates/(causewayd/src/driver\.rs|dpdk/)|dpdk-ffi/|/rte_\w+\.h")
HARNESS = re.compile(r"crates/testkit/|/examples/")
# Not judged: what stands in for a driver, and DPDK's own ports.
HARNESS_STAGE, PORTS_STAGE = "harness", "ports"
UNJUDGED = (HARNESS_STAGE, PORTS_STAGE)

# An instruction is (object, address); a function is (object, name).
Profile = collections.namedtuple("Profile", "own function calls")


def parse(text: str) -> Profile:
    """The profile of one dump: costs by instruction, the instructions' functions, and (site, callee): inclusive cost."""
    own, function, calls = collections.Counter(), {}, collections.Counter()
    ob = name = callee_ob = callee = None
    is_call = False
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "ob":
            ob = callee_ob = value
        elif key == "fn":
            name, callee_ob = value, ob
        elif key == "cob":
            callee_ob = value
        elif key == "cfn":
            callee = value
        elif key == "calls":
            is_call = True
        elif line.startswith("0x"):
            address, *rest = line.split()
            at = (ob, int(address, 16))
            function[at] = (ob, name)
            if is_call:
                calls[at, (callee_ob, callee)] += int(rest[-1])
                is_call, callee_ob = False, ob
            else:
                own[at] += int(rest[-1])
    return Profile(own, function, calls)


def stage_of_files(files: list, ob: str) -> str | None:
    """The stage of an instruction by the files of its inlined functions, innermost first; `None`: its caller's."""
    if Path(ob).name.startswith("librte_"):
        return PORTS_STAGE
    for file in files:
        if HARNESS.search(file):
            return HARNESS_STAGE
        if DRIVER.search(file):
            return "driver"
        if found := STAGE.search(file):
            return found[1]
    return None


def inlined_places(ob: str, addresses: list) -> dict:
    """For each address of an object where it is in the source, `file:line in function`, and where that is inlined, innermost first."""
    asked = "\n".join(hex(address) for address in addresses)
    command = ["addr2line", "-a", "-i", "-f", "-C", "-p", "-e", ob]
    answer = subprocess.run(command, input=asked, check=True, stdout=subprocess.PIPE, text=True).stdout
    places, current = {}, []
    for line in answer.splitlines():
        if match := re.match("0x([0-9a-f]+): (.*)", line):
            current, line = places.setdefault(int(match[1], 16), []), match[2]
        function, _, place = line.removeprefix(" (inlined by) ").rpartition(" at ")
        function = re.sub(r"(?<!^)<.*>$", "", function)  # its type arguments
        current.append(f"{place.partition(' (discriminator')[0]} in {function}")
    return places


def stages_of_instructions(profiles: list, program: str) -> dict:
    """The stage of every instruction that was counted, but for those that are of whoever calls them."""
    counted = {at for profile in profiles for at in profile.function}
    files = inlined_places(program, sorted(address for ob, address in counted if ob == program))
    found = {at: stage_of_files(files.get(at[1], []) if at[0] == program else [], at[0]) for at in counted}
    return {at: stage for at, stage in found.items() if stage}


def stages(profile: Profile, stage_of) -> dict:
    """Instructions by stage. `stage_of` tells the stage of an instruction, or `None` if it is whoever calls it."""
    callers = collections.defaultdict(collections.Counter)
    for (site, callee), inclusive in profile.calls.items():
        callers[callee][site] += inclusive
    known = {}

    def shares(function, seen) -> dict:
        """How the cost of a function that is no stage's is divided among the stages that call it."""
        if function in known:
            return known[function]
        sum_of, total = collections.Counter(), 0
        for site, weight in callers[function].items():
            caller = profile.function[site]
            if stage := stage_of(site):
                sum_of[stage] += weight
            elif caller not in seen:
                for stage, part in shares(caller, {*seen, caller}).items():
                    sum_of[stage] += part * weight
            else:
                continue
            total += weight
        found = {stage: part / total for stage, part in sum_of.items()} if total else {HARNESS_STAGE: 1.0}
        known[function] = found
        return found

    result = collections.Counter()
    for at, cost in profile.own.items():
        if stage := stage_of(at):
            result[stage] += cost
        else:
            function = profile.function[at]
            for stage, part in shares(function, {function}).items():
                result[stage] += part * cost
    return dict(result)
