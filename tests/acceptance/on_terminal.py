"""`dt demo` as somebody meets it: on a terminal of its own, and typed at in a second one."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = Path(sys.executable).parent
# Only against hangs: on a quiet machine it is up after about ten seconds.
HANGS_SECONDS = 240
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def clean_environment() -> dict[str, str]:
    """The environment without anything that speaks to another project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INTERLOCK_", "XDG_"))}
    return {**kept, "TZ": "UTC", "COLUMNS": "100", "NO_COLOR": "1"}


def dt(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`dt` without a terminal."""
    return subprocess.run(
        [PROGRAMS / "dt", *arguments],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS_SECONDS,
    )


class DemoOnTerminal:
    """`dt demo` on a terminal; `shown` is what it has said."""

    def __init__(self, *options: str) -> None:
        self.shown = ""
        self._terminal, theirs = pty.openpty()
        name = shlex.quote(os.ttyname(theirs))
        # The leader of a new session that opens a terminal has it as its own: Ctrl-C there reaches it. (Not
        # pty.fork, which must not be called where threads run.)
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" <{name} >{name} 2>&1', "sh", PROGRAMS / "dt", "demo", *options],
            env=clean_environment(),
            start_new_session=True,
        )
        # Until the demo has it open itself, a terminal that nobody holds would look like one that was closed.
        self._theirs: int | None = theirs

    def until(self, words: str) -> None:
        """Read until it has said these words. Raises AssertionError where it ends before."""
        deadline = time.monotonic() + HANGS_SECONDS
        while words not in self.shown and self._read(deadline):
            pass
        assert words in self.shown, self.shown

    def _read(self, deadline: float) -> bool:
        while time.monotonic() < deadline:
            if select.select([self._terminal], [], [], 1)[0]:
                try:
                    said = os.read(self._terminal, 65_536)
                except OSError:
                    return False  # Linux: the other end of the terminal is closed.
                if self._theirs is not None:
                    os.close(self._theirs)
                    self._theirs = None
                self.shown += COLOURS.sub("", said.decode()).replace("\r\n", "\n")
                return bool(said)
        return False

    def typed_elsewhere(self, command: str) -> subprocess.CompletedProcess[str]:
        """What a second shell shows that read the demo's `activate` first."""
        [activate] = re.findall(r"^In another terminal, first +\. (\S+)$", self.shown, flags=re.MULTILINE)
        # A login shell would not have the project's programs on its PATH: activate must bring them.
        environment = {**clean_environment(), "PATH": os.defpath}
        return subprocess.run(
            ["sh", "-c", f". {activate}; {command}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=HANGS_SECONDS,
        )

    def interrupt(self) -> int:
        """Press Ctrl-C, wait for the end, and give the exit code."""
        os.write(self._terminal, b"\x03")
        deadline = time.monotonic() + HANGS_SECONDS
        while self._read(deadline):
            pass
        return self.ended()

    def tell(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end, and give the exit code."""
        self.process.send_signal(number)
        deadline = time.monotonic() + HANGS_SECONDS
        while self._read(deadline):
            pass
        return self.ended()

    def ended(self) -> int:
        """Wait for the end, and give the exit code."""
        code = self.process.wait(HANGS_SECONDS)
        os.close(self._terminal)
        return code


def processes_of(directory: Path) -> list[str]:
    """Every process whose command names the directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # It ended while we looked.
        if str(directory) in command:
            found.append(command)
    return found
