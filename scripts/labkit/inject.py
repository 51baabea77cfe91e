"""Send frames as they are: `inject.py NETDEV`, one frame a line in hexadecimal on standard input, a millisecond apart."""

import socket
import sys
import time


def main() -> None:
    """Open the netdev of the namespace that this runs in, and send."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as netdev:
        netdev.bind((sys.argv[1], 0))
        for line in iter(sys.stdin.readline, ""):
            netdev.send(bytes.fromhex(line))
            time.sleep(0.001)


main()
