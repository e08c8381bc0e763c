"""What is lost in the middle: the answer to COMMIT, the database, Interlock, the lease: never guessed."""
# Long: one execution, and everything that can be lost in its middle, in the order of its steps.

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest

from interlock.cli.seams import pause
from interlock.client import ProblemAnswer, ServerAway
from interlock.runners.adjust import (
    Asker,
    CannotTell,
    Job,
    NotReported,
    execute,
    failures,
    markers,
    resolve,
    resolving,
    sessions,
    transaction,
)
from interlock.runners.connections import Connection
from interlock.runners.leases import MARGIN_SECONDS, RETRY_SECONDS, Lease, kept_lease
from tests.ledger.proxy import Wire, wire_to
from tests.runners.shop import Project
from tests.runners.test_executing import ATTEMPT, DONE
from tests.runners.two import until


async def test_a_commit_that_postgresql_answers_with_rollback_is_none(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, commit = project.authorized(), transaction.Work.commit

    async def broken(work: transaction.Work) -> bool:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await work.working.execute("select 1 / 0")
        return await commit(work)

    monkeypatch.setattr(transaction.Work, "commit", broken)
    with pytest.raises(failures.Stopped, match="PostgreSQL rolled back where COMMIT was asked"):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]
    assert project.events(job.adjustment)[-1]["data"]["transaction"] == "rolled_back"


def over(wire: Wire, project: Project) -> Connection:
    """The same database, reached by a wire."""
    return Connection("production", wire.dsn, backups=project.shop.backups)


async def test_a_lost_answer_to_commit_is_read_from_the_marker(project: Project, tmp_path: Path) -> None:
    job = project.authorized()
    async with wire_to(project.shop.connection().dsn, tmp_path) as wire:

        async def reached(step: str) -> None:
            if step == "committing":
                wire.cut_at_answer = True

        done = await execute(project.asker("operator-1", reached), job, over(wire, project))
    assert not wire.cut_at_answer
    assert project.shop.rows(DONE) == [(5,)]
    assert project.happened(job.adjustment)[-3:] == ATTEMPT
    assert done.outcome is not None
    assert project.events(job.adjustment)[-1]["data"]["duration_ms"] == done.outcome.duration_ms


async def test_a_database_that_does_not_answer_at_first_is_asked_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, read = project.authorized(), resolving.read_marker
    answers = [CannotTell("away"), failures.StillRunning("running")]

    async def reading(*arguments: Any) -> Any:
        if answers:
            raise answers.pop()
        return await read(*arguments)

    async with wire_to(project.shop.connection().dsn, tmp_path) as wire:

        async def reached(step: str) -> None:
            if step == "committing":
                wire.cut_at_answer = True
                monkeypatch.setattr(resolving, "read_marker", reading)

        asker = Asker(project.served["operator-1"], clock=monotonic, sleep=at_once, reached=reached)
        await execute(asker, job, over(wire, project))
    assert not answers
    assert project.happened(job.adjustment)[-3:] == ATTEMPT


async def test_a_commit_that_never_arrived_is_rolled_back_and_said_so(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wire, "carry", half_open)
    job = project.authorized()
    async with wire_to(project.shop.connection().dsn, tmp_path) as wire:

        async def reached(step: str) -> None:
            # The old session stays open at the server's end: nobody tells it that the wire is dead.
            wire.silent = step == "committing"
            if wire.silent:
                # Only from here on nobody is waited for long: what comes before may take its time.
                monkeypatch.setattr(transaction, "COMMIT_SECONDS", 0.3)
                monkeypatch.setattr(sessions, "QUICK_SECONDS", 0.5)
                monkeypatch.setitem(sessions.SETTINGS, "lock_timeout", "200ms")

        asker = project.asker("operator-1", reached)
        monkeypatch.setattr(resolving, "read_marker", lifted(resolving.read_marker, wire))
        with pytest.raises(failures.Stopped, match="it was rolled back"):
            await execute(asker, job, over(wire, project))
    assert project.shop.rows(DONE) == [(0,)]
    assert project.happened(job.adjustment)[-2:] == ["DataAdjustStarted", "DataAdjustFailed"]
    assert project.events(job.adjustment)[-1]["data"]["transaction"] == "rolled_back"
    await execute(project.asker("operator-1"), job, project.shop.connection())
    assert project.happened(job.adjustment).count("DataAdjustExecuted") == 1


async def half_open(self: Wire, reader: Any, writer: Any, *, answers: bool) -> None:
    """Carry words until the client is gone, and never tell the server that it is."""
    with suppress(OSError):
        while words := await reader.read(65536):
            if not self.silent:
                writer.write(words)
                await writer.drain()
    if not answers:
        await asyncio.Event().wait()
    writer.close()


def lifted(read: Callable[..., Any], wire: Wire) -> Callable[..., Any]:
    """The wire works again when the marker is asked for."""

    async def reading(*arguments: Any) -> Any:
        wire.silent = False
        return await read(*arguments)

    return reading


async def test_a_lost_session_that_has_not_noticed_it_is_ended_by_whoever_asks_for_its_marker(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sessions.SETTINGS, "lock_timeout", "200ms")
    job, connection = project.authorized(), project.shop.connection()
    for token, kind in ((7, "interlock-adjust"), (8, "anything else")):
        monkeypatch.setitem(sessions.SETTINGS, "application_name", kind)
        session = await sessions.connect(connection.dsn)
        monkeypatch.setitem(sessions.SETTINGS, "application_name", "interlock-adjust")
        backend = session.get_server_pid()
        await session.execute("begin")
        await markers.claim(session, markers.marker_of(job.adjustment, token), job.adjustment, job.bound_digest)
        asked = (connection, job.plan, job.adjustment, token, backend)
        if kind == "interlock-adjust":
            assert await resolving.read_marker(*asked) == ("rolled_back", None)
        else:
            # After a restart of the server the number may be anybody's.
            with pytest.raises(failures.StillRunning):
                await resolving.read_marker(*asked)
        session.terminate()


async def test_the_marker_of_another_database_is_never_asked(project: Project) -> None:
    job = project.authorized()
    with pytest.raises(failures.WrongDatabase):
        await resolving.read_marker(project.shop.connection("scratch"), job.plan, job.adjustment, 1)


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_outcome_that_nobody_can_read_is_unknown_until_the_next_look(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    monkeypatch.setattr(resolving, "SETTLE_SECONDS", 0.0)
    job = project.authorized()

    async def away(*arguments: Any) -> Any:
        raise CannotTell("away")

    read = resolving.read_marker
    async with wire_to(project.shop.connection().dsn, tmp_path) as wire:

        async def reached(step: str) -> None:
            if step == "committing":
                monkeypatch.setattr(resolving, "read_marker", away)
                wire.cut_at_answer = arrived
                if not arrived:
                    for writer in wire.writers:
                        writer.transport.abort()

        with pytest.raises(CannotTell):
            await execute(project.asker("operator-1", reached), job, over(wire, project))
    assert project.events(job.adjustment)[-1]["data"]["transaction"] == "unknown"
    # Nothing else is started meanwhile, and a look that cannot reach the database changes nothing.
    with pytest.raises(CannotTell):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    monkeypatch.setattr(resolving, "read_marker", read)
    operator = project.asker("operator-1")
    settled = await resolve(operator, job.adjustment, job.plan, project.shop.connection(), begun_only=True)
    assert settled is not None
    assert settled.ending == ("executed" if arrived else "rolled_back")
    last = project.events(job.adjustment)[-1]
    assert last["type"] == ("DataAdjustExecuted" if arrived else "DataAdjustFailed")
    assert last["data"]["by_marker"]
    assert project.shop.rows(DONE) == [(5 if arrived else 0,)]
    assert await resolve(operator, job.adjustment, job.plan, project.shop.connection()) is None
    calm(project)


def calm(project: Project) -> None:
    """Other tests share the server: an unknown outcome left production unsure, which takes two persons."""
    for problem in project.served["anton"].get("/problems", environment="production")["problems"]:
        fields = {"problem": problem["problem"], "reason": "a test's"}
        project.served["rm-1"].command("DismissProblem", fields)
    fields = {"environment": "production", "state": "empty", "reason": "a test's", "schema_digest": project.shop.digest}
    project.served.by_two("StateContent", fields, asks="rm-1", confirms="qa-1")


async def test_an_execution_that_could_not_be_told_is_told_by_the_next_look(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = project.authorized()
    mute = Mute(project.served["operator-1"])

    async def reached(step: str) -> None:
        mute.mute = step == "committed"

    asker = Asker(mute, clock=Hurried(), sleep=at_once, reached=reached)
    with pytest.raises(NotReported) as lost:
        await execute(asker, job, project.shop.connection())
    assert lost.value.committed is True
    assert project.happened(job.adjustment)[-1] == "DataAdjustStarted"
    assert project.shop.rows(DONE) == [(5,)]
    settled = await resolve(project.asker("operator-1"), job.adjustment, job.plan, project.shop.connection())
    assert settled is not None
    assert settled.ending == "executed"
    assert project.happened(job.adjustment)[-3:] == ATTEMPT


async def test_without_an_answer_to_the_question_nothing_is_committed(project: Project) -> None:
    job = project.authorized()
    mute = Mute(project.served["operator-1"])

    async def reached(step: str) -> None:
        mute.mute = step == "commit-asking"

    # The question arrived and the answer did not: the record says that it may have been committed, and it was not.
    asker = Asker(mute, clock=Hurried(), sleep=at_once, reached=reached)
    with pytest.raises(NotReported) as lost:
        await execute(asker, job, project.shop.connection())
    assert lost.value.committed is False
    assert project.shop.rows(DONE) == [(0,)]


async def test_a_start_whose_answer_was_lost_is_asked_again_and_settled_before_another(project: Project) -> None:
    job = project.authorized()
    mute = Late(project.served["operator-1"])

    async def reached(step: str) -> None:
        mute.mute = step == "start-asking"

    asker = Asker(mute, clock=Hurried(), sleep=at_once, reached=reached)
    with pytest.raises(NotReported):
        await execute(asker, job, project.shop.connection())
    # What is read is late and does not show the lease yet: the same question has the same answer.
    mute.mute, mute.late = False, 2
    done = await execute(Asker(mute, clock=Hurried(), sleep=at_once), job, project.shop.connection())
    assert not done.resolved
    assert mute.late == 0
    assert project.happened(job.adjustment)[-4:] == ["DataAdjustFailed", *ATTEMPT]


class Mute:
    """An Interlock whose answers are lost while `mute`: the commands arrive."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.project = client.project
        self.mute = False

    @property
    def server_now(self) -> datetime | None:
        now: datetime | None = self.client.server_now
        return now

    def command(self, name: str, fields: Mapping[str, Any], *, idempotency_key: Any = None) -> dict[str, Any]:
        if self.mute and name not in {"CommitAdjustment", "StartAdjustment"}:
            raise ServerAway("http://nowhere", "away", 3, 1.0)
        answer: dict[str, Any] = self.client.command(name, fields, idempotency_key=idempotency_key)
        if self.mute:
            raise ServerAway("http://nowhere", "away", 3, 1.0)
        return answer

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(path, **query)
        return answer


class Late(Mute):
    """An Interlock whose list of leases is late for the next looks."""

    late = 0

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        if self.late and query.get("type") == "LeaseGranted":
            self.late -= 1
            return {"events": []}
        return super().get(path, **query)


class Hurried:
    """A clock on which a second passes at each look, so that nobody waits for a minute."""

    def __init__(self, step: float = 1.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


async def at_once(seconds: float) -> None:
    """Let others work, and wait no longer than a moment."""
    await pause(min(seconds, 0.01))


# -- the lease


async def test_the_work_is_ended_before_the_lease_is(project: Project) -> None:
    script = "select pg_sleep(600); update trades.fills set price = 1 where id = 1"
    job: Job = project.authorized(script=script, precondition="select true", effect="select true", rows=(1, 1))
    # Nobody renews it, and time flies: 900 s of a lease in a few looks at the clock.
    deaf = Deaf(project.served["operator-1"])
    asker = Asker(deaf, clock=Hurried(40.0), sleep=at_once)
    with pytest.raises(failures.LeaseLost):
        await execute(asker, job, project.shop.connection())
    assert deaf.renewals > 0
    sleeping = "select count(*) from pg_stat_activity where application_name = 'interlock-adjust' and state = 'active'"
    # PostgreSQL was told to end it, and does so a moment later; by itself it would sleep on.
    await until(lambda: project.shop.rows(sleeping) == [(0,)])
    assert project.happened(job.adjustment)[-1] == "DataAdjustFailed"


@pytest.mark.parametrize("step", ["backup-reported", "commit-allowed"])
async def test_when_a_lease_may_be_over_nothing_is_committed_any_more(project: Project, step: str) -> None:
    job, ahead = project.authorized(), [0.0]

    late_at = step

    async def reached(step: str) -> None:
        if step == late_at:
            ahead[0] = 870.0

    asker = Asker(project.served["operator-1"], clock=lambda: monotonic() + ahead[0], sleep=pause, reached=reached)
    with pytest.raises(failures.LeaseLost):
        await execute(asker, job, project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]
    # Where it was known before the question, the question was not asked.
    assert ("DataAdjustStarted" in project.happened(job.adjustment)) == (step == "commit-allowed")


class Deaf(Mute):
    """An Interlock that does not answer renewals."""

    renewals = 0

    def command(self, name: str, fields: Mapping[str, Any], *, idempotency_key: Any = None) -> dict[str, Any]:
        if name == "RenewLease":
            self.renewals += 1
            raise ServerAway("http://nowhere", "away", 3, 1.0)
        return super().command(name, fields, idempotency_key=idempotency_key)


class Renewing:
    """Renews a lease of 300 s as often as it is asked, or refuses, or is away."""

    project = "demo"
    server_now = None

    def __init__(self, answers: list[str]) -> None:
        self.answers, self.keys = answers, set[str]()
        self.now = datetime(2026, 11, 26, tzinfo=UTC)

    def command(self, name: str, fields: Mapping[str, Any], *, idempotency_key: Any = None) -> dict[str, Any]:
        assert (name, fields) == ("RenewLease", {"environment": "production", "lease": "L-1", "fencing_token": 7})
        self.keys.add(str(idempotency_key))
        answer = self.answers.pop(0)
        if answer == "refused":
            raise ProblemAnswer({"type": "/problems/refused"}, 409)
        if answer == "away":
            raise ServerAway("http://nowhere", "away", 3, 1.0)
        data = {"lease": "L-1", "expires_at": (self.now + timedelta(seconds=300)).isoformat()}
        renewed = {"type": "LeaseRenewed", "data": data, "recorded_at": self.now.isoformat()}
        return {"events": [renewed] if answer == "renewed" else []}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        raise AssertionError(path)


async def kept(answers: list[str], *, until_answers_left: int | None = None) -> tuple[Lease, list[float], int]:
    """Keep a lease with simulated time until the work is ended, or that many answers are left."""
    now, ended = [0.0], []
    interlock = Renewing(answers)
    started = len(answers)

    async def sleeping(seconds: float) -> None:
        now[0] += seconds
        await pause(0)

    async def end_work() -> None:
        ended.append(now[0])

    lease = Lease("production", "L-1", 7, seconds=300.0, until=300.0)
    asker = Asker(interlock, clock=lambda: now[0], sleep=sleeping)
    async with kept_lease(asker, lease, end_work):
        while not ended and (until_answers_left is None or len(interlock.answers) > until_answers_left):
            await pause(0.001)
    assert len(interlock.keys) == started - len(interlock.answers)
    return lease, ended, started - len(interlock.answers)


async def test_a_lease_is_renewed_each_third_of_its_time() -> None:
    lease, ended, asked = await kept(["renewed"] * 50, until_answers_left=40)
    assert not ended
    assert not lease.lost
    assert asked >= 10
    # It counts from before each question, never from its answer.
    assert 300.0 + 100.0 * (asked - 1) <= lease.until <= 300.0 + 100.0 * asked


def test_a_lease_that_may_be_over_before_the_next_step_is_done_is_lost() -> None:
    lease = Lease("production", "L-1", 7, seconds=300.0, until=300.0)
    lease.check(300.0 - MARGIN_SECONDS)
    with pytest.raises(failures.LeaseLost):
        lease.check(300.1 - MARGIN_SECONDS)


async def test_a_refused_renewal_ends_the_work_at_once() -> None:
    lease, ended, _ = await kept(["renewed", "refused", "renewed"])
    assert lease.lost
    assert ended == [200.0]


async def test_after_an_answer_that_was_lost_a_lease_is_renewed_each_third_of_its_time_again() -> None:
    _, ended, _ = await kept(["away", "renewed", "renewed", "refused"])
    assert ended == [100.0 + RETRY_SECONDS + 100.0 + 100.0]


@pytest.mark.parametrize("answer", ["away", "early"])
async def test_renewals_without_effect_end_the_work_before_the_lease_is_over(answer: str) -> None:
    lease, ended, _ = await kept([answer] * 200)
    assert lease.lost
    [at] = ended
    assert at == 300.0 - MARGIN_SECONDS
    with pytest.raises(failures.LeaseLost):
        lease.check(0.0)
