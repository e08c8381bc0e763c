"""An adjustment executed on a real database, with a real Interlock: what it does, and what keeps it from doing it."""
# Long: one execution, step by step: what it does at each, and what keeps it from it.

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any, cast

import asyncpg
import pytest

from interlock.domain.scripts import Statement
from interlock.runners.adjust import (
    OtherBytes,
    Refused,
    Stopped,
    execute,
    failures,
    resolve,
    sessions,
    tables,
    transaction,
)
from interlock.runners.adjust.backup import read_backup
from interlock.runners.adjust.job import Job, job_of
from interlock.runners.connections import NotConfigured
from tests.runners.shop import SCRIPT, Project

DONE = "select count(*) from trades.fills where id <= 10 and symbol = 'ABC' and price = id / 4.0"
ATTEMPT = ["DataAdjustBackupTaken", "DataAdjustStarted", "DataAdjustExecuted"]


async def test_what_is_authorized_is_executed_backed_up_and_recorded(project: Project) -> None:
    job = project.authorized()
    done = await execute(project.asker("operator-1"), job, project.shop.connection())
    assert done.outcome is not None
    assert [(each.command, each.rows) for each in done.outcome.statements] == [("UPDATE", 5)]
    assert project.shop.rows(DONE) == [(5,)]
    assert project.happened(job.adjustment)[-3:] == ATTEMPT
    backup, started, executed = project.events(job.adjustment)[-3:]
    about, kept = read_backup(project.shop.backups / f"{job.adjustment}-{done.token}.jsonl")
    assert done.backup is not None
    assert (backup["data"]["backup_digest"], backup["data"]["rows"]) == (done.backup.digest, kept.rows)
    assert about["bound_digest"] == job.bound_digest
    assert (started["data"]["before"], started["data"]["after"]) == (kept.before_digest, kept.after_digest)
    assert executed["data"]["statements"] == done.outcome.fields()["statements"]
    assert project.shop.rows("select marker, kind, bound_digest, written_by from interlock_adjust.marker") == [
        (f"{job.adjustment}/{done.token}", "executed", job.bound_digest, "interlock_adjust")
    ]


async def test_it_is_executed_once(project: Project) -> None:
    job = project.authorized()
    await execute(project.asker("operator-1"), job, project.shop.connection())
    with pytest.raises(Refused) as refusal:
        await execute(project.asker("operator-1"), job, project.shop.connection())
    failed = [each["check"] for each in refusal.value.problem.decision["checks"] if each["state"] == "failed"]  # type: ignore[attr-defined]
    assert "adjustment-open" in failed
    assert project.shop.rows(DONE) == [(5,)]
    assert project.happened(job.adjustment).count("DataAdjustExecuted") == 1


async def test_nobody_but_the_operator_executes_it(project: Project) -> None:
    job = project.authorized()
    for person in ("dev-2", "qa-1", "anton"):
        with pytest.raises(Refused):
            await execute(project.asker(person), job, project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]
    assert project.happened(job.adjustment)[-1] == "DataAdjustAuthorized"


STOPS: dict[str, tuple[dict[str, Any], type[Stopped], str]] = {
    "a precondition is false": (
        {"precondition": "select true; select false"},
        failures.PreconditionFalse,
        "query 2 gave False",
    ),
    "a precondition is null": ({"precondition": "select null::boolean"}, failures.PreconditionFalse, "gave None"),
    "a precondition is no boolean": ({"precondition": "select 1"}, failures.PreconditionFalse, "no single boolean"),
    "a precondition gives no row": (
        {"precondition": "select true where false"},
        failures.PreconditionFalse,
        "no single boolean",
    ),
    "a precondition gives two rows": (
        {"precondition": "select true from trades.fills"},
        failures.PreconditionFalse,
        "no single boolean",
    ),
    "a precondition gives two columns": (
        {"precondition": "select true, true"},
        failures.PreconditionFalse,
        "no single boolean",
    ),
    "a precondition changes something": (
        {"precondition": "select trades.forget()"},
        failures.StatementRefused,
        "read-only",
    ),
    "an effect is false": ({"effect": "select count(*) = 41 from trades.fees"}, failures.EffectFalse, "gave False"),
    "too few rows are touched": ({"rows": (6, 9)}, failures.UnexpectedRows, "5 rows; 6 to 9"),
    "too many rows are touched": ({"rows": (1, 4)}, failures.UnexpectedRows, "5 rows"),
    "a cascade leaves the targets": (
        {"script": "delete from trades.fills where id < 3", "rows": (2, 4)},
        failures.OutsideTargets,
        "trades.fees",
    ),
    "a trigger leaves the targets": (
        {"script": "insert into trades.watched values (1)", "rows": (1, 2), "tables": ("trades.watched",)},
        failures.OutsideTargets,
        "trades.ledger_of_changes",
    ),
    "a statement leaves the targets": (
        {"script": f"{SCRIPT}; delete from trades.notes"},
        failures.OutsideTargets,
        "trades.notes",
    ),
    "the markers are touched": (
        {
            "script": f"{SCRIPT}; insert into interlock_adjust.marker (marker, kind, adjustment)"
            " values ('ADJ-9/9', 'executed', 'ADJ-9')"
        },
        failures.OutsideTargets,
        "interlock_adjust.marker",
    ),
    "a function changes the schema": (
        {"script": f"{SCRIPT}; select trades.grow()"},
        failures.SchemaChanged,
        "the script changed the schema",
    ),
    "a constraint is broken": (
        {"script": "insert into trades.fees values (1, 'broker', 9)", "tables": ("trades.fees",)},
        failures.StatementRefused,
        r"duplicate key[^(]+Key \(fill, what\)=\(1, broker\) already exists\.$",
    ),
    "a deferred constraint is broken": (
        {"script": "update trades.pairs set twin = 77 where id = 1", "tables": ("trades.pairs",), "rows": (1, 1)},
        failures.StatementRefused,
        "foreign key",
    ),
    "the role may not write the target": (
        {"script": "delete from trades.ledger_of_changes", "tables": ("trades.ledger_of_changes",)},
        failures.StatementRefused,
        "permission denied",
    ),
    "a target is missing": ({"tables": ("trades.fills", "trades.none")}, failures.UnfitTarget, "trades.none"),
    "a target is PostgreSQL's own": (
        {"tables": ("trades.fills", "pg_catalog.pg_class")},
        failures.UnfitTarget,
        "belongs to PostgreSQL",
    ),
}


@pytest.mark.parametrize("case", STOPS.values(), ids=STOPS.keys())
async def test_it_is_rolled_back_and_recorded_when(
    project: Project, case: tuple[dict[str, Any], type[Stopped], str]
) -> None:
    more, error, text = case
    job = project.authorized(**more)
    before = project.shop.rows("select (f.*)::text from trades.fills f")
    with pytest.raises(error, match=text):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    assert project.shop.rows("select (f.*)::text from trades.fills f") == before
    assert project.shop.rows("select to_regclass('trades.grown') is null, count(*) from interlock_adjust.marker") == [
        (True, 0)
    ]
    last = project.events(job.adjustment)[-1]
    assert (last["type"], last["data"]["transaction"]) == ("DataAdjustFailed", "rolled_back")
    assert not project.shop.backups.exists()
    # Nobody holds production any more: it may be tried again.
    assert not project.served["anton"].get("/environments/production").get("lease")


async def test_what_a_row_held_is_told_to_the_operator_and_never_recorded(project: Project) -> None:
    script = "update trades.fills set quantity = symbol::int where id = 2"
    job = project.authorized(script=script)
    with pytest.raises(failures.StatementRefused, match="ABC"):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    error = project.events(job.adjustment)[-1]["data"]["error"]
    assert "ABC" not in error
    assert error == "statement 1 (UPDATE): InvalidTextRepresentationError (22P02)"


async def test_what_touched_too_many_rows_goes_on_to_no_next_statement(project: Project) -> None:
    script = "update trades.fills set price = 1; update trades.fills set price = 2 where id = 1"
    job, steps = project.authorized(script=script, rows=(1, 39)), list[str]()

    async def reached(step: str) -> None:
        steps.append(step)

    with pytest.raises(failures.UnexpectedRows, match="it touched 40 rows"):
        await execute(project.asker("operator-1", reached), job, project.shop.connection())
    assert steps[-3:] == ["precondition-held", "rolled-back", "failure-reported"]


async def test_a_locked_table_is_waited_for_and_no_longer(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sessions.SETTINGS, "lock_timeout", "100ms")
    job = project.authorized()
    async with project.shop.server.session("postgres", project.shop.production) as somebody:
        await somebody.execute("begin; update trades.fills set price = 0 where id = 40")
        with pytest.raises(failures.StatementRefused, match="somebody else holds it"):
            await execute(project.asker("operator-1"), job, project.shop.connection())
    await execute(project.asker("operator-1"), job, project.shop.connection())


@pytest.mark.parametrize("text", [f"{SCRIPT}; commit", "commit", "", "rollback and chain", "delete from trades.fees"])
async def test_no_job_smuggles_a_second_command_or_an_end(project: Project, text: str) -> None:
    job = project.authorized()
    odd = Statement(number=2, text=text, command="UPDATE", digest=job.script[0].digest)
    with pytest.raises(failures.StatementRefused, match="statement 2"):
        await execute(project.asker("operator-1"), replace(job, script=(*job.script, odd)), project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]
    assert project.happened(job.adjustment)[-1] == "DataAdjustFailed"


async def test_postgresql_takes_one_command_at_a_time(project: Project) -> None:
    # What the admission would miss, the protocol refuses.
    session = await sessions.connect(project.shop.connection().dsn)
    with pytest.raises(asyncpg.PostgresSyntaxError, match="multiple commands"):
        await session.prepare(f"{SCRIPT}; commit")
    await sessions.end_of(session)


async def test_what_a_statement_selects_is_computed_to_its_last_row(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "PAGE_ROWS", 1)
    job = project.authorized(script=f"{SCRIPT}; select 1 / (3 - n) from generate_series(1, 3) as n")
    with pytest.raises(failures.StatementRefused, match="division by zero"):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]


async def test_where_a_rollback_is_not_answered_the_session_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Any] = []

    class Silent:
        def is_closed(self) -> bool:
            return False

        async def execute(self, *_: Any, **__: Any) -> None:
            raise TimeoutError

    async def terminate(*which: Any) -> None:
        ended.append(which)

    monkeypatch.setattr(sessions, "terminate", terminate)
    working, witness = cast("Any", Silent()), cast("Any", Silent())
    work = transaction.Work(cast("Any", None), working, witness, 7, monotonic, cast("Any", None), open=object())
    await work.roll_back()
    assert ended == [(working, 7, witness)]


def test_a_statement_that_took_too_long_is_told_with_the_limit() -> None:
    with pytest.raises(failures.StatementRefused, match=rf"at most {sessions.STATEMENT_SECONDS} s a statement"):
        with transaction.named_failures("statement 1 (UPDATE)"):
            raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")


async def test_another_database_is_left_alone(project: Project) -> None:
    job = project.authorized()
    elsewhere = project.shop.connection("scratch")
    with pytest.raises(failures.WrongDatabase):
        await execute(project.asker("operator-1"), job, elsewhere)
    assert project.happened(job.adjustment)[-1] == "DataAdjustAuthorized"
    assert project.shop.rows(DONE, database=project.shop.scratch) == [(0,)]


async def test_a_superuser_is_no_role_to_adjust_data_with(project: Project) -> None:
    job = project.authorized()
    with pytest.raises(failures.UnfitSession, match="superuser"):
        await execute(project.asker("operator-1"), job, project.shop.connection(role="postgres"))
    assert project.happened(job.adjustment)[-1] == "DataAdjustAuthorized"


async def test_without_a_place_for_backups_nothing_begins(project: Project) -> None:
    job = project.authorized()
    with pytest.raises(NotConfigured, match="backups"):
        await execute(project.asker("operator-1"), job, replace(project.shop.connection(), backups=None))
    assert project.happened(job.adjustment)[-1] == "DataAdjustAuthorized"


async def test_a_backup_that_cannot_be_written_stops_it(project: Project) -> None:
    job = project.authorized()
    project.shop.backups.write_text("a file where the directory should be")
    with pytest.raises(failures.BackupImpossible):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]
    assert "DataAdjustBackupTaken" not in project.happened(job.adjustment)


async def test_production_whose_schema_changed_since_the_rehearsal_is_not_touched(project: Project) -> None:
    job = project.authorized()
    project.shop.rows("alter table trades.notes add column more int")
    with pytest.raises(Refused):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    assert project.happened(job.adjustment)[-1] == "DataAdjustAuthorized"


async def test_a_refused_start_is_asked_anew_when_nothing_stands_in_its_way_any_more(project: Project) -> None:
    job = project.authorized()
    project.shop.rows("create table trades.in_the_way ()")
    for _ in range(2):
        with pytest.raises(Refused):
            await execute(project.asker("operator-1"), job, project.shop.connection())
    project.shop.rows("drop table trades.in_the_way")
    assert (await execute(project.asker("operator-1"), job, project.shop.connection())).outcome is not None


async def test_a_schema_that_changes_in_the_middle_stops_it(project: Project) -> None:
    job = project.authorized()

    async def reached(step: str) -> None:
        if step == "started":
            project.shop.rows("alter table trades.notes add column more int")

    with pytest.raises(failures.SchemaChanged, match="between two looks"):
        await execute(project.asker("operator-1", reached), job, project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]


@pytest.mark.parametrize(
    "place, look, other, why",
    [
        (tables, "targets_of", {"allowed": frozenset({1})}, failures.UnfitTarget),
        (transaction, "identity_of", {"database": "another"}, failures.WrongDatabase),
    ],
    ids=["targets", "database"],
)
async def test_what_is_another_once_it_is_locked_is_left_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch, place: Any, look: str, other: dict[str, Any], why: type[Stopped]
) -> None:
    job, first, looks = project.authorized(), getattr(place, look), list[Any]()

    async def changing(*asked: Any) -> Any:
        found = await first(*asked)
        looks.append(found)
        return found if len(looks) == 1 else replace(found, **other)

    monkeypatch.setattr(place, look, changing)
    with pytest.raises(why):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    assert len(looks) == 2
    assert project.shop.rows(DONE) == [(0,)]


async def test_what_ran_in_another_transaction_than_was_begun_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, numbers = project.authorized(), iter("12")

    async def another(_work: transaction.Work) -> str:
        return next(numbers)

    monkeypatch.setattr(transaction.Work, "_transaction_id", another)
    with pytest.raises(failures.StatementRefused, match="another one than was begun"):
        await execute(project.asker("operator-1"), job, project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]


async def test_an_authorization_taken_away_in_the_middle_stops_the_commit(project: Project) -> None:
    job = project.authorized()

    async def reached(step: str) -> None:
        if step == "commit-asking":
            assert project.served["anton"].get("/environments/production")["lease"]
            fields = {"adjustment": job.adjustment, "bound_digest": job.bound_digest, "reason": "second thoughts"}
            project.served["qa-1"].command("RejectAdjustment", fields)

    with pytest.raises(Refused):
        await execute(project.asker("operator-1", reached), job, project.shop.connection())
    assert project.shop.rows(DONE) == [(0,)]
    assert project.happened(job.adjustment)[-2:] == ["DataAdjustRejected", "DataAdjustFailed"]


async def test_precondition_and_effect_see_one_state_of_the_tables_that_others_write(project: Project) -> None:
    query = "select count(*) = 5 from trades.notes"
    job = project.authorized(precondition=query, effect=query)

    async def reached(step: str) -> None:
        if step == "precondition-held":
            project.shop.rows("insert into trades.notes values ('meanwhile') returning 1")

    await execute(project.asker("operator-1", reached), job, project.shop.connection())
    assert project.shop.rows("select count(*) from trades.notes") == [(6,)]


async def test_somebody_elses_rows_are_not_among_the_touched_ones(project: Project) -> None:
    job = project.authorized()

    async def reached(step: str) -> None:
        if step == "looked":
            project.shop.rows("update trades.fills set price = 7 where id = 33 returning 1")

    done = await execute(project.asker("operator-1", reached), job, project.shop.connection())
    _, kept = read_backup(project.shop.backups / f"{job.adjustment}-{done.token}.jsonl")
    assert kept.rows == 5


async def test_nothing_is_settled_where_nothing_is_open(project: Project) -> None:
    job = project.authorized()
    operator = project.asker("operator-1")
    assert await resolve(operator, job.adjustment, job.plan, project.shop.connection()) is None
    await execute(operator, job, project.shop.connection())
    assert await resolve(operator, job.adjustment, job.plan, project.shop.connection()) is None


async def test_a_runner_whose_attempt_was_settled_by_somebody_finds_the_tombstone(project: Project) -> None:
    job = project.authorized()
    operator, connection = project.asker("operator-1"), project.shop.connection()

    async def reached(step: str) -> None:
        if step == "started":
            settled = await resolve(operator, job.adjustment, job.plan, connection)
            assert settled is not None
            assert settled.ending == "rolled_back"

    with pytest.raises(failures.MarkerTaken):
        await execute(project.asker("operator-1", reached), job, connection)
    assert project.shop.rows(DONE) == [(0,)]
    await execute(operator, job, connection)
    assert project.happened(job.adjustment).count("DataAdjustExecuted") == 1


async def test_while_it_runs_nobody_settles_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sessions.SETTINGS, "lock_timeout", "100ms")
    job, connection = project.authorized(), project.shop.connection()
    asked: list[Any] = []

    async def reached(step: str) -> None:
        if step in {"marker-written", "commit-allowed"}:
            for begun_only in (True, False):
                try:
                    who = project.asker("operator-1")
                    asked.append(await resolve(who, job.adjustment, job.plan, connection, begun_only=begun_only))
                except failures.StillRunning:
                    asked.append("running")

    await execute(project.asker("operator-1", reached), job, connection)
    assert asked == [None, "running", "running", "running"]
    assert project.happened(job.adjustment)[-3:] == ATTEMPT


def test_other_bytes_than_the_plan_names_are_no_job(project: Project) -> None:
    job = project.requested()
    for digest in (job.plan.script_digest, job.plan.precondition_digest, job.plan.expected_effect.queries_digest):
        evidence = {**project.evidence, digest: b"select true"}
        with pytest.raises(OtherBytes):
            job_of(job.adjustment, job.plan, evidence.__getitem__)


def test_a_job_is_the_plan_that_it_is_bound_to(project: Project) -> None:
    job: Job = project.requested()
    assert job.bound_digest == project.events(job.adjustment)[0]["data"]["bound_digest"]
