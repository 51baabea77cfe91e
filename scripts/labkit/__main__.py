"""`python3 -m labkit`: builds the lab, runs the checks of a scenario, and takes everything down again."""

import argparse
import signal
import sys
from pathlib import Path

from labkit import one_gateway, reloads, two_gateways
from labkit.lab import HOME, Lab, Lock, take_down
from labkit.shell import CommandFailed

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Parse the command line; 0 if all that was asked for held."""
    options = parse()
    for number in ENDING_SIGNALS:
        signal.signal(number, interrupt)
    with Lock():
        if options.down:
            print("The lab is down." if take_down() else "There was no lab to take down.")
            return 0
        if HOME.exists():
            print("Taking down the lab of an earlier run first.")
            take_down()
        return run(options)


def run(options) -> int:
    """One run of one scenario."""
    scenario = two_gateways if options.two_gateways else reloads if options.reloads else one_gateway
    lab = Lab(scenario, options)
    try:
        return lab.run(options.keep)
    except KeyboardInterrupt:
        print("\nInterrupted.")
        return 130
    finally:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if not lab.kept:
            take_down()


def parse():
    """The options; scripts/lab explains them to users."""
    parser = argparse.ArgumentParser(prog="scripts/lab")
    parser.add_argument("--two-gateways", action="store_true", help="two gateways serve the same instance on one LAN")
    parser.add_argument("--reloads", type=int, metavar="N", help="reload N times under numbered traffic")
    parser.add_argument("--keep", action="store_true", help="leave the lab up at the end, and say how to enter it")
    parser.add_argument("--down", action="store_true", help="take down a lab that was left up")
    parser.add_argument("--hugepages", action="store_true", help="use huge pages that the machine has reserved")
    parser.add_argument("--binaries", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--logs", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def interrupt(number, frame) -> None:
    """Any signal that ends the lab takes the same road as Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CommandFailed as error:
        sys.exit(f"scripts/lab: {error}")
