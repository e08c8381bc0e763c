"""`dt confirm` and `dt decline`: the second of two persons decides by an own command."""

from __future__ import annotations

import click

from interlock.cli.change import changing, give, submit, tell
from interlock.cli.lazy import Command
from interlock.cli.names import reason_option, seen
from interlock.cli.session import Session


@click.command("confirm", cls=Command)
@click.argument("asks", metavar="[ASK …]", nargs=-1, shell_complete=seen("ask"))
@changing
@click.pass_obj
def confirm(session: Session, asks: tuple[str, ...]) -> None:
    """Do what another person asked for, as the second person: dt confirm C-3. Without ASK: what waits.

    Each is shown first, and decided anew now.
    """
    if not asks:
        show_waiting(session)
        return
    if len(asks) > 1 and session.idempotency_key is not None:
        raise click.UsageError("--idempotency-key is of one command: confirm one at a time")
    answers = []
    for ask in asks:
        found = session.get(f"/asks/{ask}")
        if not session.options.json:
            from interlock.cli.render.people import ask_detail_lines

            session.talk(ask_detail_lines(found))
        session.confirm(f"Do it, as the second person beside {found.get('asked_by')}?", needed=False)
        answers.append(submit(session, "ConfirmAsked", {"ask": ask, "bound_digest": found.get("bound_digest")}))
        if not session.options.json:
            tell(session, answers[-1])
    if session.options.json:
        # As JSON it is one document.
        tell(session, answers[-1], before=answers[:-1])


@click.command("decline", cls=Command)
@click.argument("ask", metavar="ASK", shell_complete=seen("ask"))
@reason_option
@changing
@click.pass_obj
def decline(session: Session, ask: str, reason: str) -> None:
    """Say no to what another person asked for."""
    give(session, "DeclineAsked", {"ask": ask, "reason": reason})


def show_waiting(session: Session) -> None:
    """Show what waits for a second person."""
    from interlock.cli.render.people import ask_lines

    answer = session.get("/asks")
    steps = [(f"dt confirm {ask['ask']}", f"not by {ask['asked_by']}") for ask in answer.get("asks") or ()]
    session.answer(answer, ask_lines(answer.get("asks") or (), session.scene()), steps)
