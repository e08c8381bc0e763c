"""`dt problem`: report it, look after it, resolve it."""

from __future__ import annotations

import click

from interlock.cli.change import changing, event_of, give
from interlock.cli.lazy import Group
from interlock.cli.names import at_option, problem_argument, reason_option, seen
from interlock.cli.session import Session


@click.group(cls=Group)
def problem() -> None:
    """Something is wrong in an environment."""


@problem.command("report")
@click.argument("environment", metavar="ENVIRONMENT", shell_complete=seen("environment"))
@click.argument("title", metavar="TITLE")
@click.option(
    "--severity",
    type=click.Choice(["low", "medium", "high", "critical"]),
    default="medium",
    show_default=True,
    help="How bad it is.",
)
@click.option(
    "--release",
    metavar="RELEASE",
    shell_complete=seen("release"),
    help="The release it concerns; without it the one that runs there.",
)
@click.option("--description", "-d", metavar="TEXT", help="What was seen, and how to see it again.")
@changing
@click.pass_obj
def report(
    session: Session, environment: str, title: str, severity: str, release: str | None, description: str | None
) -> None:
    """Report it: dt problem report sandbox "quotes freeze". At once it blocks the release it concerns."""
    fields = {
        "environment": environment,
        "title": title,
        "severity": severity,
        "release": release,
        "description": description,
    }
    answer = give(session, "ReportProblem", fields)
    made = event_of(answer, "ProblemReported")
    if made is not None and not session.options.json:
        session.say(f"  next  dt problem ack {made['problem']}   when somebody looks after it")


@problem.command("show")
@problem_argument
@at_option
@click.pass_obj
def show(session: Session, problem: str, at: str | None) -> None:
    """Show one problem, from its report to its end."""
    from interlock.cli.reading import scene_of
    from interlock.cli.render.problems import problem_lines

    answer = session.get(f"/problems/{problem}", at=at)
    steps = []
    if answer.get("state") == "open":
        steps = [(f"dt problem resolve {problem} --how …", "by somebody who is no author of the releases it blocks")]
        if not answer.get("acknowledged"):
            steps.insert(0, (f"dt problem ack {problem}", "says that you look after it"))
    session.answer(answer, problem_lines(answer, scene_of(session, answer, at)), steps)


@problem.command("list")
@click.option("--all", "everything", is_flag=True, help="Resolved and dismissed ones too.")
@click.option("--env", "environment", metavar="ENVIRONMENT", shell_complete=seen("environment"), help="Seen there.")
@click.option("--release", metavar="RELEASE", shell_complete=seen("release"), help="Those that concern it.")
@at_option
@click.pass_obj
def list_(session: Session, everything: bool, environment: str | None, release: str | None, at: str | None) -> None:
    """List problems."""
    from interlock.cli.reading import all_pages, scene_of
    from interlock.cli.render.problems import list_lines

    answer = all_pages(
        session,
        "/problems",
        "problems",
        at=at,
        state="all" if everything else "open",
        environment=environment,
        release=release,
    )
    session.answer(answer, list_lines(answer["problems"], scene_of(session, answer, at)))


@problem.command("ack")
@problem_argument
@changing
@click.pass_obj
def ack(session: Session, problem: str) -> None:
    """Say that you look after it."""
    give(session, "AcknowledgeProblem", {"problem": problem})


@problem.command("resolve")
@problem_argument
@click.option("--how", required=True, metavar="TEXT", help="How it was solved.")
@click.option("--fixed-by", metavar="RELEASE", shell_complete=seen("release"), help="The release that fixed it.")
@changing
@click.pass_obj
def resolve(session: Session, problem: str, how: str, fixed_by: str | None) -> None:
    """Say that it is solved; not by an author of a release that it blocks, nor by its fixer."""
    give(session, "ResolveProblem", {"problem": problem, "how": how, "fixed_by_release": fixed_by})


@problem.command("dismiss")
@problem_argument
@reason_option
@changing
@click.pass_obj
def dismiss(session: Session, problem: str, reason: str) -> None:
    """Say that it was none."""
    give(session, "DismissProblem", {"problem": problem, "reason": reason})


@problem.command("reopen")
@problem_argument
@reason_option
@changing
@click.pass_obj
def reopen(session: Session, problem: str, reason: str) -> None:
    """Say that it is there again."""
    give(session, "ReopenProblem", {"problem": problem, "reason": reason})
