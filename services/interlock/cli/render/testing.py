"""The automatic tests, told: who holds the environment, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interlock.answers.times import span
from interlock.cli.render.lines import Line, Lines, Part, Span, apart, line, table
from interlock.cli.render.times import Scene, clock

if TYPE_CHECKING:
    from interlock.runners.junit import Case
    from interlock.runners.testing import Holder, Outcome

FAILED_SHOWN_MAX = 50
MESSAGE_COLUMNS_MAX = 60
DIGEST_SHOWN = 11


def holder_lines(holder: Holder, scene: Scene) -> Lines:
    """Return who holds it, since when, how far that is, and when it is expected to be free."""
    what = "another run" if holder.run else "other work"
    name = holder.word + (f" ({holder.run})" if holder.nightly and holder.run else "")
    lines = [
        line(
            Span("✗ ", "bad"),
            f"{what} holds {holder.environment}: ",
            Span(name, "strong"),
            f", started {clock(holder.since)} GMT by {holder.by}",
        )
    ]
    share, free = holder.share(scene.now), holder.free_at
    pieces = []
    if share is not None and holder.usual is not None:
        pieces.append(f"{share * 100:.0f} % of its usual {length(holder.usual)}")
    pieces.append(f"last sign of life {span(scene.now - holder.seen)} ago")
    if free is not None:
        late = free <= scene.now
        pieces.append("over its usual time" if late else f"expected free {free:%H:%M}")
    else:
        pieces.append(f"its lease ends {holder.lease_until:%H:%M} unless it is renewed")
    return [*lines, line("  ", Span(" · ".join(pieces), "dim"))]


def length(seconds: float) -> str:
    """Return "38 s", "31 min" or "1 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def minutes(seconds: float) -> str:
    """Return "02:11", or "1:02:11"."""
    whole = int(max(0.0, seconds))
    hours, rest = divmod(whole, 3_600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"


def outcome_lines(outcome: Outcome, remarks: Mapping[str, str], scene: Scene, page: str) -> Lines:
    """Return the verdict: its event, its counts, the report, and each failed test with what is known of it."""
    counts, event = outcome.report.counts, verdict_event(outcome.answer)
    good = outcome.report.verdict == "passed"
    numbers = [f"{counts['passed']} passed", f"{counts['failed']} failed"]
    if counts["skipped"]:
        numbers.append(f"{counts['skipped']} skipped")
    head: list[Part] = [
        Span("✓ ", "good") if good else Span("✗ ", "bad"),
        Span(str(event["type"]), "strong"),
        Span(f" @{event['position']}", "dim"),
        f"   {', '.join(numbers)}",
        Span(f"   report {outcome.digest[:DIGEST_SHOWN]}… ({size(outcome.size)})", "dim"),
    ]
    lines: Lines = [tuple(apart(head, [], scene.width))]
    lines.extend(failed_lines([case for case in outcome.report.cases if case.state == "failed"], remarks))
    lines.extend(missing_line(name, outcome) for name in outcome.missing)
    return [*lines, line("  ", Span(page, "link"))] if page else lines


def failed_lines(cases: Sequence[Case], remarks: Mapping[str, str]) -> Lines:
    """Return each failed test: its number, its name, why, and what is known of it."""
    rows = [
        (str(number), Span(case.name, "strong"), shortened(case.message), Span(remarks.get(case.name, ""), "dim"))
        for number, case in enumerate(cases[:FAILED_SHOWN_MAX], 1)
    ]
    lines = table(rows, indent=2)
    if len(cases) > FAILED_SHOWN_MAX:
        lines.append(line(f"  and {len(cases) - FAILED_SHOWN_MAX} more: they stand in the report"))
    return lines


def missing_line(name: str, outcome: Outcome) -> Line:
    """Return what became of a new test that did not run and pass."""
    cases = outcome.report.called(name)
    states = {case.state for case in cases}
    why = "it is not in the report" if not cases else "it was skipped" if "skipped" in states else "it failed"
    return line(Span("✗ ", "bad"), "new test ", Span(name, "strong"), f": {why}")


def shortened(message: str) -> str:
    """Return the beginning of a message, as much as a line holds beside the name."""
    return message if len(message) <= MESSAGE_COLUMNS_MAX else f"{message[: MESSAGE_COLUMNS_MAX - 1]}…"


def size(count: int) -> str:
    """Return "812 B", "31 KB" or "2.4 MB"."""
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1_000:.0f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def verdict_event(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the release's verdict, where the run was one; otherwise the run's end."""
    events = answer.get("events") or ()
    verdicts = [event for event in events if event["type"] in {"TestsPassed", "TestsFailed"}]
    ends = [event for event in events if event["type"] == "TestRunFinished"]
    found: Mapping[str, Any] = [*verdicts, *ends][0]
    return found
