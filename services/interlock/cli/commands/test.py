"""`dt test`: run the automatic tests, under the lease, and record what their report says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from interlock.cli import seams
from interlock.cli.exits import CHANGED, OUTCOME_UNKNOWN, TESTS_FAILED, USAGE, WORK_FAILED, Ended, Halt
from interlock.cli.lazy import Command
from interlock.cli.outlet import Outlet
from interlock.cli.running import CONFIG_HELP, asker_of, document_of, home_of, registered_of, target_to
from interlock.cli.session import Session
from interlock.cli.turn import its_turn

if TYPE_CHECKING:
    from interlock.cli.render.progress import Progress
    from interlock.runners.asking import Asker
    from interlock.runners.failures import Stopped
    from interlock.runners.testing import Begun, Job, Outcome, Past, Settings


class BehindDashes(Command):
    """A command whose own words end at "--": what stands behind it is another command, with options of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put what stands behind the dashes aside, before anything looks for options in it."""
        own, words = (args[: args.index("--")], args[args.index("--") + 1 :]) if "--" in args else (args, [])
        if "--" in args and not words:
            raise click.UsageError("a command is missing behind --", ctx)
        ctx.meta["words"] = tuple(words)
        return super().parse_args(ctx, own)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what stands behind the name in the usage."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND…]"]


@click.command("test", cls=BehindDashes)
@click.option(
    "--if-busy",
    "if_busy",
    type=click.Choice(["fail", "wait", "skip"]),
    default="fail",
    show_default=True,
    help="What to do while something else holds the environment: end with 3, wait for it, or end with 0.",
)
@click.option("--nightly", is_flag=True, help="The scheduled run, for cron: the first one of a UTC day is that day's.")
@click.pass_context
def test(ctx: click.Context, if_busy: str, nightly: bool) -> None:
    """Run the automatic tests in the environment for tests, and record what came out.

    It takes the lease, looks whether the environment is the one that is registered, erases the data of the tests,
    runs the command of [tests] in interlock.toml, or the one behind --, and reads its JUnit report. {report} in the
    command, and INTERLOCK_REPORT, are where that report is expected.

    Ends with 0 where they passed, 10 where they failed or a new test of the release did not run and pass, 11 where
    there is no verdict (the run is aborted, and has not failed), 6 where the run was ended under it.
    """
    session = ctx.find_object(Session)
    assert session is not None
    from interlock.cli.signals import in_order

    in_order(work(session, job_of(session, ctx.meta["words"], nightly=nightly), if_busy))


def job_of(session: Session, words: tuple[str, ...], *, nightly: bool) -> Job:
    """Return what is to be run. Raises Halt (usage) where interlock.toml does not say it."""
    from interlock.runners.testing import Job

    settings = settings_from(session, words)
    return Job(
        settings=settings,
        target=target_to(session, settings.environment),
        registered=registered_of(session, settings.environment),
        trigger="scheduled" if nightly else "manual",
        attempt=seams.new_id(),
        environ=dict(os.environ),
    )


def settings_from(session: Session, words: tuple[str, ...]) -> Settings:
    """Return the table [tests]. Raises Halt (usage)."""
    from interlock.runners.connections import NotConfigured
    from interlock.runners.testing import settings_of

    try:
        return settings_of(document_of(session), home=home_of(session), words=words, here=Path.cwd())
    except NotConfigured as why:
        raise Halt("it is not said how the tests are run", code=USAGE, why=str(why), then=(CONFIG_HELP,)) from why


async def work(session: Session, job: Job, if_busy: str) -> None:
    """Wait for the turn, run them, tell what came out. Raises Halt, Ended, and ProblemAnswer where it was refused."""
    from interlock.runners.asking import Away
    from interlock.runners.failures import Refused, Stopped

    asker = asker_of(session)
    try:
        outcome, past = await ran(session, asker, job, if_busy)
    except Refused as refused:
        raise refused.problem from refused
    except Away as away:
        raise away.__cause__ or away from away
    except Stopped as stopped:
        raise halt_for(stopped) from stopped
    await tell(session, asker, outcome, past)


async def ran(session: Session, asker: Asker, job: Job, if_busy: str) -> tuple[Outcome, Past]:
    """Run them once it is their turn; return the verdict, and what earlier runs say. Raises as `run_tests` does."""
    from interlock.runners.failures import Refused
    from interlock.runners.testing import busy_check, past_of, run_tests

    while True:
        await its_turn(session, asker, job, if_busy)
        past = await past_of(asker, job.settings.environment)
        listener = Listener(session, progress_of(past))
        try:
            return await run_tests(asker, session.client, job, listener), past
        except Refused as refused:
            # Where somebody else was only quicker, that is told, or waited for, as if it had been asked before.
            if busy_check(decision_of(refused)) is None:
                raise
        finally:
            listener.outlet.drain()


def decision_of(refused: Any) -> Mapping[str, Any]:
    """Return the decision with which a command was refused."""
    found = getattr(refused.problem, "problem", {}).get("decision")
    return found if isinstance(found, Mapping) else {}


def progress_of(past: Past) -> Progress:
    """Return the line that says how far it is."""
    from interlock.cli.render.progress import Progress

    return Progress(seams.monotonic, total=past.tests, usual=past.usual)


class Listener:
    """Says how far a run is. Everything of it is talk: the command's output too, for stdout is the answer's."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self.session = session
        self.progress = progress
        self.outlet = Outlet()

    def begun(self, begun: Begun) -> None:
        """The lease is there, and the environment is the registered one."""
        identity = begun.found.identity
        about = f" · {begun.release}" if begun.release else " · no release is deployed there"
        self.say(f"  ✓ lease {begun.lease.lease}, token {begun.lease.token} · run {begun.run}{about}")
        self.say(f"  ✓ identity {identity.database}/{identity.system_identifier}")

    def erased(self, position: int) -> None:
        """The data is erased, and that is recorded."""
        self.say(f"  ✓ data erased @{position}")

    def running(self, report: str) -> None:
        """The command starts."""
        del report
        self.progress.begin()
        self.outlet.put(self.progress.draw)

    def line(self, line: str) -> None:
        """Show what the command wrote."""
        self.outlet.put(self.progress.line, line)

    def ran(self) -> None:
        """The command has ended."""
        self.outlet.put(self.progress.end)

    def say(self, text: str) -> None:
        """Say it, after everything that was said before."""
        self.outlet.put(self.session.say, text)


async def tell(session: Session, asker: Asker, outcome: Outcome, past: Past) -> None:
    """Say what is recorded, and what the record knows of each failed test. Raises Ended where it is no success."""
    from interlock.cli.change import page_of
    from interlock.cli.render.decision import suggestions
    from interlock.cli.render.testing import outcome_lines
    from interlock.runners.testing import remarks

    known = await remarks(asker, session.client.get_evidence, outcome.report, past, new_tests=outcome.new_tests)
    session.remember(outcome.answer)
    failed = outcome.report.verdict == "failed" or bool(outcome.missing)
    code, steps = TESTS_FAILED if failed else 0, next_steps(outcome)
    if session.options.json:
        session.give_json({**document_of_outcome(outcome, known), "exit_code": code}, steps)
    else:
        scene = session.scene()
        page = page_of(str(outcome.answer.get("subject") or ""), scene.pages)
        session.show(outcome_lines(outcome, known, scene, page))
        session.talk(suggestions(steps, scene))
    if failed:
        raise Ended(code)


def document_of_outcome(outcome: Outcome, known: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer, with what the report says beside it."""
    failed = [case for case in outcome.report.cases if case.state == "failed"]
    return {
        **outcome.answer,
        "run": outcome.begun.run,
        "release": outcome.begun.release,
        "verdict": outcome.report.verdict,
        "counts": outcome.report.counts,
        "report": outcome.digest,
        "failed": [{"name": each.name, "message": each.message, "remark": known.get(each.name)} for each in failed],
        "new_tests_missing": list(outcome.missing),
    }


def next_steps(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    """Return what comes next, for the release whose verdict it is."""
    release = outcome.begun.release
    if release is None:
        return (("dt todo", "who must act next"),)
    if outcome.report.verdict == "failed":
        return ((f"dt release content {release}", "once it is mended: new content starts at the owner's sandbox"),)
    if outcome.missing:
        return ((f"dt release content {release}", "names its new tests: as the report names them, or by their file"),)
    return ((f"dt release why {release} sandbox", "what the next gate asks for"),)


def halt_for(stopped: Stopped) -> Halt:
    """Return how `dt` ends where there is no verdict."""
    from interlock.runners.failures import LeaseLost
    from interlock.runners.testing import NotReported, NoVerdict

    if isinstance(stopped, NotReported):
        words = f"dt test-run report {stopped.run} --token {stopped.token} --junit FILE"
        return Halt(
            f"the tests ended, and what came out could not be reported: {stopped}",
            code=OUTCOME_UNKNOWN,
            why="the report lies where the command left it; it counts until the lease is over",
            then=((words, "when the server is back"), ("dt doctor", "looks at everything")),
        )
    if isinstance(stopped, LeaseLost):
        return Halt(
            f"the run was over before the tests were: {stopped}",
            code=CHANGED,
            why="the command was ended, and no verdict is recorded",
            then=(("dt test --if-busy wait", "runs them again, when its turn comes"),),
        )
    if isinstance(stopped, NoVerdict):
        recorded = "that is recorded" if stopped.is_recorded else "its lease expires, which says the same"
        return Halt(
            f"{stopped.run} gave no verdict: {stopped}",
            code=WORK_FAILED,
            why=f"the run is aborted, and has neither passed nor failed; {recorded}",
        )
    return Halt(f"the tests were not begun: {stopped}", code=WORK_FAILED, why="nothing was erased, run or recorded")
