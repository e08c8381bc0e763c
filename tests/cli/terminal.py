"""`dt` as a person meets it: a process of its own, with an own home, asking a real server."""

from __future__ import annotations

import difflib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.fixtures.server import token_of

GOLDEN = Path(__file__).parent / "golden"
# `INTERLOCK_GOLDEN=write pytest tests/cli` writes the files anew; the difference is then read in git.
WRITE = os.environ.get("INTERLOCK_GOLDEN") == "write"
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
DT = [sys.executable, "-c", "from interlock.cli import main; main()"]
HANGS_SECONDS = 60


@dataclass
class Done:
    """What a call said, and how it ended."""

    stdout: str
    stderr: str
    code: int

    @property
    def json(self) -> dict[str, Any]:
        document = json.loads(self.stdout)
        assert isinstance(document, dict)
        return document


class Terminal:
    """One machine with `dt` on it; `now` is what the test clock is set to."""

    def __init__(self, home: Path, url: str, project: str = "demo", now: datetime | None = None) -> None:
        self.home = home
        self.url = url
        self.project = project
        self.now = now
        # Where a story is told to the server of this terminal, it can go on.
        self.story: Any = None

    def environment(self, who: str | None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
        made = {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "COLUMNS": "100",
            "TZ": "UTC",
            "PYTHONUTF8": "1",
            "INTERLOCK_URL": self.url,
            "INTERLOCK_PROJECT": self.project,
        }
        if who is not None:
            made["INTERLOCK_TOKEN"] = token_of(who)
        if self.now is not None:
            made["INTERLOCK_NOW"] = self.now.isoformat()
        return {**kept, **made}

    def dt(
        self,
        *words: str,
        who: str | None = "anton",
        merged: bool = False,
        given: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Call it; `merged` shows both streams as a terminal would, in `stdout`."""
        done = subprocess.run(
            [*DT, *words],
            cwd=self.home,
            env={**self.environment(who), **(env or {})},
            text=True,
            timeout=HANGS_SECONDS,
            input=given or "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            check=False,
        )
        return Done(done.stdout, done.stderr or "", done.returncode)

    def inside(
        self,
        *words: str,
        who: str | None = "anton",
        env: Mapping[str, str] | None = None,
        pause: Callable[[float], None] = lambda seconds: None,
    ) -> Done:
        """Call it in this process, where a test has many calls; its pauses take no time."""
        from interlock.cli.ending import run

        said, talk, here = io.StringIO(), io.StringIO(), Path.cwd()
        environment = {**self.environment(who), **(env or {})}
        with (
            patch.dict(os.environ, environment, clear=True),
            patch("interlock.cli.seams.sleep", pause),
            redirect_stdout(said),
            redirect_stderr(talk),
        ):
            os.chdir(self.home)
            try:
                code = run(words)
            finally:
                os.chdir(here)
        return Done(said.getvalue(), talk.getvalue(), code)

    def shows(self, name: str, *words: str, who: str | None = "anton", code: int = 0) -> str:
        """Call it and compare what a person sees with the golden file of that name."""
        done = self.dt(*words, who=who, merged=True)
        spoken = " ".join(f'"{word}"' if " " in word else word for word in words)
        seen = f"$ dt {spoken}\n{done.stdout}".replace(self.url, "http://interlock.test")
        seen = UUID.sub("some-uuid", seen)
        assert done.code == code, seen
        path = GOLDEN / f"{name}.txt"
        if WRITE:
            path.parent.mkdir(exist_ok=True)
            path.write_text(seen, encoding="utf-8")
        expected = path.read_text(encoding="utf-8")
        difference = "".join(
            difflib.unified_diff(
                expected.splitlines(keepends=True), seen.splitlines(keepends=True), str(path.name), "seen"
            )
        )
        assert not difference, f"{difference}\nINTERLOCK_GOLDEN=write pytest tests/cli writes it anew"
        return seen
