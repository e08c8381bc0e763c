"""The example in docs/EVENTSOURCING.md, as it stands there, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from interlock.events.foreign import FOREIGN_CODEC
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns
from tests.eventsourcing.applications import environment
from tests.house.tree import REPOSITORY


def run(file: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, file], env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False
    )


async def test_the_example_runs_as_it_is_written(dsns: Dsns, ledger: Ledger, tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "EVENTSOURCING.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    settings = environment(dsns, "railway")
    # What the page tells to set, and nothing more.
    told = set(re.findall(r"\b([A-Z_]+)=", "".join(re.findall(r"^    export .*$", text, flags=re.MULTILINE))))
    assert told == settings.keys()
    file = tmp_path / "trains.py"
    file.write_text(example, encoding="utf-8")
    done = await asyncio.to_thread(run, file, settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["7", "1 __main__:Train.Departed", "2 __main__:Train.TrackChanged"]
    stored = [FOREIGN_CODEC.decode(row.body) for row in await ledger.read("es:railway.Trains", after=0, limit=10)]
    assert [(one.position, one.version, one.actor.id) for one in stored] == [(1, 1, "Trains"), (2, 2, "Trains")]
