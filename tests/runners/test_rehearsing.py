"""A rehearsal: the same work on production's data elsewhere, always rolled back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest

from interlock.cli.seams import pause
from interlock.client import ProblemAnswer, ServerAway
from interlock.runners.adjust import Asker, NotReported, Refused, failures, rehearse, rehearsing, sessions
from interlock.runners.adjust.executing import ERROR_CHARACTERS_MAX
from interlock.runners.leases import Lease
from tests.runners.shop import SCRIPT, Project
from tests.runners.test_executing import DONE
from tests.runners.test_lost import Deaf, Hurried, at_once


class Heard:
    """Interlock; `hear` is called before each command, with its name, and `lost` is the one whose answer is lost."""

    def __init__(self, client: Any, hear: Callable[[str], None] = lambda _name: None, lost: str | None = None) -> None:
        self.client, self.hear, self.lost, self.late = client, hear, lost, False
        self.project = client.project

    @property
    def server_now(self) -> datetime | None:
        now: datetime | None = self.client.server_now
        return now

    def command(self, name: str, fields: Mapping[str, Any], *, idempotency_key: Any = None) -> dict[str, Any]:
        self.hear(name)
        answer: dict[str, Any] = self.client.command(name, fields, idempotency_key=idempotency_key)
        if name == self.lost:
            self.lost = None
            raise ServerAway("http://nowhere", "away", 3, 1.0)
        return answer

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(path, **query)
        return {"events": []} if self.late and query.get("type") == "LeaseGranted" else answer


class Killed(BaseException):
    """stands for the end of the runner's process: nothing is reported"""


async def test_a_rehearsal_reports_what_happened_and_leaves_nothing(project: Project) -> None:
    job = project.requested()
    shop = project.shop
    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)
    done = await rehearse(project.asker("ci-1"), job, scratch, environment="scratch", registered=identity)
    assert shop.rows(DONE, database=shop.scratch) == [(0,)]
    assert shop.rows("select count(*) from interlock_adjust.marker", database=shop.scratch) == [(0,)]
    told = project.events(job.adjustment)[-1]
    assert told["type"] == "DataAdjustRehearsed"
    assert told["data"]["rows"] == 5
    assert told["data"]["schema_digest"] == shop.digest
    assert (told["data"]["before"], told["data"]["after"]) == (done.outcome.before, done.outcome.after)
    assert not shop.backups.exists()


async def test_a_rehearsal_that_fails_is_reported_and_can_be_repeated(project: Project) -> None:
    job = project.requested(effect="select false")
    shop = project.shop
    for _ in range(2):
        with pytest.raises(failures.EffectFalse):
            await rehearse(
                project.asker("ci-1"), job, shop.connection("scratch"), environment="scratch",
                registered=shop.identity(shop.scratch),
            )  # fmt: skip
    assert project.happened(job.adjustment)[-2:] == ["DataAdjustRehearsalFailed"] * 2


async def test_what_failed_is_rolled_back_before_that_is_told(project: Project) -> None:
    job, shop, open_then = project.requested(effect="select false"), project.shop, list[Any]()
    asking = "select count(*) from pg_stat_activity where datname = $1 and state like 'idle in transaction%'"

    def hear(name: str) -> None:
        if name == "ReportAdjustmentRehearsalFailed":
            open_then.extend(shop.rows(asking, shop.scratch))

    asker = Asker(Heard(project.served["ci-1"], hear), clock=monotonic, sleep=pause)
    with pytest.raises(failures.EffectFalse):
        await rehearse(
            asker, job, shop.connection("scratch"), environment="scratch", registered=shop.identity(shop.scratch)
        )
    assert open_then == [(0,)]


async def test_a_rehearsal_whose_start_was_answered_to_somebody_else_is_not_gone_on_with(project: Project) -> None:
    job, shop = project.requested(), project.shop
    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)
    heard = Heard(project.served["ci-1"], lost="StartAdjustmentRehearsal")
    asker = Asker(heard, clock=monotonic, sleep=pause)
    with pytest.raises(NotReported):
        await rehearse(asker, job, scratch, environment="scratch", registered=identity)
    # What is read is late and does not show the lease: the same question has the same answer, and an old lease in it.
    heard.late = True
    with pytest.raises(failures.LeaseLost, match="begun before"):
        await rehearse(asker, job, scratch, environment="scratch", registered=identity)
    heard.late = False
    await rehearse(asker, job, scratch, environment="scratch", registered=identity)
    assert project.happened(job.adjustment)[1:] == ["DataAdjustRehearsalFailed", "DataAdjustRehearsed"]


@pytest.mark.parametrize(
    "effect, unheard",
    [("select true", "ReportAdjustmentRehearsed"), ("select false", "ReportAdjustmentRehearsalFailed")],
)
async def test_a_rehearsal_that_could_not_be_told_is_ended_by_the_next(
    project: Project, effect: str, unheard: str
) -> None:
    job, shop = project.requested(effect=effect), project.shop
    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)

    def hear(name: str) -> None:
        if name == unheard:
            raise ServerAway("http://nowhere", "away", 3, 1.0)

    asker = Asker(Heard(project.served["ci-1"], hear), clock=Hurried(), sleep=at_once)
    with pytest.raises(NotReported) as lost:
        await rehearse(asker, job, scratch, environment="scratch", registered=identity)
    assert lost.value.committed is False
    assert project.happened(job.adjustment) == ["DataAdjustRequested"]
    with suppress(failures.EffectFalse):
        await rehearse(project.asker("ci-1"), job, scratch, environment="scratch", registered=identity)
    assert project.happened(job.adjustment)[1] == "DataAdjustRehearsalFailed"


async def test_nothing_is_rehearsed_in_production_itself(project: Project) -> None:
    job, shop = project.requested(), project.shop
    with pytest.raises(failures.WrongDatabase, match="production itself"):
        await rehearse(project.asker("ci-1"), job, shop.connection(), environment="scratch", registered=None)
    assert project.happened(job.adjustment) == ["DataAdjustRequested"]


async def test_another_schema_than_productions_proves_nothing(project: Project) -> None:
    job, shop = project.requested(), project.shop
    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)
    shop.rows("create table trades.more ()", database=shop.scratch)
    try:
        with pytest.raises(Refused):
            await rehearse(project.asker("ci-1"), job, scratch, environment="scratch", registered=identity)
    finally:
        shop.rows("drop table trades.more", database=shop.scratch)


async def test_a_refused_rehearsal_is_asked_for_anew_when_nothing_stands_in_its_way_any_more(project: Project) -> None:
    job, shop = project.requested(), project.shop
    where: dict[str, Any] = {"environment": "scratch", "registered": shop.identity(shop.scratch)}
    shop.rows("create table trades.more ()", database=shop.scratch)
    try:
        for _ in range(2):
            with pytest.raises(Refused):
                await rehearse(project.asker("ci-1"), job, shop.connection("scratch"), **where)
    finally:
        shop.rows("drop table trades.more", database=shop.scratch)
    assert (await rehearse(project.asker("ci-1"), job, shop.connection("scratch"), **where)).outcome is not None


async def test_what_a_row_held_is_not_recorded_of_a_rehearsal_either(project: Project) -> None:
    job, shop = project.requested(script="update trades.fills set quantity = symbol::int where id = 2"), project.shop
    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)
    with pytest.raises(failures.StatementRefused, match="ABC"):
        await rehearse(project.asker("ci-1"), job, scratch, environment="scratch", registered=identity)
    error = project.events(job.adjustment)[-1]["data"]["error"]
    assert error == "statement 1 (UPDATE): InvalidTextRepresentationError (22P02)"


async def test_a_rehearsal_is_ended_before_its_lease_is(project: Project) -> None:
    job, shop = project.requested(script=f"select pg_sleep(60); {SCRIPT}"), project.shop
    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)
    deaf = Deaf(project.served["ci-1"])
    asker = Asker(deaf, clock=Hurried(40.0), sleep=at_once)
    with pytest.raises(failures.LeaseLost):
        await rehearse(asker, job, scratch, environment="scratch", registered=identity)
    assert deaf.renewals > 0
    assert project.happened(job.adjustment)[1:] == ["DataAdjustRehearsalFailed"]


async def test_where_interlock_takes_no_word_of_it_any_more_the_reason_is_told_all_the_same(project: Project) -> None:
    job, shop = project.requested(effect="select false"), project.shop
    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)

    def hear(name: str) -> None:
        if name == "ReportAdjustmentRehearsalFailed":
            raise ProblemAnswer({"type": "/problems/refused"}, 409)

    refused = Asker(Heard(project.served["ci-1"], hear), clock=monotonic, sleep=pause)
    for asker in (refused, project.asker("ci-1")):
        with pytest.raises(failures.EffectFalse):
            await rehearse(asker, job, scratch, environment="scratch", registered=identity)
    assert project.happened(job.adjustment)[1:] == ["DataAdjustRehearsalFailed"] * 2


@pytest.mark.parametrize(
    "said, told",
    [
        ("no\nline,\0no bell\x07", "no line, no bell "),
        ("long" * ERROR_CHARACTERS_MAX, ("long" * ERROR_CHARACTERS_MAX)[:ERROR_CHARACTERS_MAX]),
        ("", "it was stopped"),
    ],
    ids=["lines", "long", "empty"],
)
async def test_what_is_told_of_a_failure_is_a_text_that_an_event_takes(said: str, told: str) -> None:
    reported: list[Any] = []

    class Reports:
        async def report(self, name: str, fields: Mapping[str, Any], *_key: object) -> None:
            reported.append((name, fields["error"]))

    stopped = failures.EffectFalse(said)
    lease, job = Lease("scratch", "lease-1", 1, 900, 900), cast("Any", SimpleNamespace(adjustment="ADJ-1"))
    assert await rehearsing._failed(cast("Any", Reports()), job, "scratch", lease, stopped) is stopped
    assert reported == [("ReportAdjustmentRehearsalFailed", told)]


@pytest.mark.parametrize("at", ["rehearsal-started", "marker-written", "rehearsal-rolled-back"])
async def test_a_rehearsal_whose_runner_died_is_ended_by_the_next(project: Project, at: str) -> None:
    job, shop = project.requested(), project.shop

    async def reached(step: str) -> None:
        if step == at:
            raise Killed

    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)
    with pytest.raises(Killed):
        await rehearse(project.asker("ci-1", reached), job, scratch, environment="scratch", registered=identity)
    await rehearse(project.asker("ci-1"), job, scratch, environment="scratch", registered=identity)
    assert project.happened(job.adjustment)[1:] == ["DataAdjustRehearsalFailed", "DataAdjustRehearsed"]


async def test_a_rehearsal_that_runs_is_not_ended_by_another(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sessions.SETTINGS, "lock_timeout", "100ms")
    job, shop = project.requested(), project.shop
    scratch, identity = shop.connection("scratch"), shop.identity(shop.scratch)

    async def reached(step: str) -> None:
        if step == "rows-kept":
            with pytest.raises(failures.StillRunning):
                await rehearse(project.asker("ci-1"), job, scratch, environment="scratch", registered=identity)

    await rehearse(project.asker("ci-1", reached), job, scratch, environment="scratch", registered=identity)
    assert project.happened(job.adjustment)[1:] == ["DataAdjustRehearsed"]
