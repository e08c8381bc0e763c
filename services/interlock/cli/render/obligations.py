"""Who must act, on what, by when: what is overdue first, then by its time; each with the command to give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.answers.times import instant, span
from interlock.cli.render.lines import Lines, Part, Span, line, padded, wrapped
from interlock.cli.render.times import Scene, brief, clock, day

WHEN_COLUMN = 20
WHO_MIN, WHO_MAX = 8, 26


def todo_lines(obligations: Sequence[Mapping[str, Any]], scene: Scene, *, whose: str | None = None) -> Lines:
    """Return `dt todo`."""
    title = f"who must act  {day(scene.now)} {clock(scene.now)} GMT"
    overdue = sum(bool(each.get("overdue")) for each in obligations)
    count = len(obligations)
    if not count:
        whom = f"{whose}: nothing waits for you" if whose else "nobody: nothing waits for anyone"
        return [line(Span(title, "strong")), line("  ", whom)]
    note = f"  {count} thing{'s' if count != 1 else ''}" + (f", {overdue} overdue" if overdue else "")
    return [line(Span(title, "strong"), Span(note, "dim")), *obligation_lines(obligations, scene)]


def obligation_lines(obligations: Sequence[Mapping[str, Any]], scene: Scene, *, ahead: bool = True) -> Lines:
    """Return two lines for each: by when, who and what; below it the command, and for whom it is after that.

    Where not `ahead`, for whom it is too is said only where it is so already.
    """
    ordered = sorted(obligations, key=lambda each: urgency(each, scene))
    people = [names(each, scene) for each in ordered]
    column = max((len(who) for who in people), default=WHO_MIN)
    lines: Lines = []
    for each, who in zip(ordered, people, strict=True):
        when, style = due(each, scene)
        head: list[Part] = [
            "  ",
            padded(when if len(when) < WHEN_COLUMN else f"{when} ", WHEN_COLUMN, style),
            padded(who, column + 2, "strong" if is_mine(each, scene) else ""),
        ]
        since = each.get("since")
        told = [str(each.get("what", ""))]
        if since is not None:
            told.append(f"since {brief(since, scene)}")
        lines.extend(wrapped(head, told, scene.width))
        margin: list[Part] = [" " * (2 + WHEN_COLUMN + column + 2)]
        if each.get("command"):
            lines.append(line(*margin, Span(str(each["command"]), "dim")))
        if each.get("escalates_to") and (ahead or each.get("overdue")):
            lines.extend(wrapped(margin, [escalation(each, scene)], scene.width))
    return lines


def escalation(each: Mapping[str, Any], scene: Scene) -> str:
    """Return for whom it is too once its time is over, or that it is for them now."""
    people = names({"who": each["escalates_to"]}, scene)
    return f"escalated to {people}" if each.get("overdue") else f"after that also for {people}"


def urgency(each: Mapping[str, Any], scene: Scene) -> tuple[int, float, int]:
    """Return the place in the list: overdue, then by its time, then one's own before others'."""
    by = instant(each.get("by"))
    return (
        0 if each.get("overdue") else 1,
        by.timestamp() if by is not None else float("inf"),
        0 if is_mine(each, scene) else 1,
    )


def due(each: Mapping[str, Any], scene: Scene) -> tuple[str, str]:
    """Return "overdue 51 m", "by 14:14 (9 m)" or "–", with its style."""
    by = instant(each.get("by"))
    if each.get("overdue"):
        return (f"overdue {span(scene.now - by, 2)}" if by is not None else "overdue", "bad")
    if by is None:
        return "any time", "dim"
    return f"by {brief(by, scene)} ({span(by - scene.now, 1)})", "wait"


def names(each: Mapping[str, Any], scene: Scene) -> str:
    """Return who must act, oneself first and marked; where they are many, some of them and how many more."""
    who = sorted((str(name) for name in each.get("who") or ()), key=lambda name: name != scene.me)
    shown = [f"{name} (you)" if name == scene.me else name for name in who]
    for kept in range(len(shown), 0, -1):
        rest = len(shown) - kept
        text = ", ".join(shown[:kept]) + (f" +{rest}" if rest else "")
        if len(text) <= WHO_MAX or kept == 1:
            return text
    return "nobody yet"


def is_mine(each: Mapping[str, Any], scene: Scene) -> bool:
    """Whether the reader is among those who must act."""
    concerned = [*(each.get("who") or ()), *((each.get("escalates_to") or ()) if each.get("overdue") else ())]
    return scene.me is not None and scene.me in concerned
