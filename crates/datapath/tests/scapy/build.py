"""Builds packets of the overlay with Scapy, for each line of standard input:

    GATEWAY_MAC GATEWAY VTEP NUMBER ENCAPSULATION WORD VLAN DESTINATION SOURCE

NUMBER is the VNI or label, WORD the octets of control word, VLAN the fabric's or `-`. A line a packet: the number of its line, the whole
packet, the priority code point that it carries, and the inner frame in hexadecimal.
"""

import random
import sys

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, GRE, Dot1AD, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

dice = random.Random(7348)


def contents(destination, source):
    v4 = IP(src="10.1.0.3", dst="10.1.0.2")
    return [
        v4 / ICMP() / Raw(bytes(56)),
        v4 / TCP(sport=5001, dport=40000, flags="PA", options=[("Timestamp", (1, 2))]) / Raw(b"x" * 1400),
        v4 / UDP(sport=53, dport=40000) / Raw(b"y"),
        IPv6(src="fd00::3", dst="fd00::2") / ICMPv6EchoRequest(data=b"z" * 100),
        ARP(op=2, hwsrc=source, psrc="10.1.0.3", hwdst=destination, pdst="10.1.0.2"),
        Dot1Q(vlan=7, prio=5) / v4 / UDP(dport=9) / Raw(b"inner tag"),
        Dot1AD(vlan=7, prio=3) / Dot1Q(vlan=8) / v4 / UDP(dport=9) / Raw(b"two inner tags"),
        Raw(b""),
    ]


def outer(gateway, vtep):
    if ":" in vtep:
        return IPv6(src=vtep, dst=gateway, hlim=dice.randrange(1, 256), fl=dice.randrange(1 << 20), tc=dice.randrange(4))
    return IP(src=vtep, dst=gateway, id=dice.randrange(65536), ttl=dice.randrange(1, 256), flags=dice.choice(["", "DF"]), tos=dice.randrange(4))


def stacks(label, cos):
    """The label alone, behind explicit nulls, with entropy labels before and behind it."""
    entry = lambda label, cos=0, s=0, ttl=None: MPLS(label=label, cos=cos, s=s, ttl=dice.randrange(2, 256) if ttl is None else ttl)
    entropy = lambda s=0: entry(7) / entry(dice.randrange(16, 1 << 20), s=s, ttl=0)
    yield entry(label, cos, 1)
    yield entry(0, dice.randrange(8)) / entry(2) / entry(label, cos, 1)
    yield entropy() / entry(label, cos, 1)
    yield entry(label, cos) / entropy(1)


def carriers(encapsulation, number, word, inner, v6):
    """Each way of carrying `inner`, and the priority code point."""
    checksums = [None] if v6 else [0, None]  # none at all, and the one that Scapy computes
    udp = lambda port, checksum: UDP(sport=dice.randrange(1, 65536), dport=port, chksum=checksum)
    if encapsulation == "VXLAN":
        for checksum in checksums:
            flags = 0x08 | dice.choice([0, 0x40])
            header = VXLAN(vni=number, flags=flags, reserved1=dice.randrange(1 << 16), reserved2=dice.randrange(256))
            yield udp(4789, checksum) / header / Raw(inner), 0
        return
    cos = dice.randrange(8)
    for stack in stacks(number, cos):
        payload = Raw(bytes(stack) + bytes(word) + inner)
        if encapsulation == "MPLSoUDP":
            for checksum in checksums:
                yield udp(dice.choice([6635, 51234]), checksum) / payload, cos
        else:
            for options in [{}, {"key_present": 1, "key": dice.randrange(1 << 32)}, {"chksum_present": 1}, {"chksum_present": 1, "key_present": 1, "key": 1}]:
                yield GRE(proto=0x8847, **options) / payload, cos


def build(line, gateway_mac, gateway, vtep, number, encapsulation, word, vlan, destination, source):
    frame = Ether(dst=gateway_mac, src="02:fa:00:00:00:09")
    frame = frame if vlan == "-" else frame / Dot1Q(vlan=int(vlan), prio=dice.randrange(8))
    for content in contents(destination, source):
        inner = bytes(Ether(dst=destination, src=source) / content)
        for carried, cos in carriers(encapsulation, int(number), int(word), inner, ":" in vtep):
            for trailer in (b"", b"\0" * 6):
                packet = frame / outer(gateway, vtep) / carried
                print(line, (bytes(packet) + trailer).hex(), cos, inner.hex())


for number, line in enumerate(sys.stdin):
    build(number, *line.split())
