"""The judge of the frames that Causeway itself makes: ARP, neighbour discovery, echo replies. Two readers, one verdict.

What is in a frame is read by scapy and by tshark, which have to agree; what has to be in it is said by RFC 826, 5227, 792, 2464,
4443 and 4861. Nothing here knows how Causeway makes a frame: it is told who has an address in the lab, and what was asked.
"""

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, IPv6
from scapy.layers.inet6 import ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import bind_layers

from labkit.report import require
from labkit.shell import Shell

SMALLEST_FRAME = 60  # octets, without the frame check sequence
VIRTUAL_MAC = "00:00:5e:00:01:00"  # RFC 5798, virtual router 0: what a gateway says it is
BROADCAST, NOBODY_MAC = "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"
ALL_NODES, NOBODY_V6 = "ff02::1", "::"
FIELDS = ("frame.len", "eth.src", "eth.dst", "vlan.id", "vlan.priority", "vlan.dei", "vlan.etype", "arp.hw.type", "arp.proto.type", "arp.hw.size",
          "arp.proto.size", "arp.opcode", "arp.src.hw_mac", "arp.src.proto_ipv4", "arp.dst.hw_mac", "arp.dst.proto_ipv4",
          "ip.src", "ip.dst", "ip.ttl", "ip.checksum.status", "icmp.type", "icmp.code", "icmp.ident", "icmp.seq", "icmp.checksum.status",
          "ipv6.src", "ipv6.dst", "ipv6.hlim", "icmpv6.type", "icmpv6.code", "icmpv6.checksum.status", "icmpv6.echo.identifier",
          "icmpv6.echo.sequence_number", "icmpv6.nd.ns.target_address", "icmpv6.nd.na.target_address", "icmpv6.nd.na.flag.r",
          "icmpv6.nd.na.flag.s", "icmpv6.opt.type", "icmpv6.opt.length", "icmpv6.opt.linkaddr")
NUMBERS = {"frame.len", "vlan.etype", "arp.proto.type", "icmp.ident", "icmp.seq", "icmpv6.echo.identifier", "icmpv6.echo.sequence_number"}
REVERSE_ARP = 0x8035  # RFC 903: a packet of ARP, and a station that says no more than that it is there
bind_layers(Dot1Q, ARP, type=REVERSE_ARP)


@dataclass(frozen=True)
class World:
    """Who is there: networks by VLAN, owners' MACs by network and address, the MACs of each VLAN's own instances."""

    network_of: dict
    owner: dict
    at_home: dict


def by_tshark(shell: Shell, file: Path) -> list:
    """Each frame of a capture as tshark reads it: its fields as text, without those that it does not have."""
    argv = ["tshark", "-n", "-r", file, "-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "occurrence=f"]
    for name in (*FIELDS, "_ws.malformed"):
        argv += ["-e", name]
    rows = []
    for line in shell.run(*argv, timeout=60).stdout.splitlines():
        *values, malformed = line.split("\t")
        require(not malformed, f"tshark calls a frame malformed: {line}")
        rows.append({name: _plain(name, value) for name, value in zip(FIELDS, values) if value})
    return rows


def _plain(name: str, value: str) -> str:
    """The same number in the same words, whichever version of tshark says it."""
    return str(int(value, 0)) if name in NUMBERS else {"True": "1", "False": "0"}.get(value, value)


def by_scapy(frame: bytes) -> dict:
    """A frame as scapy reads it, in tshark's words."""
    read, said = Ether(frame), {"frame.len": len(frame)}
    said |= {"eth.src": read.src, "eth.dst": read.dst}
    if Dot1Q in read:
        said |= {"vlan.id": read[Dot1Q].vlan, "vlan.priority": read[Dot1Q].prio, "vlan.dei": read[Dot1Q].id, "vlan.etype": read[Dot1Q].type}
    if ARP in read:
        arp = read[ARP]
        said |= {"arp.hw.type": arp.hwtype, "arp.proto.type": arp.ptype, "arp.hw.size": arp.hwlen, "arp.proto.size": arp.plen,
                 "arp.opcode": arp.op, "arp.src.hw_mac": arp.hwsrc, "arp.src.proto_ipv4": arp.psrc, "arp.dst.hw_mac": arp.hwdst,
                 "arp.dst.proto_ipv4": arp.pdst}
    if IP in read:
        said |= {"ip.src": read[IP].src, "ip.dst": read[IP].dst, "ip.ttl": read[IP].ttl}
        said |= {"ip.checksum.status": int(_sum(bytes(read[IP])[:20]) == 0xFFFF)}
    if ICMP in read:
        icmp, octets = read[ICMP], bytes(read[IP])[20 : read[IP].len]
        said |= {"icmp.type": icmp.type, "icmp.code": icmp.code, "icmp.ident": icmp.id, "icmp.seq": icmp.seq,
                 "icmp.checksum.status": int(_sum(octets) == 0xFFFF)}
    if IPv6 in read:
        said |= _ipv6_by_scapy(read[IPv6])
    return {name: str(value) for name, value in said.items()}


def _ipv6_by_scapy(ip) -> dict:
    octets = bytes(ip)[40 : 40 + ip.plen]
    pseudo = IPv6Address(ip.src).packed + IPv6Address(ip.dst).packed + len(octets).to_bytes(4, "big") + (58).to_bytes(4, "big")
    said = {"ipv6.src": ip.src, "ipv6.dst": ip.dst, "ipv6.hlim": ip.hlim, "icmpv6.type": octets[0], "icmpv6.code": octets[1],
            "icmpv6.checksum.status": int(_sum(pseudo + octets) == 0xFFFF)}
    for kind in (ICMPv6EchoRequest, ICMPv6EchoReply):
        if kind in ip:
            said |= {"icmpv6.echo.identifier": ip[kind].id, "icmpv6.echo.sequence_number": ip[kind].seq}
    if ICMPv6ND_NS in ip:
        said |= {"icmpv6.nd.ns.target_address": ip[ICMPv6ND_NS].tgt}
    if ICMPv6ND_NA in ip:
        said |= {"icmpv6.nd.na.target_address": ip[ICMPv6ND_NA].tgt, "icmpv6.nd.na.flag.r": ip[ICMPv6ND_NA].R,
                 "icmpv6.nd.na.flag.s": ip[ICMPv6ND_NA].S}
    for option in (ICMPv6NDOptSrcLLAddr, ICMPv6NDOptDstLLAddr):
        if option in ip:
            said |= {"icmpv6.opt.type": ip[option].type, "icmpv6.opt.length": ip[option].len, "icmpv6.opt.linkaddr": ip[option].lladdr}
    return said


def _sum(octets: bytes) -> int:
    """The one's complement sum of RFC 1071; 0xffff over what contains a right checksum."""
    total = sum(int.from_bytes(octets[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(octets), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def judge(world: World, made: list, asked: list) -> Counter:
    """`made` and `asked` are pairs of what a frame says and its octets: those that Causeway made, and all that came to it before.
    Returns how many there were of each kind."""
    return Counter(_judge_one(world, said, frame, asked) for said, frame in made)


def _judge_one(world: World, said: dict, frame: bytes, asked: list) -> str:
    def hold(holds: bool, rule: str) -> None:
        require(holds, f"{rule}: {frame.hex()} says {said}")

    vlan = int(said.get("vlan.id", 0))
    hold(len(frame) >= SMALLEST_FRAME, "a frame is at least 60 octets")
    hold(said.get("vlan.priority") is not None and said["vlan.dei"] == "0", "a frame has a tag, which nobody may discard")
    hold(vlan in world.network_of, "the VLAN is one that has instances")
    hold(not int(said["eth.src"][:2], 16) & 1, "a source is no group")
    hold(said["eth.src"] not in world.at_home[vlan], "an instance never hears its own MAC")
    owner = {address: mac for (network, address), mac in world.owner.items() if network == world.network_of[vlan]}
    owner |= {link_local(mac): mac for mac in owner.values()}
    asked = [(question, octets) for question, octets in asked if question.get("vlan.id") == said["vlan.id"]]
    if "arp.opcode" in said:
        return _judge_arp(hold, said, frame, owner, world.at_home[vlan], asked)
    if said.get("icmpv6.type") in ("135", "136"):
        return _judge_neighbour(hold, said, owner, world.at_home[vlan], asked)
    return _judge_echo(hold, said, frame, owner, asked)


def _judge_arp(hold, said, frame: bytes, owner: dict, at_home: dict, asked: list) -> str:
    sender, target = said["arp.src.proto_ipv4"], said["arp.dst.proto_ipv4"]
    constants = [said[f"arp.{name}"] for name in ("hw.type", "proto.type", "hw.size", "proto.size")]
    hold(constants == ["1", "2048", "6", "4"], "RFC 826: Ethernet and IPv4, 6 and 4 octets")
    hold(said["arp.src.hw_mac"] == said["eth.src"], "the sender says who it is")
    if said["vlan.etype"] == str(REVERSE_ARP):
        hold((said["arp.opcode"], said["arp.dst.hw_mac"], said["eth.dst"]) == ("3", said["eth.src"], BROADCAST), "RFC 903: it asks all for itself")
        hold(said["eth.src"] in owner.values() and said["eth.src"] != VIRTUAL_MAC, "it stands for a member of the network")
        hold((sender, target) == ("0.0.0.0", "0.0.0.0") and not any(frame[14 + 4 + 28 :]), "RFC 903: it knows no address; padding is zero")
        return "announcement of a station"
    hold(owner.get(sender) == said["eth.src"], "the sender's address is one that it has")
    hold(not any(frame[14 + 4 + 28 :]), "padding is zero")
    if said["arp.opcode"] == "1":
        hold(said["arp.dst.hw_mac"] == NOBODY_MAC or sender == target, "RFC 5227 section 2.1.1: who asks does not know the answer")
        hold(said["eth.dst"] in (BROADCAST, *at_home), "a request goes to all or to the instance")
        hold(sender == target or target in sum(at_home.values(), ()), "somebody of this VLAN is asked, or everybody told (RFC 5227 section 3)")
        return "ARP announcement" if sender == target else "ARP request"
    hold(said["arp.opcode"] == "2", "RFC 826: request or reply")
    if sender == target and said["eth.dst"] == BROADCAST:
        return "ARP announcement"
    mirrored = {"arp.opcode": "1", "arp.src.hw_mac": said["arp.dst.hw_mac"], "arp.src.proto_ipv4": target, "arp.dst.proto_ipv4": sender}
    hold(any(mirrored.items() <= question.items() for question, _ in asked), "RFC 826: a reply is the request turned round")
    hold(said["eth.dst"] == said["arp.dst.hw_mac"], "a reply goes to who asked")
    return "ARP reply"


def _judge_neighbour(hold, said, owner: dict, at_home: dict, asked: list) -> str:
    solicits = said["icmpv6.type"] == "135"
    target = said[f"icmpv6.nd.{'ns' if solicits else 'na'}.target_address"]
    source, destination = said["ipv6.src"], said["ipv6.dst"]
    hold(said["ipv6.hlim"] == "255" and said["icmpv6.code"] == "0", "RFC 4861 sections 7.1.1, 7.1.2: hop limit 255, code 0")
    hold(said["icmpv6.checksum.status"] == "1", "RFC 4443 section 2.3: the checksum is right")
    hold(not IPv6Address(target).is_multicast, "RFC 4861: a target is no group")
    hold(source != NOBODY_V6, "nobody here asks for an address for itself")
    hold((said.get("icmpv6.opt.type"), said.get("icmpv6.opt.length")) == ("1" if solicits else "2", "1"),
         "RFC 4861 sections 4.3, 4.4: the option with the source's or the target's link-layer address")
    hold(said["icmpv6.opt.linkaddr"] == said["eth.src"], "the option says who sends")
    if IPv6Address(destination).is_multicast:
        hold(said["eth.dst"] == "33:33:" + IPv6Address(destination).packed[12:].hex(":"), "RFC 2464 section 7: the group's MAC")
    if solicits:
        hold(destination in (target, solicited_node(target)), "RFC 4861 section 4.3: to the target or its solicited-node group")
        hold(target in sum(at_home.values(), ()), "somebody of this VLAN is asked")
        return "neighbour solicitation"
    hold(owner.get(target) == said["eth.src"], "who advertises an address has it")
    hold(said["icmpv6.nd.na.flag.r"] == str(int(owner.get(target) == VIRTUAL_MAC)), "RFC 4861 section 4.4: R says router")
    if IPv6Address(destination).is_multicast:
        hold(destination == ALL_NODES and said["icmpv6.nd.na.flag.s"] == "0", "RFC 4861 section 7.2.6: unsolicited, to all nodes, S is 0")
        return "neighbour announcement"
    question = {"icmpv6.type": "135", "ipv6.src": destination, "icmpv6.nd.ns.target_address": target, "eth.src": said["eth.dst"]}
    hold(any(question.items() <= one.items() for one, _ in asked), "an advertisement answers a solicitation")
    hold(said["icmpv6.nd.na.flag.s"] == "1", "RFC 4861 section 7.2.4: solicited, S is 1")
    return "neighbour advertisement"


def _judge_echo(hold, said, frame: bytes, owner: dict, asked: list) -> str:
    family, kind, request, names = ("ip", "icmp", "8", ("icmp.ident", "icmp.seq")) if "icmp.type" in said else (
        "ipv6", "icmpv6", "128", ("icmpv6.echo.identifier", "icmpv6.echo.sequence_number"))
    hold(said.get("icmp.type") == "0" or said.get("icmpv6.type") == "129", "there is no other kind of frame to make")
    hold(said[f"{kind}.code"] == "0" and said[f"{kind}.checksum.status"] == "1", "RFC 792, 4443 section 4.2: code 0, a right checksum")
    hold(said.get("ip.checksum.status", "1") == "1", "RFC 791: the header's checksum is right")
    hold(int(said.get("ip.ttl") or said["ipv6.hlim"]) >= 1, "it may be delivered")
    hold(owner.get(said[f"{family}.src"]) == said["eth.src"], "the sender's address is one that it has")
    question = {f"{kind}.type": request, f"{family}.src": said[f"{family}.dst"], f"{family}.dst": said[f"{family}.src"],
                "eth.src": said["eth.dst"], **{name: said[name] for name in names}}
    requests = [octets for one, octets in asked if question.items() <= one.items()]
    hold(any(echo_data(octets) == echo_data(frame) for octets in requests), "RFC 792, 4443: identifier, number and data are those of the request")
    return "echo reply" if family == "ip" else "echo reply of IPv6"


def echo_data(frame: bytes) -> bytes:
    """What an echo with one tag carries behind identifier and number."""
    if frame[16:18] == bytes.fromhex("86dd"):
        return frame[18 + 40 + 8 : 18 + 40 + int.from_bytes(frame[22:24], "big")]
    return frame[18 + 20 + 8 : 18 + int.from_bytes(frame[20:22], "big")]


def link_local(mac: str) -> str:
    """RFC 2464 sections 4 and 5, RFC 4291 appendix A."""
    octets = bytes.fromhex(mac.replace(":", ""))
    return str(IPv6Address(bytes.fromhex("fe80000000000000") + bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]))


def solicited_node(address: str) -> str:
    """RFC 4291 section 2.7.1."""
    return str(IPv6Address(bytes.fromhex("ff0200000000000000000001ff") + IPv6Address(address).packed[13:]))
