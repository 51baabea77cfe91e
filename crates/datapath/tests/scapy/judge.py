"""Judges packets for the fabric with Scapy: `judge.py PCAP EXPECTED`.

EXPECTED has a line a packet: outer source MAC, next hop MAC, VLAN or `-`, source, destination, DF (0 or 1), VNI, and the
inner frame in hexadecimal. Whatever differs is printed; the last line is the number of packets.
"""

import sys

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import rdpcap


def fields(packet):
    """What Scapy reads, in the order of an expected line, and what every VXLAN packet has in common."""
    ether, ip, udp, vxlan = packet[Ether], packet[IP], packet[UDP], packet[VXLAN]
    tag = ether.payload if isinstance(ether.payload, Dot1Q) else None  # an inner tag is the instance's
    inner = bytes(vxlan.payload)
    told = [ether.src, ether.dst, str(tag.vlan) if tag else "-", ip.src, ip.dst, str(int(ip.flags.DF)), str(vxlan.vni), inner.hex()]
    same = {
        "IP header": (ip.version, ip.ihl, ip.tos, ip.frag, bool(ip.flags.MF), ip.ttl, ip.proto) == (4, 5, 0, 0, False, 64, 17),
        "IP length": ip.len == 20 + 8 + 8 + len(inner),
        "IP checksum": ip.chksum == IP(bytes(IP(**{**ip.fields, "chksum": None}))).chksum,
        "UDP ports": udp.sport >= 49152 and udp.dport == 4789,
        "UDP length": udp.len == 8 + 8 + len(inner),
        "UDP checksum": udp.chksum == 0,
        "VXLAN flags": int(vxlan.flags) == 0x08 and not vxlan.reserved1 and not vxlan.reserved2,
        "tag priority": not tag or (tag.prio, tag.id) == (0, 0),
        "type": (tag or ether).type == 0x0800,
        "frame length": len(packet) == 14 + (4 if tag else 0) + ip.len,
    }
    return told, [name for name, holds in same.items() if not holds]


def main(pcap, expected):
    packets = rdpcap(pcap)
    lines = open(expected).read().splitlines()
    for number, (packet, line) in enumerate(zip(packets, lines)):
        told, wrong = fields(packet)
        if wrong or told != line.split():
            print(f"packet {number}: wrong {wrong}, read {told}, expected {line}")
    if len(packets) != len(lines):
        print(f"{len(packets)} packets, {len(lines)} expected")
    print(len(packets))


main(*sys.argv[1:])
