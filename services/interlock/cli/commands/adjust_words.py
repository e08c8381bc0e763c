"""What people say of an adjustment: verify it, reject it, find its result right or not, take the request back."""

from __future__ import annotations

import click

from interlock.answers.reviewed import NOTHING_READ
from interlock.cli.adjusting import digest_option, read_adjustment, refused, texts_of, typed_digest
from interlock.cli.change import changing, event_of, give, submit, tell
from interlock.cli.lazy import Command
from interlock.cli.names import adjustment_argument, reason_option
from interlock.cli.session import Session

READ = "read with dt: plan, script, undo, queries, rehearsal"


@click.command("verify", cls=Command)
@adjustment_argument
@click.option("--method", metavar="TEXT", default=READ, show_default=True, help="How you verified it; it is recorded.")
@digest_option
@changing
@click.pass_obj
def verify(session: Session, adjustment: str, method: str, prefix: str | None) -> None:
    """Stand for it, having read all of it: shows purpose, targets, script, undo, queries and the rehearsal.

    Then it asks for the first six characters of the digest; nothing answers that for you.
    """
    from interlock.cli.render.adjustments import reading_lines

    found = read_adjustment(session, adjustment)
    fields = {"adjustment": adjustment, "bound_digest": found["bound_digest"], "method": method}
    decision = session.client.explain("VerifyAdjustment", fields)
    if decision.get("result") != "allowed":
        raise refused(session, "VerifyAdjustment", {**fields, "bound_digest": NOTHING_READ}, decision)
    lines = reading_lines(found, texts_of(session, found["plan"]), session.scene())
    # Under --json stdout is the answer: what must be read is talk.
    (session.talk if session.options.json else session.show)(lines)
    typed_digest(session, found, prefix, f"Type the first six of {found['bound_digest']} to stand for it")
    answer = submit(session, "VerifyAdjustment", fields)
    authorized = event_of(answer, "DataAdjustAuthorized")
    steps = [(f"dt adjust show {adjustment}", "what it waits for")]
    if authorized is not None:
        steps = [(f"dt adjust execute {adjustment}", f"only {authorized['operator']} may")]
    tell(session, answer, steps)


@click.command("reject", cls=Command)
@adjustment_argument
@reason_option
@changing
@click.pass_obj
def reject(session: Session, adjustment: str, reason: str) -> None:
    """Say no, as a verifier: it stands until the plan is amended, or you verify it."""
    found = read_adjustment(session, adjustment)
    fields = {"adjustment": adjustment, "bound_digest": found["bound_digest"], "reason": reason}
    give(session, "RejectAdjustment", fields, then=((f"dt adjust amend {adjustment} … -m …", "by who asked for it"),))


@click.command("check-result", cls=Command)
@adjustment_argument
@click.option("--method", required=True, metavar="TEXT", help="How you looked at it; it is recorded.")
@changing
@click.pass_obj
def check_result(session: Session, adjustment: str, method: str) -> None:
    """Say that the result is right; by neither who asked for it nor who executed it."""
    then = ((f"dt adjust report {adjustment}", "the whole chain, for an auditor"),)
    give(session, "VerifyAdjustmentResult", {"adjustment": adjustment, "method": method}, then=then)


@click.command("dispute", cls=Command)
@adjustment_argument
@reason_option
@changing
@click.pass_obj
def dispute(session: Session, adjustment: str, reason: str) -> None:
    """Say that the result is not right; this opens a problem."""
    then = ((f"dt adjust revert {adjustment} …", "asks that it is taken back"),)
    give(session, "DisputeAdjustmentResult", {"adjustment": adjustment, "reason": reason}, then=then)


@click.command("cancel", cls=Command)
@adjustment_argument
@reason_option
@changing
@click.pass_obj
def cancel(session: Session, adjustment: str, reason: str) -> None:
    """Take the request back before it is executed: who asked for it, or a release manager."""
    give(session, "CancelAdjustment", {"adjustment": adjustment, "reason": reason})
