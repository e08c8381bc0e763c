"""What was measured, as text, as Markdown tables, and as bars in SVG files."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from bench.side_by_side.figures import Goal, Measured, Section

ROW: Final = 24
BAR: Final = 16
LABEL_WIDTH: Final = 300
BARS_WIDTH: Final = 360
VALUE_WIDTH: Final = 140
OURS: Final = "#2b6cb0"
OTHERS: Final = "#a0aec0"
INK: Final = "#718096"


def amount(value: float) -> str:
    """Return a figure with as many digits as mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def told(section: Section) -> str:
    """Return the section for a terminal."""
    lines = [section.title]
    for one in measured(section):
        low, high = one.spread
        within = f"   p50 {_median(one.p50):>7} ms   p99 {_median(one.p99):>7} ms" if one.p99 else ""
        lines.append(f"  {one.name:<52} {amount(one.value):>10}{one.unit:<9} ({amount(low)} to {amount(high)}){within}")
    lines += [f"  {'✓' if goal.met else '✗'} {goal_text(goal)}" for goal in section.goals]
    return "\n".join(lines)


def measured(section: Section) -> list[Measured]:
    """Return those that have figures."""
    return [one for one in section.contenders.values() if one.values]


def goal_text(goal: Goal) -> str:
    """Return a goal and what was reached."""
    asked = "at least" if goal.better == "higher" else "at most"
    return f"{goal.says}: {amount(goal.reached)} {goal.unit} ({asked} {goal.asked:,g} {goal.unit})"


def markdown(section: Section, plots: str) -> str:
    """Return the section for docs/BENCHMARKS.md; `plots` is where its picture stands."""
    lines = [f"## {section.title}", "", f"![{section.title}]({plots}/{section.name}.svg)", ""]
    lines += ["| | median | lowest to highest round | p50 | p99 |", "|---|---:|---:|---:|---:|"]
    for one in measured(section):
        low, high = one.spread
        p50, p99 = (f"{_median(each)} ms" if each else "" for each in (one.p50, one.p99))
        lines.append(
            f"| {one.name} | {amount(one.value)}{one.unit} | {amount(low)} to {amount(high)} | {p50} | {p99} |"
        )
    if section.goals:
        lines += ["", "| goal | | reached |", "|---|---|---|"]
        for goal in section.goals:
            asked = f"{'≥' if goal.better == 'higher' else '≤'} {goal.asked:,g} {goal.unit}"
            lines.append(
                f"| {goal.says} | {asked} | {amount(goal.reached)} {goal.unit} {'✓' if goal.met else '✗ not reached'} |"
            )
    return "\n".join([*lines, "", section.unequal, ""])


def picture(section: Section) -> str:
    """Return bars, one for each contender of the section's first unit, as SVG; ours are darker."""
    unit = measured(section)[0].unit
    shown = [one for one in measured(section) if one.unit == unit]
    longest = max(one.value for one in shown) or 1.0
    width, height = LABEL_WIDTH + BARS_WIDTH + VALUE_WIDTH, ROW * len(shown) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<title>{escape(section.title)}</title><g font-family="sans-serif" font-size="12" fill="{INK}">',
    ]
    for row, one in enumerate(shown):
        top, length = 4 + row * ROW, max(1.0, BARS_WIDTH * one.value / longest)
        colour = OURS if "nterlock" in one.name or (unit != "/s" and "eventsourcing" not in one.name) else OTHERS
        middle = top + BAR - 4
        parts += [
            f'<text x="{LABEL_WIDTH - 8}" y="{middle}" text-anchor="end">{escape(one.name)}</text>',
            f'<rect x="{LABEL_WIDTH}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LABEL_WIDTH + length + 6:.1f}" y="{middle}">{amount(one.value)}{escape(unit)}</text>',
        ]
    return "\n".join([*parts, "</g></svg>", ""])


BEGIN: Final = "<!-- figures: written by `python -m bench.side_by_side --write` -->"
END: Final = "<!-- end of figures -->"


def write(document: Path, pictures: Path, about: str, sections: Sequence[Section]) -> None:
    """Put the figures between their marks in the document, and the pictures beside it."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    pictures.mkdir(parents=True, exist_ok=True)
    for section in sections:
        (pictures / f"{section.name}.svg").write_text(picture(section), encoding="utf-8")
    inside = "\n".join(markdown(section, pictures.name) for section in sections)
    document.write_text(f"{before}{BEGIN}\n\n{about}\n\n{inside}\n{END}{after}", encoding="utf-8")


def _median(values: list[float]) -> str:
    from statistics import median

    return amount(median(values))
