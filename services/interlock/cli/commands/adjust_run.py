"""What `dt adjust` does to databases, by the runner: rehearse, execute, and find out what became of an execution."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

from interlock.cli.adjusting import digest_option, read_adjustment, refused, typed_digest
from interlock.cli.change import tell
from interlock.cli.exits import OUTCOME_UNKNOWN, VERIFICATION_FAILED, WORK_FAILED, Halt
from interlock.cli.lazy import Command
from interlock.cli.names import adjustment_argument, seen
from interlock.cli.observed import registered_identity
from interlock.cli.running import asker_of, configured, connection_to
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.adjust import Job

T = TypeVar("T")
# What a person who waits is told; the other steps are for tests.
PROGRESS = {
    "looked": "read which server, database and schema this is",
    "started": "took the lease: production is held",
    "rehearsal-started": "took the lease",
    "targets-locked": "locked the tables",
    "precondition-held": "the precondition is true",
    "rows-counted": "the script ran, within its bounds",
    "effect-held": "the effect is as expected",
    "backup-reported": "kept the touched rows as they were",
    "commit-allowed": "every check was made again: it may be committed",
    "committed": "committed",
    "rolled-back": "rolled back",
    "rehearsal-rolled-back": "rolled back, as every rehearsal",
}


@click.command("rehearse", cls=Command)
@adjustment_argument
@click.option(
    "--env",
    "environment",
    default="stage",
    show_default=True,
    metavar="ENVIRONMENT",
    shell_complete=seen("environment"),
    help="Where: on data restored from production, in stage or in the policy's scratch database.",
)
@click.pass_obj
def rehearse(session: Session, adjustment: str, environment: str) -> None:
    """Run it on production's restored data, compare it with what is expected, and roll it back; by a runner."""
    from interlock.events.catalogue.parts import Identity
    from interlock.events.strict import read
    from interlock.runners import adjust

    found = read_adjustment(session, adjustment)
    connection = connection_to(session, environment)
    registered = read(Identity, registered_identity(session, environment))
    done = run(
        adjustment,
        adjust.rehearse(
            asker_of(session, PROGRESS),
            job_of(session, found),
            connection,
            environment=environment,
            registered=registered,
        ),
    )
    session.remember(done.answer)
    tell(
        session, done.answer, ((f"dt adjust verify {adjustment}", "by verifiers: neither who asked nor the operator"),)
    )


@click.command("execute", cls=Command)
@adjustment_argument
@digest_option
@click.pass_obj
def execute(session: Session, adjustment: str, prefix: str | None) -> None:
    """Do it, once, as the one operator: everything is checked again, and once more before the commit.

    It shows the plan and asks for the first six characters of the digest; nothing answers that for you.
    """
    from interlock.cli.render.adjustments import executing_lines
    from interlock.runners import adjust

    found = read_adjustment(session, adjustment)
    plan = found["plan"]
    fields = {"adjustment": adjustment, "bound_digest": found["bound_digest"]}
    decision = session.client.explain("StartAdjustment", {**fields, "observed": as_expected(found)})
    if decision.get("result") != "allowed":
        # Whoever may not execute it never touches the database.
        raise refused(session, "StartAdjustment", {**fields, "observed": {}}, decision)
    connection = connection_to(session, plan["targets"]["environment"])
    job = job_of(session, found)
    session.talk(executing_lines(found, decision, session.scene()))
    typed_digest(session, found, prefix, f"Type the first six of {found['bound_digest']} to execute it")
    done = run(adjustment, adjust.execute(asker_of(session, PROGRESS), job, connection))
    session.remember(done.answer)
    steps = [(f"dt adjust check-result {adjustment}", "neither who asked for it nor you")]
    tell(session, done.answer, steps)


def as_expected(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the runner will read if nothing changed, to ask beforehand; it is never recorded."""
    rehearsal = found.get("rehearsal") or {}
    observed = {"identity": found["plan"]["targets"]["identity"]}
    if rehearsal.get("schema_digest"):
        observed["schema_digest"] = rehearsal["schema_digest"]
    return observed


def settled(session: Session, found: dict[str, Any]) -> bool:
    """Settle by its marker what nobody reported, where the database is known here and the caller may say it.

    Returns whether something was recorded; where it could not be, says why.
    """
    from interlock.runners import adjust
    from interlock.runners.connections import NotConfigured

    environment = found["plan"]["targets"]["environment"]
    if not may_settle(session, found, environment):
        return False
    try:
        connection = configured(session, environment)
    except NotConfigured as why:
        session.say(f"  its marker cannot be read from here: {why}")
        return False
    plan = job_of(session, found).plan
    name = str(found["adjustment"])
    try:
        done = run(name, adjust.resolve(asker_of(session, PROGRESS), name, plan, connection, begun_only=True))
    except Halt as why:
        session.say(f"  its marker could not be read: {why.what}")
        return False
    if done is not None:
        session.remember(done.answer)
    return done is not None


def may_settle(session: Session, found: dict[str, Any], environment: str) -> bool:
    """Whether the caller is the one whose word counts: who began it, or, once it is unknown, operator or runner."""
    me = session.myself()
    if found["stage"] == "started":
        return bool(me.get("principal") == (found.get("attempt") or {}).get("by"))
    runner = me.get("kind") == "service" and "runner" in (me.get("roles") or ())
    return runner or environment in (me.get("operator_of") or ())


def run(adjustment: str, work: Coroutine[Any, Any, T]) -> T:
    """Let the runner work, and say what keeps it from it. Raises ProblemAnswer where Interlock refused, and Halt."""
    import asyncio

    from interlock.runners.adjust import CannotTell, NotReported, Refused, StillRunning, Stopped

    again = ((f"dt adjust show {adjustment}", "looks at its marker, and settles it"),)
    try:
        return asyncio.run(work)
    except Refused as refused:
        raise refused.problem from refused
    except Stopped as stopped:
        raise Halt(
            f"{adjustment} was rolled back: {stopped}",
            code=WORK_FAILED,
            why="nothing was changed; that it failed is recorded",
            then=((f"dt adjust show {adjustment}", "shows where it stands"),),
        ) from stopped
    except NotReported as lost:
        code = WORK_FAILED if lost.committed is False else OUTCOME_UNKNOWN
        raise Halt(f"{adjustment}: {lost}", code=code, then=again) from lost
    except (CannotTell, StillRunning) as unknown:
        raise Halt(f"nobody knows yet whether {adjustment} was committed: {unknown}",
                   code=OUTCOME_UNKNOWN, then=again) from unknown  # fmt: skip


def job_of(session: Session, found: dict[str, Any]) -> Job:
    """Return what is to be done, with its texts from the evidence. Raises Halt where they are others, or none."""
    from interlock.domain.scripts import NotAdmissible
    from interlock.events.catalogue.parts import AdjustmentPlan
    from interlock.events.strict import read
    from interlock.runners.adjust import OtherBytes, job_of

    name = str(found["adjustment"])
    try:
        return job_of(name, read(AdjustmentPlan, found["plan"]), session.client.get_evidence)
    except (OtherBytes, NotAdmissible) as wrong:
        raise Halt(
            f"{name} cannot be run: {wrong}",
            code=VERIFICATION_FAILED,
            then=((f"dt adjust show {name} --texts", "shows what it names"),),
        ) from wrong
