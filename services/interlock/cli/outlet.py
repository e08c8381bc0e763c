"""What is said while work goes on: by a thread of its own, so that a reader who stops reading holds up nothing.

A terminal that is halted (Ctrl-S), or a pipe that nobody empties, blocks whoever writes; the lease must be renewed all
the same, and the child ended when it is lost.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

WAITING_MAX = 10_000
DRAIN_SECONDS = 5.0


class Outlet:
    """Does what it is given in order, elsewhere; of what waits too long, the oldest is left out, and counted."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._left_out = 0
        threading.Thread(target=self._work, daemon=True).start()

    def put(self, say: Callable[..., Any], *arguments: Any) -> None:
        """Let it be said."""
        with self._changed:
            self._waiting.append((say, arguments))
            if len(self._waiting) > WAITING_MAX:
                self._waiting.popleft()
                self._left_out += 1
            self._changed.notify_all()

    def drain(self, seconds: float | None = DRAIN_SECONDS) -> bool:
        """Wait until everything is said; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                (say, arguments), left_out = self._waiting.popleft(), self._left_out
                self._busy, self._left_out = True, 0
            try:
                if left_out:
                    sys.stderr.write(f"… {left_out} lines were written faster than they were read: they are left out\n")
                say(*arguments)
            except (OSError, ValueError):
                # Nobody is there to read it any more: the tests go on all the same.
                continue
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
