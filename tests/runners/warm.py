"""A warm process that forks a runner for each line it reads: a runner that can be killed, and starts at once.

A line is a JSON object: url, project, token, now, dsn, backups, adjustment, plan, evidence, step, what ("kill": the
runner kills itself at the step; "wait": it says that it is there and goes on when it is told), flag (a path). Where it
has identities, it is about a restore from source to dsn, with its dumps in backups.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from interlock.cli.seams import pause
from interlock.client import Client
from interlock.events.catalogue.parts import AdjustmentPlan, Identity
from interlock.events.codec import fact_of
from interlock.runners.adjust import Asker, execute, job_of
from interlock.runners.connections import Connection
from interlock.runners.means import Means
from interlock.runners.restoring import Registered, Restoring, restore
from tests.runners.forking import forks, stops_at


def client_of(spec: dict[str, Any]) -> Client:
    now = datetime.fromisoformat(spec["now"])
    names: dict[str, Any] = {"clock": time.monotonic, "sleep": time.sleep, "new_id": uuid4, "now": now}
    return Client(spec["url"], spec["project"], spec["token"], **names)


async def run(spec: dict[str, Any]) -> str:
    asker = Asker(client_of(spec), clock=time.monotonic, sleep=pause, reached=stops_at(spec))
    if "identities" in spec:
        return await restored(asker, spec)
    evidence = {digest: text.encode() for digest, text in spec["evidence"].items()}
    job = job_of(spec["adjustment"], fact_of(AdjustmentPlan, spec["plan"]), evidence.__getitem__)
    connection = Connection("production", spec["dsn"], backups=Path(spec["backups"]))
    try:
        await execute(asker, job, connection)
    except Exception as stopped:
        return type(stopped).__name__
    return "Executed"


async def restored(asker: Asker, spec: dict[str, Any]) -> str:
    """A restore; its step `filling` is in the middle of pg_restore."""

    def told(line: str) -> None:
        if spec["step"] == "filling" and line.endswith("is filled"):
            os.kill(os.getpid(), signal.SIGKILL)

    source, target = Connection("production", spec["source"]), Connection("scratch", spec["dsn"])
    identities = {name: fact_of(Identity, identity) for name, identity in spec["identities"].items()}
    registered, client = Registered(identities, "production"), client_of(spec)
    means = Means(time.monotonic, pause, dict(os.environ), told)
    try:
        await restore(
            asker, Restoring(source, target, 2, Path(spec["backups"])), registered, client.put_evidence, means
        )
    except Exception as stopped:
        return type(stopped).__name__
    return "Restored"


if __name__ == "__main__":
    forks(run)
