"""`dt policy`: the figures that the rules follow; proposing and approving are two persons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from interlock.cli.change import changing, event_of, give
from interlock.cli.exits import NOT_FOUND, USAGE, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import at_option, reason_option
from interlock.cli.render.lines import Lines, Span
from interlock.cli.session import Session


@click.group(cls=Group)
def policy() -> None:
    """The figures that the rules follow. What the checks mean is code; a policy may only add and tighten."""


@policy.command("show")
@click.argument("version", type=int, metavar="[N]", required=False)
@click.option("--proposals", is_flag=True, help="What is proposed, and what it would change.")
@click.option("--document", is_flag=True, help="Only the document, as JSON: a start for a proposal.")
@at_option
@click.pass_obj
def show(session: Session, version: int | None, proposals: bool, document: bool, at: str | None) -> None:
    """Show the policy in force, or version N; of one that is proposed also what it would change, and for whom."""
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
    lines = policy_lines(answer)
    then: list[tuple[str, str]] = []
    if answer.get("state") == "proposed":
        proposal = session.get(f"/policy/proposals/{answer['version']}", at=at)
        answer = {**answer, **proposal}
        lines += [(), *proposed(session, proposal)]
        then.append((f"dt policy approve {version}", f"by an administrator, not {proposal.get('proposed_by')}"))
    session.answer(answer, lines, then)


@policy.command("diff")
@click.argument("version", type=int, metavar="[N]", required=False)
@at_option
@click.pass_obj
def diff(session: Session, version: int | None, at: str | None) -> None:
    """Show what a proposal would change, and for which open releases: dt policy diff 2. Without N, the latest one.

    Of a version that was in force once it shows what was changed since.
    """
    from interlock.client import ProblemAnswer

    if version is None:
        proposals = session.get("/policy/proposals", at=at).get("proposals") or ()
        if not proposals:
            raise Halt(
                "no policy is proposed", code=NOT_FOUND, then=(("dt policy diff N", "since an earlier version"),)
            )
        version = max(int(each["version"]) for each in proposals)
    try:
        proposal = session.get(f"/policy/proposals/{version}", at=at)
    except ProblemAnswer as problem:
        if problem.type != "not-found":
            raise
        since(session, version, at)
        return
    step = (f"dt policy approve {version}", f"by an administrator, not {proposal.get('proposed_by')}")
    session.answer(proposal, proposed(session, proposal), [step])


def since(session: Session, version: int, at: str | None) -> None:
    """Show what differs between a version and the policy in force."""
    from interlock.cli.render.people import change_lines
    from interlock.domain.policy import diff as differences

    then = session.get(f"/policy/versions/{version}", at=at)
    now = session.get("/policy", at=at)
    changes = [
        {"path": path, "from": old, "to": new} for path, old, new in differences(then["document"], now["document"])
    ]
    document = {"version": version, "state": then["state"], "in_force": now["version"], "changes": changes}
    head = f"from version {version} ({then['state']}) to version {now['version']}, which is in force"
    session.answer(document, [(Span(head, "strong"),), *change_lines(changes)])


def proposed(session: Session, proposal: dict[str, Any]) -> Lines:
    """Return what a proposal would change, and for whom."""
    from interlock.cli.render.people import proposal_lines
    from interlock.cli.render.policy_effects import effect_lines

    return [*proposal_lines([proposal]), *effect_lines(proposal, session.scene())]


@policy.command("simulate")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@click.option("--since", metavar="WHEN", help="Tell of what was recorded then or later: an instant, or a position.")
@click.pass_obj
def simulate(session: Session, file: Path, since: str | None) -> None:
    """Decide every recorded decision again as if FILE had been the policy all the time, and show those that flip.

    Each is decided in the situation of its moment, which stays as it was recorded. Nothing is written.
    """
    from interlock.cli.again import Since, Tally, whole_record
    from interlock.cli.render.again import flip_document, simulation_lines
    from interlock.domain.simulation import simulate as simulated

    document = policy_in(session, file)
    asked, tally, flips = Since.read(since), Tally(), []
    for each in simulated(whole_record(session, "decided again"), document):
        if asked.holds(each.position, each.events, each.at):
            tally.count(each.position, each.events, each.kind, each.known)
            if each.flips is not None:
                flips.append(each)
    if session.options.json:
        session.give_json({**tally.document(), "flips": [flip_document(each) for each in flips]})
        return
    session.show(simulation_lines(tally.document(), flips, file.name, session.scene()))


def policy_in(session: Session, file: Path) -> dict[str, Any]:
    """Return the policy in a file. Raises Halt (usage) where it is none, or one of other environments."""
    from interlock.domain.policy import NotAPolicy, parse

    document = document_in(file)
    try:
        parsed = parse(document)
    except NotAPolicy as wrong:
        raise Halt(f"{file} is no policy", why=str(wrong), code=USAGE) from wrong
    there = [str(each["name"]) for each in session.client.get("/policy")["document"]["environments"]]
    if [each.name for each in parsed.environments] != there:
        raise Halt(f"{file} is a policy of other environments", why=f"here they are {', '.join(there)}", code=USAGE)
    return document


def document_in(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file. Raises Halt (usage)."""
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise Halt(f"{file} is no JSON", why=str(wrong), code=USAGE) from wrong
    if not isinstance(document, dict):
        raise Halt(f"{file} is no policy", why="a policy is a JSON object", code=USAGE)
    return document


@policy.command("propose")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@reason_option
@changing
@click.pass_obj
def propose(session: Session, file: Path, reason: str) -> None:
    """Propose the whole of a policy: dt policy show --document > policy.json, change it, propose it."""
    answer = give(session, "ProposePolicy", {"document": document_in(file), "reason": reason})
    made = event_of(answer, "PolicyProposed")
    if made is not None and not session.options.json:
        session.say(f"  next  dt policy approve {made['version']}   by another administrator, who has read it")


@policy.command("approve")
@click.argument("version", type=int)
@changing
@click.pass_obj
def approve(session: Session, version: int) -> None:
    """Approve another person's proposal, after reading what it changes; it is in force at once."""
    from interlock.client import ProblemAnswer

    try:
        found = session.get(f"/policy/proposals/{version}")
    except ProblemAnswer as problem:
        if problem.type != "not-found":
            raise
        raise Halt(
            f"there is no open proposal {version}",
            code=NOT_FOUND,
            then=(("dt policy show --proposals", "what is proposed"),),
        ) from problem
    if not session.options.json:
        session.talk(proposed(session, found))
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
