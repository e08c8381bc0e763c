"""A deploy or rollback that was asked for, carried on: what goes on there, who executes it, when, and how it went."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from interlock.cli import seams
from interlock.cli.awaiting import missing_of, wait_until
from interlock.cli.change import Steps, accepted_lines, tell
from interlock.cli.exits import (
    INTERRUPTED,
    OUTCOME_UNKNOWN,
    REFUSED,
    UNEXPECTED,
    USAGE,
    VERIFICATION_FAILED,
    WORK_FAILED,
    Ended,
    Halt,
)  # fmt: skip
from interlock.cli.reporting import put_evidence
from interlock.cli.running import CONFIG_HELP, asker_of, document_of, home_of, registered_of
from interlock.cli.session import Session
from interlock.cli.under_way import WHO_MAY, may_execute, say_what_goes_on, start_decision, state_of

if TYPE_CHECKING:
    from interlock.runners.deploying import Done, Executor, Job

PROGRESS = {
    "looked": "read which environment this is, and what runs there",
    "started": "took the lease; it begins",
    "ended": "it is over: what runs there is read",
}
F = TypeVar("F", bound=Callable[..., Any])
Facts = Mapping[str, Any]


def dry_run_option(function: F) -> F:
    """Take `--dry-run`."""
    return click.option("--dry-run", is_flag=True, help="Show every check, and what would be done; record nothing.")(
        function
    )


def executor_here(session: Session, environment: str, state: Facts) -> Executor | None:
    """Return how it is deployed from here; None where somebody else does it. Raises Halt (usage)."""
    from interlock.runners.connections import NotConfigured
    from interlock.runners.deploying import executor_of

    try:
        rehearses = state.get("purpose") == "rehearsal"
        document, home = document_of(session), home_of(session)
        return executor_of(document, environment, home=home, environ=os.environ, rehearses=rehearses)
    except NotConfigured as why:
        what = f"{environment} cannot be deployed from here"
        raise Halt(what, code=USAGE, why=str(why), then=(CONFIG_HELP,)) from why


def wait_for_start(session: Session, asked: Facts, patience: timedelta | None) -> None:
    """Wait until the request may be started. Raises Halt where it was cancelled, or its time is over."""

    def ask() -> Facts:
        decision = start_decision(session, asked)
        if decision is None:
            raise gone(session, asked)
        return {**decision, "checks": [c for c in decision["checks"] if c.get("check") not in WHO_MAY]}

    try:
        wait_until(session, lambda: _judged_anew(ask()), patience)
    except KeyboardInterrupt:
        session.say(f"  {asked['deploy']} stays requested: dt deploy cancel {asked['deploy']} -m … takes it back")
        raise


def _judged_anew(decision: Facts) -> Facts:
    return {**decision, "result": "refused" if missing_of(decision) else "allowed"}


def gone(session: Session, asked: Facts) -> Halt:
    """Return why a request is no more."""
    from interlock.cli.recorded import newest

    for kind in ("DeployCancelled", "DeployExpired"):
        ended = newest(session, kind, release=asked["release"], environment=asked["environment"])
        if ended is not None and ended.get("deploy") == asked["deploy"]:
            why = str(ended.get("reason") or "its time was over")
            return Halt(f"{asked['deploy']} is no more", code=REFUSED, why=why, then=(again(asked),))
    return Halt(f"{asked['deploy']} was started meanwhile", code=REFUSED, then=(("dt status", "shows what runs"),))


def again(asked: Facts) -> tuple[str, str]:
    """Return the command that asks for it anew."""
    if asked.get("intent") == "rollback":
        return f"dt rollback {asked['environment']} --problem {asked.get('problem')}", "asks anew"
    return f"dt deploy {asked['release']} {asked['environment']}", "asks anew"


def go_on(
    session: Session,
    asked: Facts,
    answer: dict[str, Any],
    executor: Executor | None,
    *,
    wait: bool,
    patience: timedelta | None,
) -> None:
    """Carry on what was asked for: run it here, or say who begins it, or when."""
    release, environment = asked["release"], asked["environment"]
    if executor is None and not wait:
        tell(session, answer, _by_hand(asked))
        return
    decision = start_decision(session, asked)
    if decision is None:
        raise gone(session, asked)
    closed = any(check.get("check") == "release-window" for check in missing_of(decision))
    if asked.get("at_window") and closed and not wait:
        tell(session, answer, _queued(asked))
        return
    others = may_execute(decision) if executor is not None else None
    if wait:
        wait_for_start(session, asked, patience)
    if executor is None:
        tell(session, answer, _by_hand(asked))
    elif others is not None:
        same = f"dt rollback {environment} --problem {asked.get('problem')}"
        same = same if asked.get("intent") == "rollback" else f"dt deploy {release} {environment}"
        tell(session, answer, ((same, f"by {others}: runs it"),))
    else:
        carry_out(session, asked, executor, [answer], (("dt todo", "who must act next"),))


def _by_hand(asked: Facts) -> Steps:
    if asked.get("at_window"):
        return _queued(asked)
    return ((f"dt deploy start {asked['release']} {asked['environment']}", "its executor begins it"),)


def _queued(asked: Facts) -> Steps:
    release, environment = asked["release"], asked["environment"]
    return (
        (f"dt window next {environment}", "when it opens"),
        (f"dt deploy cancel {release} {environment} -m …", "takes it back"),
    )


def show_plan(session: Session, name: str, fields: Facts, executor: Executor | None, state: Facts) -> None:
    """Show every check and what would be done; nothing is recorded. Raises Ended where it would be refused."""
    from interlock.cli.render.decision import decision_lines
    from interlock.cli.render.deploys import plan_lines, plan_of

    decision = session.client.explain(name, fields)
    refused = decision.get("result") != "allowed"
    plan = plan_of(state, executor)
    if session.options.json:
        session.give_json({"dry_run": True, "decision": decision, "plan": plan, "next": decision.get("next") or []})
    else:
        foot = [f"asked, not recorded · @{decision.get('position')}"]
        code = REFUSED if refused else None
        session.show(decision_lines(decision, session.scene(), everything=True, foot=foot, exit_code=code))
        session.show(plan_lines(plan, refused=refused))
    if refused:
        raise Ended(REFUSED)


def carry_out(
    session: Session, asked: Facts, executor: Executor, before: list[dict[str, Any]], then: Steps = ()
) -> None:
    """Execute it here. Raises Ended, Halt, ProblemAnswer, Waits; nothing is begun unless the record says so."""
    from interlock.runners.asking import Away, Kept
    from interlock.runners.deploying import AlreadyBegun, Interrupted
    from interlock.runners.failures import Refused, Stopped, WrongDatabase

    for answer in before:
        if answer.get("events") and not session.options.json:
            session.talk(accepted_lines([answer], "", session.width))
    what, name = f"{asked['deploy']} of {asked['release']}", str(asked["deploy"])
    try:
        done = run(session, job_of(session, asked, executor))
    except Refused as refused:
        raise refused.problem from refused
    except Interrupted as interrupted:
        session.say(f"interrupted: nothing was begun; {name} stays requested")
        raise Ended(INTERRUPTED) from interrupted
    except AlreadyBegun as begun:
        say_what_goes_on(session, state_of(session, str(asked["environment"])))
        raise Halt(f"{what}: {begun}", code=REFUSED) from begun
    except Stopped as stopped:
        code = VERIFICATION_FAILED if isinstance(stopped, WrongDatabase) else UNEXPECTED
        raise Halt(f"{what} was not begun: {stopped}", code=code, why="nothing was changed") from stopped
    except Kept:
        raise
    except Away as away:
        found = (f"dt env show {asked['environment']}", "says whether it holds the lease, when the server is back")
        raise Halt(f"whether {what} was begun is not known: {away}", code=OUTCOME_UNKNOWN,
                   why="nothing was run here", then=(found,)) from away  # fmt: skip
    conclude(session, asked, done, before, then)


def conclude(session: Session, asked: Facts, done: Done, before: list[dict[str, Any]], then: Steps) -> None:
    """Tell what was recorded. Raises Ended where it is no success."""
    from interlock.cli.change import event_of

    session.remember(done.answer)
    unsure = event_of(done.answer, "EnvironmentUnsure") is not None
    place = asked["environment"]
    if unsure:
        then = (
            again(asked) if asked.get("intent") == "rollback" else (again(asked)[0], "tries the same again"),
            (f"dt env confirm {place} …", "two persons say what is there"),
        )
    tell(session, done.answer, then, before=before if session.options.json else ())
    if done.interrupted:
        raise Ended(INTERRUPTED)
    if event_of(done.answer, "DeploySucceeded") is None and done.answer.get("events"):
        raise Ended(WORK_FAILED)


def job_of(session: Session, asked: Facts, executor: Executor) -> Job:
    """Return what is to be executed."""
    from interlock.events.catalogue.parts import Migration
    from interlock.events.strict import read
    from interlock.runners.deploying import Job

    declared: list[Any] = []
    if executor.migrations is not None and asked["intent"] != "rollback":
        content = session.get(f"/releases/{asked['release']}").get("content") or {}
        declared = list(content.get("migrations") or ())
    return Job(
        release=str(asked["release"]),
        deploy=str(asked["deploy"]),
        content=str(asked["content_digest"]),
        intent=str(asked["intent"]),
        executor=executor,
        registered=registered_of(session, executor.environment),
        environ=os.environ,
        told=lambda line: session.say(f"  | {line}"),
        sleep=seams.pause,
        put_evidence=partial(put_evidence, session),
        declared=tuple(read(Migration, each) for each in declared),
    )


def run(session: Session, job: Job) -> Done:
    """Let the executor work; Ctrl-C, and a CI that ends its job, end it in order."""
    from interlock.runners.deploying import execute

    # So that a report which has to wait says whose it is.
    session.myself()
    asker, attempt = asker_of(session, PROGRESS), seams.new_id()

    async def until_done() -> Done:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await execute(asker, job, attempt)

    return asyncio.run(until_done())
