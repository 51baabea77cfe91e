"""The top-of-rack switch: Open vSwitch in user space, with a database, sockets and logs of its own.

Nothing of an Open vSwitch that the machine may already run is touched: the daemons are started by their path, inside
the switch's namespace, and every socket and file lies in the directory given.
"""

import os
from pathlib import Path

from labkit.shell import Shell, wait_until

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
BRIDGE = "tor"


class Switch:
    """One VLAN switch in the namespace `netns`."""

    def __init__(self, shell: Shell, netns: str, home: Path):
        self.shell, self.netns, self.home = shell, netns, home
        self.env = dict(os.environ, OVS_RUNDIR=str(home), OVS_DBDIR=str(home), OVS_LOGDIR=str(shell.logs))
        self.database = f"unix:{home}/db.sock"

    def start(self) -> None:
        """Start the database and the switch, and add a bridge without ports."""
        self.home.mkdir()
        self.shell.run("/usr/bin/ovsdb-tool", "create", self.home / "conf.db", SCHEMA)
        self.shell.spawn("ovsdb-server", "/usr/sbin/ovsdb-server", self.home / "conf.db", f"--remote=p{self.database}",
                         f"--unixctl={self.home}/ovsdb-server.ctl", netns=self.netns, env=self.env)
        wait_until((self.home / "db.sock").exists, 10, "the switch's database answers")
        self._vsctl("--no-wait", "init")
        self.shell.spawn("ovs-vswitchd", "/usr/sbin/ovs-vswitchd", self.database,
                         f"--unixctl={self.home}/ovs-vswitchd.ctl", netns=self.netns, env=self.env)
        self._vsctl("add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev")

    def add_access_port(self, name: str, vlan: int, instance: str) -> None:
        """Add an untagged port in `vlan` and hand its netdev `name` to the namespace `instance`.

        An internal port, not a veth: of a veth, Open vSwitch in user space gets frames whose checksums are yet to be
        filled in and forwards them so; for an internal port the kernel fills them in first.
        """
        self._vsctl("add-port", BRIDGE, name, f"tag={vlan}", "--", "set", "Interface", name, "type=internal")
        self.shell.run("ip", "-netns", self.netns, "link", "set", name, "netns", instance)

    def add_trunk_port(self, name: str, vlans) -> None:
        """Add the netdev `name`, which is in the switch's namespace, as a trunk of `vlans`."""
        self._vsctl("add-port", BRIDGE, name, f"trunks={','.join(map(str, vlans))}")

    def _vsctl(self, *words) -> None:
        self.shell.run("/usr/bin/ovs-vsctl", f"--db={self.database}", "--timeout=20", *words, netns=self.netns, env=self.env)
