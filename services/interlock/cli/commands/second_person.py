"""`dt confirm` and `dt decline`: the second of two persons decides by an own command."""

from __future__ import annotations

import click

from interlock.cli.change import changing, give
from interlock.cli.lazy import Command
from interlock.cli.names import reason_option, seen
from interlock.cli.session import Session

ask_argument = click.argument("ask", metavar="[ASK]", required=False, shell_complete=seen("ask"))


@click.command("confirm", cls=Command)
@ask_argument
@changing
@click.pass_obj
def confirm(session: Session, ask: str | None) -> None:
    """Do what another person asked for, as the second person: dt confirm C-3. Without ASK: what waits.

    It is shown first, and decided anew now.
    """
    if ask is None:
        show_waiting(session)
        return
    found = session.get(f"/asks/{ask}")
    if not session.options.json:
        from interlock.cli.render.people import ask_detail_lines

        session.talk(ask_detail_lines(found))
    session.confirm(f"Do it, as the second person beside {found.get('asked_by')}?", needed=False)
    give(session, "ConfirmAsked", {"ask": ask, "bound_digest": found.get("bound_digest")})


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
