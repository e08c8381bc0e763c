"""Dead letters: which record, why it was put aside, what became of it, and what is in it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.cli.render.lines import Lines, Part, Span, line, table, wrapped
from interlock.cli.render.times import Scene, ago

Facts = Mapping[str, Any]
LABEL_COLUMN = 10
VALUE_CHARACTERS_SHOWN = 2_000


def list_lines(letters: Sequence[Facts], scene: Scene) -> Lines:
    """Return `dt intake list`."""
    rows: list[tuple[Part, ...]] = [
        (
            Span(str(letter["name"]), "strong"),
            Span(str(letter["state"]), "wait" if letter["state"] == "waiting" else "dim"),
            Span(ago(letter.get("put_aside_at"), scene), "dim"),
            str(letter["reason"]),
        )
        for letter in letters
    ]
    return table(rows) if rows else [line(Span("nothing waits (dt intake list --all)", "dim"))]


def letter_lines(letter: Facts, scene: Scene) -> Lines:
    """Return `dt intake show`. What came from outside is shown as text without control characters, shortened."""
    value = b64decode(letter["value"])
    lines: Lines = [
        line(
            Span(str(letter["name"]), "strong"),
            f"  {letter['state']}, put aside {ago(letter.get('put_aside_at'), scene)}, tried {letter['tries']} ×",
        ),
        *_labelled("why", str(letter["reason"]), scene),
    ]
    if letter.get("source"):
        lines += _labelled("from", f"{letter['source']} {letter.get('request', '')}", scene)
    if letter.get("settled_by"):
        said = f"{letter['settled_by']} {ago(letter.get('settled_at'), scene)} {letter.get('because') or ''}"
        lines += _labelled("settled", said.strip(), scene)
    for header in letter.get("headers") or ():
        text = f"{header['name']}: {_shown(b64decode(header['value']))}"
        lines += _labelled("header", _printable(text), scene)
    lines += _labelled("value", _shown(value) or "(empty)", scene)
    return lines


def _labelled(label: str, text: str, scene: Scene) -> Lines:
    return wrapped([Span(f"  {label:<{LABEL_COLUMN}}", "dim")], [text], scene.width)


def _shown(content: bytes) -> str:
    text = _printable(content.decode("utf-8", "backslashreplace"))
    if len(text) > VALUE_CHARACTERS_SHOWN:
        return f"{text[:VALUE_CHARACTERS_SHOWN]} … ({len(content):,} bytes; --raw gives them all)"
    return text


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
