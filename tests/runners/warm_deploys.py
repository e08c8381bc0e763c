"""A warm process that forks an executor for each line it reads: one that can be killed, and starts at once.

A line is a JSON object: url, project, token, now, config, environment, release, deploy, content, step, what ("kill":
it kills itself at the step; "wait": it says that it is there and goes on when it is told), flag (a path).
"""

from __future__ import annotations

import os
import time
import tomllib
from pathlib import Path
from typing import Any
from uuid import uuid4

from interlock.cli.seams import pause
from interlock.events.catalogue.parts import Identity
from interlock.runners.asking import Asker
from interlock.runners.deploying import Job, execute, executor_of
from interlock.runners.evidence import PutEvidence
from tests.runners.deployable import identity
from tests.runners.forking import forks, stops_at
from tests.runners.warm import client_of


def job_of(config: Path, environment: str, release: str, deploy: str, content: str, put_evidence: PutEvidence) -> Job:
    document = tomllib.loads(config.read_text(encoding="utf-8"))
    executor = executor_of(document, environment, home=config.parent, environ=os.environ)
    assert executor is not None
    registered = Identity(**identity(environment))
    return Job(
        release, deploy, content, "promote", executor, registered, os.environ, told=lambda line: None, sleep=pause,
        put_evidence=put_evidence,
    )  # fmt: skip


async def run(spec: dict[str, Any]) -> str:
    client = client_of(spec)
    asker = Asker(client, clock=time.monotonic, sleep=pause, reached=stops_at(spec))
    names = (spec["environment"], spec["release"], spec["deploy"], spec["content"])
    job = job_of(Path(spec["config"]), *names, client.put_evidence)
    try:
        await execute(asker, job, uuid4())
    except Exception as stopped:
        return f"{type(stopped).__name__}: {stopped}"
    return "Done"


if __name__ == "__main__":
    forks(run)
