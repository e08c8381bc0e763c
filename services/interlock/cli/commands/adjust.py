"""`dt adjust`: an adjustment of production's data, from its request to its checked result."""

from __future__ import annotations

from typing import Any

import click

from interlock.cli.adjusting import frozen, plan_options, read_adjustment, texts_of
from interlock.cli.change import changing, event_of, submit, tell
from interlock.cli.commands import adjust_run, adjust_words
from interlock.cli.exits import USAGE, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import adjustment_argument, at_option, reason_option, seen
from interlock.cli.session import Session

STATES = ("open", "executed", "disputed", "checked", "reverted", "cancelled", "expired")


@click.group(cls=Group)
def adjust() -> None:
    """Adjust production's data: asked for by one, verified by two or three others, executed by the one operator."""


@adjust.command("request")
@plan_options(required=True)
@click.option(
    "--env",
    "environment",
    default="production",
    show_default=True,
    metavar="ENVIRONMENT",
    shell_complete=seen("environment"),
    help="Whose data it is.",
)
@changing
@click.pass_obj
def request(session: Session, /, **given: Any) -> None:
    """Ask for it: freezes script, undo, queries, tables and rows by their digests.

    The script changes rows (INSERT, UPDATE, DELETE, MERGE) in one transaction, which the runner opens and ends.
    """
    plan = frozen(session, given)
    answer = submit(session, "RequestAdjustment", {"plan": plan})
    told_frozen(session, answer, event_of(answer, "DataAdjustRequested"))


@adjust.command("amend")
@adjustment_argument
@plan_options(required=False)
@reason_option
@changing
@click.pass_obj
def amend(session: Session, /, adjustment: str, reason: str, **given: Any) -> None:
    """Change the plan: what is not given stays. Everything that was rehearsed or verified of it begins anew."""
    before = read_adjustment(session, adjustment)
    plan = frozen(session, given, before["plan"])
    fields = {"adjustment": adjustment, "plan": plan, "reason": reason}
    # Whoever amended it meanwhile must not be overwritten unseen.
    answer = submit(session, "AmendAdjustment", fields, if_version=before["version"])
    told_frozen(session, answer, event_of(answer, "DataAdjustAmended"))


@adjust.command("revert")
@adjustment_argument
@click.option("--purpose", metavar="TEXT", help="Why it is taken back; without it, that it is.")
@click.option(
    "--rows", metavar="MIN..MAX", help="How many rows the undo touches; without it, as many as were adjusted."
)
@plan_options(required=False, but=("purpose", "rows", "script"))
@changing
@click.pass_obj
def revert(session: Session, /, adjustment: str, **given: Any) -> None:
    """Ask that an executed adjustment is taken back: its undo is the script, under the same rules.

    The undo's own undo is the original script, unless --undo names another. --precondition and --effect are needed:
    what must be true before it is taken back, and what after.
    """
    before = read_adjustment(session, adjustment)
    executed = before.get("execution")
    if executed is None:
        raise Halt(
            f"{adjustment} was not executed: there is nothing to take back",
            code=USAGE,
            then=((f"dt adjust cancel {adjustment} -m …", "takes the request back"),),
        )
    for name in ("precondition", "effect"):
        if given.get(name) is None:
            raise Halt(f"--{name} is missing", code=USAGE, why="those of the original ask about the other direction")
    given["purpose"] = given["purpose"] or f"take {adjustment} back: {before['plan']['purpose']}"
    given["rows"] = given["rows"] or str(executed["rows"])
    old = before["plan"]
    turned = {**old, "script_digest": old["undo_digest"], "undo_digest": old["script_digest"]}
    answer = submit(session, "RequestAdjustment", {"plan": frozen(session, given, turned), "reverts": adjustment})
    told_frozen(session, answer, event_of(answer, "DataAdjustRequested"))


def told_frozen(session: Session, answer: dict[str, Any], made: dict[str, Any] | None) -> None:
    """Say what was recorded, the digests that everybody else is bound to, and who acts next."""
    from interlock.cli.render.adjustments import frozen_lines

    if made is None:
        tell(session, answer)
        return
    name = made["adjustment"]
    steps = [
        (f"dt adjust rehearse {name}", "a runner does, on data restored from production"),
        (f"dt adjust verify {name}", f"then: {verifiers(session, name)}"),
    ]
    tell(session, answer, steps)
    if not session.options.json:
        session.talk(frozen_lines(made, session.scene()))


def verifiers(session: Session, adjustment: str) -> str:
    """Return who may stand for it, as the rules see it."""
    gate = session.get(f"/adjustments/{adjustment}/gate")
    [who] = [check.get("who") or () for check in gate["checks"] if check["check"] == "adjustment-verified"] or [()]
    return " or ".join(who) if who else "nobody may yet: see dt team list"


@adjust.command("show")
@adjustment_argument
@click.option("--texts", is_flag=True, help="Script, undo and queries too, as they stand.")
@at_option
@click.pass_obj
def show(session: Session, adjustment: str, texts: bool, at: str | None) -> None:
    """Show it with its chain; where its outcome is unknown and its marker can be read from here, settle that first."""
    from interlock.cli.reading import scene_of
    from interlock.cli.render.adjustments import adjustment_lines, text_lines

    found = read_adjustment(session, adjustment, at)
    if found["stage"] in {"started", "unknown"} and at is None and adjust_run.settled(session, found):
        found = read_adjustment(session, adjustment)
    lines = adjustment_lines(found, scene_of(session, found, at))
    if texts:
        found["texts"] = texts_of(session, found["plan"])
        lines += text_lines(found["plan"], found["texts"])
    session.answer(found, lines, next_steps(found))


def next_steps(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what would bring it on, by how far it came."""
    name = found["adjustment"]
    return {
        "requested": [(f"dt adjust rehearse {name}", "a runner does, on data restored from production")],
        "rehearsed": [(f"dt adjust verify {name}", "by verifiers who neither asked for it nor execute it")],
        "verified": [(f"dt adjust verify {name}", "one more, and nobody twice")],
        "rejected": [(f"dt adjust amend {name} … -m …", "or who rejected it verifies it")],
        "authorized": [(f"dt adjust execute {name}", f"only {found.get('operator')} may")],
        "unknown": [(f"dt adjust show {name}", "again, where the database can be reached, as operator or runner")],
        "executed": [(f"dt adjust check-result {name}", "neither who asked for it nor who executed it")],
        "disputed": [(f"dt adjust revert {name} …", "asks that it is taken back")],
    }.get(str(found["stage"]), [])


@adjust.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@click.option("--state", type=click.Choice(STATES), default="open", help="Only those.")
@at_option
@click.pass_obj
def list_(session: Session, everything: bool, state: str, at: str | None) -> None:
    """List adjustments, the newest first."""
    from interlock.cli import memory
    from interlock.cli.reading import all_pages, scene_of
    from interlock.cli.render.adjustments import list_lines

    answer = all_pages(session, "/adjustments", "adjustments", at=at, state="all" if everything else state)
    found = answer["adjustments"]
    memory.remember_names(session.place, "adjustment", [each["adjustment"] for each in found])
    session.answer(answer, list_lines(found, scene_of(session, answer, at)))


@adjust.command("report")
@adjustment_argument
@at_option
@click.pass_obj
def report(session: Session, adjustment: str, at: str | None) -> None:
    """Print the whole chain for an auditor: who did what, when, by which decision; what it proves and what not."""
    from interlock.answers.adjustment_report import report_of
    from interlock.cli.reading import scene_of
    from interlock.cli.render.adjustment_report import report_lines

    found = read_adjustment(session, adjustment, at)
    document = report_of(found, texts_of(session, found["plan"]), session.settings.url, session.project)
    session.answer(document, report_lines(document, scene_of(session, found, at)))


for _command in (
    adjust_run.rehearse,
    adjust_words.verify,
    adjust_words.reject,
    adjust_run.execute,
    adjust_words.check_result,
    adjust_words.dispute,
    adjust_words.cancel,
):
    adjust.add_command(_command)
