"""The judges of `scripts/lab --tunnels`: tshark for every named field of the outer headers, and each frame octet by octet.

Nothing here knows how Causeway makes a header. The expectations are those of RFC 791, 2784, 3032, 7348, 7510, 8200 and 4448,
and of the lab's own addresses.
"""

from pathlib import Path

from labkit import fabric
from labkit.fabric_config import DSCP
from labkit.report import require
from labkit.shell import Shell
from labkit.traffic import read_pcap

CUSTOMER = 0x8100
SMALLEST_FRAME = 60  # octets, without the frame check sequence
CONTROL_WORD = bytes(4)


def tagged(frame: bytes, node, priority: int, outer_type=None) -> bytes:
    """An untagged frame as it looks on the access port of the node's gateway."""
    tags = b""
    for number, vlan in enumerate(node.tags):
        kind = CUSTOMER if number else outer_type or node.gateway.outer_type
        tags += kind.to_bytes(2, "big") + (priority << 13 | vlan).to_bytes(2, "big")
    return frame[:12] + tags + frame[12:]


def inside(network, frame: bytes) -> bytes:
    """What a packet of the network ends with: the frame, padded to the smallest that Ethernet allows, and what stands right before it."""
    return (CONTROL_WORD if network.control_word else b"") + frame.ljust(SMALLEST_FRAME, b"\0")


def headers(network) -> int:
    """The octets in front of a control word or frame."""
    shim = {"VXLAN": 8 + 8, "MPLSoUDP": 8 + 4, "MPLSoGRE": 4 + 4}[network.encapsulation]
    return 14 + (20 if network.family == 4 else 40) + shim


def expected(network, sender, receiver: str, priority: int, frame: bytes) -> dict:
    """What tshark has to say of the packet that carries `frame` from the gateway `sender` to the VTEP `receiver`."""
    octets = headers(network) - 14 + len(inside(network, frame))
    transport = {"MPLSoGRE": 47}.get(network.encapsulation, 17)
    if network.family == 4:
        fields = {"eth.type": "0x0800", "ip.version": "4", "ip.hdr_len": "20", "ip.dsfield.dscp": DSCP[priority], "ip.len": octets,
                  "ip.flags.df": "1", "ip.flags.mf": "0", "ip.frag_offset": "0", "ip.ttl": "64", "ip.proto": transport,
                  "ip.checksum.status": "1", "ip.src": sender.vtep(4), "ip.dst": receiver}
    else:
        fields = {"eth.type": "0x86dd", "ipv6.version": "6", "ipv6.tclass.dscp": DSCP[priority], "ipv6.plen": octets - 40,
                  "ipv6.nxt": transport, "ipv6.hlim": "64", "ipv6.src": sender.vtep(6), "ipv6.dst": receiver}
    if transport == 17:
        fields |= {"udp.length": octets - (20 if network.family == 4 else 40)}
        # Over IPv4 none is sent; over IPv6 it has to be right.
        fields |= {"udp.checksum": "0x0000"} if network.family == 4 else {"udp.checksum.status": "1"}
    else:
        fields |= {"gre.flags_and_version": "0x0000", "gre.proto": "0x8847"}
    if network.encapsulation == "VXLAN":
        fields |= {"udp.dstport": "4789", "vxlan.flags": "0x0800", "vxlan.vni": network.vni}
    else:
        fields |= {"mpls.label": network.label, "mpls.exp": priority, "mpls.bottom": "1", "mpls.ttl": "64"}
    if network.encapsulation == "MPLSoUDP":
        fields |= {"udp.dstport": "6635"}
    return {name: str(value) for name, value in fields.items()}


FREE = ("udp.srcport", "ipv6.flow")  # judged over all packets together
NAMES = sorted({name for network in fabric.NETWORKS for name in expected(network, fabric.GW1, "", 0, b"")} | set(FREE))


def packets(shell: Shell, file: Path, mark: bytes) -> list:
    """Each marked packet of a capture: what tshark says of the outermost of each field, and its octets."""
    behind_labels = [word for network in fabric.NETWORKS for word in
                     ("-d", f"mpls.label=={network.label},{'pwethcw' if network.control_word else 'pwethnocw'}")]
    argv = ["tshark", "-n", "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", *behind_labels,
            "-Y", f"frame contains {mark.hex(':')}", "-T", "fields", "-E", "occurrence=f"]
    for name in NAMES:
        argv += ["-e", name]
    rows = [dict(zip(NAMES, line.split("\t"))) for line in shell.run(*argv).stdout.splitlines()]
    octets = [frame for frame in read_pcap(file) if mark in frame]
    require(len(rows) == len(octets), f"tshark sees {len(rows)} packets with {mark!r}, there are {len(octets)}")
    return list(zip(rows, octets))


def judge(network, sender, receiver: str, found: list, sent: list) -> None:
    """`found` (of `packets`) has to carry `sent` (priority and untagged frame each), in any order; frames differ."""
    wanted = {inside(network, frame): (priority, frame) for priority, frame in sent}
    require(len(found) == len(sent), f"{network.name}: {len(sent)} frames went in, {len(found)} came out")
    for row, octets in found:
        payload = octets[headers(network):]
        require(payload in wanted, f"{network.name}: nobody sent what is in {octets.hex()}")
        for name, value in expected(network, sender, receiver, *wanted.pop(payload)).items():
            require(row[name] == value, f"{network.name}: {name} is {row[name]!r} instead of {value!r} in {octets.hex()}")
    if network.encapsulation != "MPLSoGRE":
        ports = {int(row["udp.srcport"]) for row, _ in found}
        require(min(ports) >= 49152 and len(ports) > 1, f"{network.name}: the outer source ports are {sorted(ports)}")
    if network.family == 6:
        labels = {row["ipv6.flow"] for row, _ in found}
        require(len(labels) > 1, f"{network.name}: all flows have the flow label {labels}")
