"""`dt policy`: the figures that the rules follow; proposing and approving are two persons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from interlock.cli.change import changing, event_of, give
from interlock.cli.exits import USAGE, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import at_option, reason_option
from interlock.cli.session import Session


@click.group(cls=Group)
def policy() -> None:
    """The figures that the rules follow. What the checks mean is code; a policy may only add and tighten."""


@policy.command("show")
@click.option("--version", type=int, metavar="N", help="A version, in force or not.")
@click.option("--proposals", is_flag=True, help="What is proposed, and what it would change.")
@click.option("--document", is_flag=True, help="Only the document, as JSON: a start for a proposal.")
@at_option
@click.pass_obj
def show(session: Session, version: int | None, proposals: bool, document: bool, at: str | None) -> None:
    """Show the policy in force, a version, or what is proposed."""
    from interlock.cli.render.people import policy_lines, proposal_lines

    if proposals:
        answer = session.get("/policy/proposals", at=at)
        steps = [
            (f"dt policy approve {each['version']}", f"by an administrator, not {each['proposed_by']}")
            for each in answer.get("proposals") or ()
        ]
        session.answer(answer, proposal_lines(answer.get("proposals") or ()), steps)
        return
    answer = session.get("/policy" if version is None else f"/policy/versions/{version}", at=at)
    if document:
        click.echo(json.dumps(answer["document"], indent=2, ensure_ascii=False))
        return
    session.answer(answer, policy_lines(answer))


@policy.command("propose")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@reason_option
@changing
@click.pass_obj
def propose(session: Session, file: Path, reason: str) -> None:
    """Propose the whole of a policy: dt policy show --document > policy.json, change it, propose it."""
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise Halt(f"{file} is no JSON", why=str(wrong), code=USAGE) from wrong
    answer = give(session, "ProposePolicy", {"document": document, "reason": reason})
    made = event_of(answer, "PolicyProposed")
    if made is not None and not session.options.json:
        session.say(f"  next  dt policy approve {made['version']}   by another administrator, who has read it")


@policy.command("approve")
@click.argument("version", type=int)
@changing
@click.pass_obj
def approve(session: Session, version: int) -> None:
    """Approve another person's proposal, after reading what it changes; it is in force at once."""
    from interlock.cli.render.people import proposal_lines

    proposals = session.get("/policy/proposals").get("proposals") or ()
    found = next((each for each in proposals if each.get("version") == version), None)
    if found is None:
        raise Halt(
            f"there is no open proposal {version}", code=5, then=(("dt policy show --proposals", "what is proposed"),)
        )
    if not session.options.json:
        session.talk(proposal_lines([found]))
    session.confirm("Approve this policy? It is in force at once.", needed=False)
    give(session, "ApprovePolicy", {"version": version, "document_digest": found["document_digest"]})


@policy.command("reject")
@click.argument("version", type=int)
@reason_option
@changing
@click.pass_obj
def reject(session: Session, version: int, reason: str) -> None:
    """Turn a proposal down."""
    give(session, "RejectPolicy", {"version": version, "reason": reason})
