"""Judges packets for the fabric with Scapy: `judge.py PCAP EXPECTED`.

EXPECTED has a JSON object a line: what each packet has to say, `inner` being the inner frame in hexadecimal. Whatever differs is
printed; the last line is the number of packets.
"""

import json
import sys

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import rdpcap


def network_header(ip):
    """What the outer IP header says, and what of it is as it has to be in every packet."""
    if isinstance(ip, IPv6):
        told = {"family": 6, "source": ip.src, "destination": ip.dst, "dscp": ip.tc >> 2, "df": None}
        holds = {"IPv6 header": (ip.version, ip.tc & 3, ip.hlim) == (6, 0, 64), "IPv6 length": ip.plen == len(bytes(ip.payload))}
        return told, holds, ip.nh
    told = {"family": 4, "source": ip.src, "destination": ip.dst, "dscp": ip.tos >> 2, "df": bool(ip.flags.DF)}
    holds = {
        "IP header": (ip.version, ip.ihl, ip.tos & 3, ip.frag, bool(ip.flags.MF), ip.ttl) == (4, 5, 0, 0, False, 64),
        "IP length": ip.len == 20 + len(bytes(ip.payload)),
        "IP checksum": ip.chksum == IP(bytes(IP(**{**ip.fields, "chksum": None}))).chksum,
    }
    return told, holds, ip.proto


def is_summed(ip):
    """Whether the UDP checksum is there and right, by Scapy's pseudo-header of IPv6."""
    return ip[UDP].chksum != 0 and in6_chksum(17, ip, bytes(ip.payload)) == 0


def overlay(ip, protocol):
    """Encapsulation, VNI or label with its class, and the rest behind it."""
    if protocol == 47:
        gre = ip[GRE]
        zero = [gre.chksum_present, gre.routing_present, gre.key_present, gre.seqnum_present, gre.strict_route_source]
        holds = {"GRE flags": not any(zero) and not gre.recursion_control and not gre.flags and not gre.version, "GRE type": gre.proto == 0x8847}
        told, more, rest = mpls(bytes(gre.payload))
        return {"encapsulation": "MPLSoGRE", **told}, {**holds, **more}, rest
    udp = ip[UDP]
    checksum = is_summed(ip) if isinstance(ip, IPv6) else udp.chksum == 0
    holds = {"UDP source": udp.sport >= 49152, "UDP length": udp.len == 8 + len(bytes(udp.payload)), "UDP checksum": protocol == 17 and checksum}
    if udp.dport == 4789:
        vxlan = VXLAN(bytes(udp.payload))
        holds["VXLAN flags"] = int(vxlan.flags) == 0x08 and not vxlan.reserved1 and not vxlan.reserved2
        return {"encapsulation": "VXLAN", "number": vxlan.vni, "class": None}, holds, bytes(vxlan.payload)
    told, more, rest = mpls(bytes(udp.payload))
    return {"encapsulation": "MPLSoUDP", **told}, {**holds, **more, "UDP port": udp.dport == 6635}, rest


def mpls(octets):
    entry = MPLS(octets)
    return {"number": entry.label, "class": entry.cos}, {"label entry": (entry.s, entry.ttl) == (1, 64)}, octets[4:]


def judge(packet, expected):
    ether = packet[Ether]
    tag = ether.payload if isinstance(ether.payload, Dot1Q) else None  # an inner tag is the instance's
    ip = (tag or ether).payload
    told, holds, protocol = network_header(ip)
    more_told, more_holds, inner = overlay(ip, protocol)
    told = {"source_mac": ether.src, "next_hop": ether.dst, "vlan": tag.vlan if tag else None, **told, **more_told}
    told["control_word"] = expected["control_word"]
    if expected["control_word"]:
        more_holds["control word"] = inner[:4] == bytes(4)
        inner = inner[4:]
    told["inner"] = inner.hex()
    holds = {**holds, **more_holds, "tag priority": not tag or (tag.prio, tag.id) == (0, 0)}
    holds["type"] = (tag or ether).type == (0x86DD if told["family"] == 6 else 0x0800)
    holds["next hop"] = told["next_hop"] in expected.pop("next_hops")
    del told["next_hop"]
    differs = [key for key in expected if told[key] != expected[key]]
    return differs + [name for name, it in holds.items() if not it], told


def main(pcap, expected):
    packets = rdpcap(pcap)
    lines = open(expected).read().splitlines()
    for number, (packet, line) in enumerate(zip(packets, lines)):
        wrong, told = judge(packet, json.loads(line))
        if wrong:
            print(f"packet {number}: wrong {wrong}, read {told}, expected {line}")
    if len(packets) != len(lines):
        print(f"{len(packets)} packets, {len(lines)} expected")
    print(len(packets))


main(*sys.argv[1:])
