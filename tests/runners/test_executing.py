"""An adjustment executed on a real database, with a real Interlock: what it does, and what keeps it from doing it."""

from __future__ import annotations

from interlock.runners.adjust import execute
from tests.runners.shop import Project


async def test_what_is_authorized_is_executed_once_backed_up_and_recorded(project: Project) -> None:
    job = project.authorized()
    done = await execute(project.asker("operator-1"), job, project.shop.connection())
    assert done.outcome is not None
    assert [(each.command, each.rows) for each in done.outcome.statements] == [("UPDATE", 5)]
    assert project.shop.rows("select count(*) from trades.fills where id <= 10 and price = id / 4.0") == [(5,)]
    assert project.happened(job.adjustment)[-3:] == ["DataAdjustBackupTaken", "DataAdjustStarted", "DataAdjustExecuted"]
