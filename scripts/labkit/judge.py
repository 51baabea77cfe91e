"""The judges of what Causeway puts on the wire: tshark for every named field, and octet by octet what it has no name for.

Nothing here knows how Causeway makes a header. The expectations are those of RFC 7348 and RFC 791, of the lab's own
addresses, and of what the gateway's ARP answers told the fabric host.
"""

from pathlib import Path

from labkit import topology
from labkit.report import require
from labkit.shell import Shell

OUTER_OCTETS = 50  # Ethernet 14, IPv4 20, UDP 8, VXLAN 8
SMALLEST_FRAME = 60  # octets, without the frame check sequence


def judge_encapsulated(shell: Shell, gateway, capture_file: Path, captured: list, sent: list, vni: int) -> str:
    """`captured` has to be `sent` (tagged frames), each in VXLAN, in the same order."""
    require(len(captured) == len(sent), f"{len(sent)} frames went in, {len(captured)} came out")
    rows = _tshark(shell, capture_file, _EXPECTED)
    require(len(rows) == len(sent), f"tshark sees {len(rows)} VXLAN packets instead of {len(sent)}")
    gateway_mac = _neighbour_mac(shell, gateway.address)
    for row, outer, frame in zip(rows, captured, sent):
        inner = untagged(frame)
        expected = dict(_EXPECTED, **{
            "eth.src": gateway_mac, "ip.src": gateway.address, "vxlan.vni": str(vni),
            "ip.len": str(len(inner) + OUTER_OCTETS - 14), "udp.length": str(len(inner) + OUTER_OCTETS - 34)})
        for field, value in expected.items():
            require(row[field] == value, f"{field} is {row[field]!r} instead of {value!r} in {outer[:OUTER_OCTETS].hex()}")
        _judge_vxlan_octets(outer, inner, vni)
    _judge_identifications(rows)
    return _judge_source_ports(rows, sent)


def judge_decapsulated(delivered: list, sent: list, vlan: int) -> None:
    """`delivered` has to be `sent` (untagged inner frames), each with the tag of `vlan` and priority 0, in order."""
    require(len(delivered) == len(sent), f"{len(sent)} frames went in, {len(delivered)} came out")
    for frame, inner in zip(delivered, sent):
        expected = inner[:12] + bytes.fromhex("8100") + vlan.to_bytes(2, "big") + inner[12:]
        require(frame == expected, f"delivered {frame.hex()} instead of {expected.hex()}")


def untagged(frame: bytes) -> bytes:
    """`frame` without its outer tag, padded with zeros to the smallest length that Ethernet allows."""
    return (frame[:12] + frame[16:]).ljust(SMALLEST_FRAME, b"\0")


_EXPECTED = {
    "eth.dst": topology.VTEP_MAC, "eth.src": None, "eth.type": "0x0800",
    "ip.version": "4", "ip.hdr_len": "20", "ip.dsfield": "0x00", "ip.len": None,
    "ip.flags.rb": "0", "ip.flags.df": "1", "ip.flags.mf": "0", "ip.frag_offset": "0",
    "ip.ttl": "64", "ip.proto": "17", "ip.checksum.status": "1", "ip.src": None, "ip.dst": topology.VTEP_ADDRESS,
    "udp.dstport": "4789", "udp.length": None, "udp.checksum": "0x0000",
    "vxlan.flags": "0x0800", "vxlan.gbp": "0", "vxlan.vni": None,
}
_FREE = ("ip.id", "udp.srcport")  # judged over all packets together


def _tshark(shell: Shell, capture_file: Path, fields) -> list:
    """One dictionary a VXLAN packet: the first (outermost) occurrence of each field."""
    names = [*fields, *_FREE]
    argv = ["tshark", "-n", "-r", capture_file, "-o", "ip.check_checksum:TRUE", "-Y", "vxlan", "-T", "fields", "-E", "occurrence=f"]
    for name in names:
        argv += ["-e", name]
    lines = shell.run(*argv, timeout=60).stdout.splitlines()
    rows = [dict(zip(names, line.split("\t"))) for line in lines]
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: str) -> str:
    """Newer tsharks write booleans as words."""
    return {"True": "1", "False": "0"}.get(value, value)


def _judge_vxlan_octets(outer: bytes, inner: bytes, vni: int) -> None:
    header = bytes([0x08, 0, 0, 0]) + vni.to_bytes(3, "big") + bytes(1)
    require(outer[42:50] == header, f"the VXLAN header is {outer[42:50].hex()} instead of {header.hex()}")
    require(outer[50:] == inner, f"the inner frame is {outer[50:].hex()} instead of {inner.hex()}")


def _judge_identifications(rows: list) -> None:
    different = len({row["ip.id"] for row in rows})
    require(different == len(rows), f"{len(rows)} packets carry only {different} different IP identifications")


def _judge_source_ports(rows: list, sent: list) -> str:
    """The outer source port is in the dynamic range, the same for one flow, and spread over flows (RFC 7348 section 5)."""
    of_flow = {}
    for row, frame in zip(rows, sent):
        port = int(row["udp.srcport"])
        require(port >= 49152, f"the outer source port is {port}, outside 49152-65535")
        of_flow.setdefault(_flow(untagged(frame)), set()).add(port)
    several = [ports for ports in of_flow.values() if len(ports) > 1]
    require(not several, f"one flow left with the source ports {several[:1]}")
    spread = len(set().union(*of_flow.values()))
    require(spread * 2 > len(of_flow), f"{len(of_flow)} flows share {spread} source ports")
    return f"{len(rows)} packets, {len(of_flow)} flows on {spread} source ports"


def _flow(inner: bytes) -> bytes:
    """MACs, protocol, addresses and ports of an IPv4 frame without options."""
    return inner[:12] + inner[23:24] + inner[26:38]


def _neighbour_mac(shell: Shell, address: str) -> str:
    words = shell.run("ip", "-netns", topology.VTEP, "neighbour", "show", address).stdout.split()
    require("lladdr" in words, f"the fabric host has no neighbour entry for {address}: {' '.join(words)}")
    return words[words.index("lladdr") + 1]
