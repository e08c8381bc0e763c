"""Lines of styled text: said once, shown plain or in colour. State is told by word and sign first, colour second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CODES = {"good": "32", "bad": "31", "wait": "33", "need": "35", "dim": "2", "strong": "1", "link": "4"}


@dataclass(frozen=True, slots=True)
class Span:
    """Some text in one style, a key of CODES or "" for none."""

    text: str
    style: str = ""


Line = tuple[Span, ...]
Lines = list[Line]
Part = str | Span


def line(*parts: Part) -> Line:
    """Make a line of its parts."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def width_of(parts: Iterable[Part]) -> int:
    """Return how many columns the parts take."""
    return sum(len(part.text if isinstance(part, Span) else part) for part in parts)


def padded(text: str, width: int, style: str = "") -> Span:
    """Return the text filled up to a width; longer text stays whole."""
    return Span(text.ljust(width), style)


def apart(left: Sequence[Part], right: Sequence[Part], width: int) -> Line:
    """Return one line with `right` at the right margin, or two spaces after `left` where it is long."""
    gap = max(2, width - width_of(left) - width_of(right))
    return line(*left, " " * gap, *right)


def wrapped(head: Sequence[Part], pieces: Sequence[str], width: int, *, between: str = " · ", style: str = "") -> Lines:
    """Return the pieces after `head`, broken between pieces where they do not fit, indented below the first.

    A piece that is longer than a line of its own is broken between words.
    """
    indent = width_of(head)
    room = max(24, width - indent)
    rows: list[str] = []
    for piece in pieces:
        if rows and len(rows[-1]) + len(between) + len(piece) <= room:
            rows[-1] += between + piece
            continue
        rows.extend(folded(piece, room))
    first, *rest = rows or [""]
    return [line(*head, Span(first, style)), *(line(" " * indent, Span(row, style)) for row in rest)]


def folded(text: str, room: int) -> list[str]:
    """Break text between words into rows of at most `room` columns; a longer word keeps its row."""
    rows = [""]
    for word in text.split():
        if rows[-1] and len(rows[-1]) + 1 + len(word) > room:
            rows.append(word)
        else:
            rows[-1] = f"{rows[-1]} {word}" if rows[-1] else word
    return rows


def table(rows: Sequence[Sequence[Part]], *, indent: int = 0, gap: int = 2, headings: Sequence[str] = ()) -> Lines:
    """Return the rows in columns as wide as their widest cell; the last column is not filled up."""
    cells = [[part if isinstance(part, Span) else Span(part) for part in row] for row in rows]
    if headings:
        cells.insert(0, [Span(heading, "dim") for heading in headings])
    if not cells:
        return []
    columns = max(len(row) for row in cells)
    widths = [max((len(row[at].text) for row in cells if at < len(row)), default=0) for at in range(columns)]
    lines: Lines = []
    for row in cells:
        spans: list[Part] = [" " * indent] if indent else []
        for at, cell in enumerate(row):
            last = at == len(row) - 1
            spans.append(cell if last else Span(cell.text.ljust(widths[at] + gap), cell.style))
        lines.append(line(*spans))
    return lines


def plain(lines: Iterable[Line]) -> str:
    """Return the lines as text without colour, without blanks at their ends."""
    return "\n".join("".join(span.text for span in row).rstrip() for row in lines)


def painted(lines: Iterable[Line]) -> str:
    """Return the lines in colour, for a terminal."""
    return "\n".join(
        "".join(f"\x1b[{CODES[span.style]}m{span.text}\x1b[0m" if span.style in CODES else span.text for span in row)
        for row in lines
    )
