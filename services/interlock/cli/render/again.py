"""What came of deciding the record again: under its own policies, and under another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interlock.cli.render.decision import CHECK_COLUMN_MIN, STYLES, WORDS, decision_lines
from interlock.cli.render.lines import Lines, Part, Span, line, padded, wrapped
from interlock.cli.render.times import Scene, moment
from interlock.events.codec import plain

if TYPE_CHECKING:
    from interlock.domain.recheck import Checked
    from interlock.domain.simulation import Simulated
    from interlock.events.decision import Decision

SHOWN_MAX = 20


def recheck_lines(tally: Mapping[str, Any], differing: Sequence[Checked], scene: Scene) -> Lines:
    """Return `dt audit recheck`: what differs first, or that nothing does; then how sure that is."""
    if not differing:
        sign, text = Span("✓ ", "good"), "nothing differs from what the rules say"
    else:
        many = f"{len(differing)} decisions differ" if len(differing) > 1 else "one decision differs"
        sign, text = Span("✗ ", "bad"), f"{many} from what the rules say"
    lines: Lines = [line(sign, Span(text, "strong")), *how_sure(tally, scene)]
    for each in differing[:SHOWN_MAX]:
        lines += [line(), *entry(each.position, each.at, each.by, each.kind, each.differs or "", scene)]
        for title, decision in (("recorded", each.recorded), ("again", each.again)):
            if decision is not None:
                lines.append(line("  ", Span(title, "strong")))
                lines += [line("  ", *row) for row in decision_lines(plain(decision), scene)]
    return lines + more(len(differing))


def simulation_lines(tally: Mapping[str, Any], flips: Sequence[Simulated], name: str, scene: Scene) -> Lines:
    """Return `dt policy simulate`: what would have been otherwise, each with both explanations."""
    if flips:
        many = f"{len(flips)} decisions" if len(flips) > 1 else "one decision"
        text = f"{many} would have been otherwise under {name}"
    else:
        text = f"no decision would have been otherwise under {name}"
    lines: Lines = [line(Span(text, "strong")), *how_sure(tally, scene)]
    for each in flips[:SHOWN_MAX]:
        lines += [line(), *entry(each.position, each.at, each.by, told(each), each.flips or "", scene)]
        for title, decision, other in (("was", each.before, each.after), ("then", each.after, each.before)):
            lines += explained(title, decision, other, scene)
    return lines + more(len(flips))


def told(each: Simulated) -> str:
    """Return what was asked, in the words of its decision."""
    return each.before.action if each.before is not None else each.kind


def entry(position: int, at: Any, by: str, what: str, why: str, scene: Scene) -> Lines:
    """Return what is told of one command: where it stands, and what is otherwise."""
    head: list[Part] = [Span(f"@{position:,}  ", "strong")]
    return [
        *wrapped(head, [what, f"by {by}", moment(at, scene)], scene.width),
        *wrapped([" " * (len(head[0].text) if isinstance(head[0], Span) else 0)], [why], scene.width),
    ]


def explained(title: str, decision: Decision | None, other: Decision | None, scene: Scene) -> Lines:
    """Return the checks of one decision that have another state in the other one, with what each found."""
    if decision is None:
        return []
    states = {each.check: each.state for each in other.checks} if other is not None else {}
    lines: Lines = []
    for each in decision.checks:
        if states.get(each.check) == each.state:
            continue
        head: list[Part] = [
            "  ", padded("" if lines else title, 6, "dim"), padded(WORDS[each.state], 6, STYLES[each.state]),
            padded(each.check, CHECK_COLUMN_MIN), " ",
        ]  # fmt: skip
        rule = f"rule: {each.required}" if each.required and each.required != each.observed else ""
        lines += wrapped(head, [piece for piece in (each.observed or "", rule) if piece], scene.width)
    return lines


def how_sure(tally: Mapping[str, Any], scene: Scene) -> Lines:
    """Return how many commands were decided again, and how it is known what they asked."""
    if not tally["commands"]:
        return [line("  nothing was recorded there")]
    pieces = list(_sureness(tally))
    head = f"  {tally['decided_again']:,} of {tally['commands']:,} commands decided again: "
    return wrapped([head], pieces, scene.width, between=", ", style="dim")


def _sureness(tally: Mapping[str, Any]) -> Iterator[str]:
    if tally["proved"]:
        yield f"{tally['proved']:,} proved by their digest"
    if tally["rebuilt"]:
        yield f"{tally['rebuilt']:,} put together from what they left"
    for kind, number in tally["unknown"].items():
        yield f"not {kind} ×{number}: what was asked is not in the record"


def more(found: int) -> Lines:
    """Return how many are not shown."""
    return [line(), line(Span(f"  and {found - SHOWN_MAX} more: --json has all", "dim"))] if found > SHOWN_MAX else []


def difference_document(each: Checked) -> dict[str, Any]:
    """Return a difference as JSON, with both decisions whole."""
    return _document(each, {"differs": each.differs}, recorded=each.recorded, again=each.again)


def flip_document(each: Simulated) -> dict[str, Any]:
    """Return a flip as JSON, with both decisions whole."""
    return _document(each, {"flips": each.flips}, before=each.before, after=each.after)


def _document(each: Checked | Simulated, said: dict[str, Any], **decisions: Decision | None) -> dict[str, Any]:
    return {
        "position": each.position,
        "at": each.at.isoformat().replace("+00:00", "Z"),
        "by": each.by,
        "type": each.kind,
        "known": each.known,
        **said,
        **{name: plain(decision) for name, decision in decisions.items() if decision is not None},
    }
