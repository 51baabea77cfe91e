"""What the lab prints: one line a check, with its place in the row, its verdict and its time."""

import time


class CheckFailed(Exception):
    """Something that has to hold did not."""


def require(holds: bool, message: str) -> None:
    """Raise `CheckFailed` with `message` unless `holds`."""
    if not holds:
        raise CheckFailed(message)


class Report:
    """Runs checks one after the other and remembers what failed."""

    def __init__(self, total: int, note):
        self.total, self.note = total, note
        self.passed, self.failures = 0, []

    def check(self, title: str, action) -> bool:
        """Run `action`; it fails by raising, and may return a figure to show."""
        number = self.passed + len(self.failures) + 1
        width = len(str(self.total))
        print(f"[{number:{width}}/{self.total}] {title} ... ", end=" ", flush=True)
        self.note(f"==== {number}: {title}")
        begin = time.monotonic()
        try:
            figure = action()
        except Exception as error:  # whatever went wrong is this check's verdict, and the next ones still run
            print(f"FAILED ({time.monotonic() - begin:.1f} s)\n        {error}", flush=True)
            self.note(f"FAILED: {error!r}")
            self.failures.append(title)
            return False
        print(f"ok ({time.monotonic() - begin:.1f} s)" + (f", {figure}" if figure else ""), flush=True)
        self.passed += 1
        return True
