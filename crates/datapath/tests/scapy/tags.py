"""Instances' frames with every form of tag, built and read by Scapy.

`tags.py build`, for each line of standard input, `DESTINATION SOURCE TPID VLAN INNER`: a line a frame, the number of its line, the frame,
PCP and DEI as a number, and the frame without those tags.
`tags.py read PCAP`: a line a frame, `TPID:PCP:DEI:VID` of each tag and what is behind them.
"""

import sys

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import rdpcap


def tag(tpid, vlan, pcp, dei):
    return (Dot1AD if tpid == 0x88A8 else Dot1Q)(vlan=vlan, prio=pcp, id=dei)


def build(line, destination, source, tpid, vlan, inner):
    tpid, vlan = int(tpid, 16), int(vlan)
    payload = IP(src="10.1.0.2", dst="10.1.0.3") / UDP(sport=40000, dport=5001) / Raw(bytes(range(100)))
    bare = Ether(dst=destination, src=source)
    for priority in range(16):
        tags = tag(tpid, vlan, priority >> 1, priority & 1)
        if inner != "-":
            tags = tags / Dot1Q(vlan=int(inner), prio=7 - (priority >> 1))
        print(line, bytes(bare / tags / payload).hex(), priority, bytes(bare / payload).hex())
    if vlan == 0:
        print(line, bytes(bare / payload).hex(), 0, bytes(bare / payload).hex())


def read(pcap):
    for frame in rdpcap(pcap):
        tags, layer, tpid = [], frame.payload, frame.type
        while isinstance(layer, Dot1Q):  # Dot1AD too
            tags.append(f"{tpid:04x}:{layer.prio}:{layer.id}:{layer.vlan}")
            layer, tpid = layer.payload, layer.type
        rest = bytes(frame)[12 + 4 * len(tags):]
        print(",".join(tags) or "-", bytes(frame)[:12].hex() + rest.hex())


if sys.argv[1] == "read":
    read(sys.argv[2])
else:
    for number, line in enumerate(sys.stdin):
        build(number, *line.split())
