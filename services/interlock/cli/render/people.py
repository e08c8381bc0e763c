"""Policy, team and what waits for a second person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from interlock.cli.render.happenings import short
from interlock.cli.render.lines import Lines, Part, Span, line, table
from interlock.cli.render.times import Scene, ago, brief, moment

Facts = Mapping[str, Any]


def team_lines(team: Facts, scene: Scene) -> Lines:
    """Return `dt team list`: who may do what, who owns what, which credentials there are."""
    rows: list[tuple[Part, ...]] = []
    for person in team.get("principals") or ():
        state = "" if person.get("active", True) else "inactive"
        me = " (you)" if person.get("principal") == scene.me else ""
        rows.append(
            (
                Span(f"{person.get('principal')}{me}", "strong"),
                str(person.get("kind")),
                ", ".join(person.get("roles") or ()) or "no role",
                Span(state, "dim"),
            )
        )
    lines = table(rows)
    for title, key in (("owners", "owners"), ("operators", "operators")):
        named = team.get(key) or ()
        if named:
            lines += [line(), line(Span(title, "strong"))]
            lines += table([designation(each, scene) for each in named], indent=2)
    credentials = team.get("credentials") or ()
    if credentials:
        lines += [line(), line(Span("credentials", "strong"))]
        lines += table([credential(each, scene) for each in credentials], indent=2)
    return lines


def designation(each: Facts, scene: Scene) -> tuple[Part, ...]:
    """Return an owner or an operator as a row."""
    note = ""
    if each.get("deputy"):
        note = f"deputy {each['deputy']} until {brief(each.get('deputy_until'), scene)}, for {each.get('designated')}"
    return (str(each.get("environment")), Span(str(each.get("principal")), "strong"), Span(note, "dim"))


def credential(each: Facts, scene: Scene) -> tuple[Part, ...]:
    """Return a credential as a row."""
    end = (
        f"expired {ago(each.get('expires_at'), scene)}"
        if each.get("expired")
        else f"until {brief(each.get('expires_at'), scene)}"
    )
    return (
        str(each.get("credential")),
        str(each.get("principal")),
        str(each.get("purpose")),
        ", ".join(each.get("scopes") or ()),
        Span(end, "dim"),
    )


def policy_lines(policy: Facts) -> Lines:
    """Return `dt policy show`: the document in a readable form."""
    document = policy.get("document") or {}
    lines: Lines = [
        line(
            Span(f"{document.get('name')} {policy.get('version')}", "strong"),
            Span(f"  {policy.get('document_digest', '')}", "dim"),
        )
    ]
    rows: list[tuple[Part, ...]] = []
    for environment in document.get("environments") or ():
        windows = "; ".join(
            f"{', '.join(rule['days'])} {rule['opens']}–{rule['closes']} GMT"
            for rule in environment.get("windows") or ()
        )
        notes = [
            f"feed {environment['feed']}" if environment.get("feed") else "",
            f"restored from {', '.join(environment['restore_sources'])}" if environment.get("restore_sources") else "",
            f"window {windows}" if windows else "",
            f"by hand: {', '.join(environment['by_hand'])}" if environment.get("by_hand") else "",
            f"react within {environment.get('react_minutes')} m",
        ]
        rows.append(
            (
                Span(str(environment.get("name")), "strong"),
                str(environment.get("purpose")),
                " · ".join(note for note in notes if note),
            )
        )
    lines += table(rows, indent=2)
    figures = [
        (key.replace("_", " "), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in sorted(document.items())
        if key not in {"name", "environments"}
    ]
    return lines + table([(Span(key, "dim"), value) for key, value in figures], indent=2)


def proposal_lines(proposals: Sequence[Facts]) -> Lines:
    """Return the proposed policies, each with what it would change."""
    lines: Lines = []
    for proposal in proposals:
        lines.append(
            line(
                Span(f"version {proposal.get('version')}", "strong"),
                f"  proposed by {proposal.get('proposed_by')}",
                Span(f"  @{proposal.get('proposed_position')}  {short(proposal.get('document_digest'))}", "dim"),
            )
        )
        lines += change_lines(proposal.get("changes") or ())
    return lines or [line(Span("no policy is proposed", "dim"))]


def change_lines(changes: Sequence[Facts]) -> Lines:
    """Return what differs between two policies, by the path of each figure."""
    rows: list[tuple[Part, ...]] = []
    for change in changes:
        for path, old, new in differing(str(change.get("path")), change.get("from"), change.get("to")):
            rows.append((path, old, f"→ {new}"))
    return table(rows, indent=2) if rows else [line("  ", Span("changes nothing", "dim"))]


def differing(path: str, old: Any, new: Any) -> Iterator[tuple[str, str, str]]:
    """Yield (path, old, new) as text; a list of environments is told by environment and figure."""
    before, after = by_name(old), by_name(new)
    if before is None or after is None:
        yield path, told(old), told(new)
        return
    for name in dict.fromkeys((*before, *after)):
        was, would = before.get(name, {}), after.get(name, {})
        for key in sorted({*was, *would} - {"name"}):
            if was.get(key) != would.get(key):
                yield f"{path}.{name}.{key}", told(was.get(key)), told(would.get(key))


def by_name(value: Any) -> dict[str, Facts] | None:
    """Return a list of named objects by their names; None where it is none."""
    if not isinstance(value, list) or not all(isinstance(each, Mapping) and "name" in each for each in value):
        return None
    return {str(each["name"]): each for each in value}


def told(value: Any) -> str:
    """Return a value as JSON; what is absent has none."""
    return "–" if value is None else json.dumps(value, ensure_ascii=False)


def ask_lines(asks: Sequence[Facts], scene: Scene) -> Lines:
    """Return what waits for a second person."""
    rows: list[tuple[Part, ...]] = [
        (
            Span(str(ask.get("ask")), "strong"),
            str(ask.get("action")),
            f"asked by {ask.get('asked_by')}",
            Span(f"until {moment(ask.get('until'), scene)}", "dim"),
        )
        for ask in asks
    ]
    return table(rows) if rows else [line(Span("nothing waits for a second person", "dim"))]


def ask_detail_lines(ask: Facts) -> Lines:
    """Return what a second person would do, field by field."""
    lines: Lines = [line(Span(f"{ask.get('ask')}: {ask.get('action')}", "strong"), f"  asked by {ask.get('asked_by')}")]
    command = ask.get("command")
    rows = [
        (Span(key, "dim"), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in (command.items() if isinstance(command, Mapping) else ())
        if value not in (None, [], ())
    ]
    return lines + table(rows, indent=2)
