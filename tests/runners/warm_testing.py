"""A warm process that forks a runner of tests for each line it reads: one that kills itself at a step.

A line is a JSON object: url, project, token, now, home, dsn, identity, step.
"""

from __future__ import annotations

import os
import signal
import time
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from interlock.cli.seams import pause
from interlock.client import Client
from interlock.events.catalogue.parts import Identity
from interlock.runners.asking import Asker
from interlock.runners.targets import target_of
from interlock.runners.testing import Job, run_tests, settings_of
from tests.runners.forking import forks
from tests.runners.heard import Heard


async def run(spec: dict[str, Any]) -> None:
    async def reached(step: str) -> None:
        if step == spec["step"]:
            os.kill(os.getpid(), signal.SIGKILL)

    names: dict[str, Any] = {"clock": time.monotonic, "sleep": time.sleep, "new_id": uuid4}
    now = datetime.fromisoformat(spec["now"])
    client = Client(spec["url"], spec["project"], spec["token"], now=now, **names)
    home, environ = Path(spec["home"]), {**os.environ, "TESTS_DSN": spec["dsn"]}
    document = tomllib.loads((home / "interlock.toml").read_text(encoding="utf-8"))
    job = Job(
        settings=settings_of(document, home=home),
        target=target_of(document, "tests", home=home, environ=environ),
        registered=Identity(**spec["identity"]),
        trigger="manual",
        attempt=uuid4(),
        environ=environ,
    )
    await run_tests(Asker(client, clock=time.monotonic, sleep=pause, reached=reached), client, job, Heard())


if __name__ == "__main__":
    forks(run)
