"""How long the parent waits for a page: as long as its child works on it, not much longer if it only waits.

The limit of a page is processor time, and the kernel holds the child to it. Here is the clock's part: once
that much time has passed, a child that neither ran nor was ready to run between two looks does nothing (it
sleeps, it waits for a lock or an answer), while one that gets too little of a busy machine goes on.
"""

from __future__ import annotations

import time
from pathlib import Path

#: By the clock a page has at most so many times its limit, on a machine as busy as that, and at least so many
#: seconds: a page of a second's work must not fail where a dozen processes want the same core.
WALL, LEAST_S = 6, 60.0
_LOOK_S = 0.4


def clock_s(limit_s: float) -> float:
    """Return how long a page may take by the clock whose limit of processor time is `limit_s`.

    >>> clock_s(1.5), clock_s(20.0)
    (60.0, 120.0)
    """
    return max(WALL * limit_s, LEAST_S)


class Deadline:
    """Counts down to the next look at a process; raises TimeoutError when there is no more to wait for."""

    def __init__(self, pid: int, limit_s: float) -> None:
        now = time.monotonic()
        self._pid = pid
        self._next = now + limit_s
        self._clock_s = clock_s(limit_s)
        self._last = now + self._clock_s
        self._used: int | None = None

    def left_s(self) -> float:
        """Return the seconds to wait for now, more than 0. Raises TimeoutError, which says why."""
        now = time.monotonic()
        if now >= self._last:
            raise TimeoutError(f"it did not answer in {self._clock_s:g} s")
        if now >= self._next:
            if self._is_idle():
                raise TimeoutError("it was waiting, not working, when its limit had passed")
            self._next = now + _LOOK_S
        return min(self._next, self._last) - now

    def _is_idle(self) -> bool:
        """Return whether the process waits for something now and has not run since the last look."""
        before = self._used
        try:
            # proc(5): after the name, the state and then, 12th and 13th, ticks in user and system mode.
            text = Path(f"/proc/{self._pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:  # no Linux, or the process has gone, which its connection will tell
            return False
        fields = text.rpartition(")")[2].split()
        self._used = int(fields[11]) + int(fields[12])
        # R is running or ready to; D waits for a disk, as when the machine swaps.
        return fields[0] not in "RD" and self._used == before
