"""Access cables that tell the switch when their gateway takes its port down, as copper and glass do and bridges do not."""

import threading
from pathlib import Path

from labkit.topology import tap

POLL_SECONDS = 0.02
UP = 1  # IFF_UP of linux/if.h


class AccessCables:
    """Takes the switch's end of each gateway's access cable down and up after the TAP netdev, until it is stopped.

    A gateway that has ended leaves its cable as it is: the NIC of a machine whose daemon died keeps its link.
    """

    def __init__(self, shell, causeways):
        self.shell = shell
        self.were_up = dict.fromkeys(causeways, True)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer."""
        self._stopping.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            for causeway, was_up in self.were_up.items():
                is_up = self._is_up(causeway)
                if is_up is not None and is_up != was_up:
                    self.were_up[causeway] = is_up
                    self.shell.ip(causeway.gateway.netns, f"link set access-cable {'up' if is_up else 'down'}")

    def _is_up(self, causeway):
        try:
            flags = Path(f"/proc/{causeway.process.pid}/root/sys/class/net/{tap('access')}/flags").read_text()
        except (OSError, AttributeError):  # it has ended, or is being replaced
            return None
        return bool(int(flags, 16) & UP)
