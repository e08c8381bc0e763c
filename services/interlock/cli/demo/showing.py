"""What the demo shows: each chapter as it was played, and at the end what to try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.cli.demo.cast import ENVIRONMENTS, ME, PROJECT
from interlock.cli.demo.home import Home
from interlock.cli.demo.story import Played
from interlock.cli.render.lines import Lines, Part, Span, apart, line, padded, table, wrapped

DAYS_COLUMN = 17
COMMAND_COLUMN = 60
CHECKS_SHOWN = 4
TRY = (
    ("dt login --print", "your token: sign in to the board with it"),
    ("dt status", "what runs where, what is open, when production opens"),
    ("dt deploy 4.12.0 production", "a refusal: only time is missing"),
    ("dt deploy 4.13.0 stage", "another: people are missing, and a problem is open"),
    ("dt todo", "what waits for whom"),
    ('dt release why 4.12.0 production --if-at "2026-11-28 09:00"', "what will be missing when it opens"),
    ("dt audit log --type ActionRefused", "who was refused what, in these two weeks"),
    ("dt adjust report ADJ-1", "how data of production was adjusted, for an auditor"),
    ('dt env show production --at "2026-11-14 10:30"', "as it was then"),
    ('dt --as qa-1 problem dismiss P-2 -m "seen once"', "as somebody else"),
)


def done(what: str, seconds: float, width: int, lead: str = "  ") -> Lines:
    """Return "✓ what … 1.0 s"."""
    return [apart([lead, Span("✓ ", "good"), what], [Span(f"{seconds:.1f} s", "dim")], width)]


def chapter_lines(played: Played, seconds: float, width: int) -> Lines:
    """Return a chapter: its days and title, how far releases came, and what was refused."""
    head: list[Part] = ["  ", Span("✓ ", "good"), padded(played.chapter.days, DAYS_COLUMN, "dim"), played.chapter.title]
    lines = [apart(head, [Span(f"{played.events} events, {seconds:.1f} s", "dim")], width)]
    indent = " " * (DAYS_COLUMN + 4)
    for release, places in paths(played).items():
        lines.append(line(indent, padded(release, 7, "strong"), *way(places)))
    for refusal in played.refusals:
        checks, more = refusal["checks"][:CHECKS_SHOWN], len(refusal["checks"]) - CHECKS_SHOWN
        pieces = [*checks, f"and {more} more"] if more > 0 else list(checks)
        who: list[Part] = [indent, Span("✗ ", "bad"), f"{refusal['who']}: {refusal['action']}  "]
        lines.extend(wrapped(who, pieces, width, style="dim"))
    return lines


def paths(played: Played) -> dict[str, list[str]]:
    """Return for each release where it arrived in this chapter; a second way begins anew."""
    found: dict[str, list[str]] = {}
    for release, environment in played.arrivals:
        places = found.setdefault(release, [])
        if environment in places:
            places.clear()
        places.append(environment)
    return found


def way(places: Sequence[str]) -> list[Part]:
    """Return "sandbox-anton ✓ tests ✓ …" in the order of the flow."""
    parts: list[Part] = []
    for place in ENVIRONMENTS:
        if place in places:
            parts += [place, Span(" ✓  ", "good")]
    return parts


def invitation_to_watch(url: str, token: str) -> Lines:
    """Return where the story can be watched, and by what somebody signs in there."""
    return [
        line(),
        line("  Watch the board              ", Span(f"{url}/p/{PROJECT}/", "link")),
        line(f"  sign in there as {ME} by     ", Span(token, "strong")),
        line(),
    ]


def invitation(home: Home, url: str, *, keeps: bool) -> Lines:
    """Return where it is, who one is, and what to try next."""
    lines = [
        line(),
        line(
            "The board                    ", Span(f"{url}/p/{PROJECT}/", "link"), "   what runs where, and who must act"
        ),
        line(
            "The API                      ", Span(f"{url}/docs", "link"), "   its clock stands until dt --now sets it"
        ),
        line("In another terminal, first   ", Span(f". {home.activate}", "strong")),
        line(f"You are then {ME} (developer), and can type:"),
        *(line("  ", padded(command, COMMAND_COLUMN, "strong"), "  ", Span(why, "dim")) for command, why in TRY),
    ]
    kept = f"Its data stays in {home.directory}." if keeps else 'Keep the data: make demo ARGS="--keep DIR"'
    return [*lines, line("Stop with Ctrl-C. ", kept)]


def outcome_lines(came_to: Mapping[str, Any], events: int) -> Lines:
    """Return how much happened, what runs where at the end, and what the two gates say that are worth trying."""
    state = came_to["state"]
    refused, releases = len(came_to["refusals"]), len(state["releases"])
    what = f"two weeks of history: {events} events, {releases} releases, {refused} refusals on record"
    lines = [line("  ", Span("✓ ", "good"), what), line()]
    lines.append(line(Span(f"Where it stands, by the API: {state['now']} GMT, policy {state['policy']}", "strong")))
    rows: list[list[Part]] = [[name, words] for name, words in state["environments"].items()]
    lines.extend(table(rows, indent=2))
    for gate, missing in state["gates"].items():
        lines.append(
            line(
                "  ",
                Span("✗ " if missing else "✓ ", "bad" if missing else "good"),
                gate,
                "  missing: ",
                ", ".join(missing) or "nothing",
            )
        )
    return lines


def difference_lines(found: Sequence[str]) -> Lines:
    """Return where the story came out otherwise than expected."""
    head = line(Span("✗ ", "bad"), "the story came out otherwise than expected.json says:")
    return [head, *(line("  ", each) for each in found)]
