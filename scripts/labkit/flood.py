"""A storm: `flood.py NETDEV PPS`, one frame in hexadecimal on standard input, until SIGTERM; then says how many were sent in how many seconds.

Frames are handed over by sendmmsg(2), many in a call, with no queueing discipline between: Python alone does not reach 100,000 a second.
"""

import ctypes
import signal
import socket
import sys
import time

BATCH = 64
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20  # linux/socket.h, linux/if_packet.h


class Iovec(ctypes.Structure):
    """struct iovec"""

    _fields_ = [("base", ctypes.c_void_p), ("octets", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct mmsghdr, which begins with a struct msghdr"""

    _fields_ = [("name", ctypes.c_void_p), ("name_octets", ctypes.c_uint32), ("vectors", ctypes.POINTER(Iovec)),
                ("vector_count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_octets", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]


def main() -> None:
    """Send batches, each when it is due; what was missed is caught up with."""
    netdev, pps = sys.argv[1], int(sys.argv[2])
    frame = bytes.fromhex(sys.stdin.readline())
    octets = ctypes.create_string_buffer(frame, len(frame))
    vector = Iovec(ctypes.cast(octets, ctypes.c_void_p), len(frame))
    messages = (Message * BATCH)(*(Message(vectors=ctypes.pointer(vector), vector_count=1) for _ in range(BATCH)))
    send = ctypes.CDLL(None, use_errno=True).sendmmsg
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        out.bind((netdev, 0))
        sent, started = 0, time.monotonic()
        while not stopping:
            sent += max(0, send(out.fileno(), messages, BATCH, 0))
            ahead = sent / pps - (time.monotonic() - started)
            if ahead > 0:
                time.sleep(ahead)
        print(sent, time.monotonic() - started)


main()
