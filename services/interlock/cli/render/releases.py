"""Releases: the list, and one of them with its content, its way and its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from interlock.answers.times import instant, span
from interlock.cli.render.happenings import short
from interlock.cli.render.lines import Lines, Part, Span, line, table, wrapped
from interlock.cli.render.times import Scene, ago, brief

Facts = Mapping[str, Any]
STYLES = {"held": "wait", "withdrawn": "dim", "superseded": "dim", "completed": "good"}
SIGNS = {
    "passed": ("✓", "good"),
    "approved": ("✓", "good"),
    "confirmed": ("✓", "good"),
    "failed": ("✗", "bad"),
    "rejected": ("✗", "bad"),
    "withdrawn": ("–", "dim"),
    "void": ("–", "dim"),
}
LABEL_COLUMN = 13


def list_lines(releases: Sequence[Facts], scene: Scene) -> Lines:
    """Return `dt release list`."""
    rows = release_rows(releases, scene)
    return table(rows) if rows else [line(Span("no release is open (dt release list --all)", "dim"))]


def release_rows(releases: Sequence[Facts], scene: Scene) -> list[tuple[Part, ...]]:
    """Return a row for each release: name, kind, state, where it is, its title and its age."""
    rows: list[tuple[Part, ...]] = []
    for release in releases:
        state = str(release.get("state", ""))
        where = release.get("in") or ()
        place = f"in {', '.join(where)}" if where else "deployed nowhere"
        told = state if state != "open" else place
        if state == "superseded" and release.get("superseded_by"):
            told = f"superseded by {release['superseded_by']}"
        elif state not in {"open", ""} and where:
            told = f"{state}, {place}"
        rows.append(
            (
                Span(str(release.get("release")), "strong"),
                kind_of(release),
                Span(told, STYLES.get(state, "")),
                f'"{release.get("title")}"',
                Span(f"by {release.get('author')}, opened {ago(release.get('opened_at'), scene)}", "dim"),
            )
        )
    return rows


def kind_of(release: Facts) -> str:
    """Return "normal", or "hotfix for P-81"."""
    problem = release.get("problem")
    return f"hotfix for {problem}" if release.get("kind") == "hotfix" and problem else str(release.get("kind", ""))


def release_lines(release: Facts, scene: Scene) -> Lines:
    """Return `dt release show`."""
    title: list[Part] = [Span(f"{release.get('release')}", "strong"), f'  "{release.get("title")}"']
    lines: Lines = [line(*title, Span(f"  @{release.get('position')}" if release.get("position") else "", "dim"))]
    for label, pieces in facts_of(release, scene):
        head: list[Part] = ["  ", Span(label.ljust(LABEL_COLUMN), "dim")]
        lines.extend(wrapped(head, [piece for piece in pieces if piece], scene.width))
    lines.extend(evidence_lines(release.get("evidence") or {}, scene))
    deploys = release.get("deploys") or ()
    if deploys:
        lines.append(line("  ", Span("deploys", "dim")))
        lines.extend(deploy_rows(deploys, scene))
    return lines


def facts_of(release: Facts, scene: Scene) -> list[tuple[str, list[str]]]:
    """Return what is known of the release, each with its label."""
    state = [str(release.get("state")), f"since {brief(release.get('state_since'), scene)}"]
    if release.get("superseded_by"):
        state.append(f"by {release['superseded_by']}")
    rows = [
        (
            "kind",
            [
                kind_of(release),
                f"by {release.get('author')}",
                f"opened {brief(release.get('opened_at'), scene)}",
                lead_time(release.get("lead_time") or {}, scene),
            ],
        ),
        ("state", state),
    ]
    if release.get("hold"):
        rows.append(("on hold", [str(release["hold"].get("reason")), f"by {release['hold'].get('by')}"]))
    rows.append(("is in", [", ".join(release.get("in") or ()) or "no environment"]))
    if release.get("affected_areas"):
        rows.append(("affects", [", ".join(release["affected_areas"])]))
    content = release.get("content")
    if not content:
        rows.append(("content", ["none yet"]))
        return rows
    counted = [number(content, part) for part in ("artifacts", "commits", "migrations")]
    rows.append(
        (
            "content",
            [
                short(content.get("content_digest")),
                *counted,
                f"since {brief(content.get('since'), scene)}",
                f"by {content.get('by')}",
            ],
        )
    )
    for label, part in (("new tests", "new_tests"), ("fixes", "fixes"), ("contains", "contains")):
        if content.get(part):
            rows.append((label, [", ".join(str(item) for item in content[part])]))
    return rows


def number(content: Facts, part: str) -> str:
    """Return "3 commits"."""
    size = len(content.get(part) or ())
    return f"{size} {part if size != 1 else part.removesuffix('s')}"


def lead_time(lead: Facts, scene: Scene) -> str:
    """Return the lead time: so far or whole, and how much of it was for the window."""
    opened = instant(lead.get("opened_at"))
    if opened is None:
        return ""
    whole = timedelta(seconds=lead["seconds"]) if lead.get("seconds") is not None else scene.now - opened
    waited = timedelta(seconds=lead.get("waited_for_window_seconds") or 0)
    since = instant(lead.get("waiting_since"))
    if since is not None and lead.get("seconds") is None:
        waited += max(timedelta(0), scene.now - since)
    text = f"lead time {'' if lead.get('seconds') is not None else 'so far '}{span(whole, 2)}"
    return f"{text} (of it waiting for the window {span(waited, 2)})" if waited else text


def evidence_lines(evidence: Facts, scene: Scene) -> Lines:
    """Return the evidence there is, each with its sign: ✓ holds, ✗ stands against it, – holds no more."""
    rows: list[tuple[Part, ...]] = []
    entries = [(kind, evidence.get(kind)) for kind in ("development", "hotfix", "tests", "review", "migration")]
    entries += [(f"qa in {where}", value) for where, value in (evidence.get("qa") or {}).items()]
    for kind, found in entries:
        if not found:
            continue
        state = str(found.get("state"))
        holds = bool(found.get("holds_for_content"))
        sign, style = SIGNS.get(state, ("·", "")) if holds else ("–", "dim")
        note = "" if holds else f" · {found.get('cause') or 'for other content'}: holds no more"
        rows.append(
            (
                Span(sign, style),
                kind,
                state,
                Span(f"by {found.get('by')}, {brief(found.get('since'), scene)}{note}", "dim"),
                Span(f"@{found.get('position')}", "dim"),
            )
        )
    return [line("  ", Span("evidence", "dim")), *table(rows, indent=4)] if rows else []


def deploy_rows(deploys: Sequence[Facts], scene: Scene) -> Lines:
    """Return the deploys that were asked for, the oldest first."""
    rows: list[tuple[Part, ...]] = []
    for deploy in deploys:
        state = str(deploy.get("state"))
        style = {"succeeded": "good", "failed": "bad", "requested": "wait", "ready": "wait", "started": "wait"}.get(
            state, "dim"
        )
        asked = f"asked {brief(deploy.get('requested_at'), scene)} by {deploy.get('requested_by')}"
        if deploy.get("at_window") and state == "requested":
            asked += ", waits for the window"
        rows.append(
            (
                str(deploy.get("deploy")),
                f"→ {deploy.get('environment')}",
                Span(state, style),
                Span(asked, "dim"),
                Span(f"@{deploy.get('position')}", "dim"),
            )
        )
    return table(rows, indent=4)
