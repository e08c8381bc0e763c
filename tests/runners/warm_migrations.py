"""A warm process that forks a rehearsal of migrations for each line it reads: one that can be killed, at once.

A line is a JSON object: url, project, token, now, dsn, identity, release, declared, kind, place, command, step, what
("kill": it kills itself at the step; "wait": it says that it is there and goes on when it is told), flag (a path).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from interlock.cli.seams import pause
from interlock.events.catalogue.parts import Identity, Migration
from interlock.events.codec import fact_of
from interlock.runners.asking import Asker
from interlock.runners.commands import Configured
from interlock.runners.connections import Connection
from interlock.runners.means import Means
from interlock.runners.migrating import Migrations, Rehearsal, rehearse
from tests.runners.forking import forks, stops_at
from tests.runners.warm import client_of


async def run(spec: dict[str, Any]) -> str:
    client, place = client_of(spec), Path(spec["place"])
    asker = Asker(client, clock=time.monotonic, sleep=pause, reached=stops_at(spec))
    command = Configured(tuple(spec["command"]), place.parent) if spec["command"] else None
    rehearsal = Rehearsal(
        spec["release"],
        tuple(fact_of(Migration, each) for each in spec["declared"]),
        Migrations(spec["kind"], place, command),
        Connection("stage", spec["dsn"]),
        fact_of(Identity, spec["identity"]),
    )
    means = Means(time.monotonic, pause, dict(os.environ), lambda line: None)
    try:
        await rehearse(asker, rehearsal, client.put_evidence, means)
    except Exception as stopped:
        return f"{type(stopped).__name__}: {stopped}"
    return "Done"


if __name__ == "__main__":
    forks(run)
