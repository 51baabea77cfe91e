"""A switch: Open vSwitch in user space, with a database, sockets and logs of its own.

Nothing of an Open vSwitch that the machine may already run is touched: the daemons are started by their path, inside
the switch's namespace, and every socket and file lies in the directory given.
"""

import json
import os
import socket
from pathlib import Path

from labkit.shell import CommandFailed, Shell, wait_until

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Switch:
    """One switch in the namespace `netns`."""

    def __init__(self, shell: Shell, netns: str, home: Path):
        self.shell, self.netns, self.home = shell, netns, home
        self.env = dict(os.environ, OVS_RUNDIR=str(home), OVS_DBDIR=str(home), OVS_LOGDIR=str(shell.logs))
        self.database = f"unix:{home}/db.sock"

    def start(self) -> None:
        """Start the database and the switch, without a bridge."""
        self.home.mkdir()
        self.shell.run("/usr/bin/ovsdb-tool", "create", self.home / "conf.db", SCHEMA)
        self.shell.spawn(f"ovsdb-server-{self.home.name}", "/usr/sbin/ovsdb-server", self.home / "conf.db", f"--remote=p{self.database}",
                         f"--unixctl={self.home}/ovsdb-server.ctl", netns=self.netns, env=self.env)
        wait_until((self.home / "db.sock").exists, 10, "the switch's database answers")
        self._vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".", "other_config:vlan-limit=2")
        self.process = self.shell.spawn(f"ovs-vswitchd-{self.home.name}", "/usr/sbin/ovs-vswitchd", self.database,
                                        f"--unixctl={self.home}/ovs-vswitchd.ctl", netns=self.netns, env=self.env)

    def add_bridge(self, name: str, *settings: str) -> None:
        """Add a bridge without ports, with settings of the bridge."""
        self._vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", *settings)

    def change_bridge(self, name: str, *settings: str) -> None:
        """Change settings of a bridge."""
        self._vsctl("set", "bridge", name, *settings)

    def add_port(self, bridge: str, name: str, *settings: str) -> None:
        """Add the netdev `name`, which is in the switch's namespace, with settings of the port."""
        self._vsctl("add-port", bridge, name, *settings)

    def replace_port(self, bridge: str, name: str, *settings: str) -> None:
        """Take a port out and in again."""
        self._vsctl("del-port", bridge, name)
        self.add_port(bridge, name, *settings)

    def add_internal_port(self, bridge: str, name: str, *settings: str) -> None:
        """Add a port that the switch itself makes a netdev for.

        Where instances are behind it: of a veth, Open vSwitch in user space gets frames whose checksums are yet to be
        filled in and forwards them so; for an internal port the kernel fills them in first.
        """
        self._vsctl("add-port", bridge, name, *settings, "--", "set", "Interface", name, "type=internal")

    def add_tunnel_port(self, bridge: str, name: str, *settings: str) -> None:
        """Add a tunnel, with settings of the interface."""
        self._vsctl("add-port", bridge, name, "--", "set", "Interface", name, *settings)

    def change_interface(self, name: str, *settings: str) -> None:
        """Change settings of an interface."""
        self._vsctl("set", "Interface", name, *settings)

    def join(self, bridge: str, other: str, *settings: str) -> None:
        """Join two bridges by a pair of ports; `settings` are those of the first one's."""
        ends = f"to-{other}", f"to-{bridge}"
        for at, name, peer, more in ((bridge, *ends, settings), (other, *ends[::-1], ())):
            self._vsctl("add-port", at, name, *more, "--", "set", "Interface", name, "type=patch", f"options:peer={peer}")

    def hand_over(self, name: str, netns: str) -> None:
        """Move the netdev of an internal port to another namespace."""
        self.shell.run("ip", "-netns", self.netns, "link", "set", name, "netns", netns)

    def clear_flows(self, bridge: str) -> None:
        """Forward nothing but what flows say, from now on."""
        self._ofctl("del-flows", bridge)

    def add_flow(self, bridge: str, flow: str) -> None:
        """Add a flow, in the words of ovs-ofctl."""
        self._ofctl("add-flow", bridge, flow)

    def ask(self, command: str, *words: str) -> str:
        """What `ovs-appctl` would answer, without a process: in well under a millisecond."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.home / "ovs-vswitchd.ctl"))
            control.sendall(json.dumps({"id": 0, "method": command, "params": words}).encode())
            answer, decoder = b"", json.JSONDecoder()
            while chunk := control.recv(65536):
                answer += chunk
                try:
                    return decoder.decode(answer.decode())["result"]
                except ValueError:  # not all of it yet
                    continue
        raise CommandFailed(f"Open vSwitch ended instead of answering `{command}`")

    def _ofctl(self, *words) -> None:
        self.shell.run("/usr/bin/ovs-ofctl", "-O", "OpenFlow15", *words, netns=self.netns, env=self.env)

    def _vsctl(self, *words) -> None:
        self.shell.run("/usr/bin/ovs-vsctl", f"--db={self.database}", "--timeout=20", *words, netns=self.netns, env=self.env)
