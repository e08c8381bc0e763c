"""A configured command as a child process: its output told as it comes, its end as a code, and ended when it must be.

Between runner and child stands `leash`: when the runner dies, the child does.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from interlock.events.seams import MonotonicClock
from interlock.runners.environ import child_environ

# Between being asked to end and being killed. Well within the margin that a lease leaves (runners/leases.py).
GRACE_SECONDS: Final = 10.0
# After that the leash itself is killed.
LEASH_SECONDS: Final = GRACE_SECONDS + 5.0
# How long output is waited for that a process in the background still holds open.
DRAIN_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.02
READ_BYTES: Final = 64 * 1024
TAIL_BYTES_MAX: Final = 256 * 1024
LINE_BYTES_MAX: Final = 64 * 1024
LEASH: Final = Path(__file__).with_name("leash.py")

NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: `code` as a shell tells it (128 and the signal's number), `tail` the last of what it wrote."""

    code: int
    seconds: float
    tail: bytes
    written: int
    ended_by_us: bool

    @property
    def how(self) -> str:
        """Say it in words, for a person and for the record."""
        if self.ended_by_us:
            return "it was ended"
        if self.code == NOT_FOUND:
            return "there is no such command (127)"
        return f"it ended with {self.code}" if self.code <= 128 else f"it was ended by signal {self.code - 128}"


@dataclass(slots=True)
class Child:
    """A running child. Made by `start`; `wait` must be awaited to its end, and `end` may be called at any time."""

    process: asyncio.subprocess.Process
    clock: MonotonicClock
    began: float
    told: Callable[[str], None]
    ending: bool = False
    written: int = 0
    _tail: deque[bytes] = field(default_factory=deque)
    _kept: int = 0
    _line: bytes = b""

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        directory: Path,
        environ: Mapping[str, str],
        clock: MonotonicClock,
        told: Callable[[str], None],
        leaves: Literal["end", "leave"] = "end",
    ) -> Child:
        """Start it, with nothing to read, and without Interlock's own token.

        `told` gets each line of its output; `leaves` is about what it leaves running when it ends by itself. A command
        that there is not ends with 127, as in a shell.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(LEASH), str(GRACE_SECONDS), leaves, *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=directory,
            env=child_environ(environ),
            # A terminal's Ctrl-C comes to the runner alone, which then ends the child in order.
            start_new_session=True,
        )  # fmt: skip
        return cls(process, clock, clock(), told)

    async def wait(self) -> Ended:
        """Tell its output until it ends, and return how it did. Where this is cancelled, the child is ended first."""
        reading = asyncio.create_task(self._read())
        try:
            await self._exit(reading)
            await asyncio.wait({reading}, timeout=DRAIN_SECONDS)
        except asyncio.CancelledError:
            await asyncio.shield(self.end())
            raise
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
            self._close()
        self._tell(b"", last=True)
        code = self.process.returncode
        assert code is not None
        return Ended(code, self.clock() - self.began, self.tail, self.written, self.ending)

    @property
    def tail(self) -> bytes:
        """The last of what it has written so far."""
        return b"".join(self._tail)

    async def end(self) -> None:
        """End it and all that it started: asked first, killed after the grace. Returns when nothing of it runs."""
        self.ending = True
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self._exit(), LEASH_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self._exit()

    async def _exit(self, reading: asyncio.Task[None] | None = None) -> None:
        """Wait until it is gone. `Process.wait` would also wait for whoever else holds its output open, for ever."""
        pause = asyncio.Event()
        while self.process.returncode is None:
            if reading is not None and not reading.done():
                await asyncio.wait({reading}, timeout=POLL_SECONDS)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(pause.wait(), POLL_SECONDS)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while block := await self.process.stdout.read(READ_BYTES):
            self.written += len(block)
            self._keep(block)
            self._tell(block)

    def _keep(self, block: bytes) -> None:
        self._tail.append(block)
        self._kept += len(block)
        while self._kept > TAIL_BYTES_MAX:
            over = self._kept - TAIL_BYTES_MAX
            first = self._tail.popleft()
            if len(first) > over:
                self._tail.appendleft(first[over:])
            self._kept -= min(over, len(first))

    def _tell(self, block: bytes, *, last: bool = False) -> None:
        *lines, self._line = (self._line + block).split(b"\n")
        if (last and self._line) or len(self._line) > LINE_BYTES_MAX:
            lines.append(self._line)
            self._line = b""
        for line in lines:
            self.told(line.rstrip(b"\r").decode("utf-8", "replace"))

    def _close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        # A process in the background may hold the other end open for ever: nobody listens to it any more.
        transport = getattr(self.process, "_transport", None)
        if transport is not None:
            transport.close()


async def run(
    command: Sequence[str],
    *,
    directory: Path,
    environ: Mapping[str, str],
    clock: MonotonicClock,
    told: Callable[[str], None],
    leaves: Literal["end", "leave"] = "end",
) -> Ended:
    """Run a command to its end."""
    child = await Child.start(command, directory=directory, environ=environ, clock=clock, told=told, leaves=leaves)
    return await child.wait()
