"""`python3 -m labkit`: builds the lab, runs the checks of a scenario, and takes everything down again."""

import argparse
import signal
import sys
from pathlib import Path

from labkit import docker, lab, live, neighbours, one_gateway, reloads, spanning_tree, storm, tunnels, two_gateways
from labkit.boxes import VARIANTS
from labkit.containers import ContainerLab
from labkit.lab import Lab, Lock
from labkit.shell import CommandFailed
from labkit.switches import SWITCHES

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
        if lab.HOME.exists() or docker.HOME.exists():
            print("Taking down the lab of an earlier run first.")
            take_down()
        return run(options)


def run(options) -> int:
    """One run of one scenario."""
    chosen = choose(options)
    try:
        return chosen.run(options.keep)
    except KeyboardInterrupt:
        print("\nInterrupted.")
        return 130
    finally:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if not chosen.kept:
            take_down()


def choose(options):
    """The lab that was asked for."""
    if options.containers:
        return ContainerLab(options)
    if options.spanning_tree:
        return spanning_tree.SpanningTreeLab(options, options.spanning_tree)
    for asked, kind in ((options.live, live.LiveLab), (options.tunnels, tunnels.TunnelLab), (options.storm, storm.StormLab),
                        (options.neighbours, neighbours.NeighboursLab)):
        if asked:
            return kind(options)
    return Lab(two_gateways if options.two_gateways else reloads if options.reloads else one_gateway, options)


def take_down() -> bool:
    """Remove whatever kind of lab is up; whether there was one."""
    in_namespaces, in_containers = lab.take_down(), docker.remove_everything()
    return in_namespaces or in_containers


def parse():
    """The options; scripts/lab explains them to users."""
    parser = argparse.ArgumentParser(prog="scripts/lab")
    parser.add_argument("--two-gateways", action="store_true", help="two gateways serve the same instance on one LAN")
    parser.add_argument("--tunnels", action="store_true", help="every encapsulation between two gateways with two fabric ports each")
    parser.add_argument("--spanning-tree", choices=sorted(SWITCHES), help="two gateways whose switches choose the one that serves")
    parser.add_argument("--storm", action="store_true", help="a broadcast storm in one network, and what the others see of it")
    parser.add_argument("--neighbours", action="store_true", help="ARP caches and neighbour tables of Linux hosts, and every frame that Causeway makes")
    parser.add_argument("--reloads", type=int, metavar="N", help="reload N times under numbered traffic")
    parser.add_argument("--live", action="store_true", help="numbered traffic by memif: quiet, under reloads, under scrapes")
    parser.add_argument("--rate", type=int, metavar="PPS", help="with --live: frames a second in each direction; half of the NDR if not said")
    parser.add_argument("--seconds", type=float, default=5, help="with --live: length of a phase")
    parser.add_argument("--rounds", type=int, default=3, help="with --live: how often each phase is run")
    parser.add_argument("--size", default="64", help="with --live: octets of a frame, or imix")
    parser.add_argument("--encapsulation", default="VXLAN", help="with --live: VXLAN, MPLSoUDP or MPLSoGRE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="with --live: also write the figures here")
    parser.add_argument("--containers", nargs="?", const="tap", choices=sorted(VARIANTS), help="in containers, the switch's trunks by TAP or by vhost-user")
    parser.add_argument("--install-docker", action="store_true", help="install what is missing of Docker, and start a private engine")
    parser.add_argument("--docker-images", type=Path, help=argparse.SUPPRESS)
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
