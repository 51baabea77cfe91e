"""Builds VXLAN packets with Scapy: `build.py GATEWAY_MAC GATEWAY VTEP VNI DESTINATION SOURCE`.

A line a packet: the whole packet and the inner frame, in hexadecimal.
"""

import random
import sys

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Padding, Raw


def main(gateway_mac, gateway, vtep, vni, destination, source):
    dice = random.Random(7348)
    ether = Ether(dst=destination, src=source)
    v4 = IP(src="10.1.0.3", dst="10.1.0.2")
    contents = [
        v4 / ICMP() / Raw(bytes(56)),
        v4 / TCP(sport=5001, dport=40000, flags="PA", options=[("Timestamp", (1, 2))]) / Raw(b"x" * 1400),
        v4 / UDP(sport=53, dport=40000) / Raw(b"y"),
        IPv6(src="fd00::3", dst="fd00::2") / ICMPv6EchoRequest(data=b"z" * 100),
        ARP(op=2, hwsrc=source, psrc="10.1.0.3", hwdst=destination, pdst="10.1.0.2"),
        Dot1Q(vlan=7, prio=5) / v4 / UDP(dport=9) / Raw(b"inner tag"),
        Raw(b""),
    ]
    for content in contents:
        for checksum in (0, None):  # none at all, and the one that Scapy computes
            for trailer in (b"", b"\0" * 6):
                inner = bytes(ether / content)
                outer = IP(src=vtep, dst=gateway, id=dice.randrange(65536), ttl=dice.randrange(1, 256), flags=dice.choice(["", "DF"]), tos=dice.randrange(256))
                udp = UDP(sport=dice.randrange(1, 65536), dport=4789, chksum=checksum)
                vxlan = VXLAN(vni=int(vni), flags=0x08 | dice.choice([0, 0x40]), reserved1=dice.randrange(1 << 16), reserved2=dice.randrange(256))
                packet = Ether(dst=gateway_mac, src="02:fa:00:00:00:09") / outer / udp / vxlan / Raw(inner)
                print((bytes(packet) + trailer).hex(), inner.hex())


main(*sys.argv[1:])
