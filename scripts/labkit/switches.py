"""The switches of `scripts/lab --spanning-tree`, and what they say of their ports.

With RSTP, two bridges of Open vSwitch that a link joins, a gateway at each. The gateways carry BPDUs from one to the other, so
the switches see two ways between them, of which the link is the cheaper: the port towards one gateway is blocked.

    blue, green --- access --- tor1 ---(costs 20000)--- gw1 ---+
    VLANs 100, 200              |                              |  fabric
                              (2000)                           |
                                |                              |
                               tor2 ---(costs 20000)--- gw2 ---+

With STP, one bridge of Linux with both gateways. It sees its own BPDUs come back and blocks one of the two ports.

    blue, green --- access --- tor ---+--- gw1 ---+
    VLANs 100, 200                    +--- gw2 ---+  fabric

In either case the instances hang on an Open vSwitch that speaks no spanning tree: Linux has no VLANs here, and where a bridge of
Open vSwitch has RSTP it floods nothing to internal ports that are in another namespace.
"""

import threading
import time
from pathlib import Path

from labkit.ovs import Switch
from labkit.report import require
from labkit.shell import Shell, wait_until
from labkit.topology import ACCESS_MTU, GW1, GW2, INSTANCES, TOR, trunks

FORWARDING = "forwarding"
TO_GATEWAY_COST = 20000  # ten times that of the link between the switches
SAMPLE_SECONDS = 0.003


class RapidSwitches:
    """Two bridges of one Open vSwitch with RSTP, joined by a link; the first is the root."""

    title = "RSTP of Open vSwitch, its own timers"
    bridge_of = {GW1.name: "tor1", GW2.name: "tor2"}
    converged_seconds = 12  # two hellos lost, and three seconds until a port knows that no bridge is behind it

    def start(self, shell: Shell, home: Path) -> None:
        """Start both, without a port to a gateway."""
        self.switch, self.ports = Switch(shell, TOR, home / "ovs"), []
        self.switch.start()
        self.switch.add_bridge("access")
        for number, bridge in enumerate(self.bridge_of.values(), 1):
            self.switch.add_bridge(bridge, f"other_config:rstp-priority={4096 * number}")
        shell.ip(TOR, f"""link add link1 mtu {ACCESS_MTU} up type veth peer name link2 mtu {ACCESS_MTU}
            link set link2 up
            link add to-access mtu {ACCESS_MTU} up type veth peer name to-tor1 mtu {ACCESS_MTU}
            link set to-tor1 up""")
        self.switch.add_port("access", "to-tor1", trunks())
        self._add_port("tor1", "to-access", "other_config:rstp-enable=false")
        for number, bridge in enumerate(self.bridge_of.values(), 1):
            self._add_port(bridge, f"link{number}", f"other_config:rstp-path-cost={TO_GATEWAY_COST // 10}")
        for bridge in self.bridge_of.values():
            self.switch.change_bridge(bridge, "rstp_enable=true")

    def end_spanning_tree(self) -> None:
        """Switch it off. Open vSwitch goes on flooding to no port that it did not flood to before: only ports that are new it does."""
        for bridge in self.bridge_of.values():
            self.switch.change_bridge(bridge, "rstp_enable=false")
        for bridge, name, settings in self.ports:
            self.switch.replace_port(bridge, name, *settings)

    def add_trunk(self, gateway) -> None:
        """Take in the cable to a gateway."""
        self._add_port(self.bridge_of[gateway.name], gateway.name, f"other_config:rstp-path-cost={TO_GATEWAY_COST}")

    def _add_port(self, bridge: str, name: str, setting: str) -> None:
        self.ports.append((bridge, name, (trunks(), setting)))
        self.switch.add_port(bridge, name, trunks(), setting)

    def add_instance(self, instance) -> None:
        """Make the netdev of an instance and hand it over to its namespace."""
        self.switch.add_internal_port("access", instance.name, f"tag={instance.vlan}")
        self.switch.hand_over(instance.name, instance.netns)

    def states(self) -> dict:
        """The state of the port to each gateway, in the words of the standard."""
        found = {}
        for bridge in self.bridge_of.values():
            for line in self.switch.ask("rstp/show", bridge).splitlines():
                words = line.split()
                if len(words) == 5 and words[0] in self.bridge_of:
                    found[words[0]] = words[2].lower()
        return found

    def root(self) -> tuple:
        """Priority and MAC of the root bridge, on which both have to agree."""
        roots = {_root(self.switch.ask("rstp/show", bridge)) for bridge in self.bridge_of.values()}
        require(len(roots) == 1, f"the switches do not agree on a root: {roots}")
        return roots.pop()


def _root(shown: str) -> tuple:
    """The first priority and MAC that `rstp/show` names are the root's."""
    words = shown.split()
    return int(words[words.index("stp-priority") + 1]), words[words.index("stp-system-id") + 1]


class KernelSwitch:
    """One bridge of Linux with STP, its timers as short as the standard lets them be, and Open vSwitch in front of it for the VLANs."""

    title = "STP of Linux, hello 1 s, forward delay 2 s, maximum age 6 s"
    converged_seconds = 15
    _states = ("disabled", "listening", "learning", FORWARDING, "blocking")  # BR_STATE_* of linux/if_bridge.h

    def start(self, shell: Shell, home: Path) -> None:
        """Start both, without a port to a gateway."""
        self.shell, self.switch = shell, Switch(shell, TOR, home / "ovs")
        self.switch.start()
        self.switch.add_bridge("access")
        shell.ip(TOR, f"""link add tor arp off type bridge mcast_snooping 0 stp_state 1 hello_time 100 forward_delay 200 max_age 600
            link add to-access mtu {ACCESS_MTU} type veth peer name to-tor
            link set to-tor mtu {ACCESS_MTU} up
            link set to-access master tor up
            link set tor up""")
        self.switch.add_port("access", "to-tor", trunks())

    def end_spanning_tree(self) -> None:
        """Switch it off. Linux leaves a port that is blocked as it is; one that is new forwards."""
        self.shell.ip(TOR, "link set tor type bridge stp_state 0")
        for gateway in (GW1, GW2):
            self.shell.ip(TOR, f"link set {gateway.name} nomaster\nlink set {gateway.name} master tor")

    def add_trunk(self, gateway) -> None:
        """Take in the cable to a gateway."""
        self.shell.ip(TOR, f"link set {gateway.name} master tor")

    def add_instance(self, instance) -> None:
        """Make the netdev of an instance and hand it over to its namespace."""
        self.switch.add_internal_port("access", instance.name, f"tag={instance.vlan}")
        self.switch.hand_over(instance.name, instance.netns)

    def states(self) -> dict:
        """The state of the port to each gateway, in the words of the standard."""
        return {name: self._states[int(self._sysfs(f"{name}/brport/state"))] for name in (GW1.name, GW2.name)}

    def root(self) -> tuple:
        """Priority and MAC of the root bridge."""
        priority, mac = self._sysfs("tor/bridge/root_id").split(".")
        return int(priority, 16), ":".join(mac[at : at + 2] for at in range(0, 12, 2))

    def _sysfs(self, path: str) -> str:
        """What stands in a file of the switch's namespace: that of a process which `ip netns exec` started in it."""
        return Path(f"/proc/{self.switch.process.pid}/root/sys/class/net/{path}").read_text().strip()


SWITCHES = {"rstp": RapidSwitches, "stp": KernelSwitch}


def forwarding(states: dict) -> list:
    """The gateways whose ports forward."""
    return sorted(name for name, state in states.items() if state == FORWARDING)


class Watch:
    """Samples the states of the ports while a `with` block runs; `changes` holds each with its time of day."""

    def __init__(self, switches):
        self.switches, self.changes = switches, []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.changes, 5, "the switch tells its ports' states")
        return self

    def __exit__(self, kind, error, trace):
        self._stopping.set()
        self._thread.join()

    def forwards(self, gateway: str, since: float):
        """When the port to a gateway was first seen forwarding after a moment; None if it was not."""
        return next((at for at, states in self.changes if at >= since and states.get(gateway) == FORWARDING), None)

    def story(self, since: float) -> str:
        """Each change after a moment, for the log."""
        return "; ".join(f"{at - since:+.3f} s {states}" for at, states in self.changes if at >= since)

    def _sample(self) -> None:
        while not self._stopping.wait(SAMPLE_SECONDS):
            states = self.switches.states()
            if not self.changes or states != self.changes[-1][1]:
                self.changes.append((time.time(), states))
