"""Somebody's text, shown to somebody who decides by it: nothing in it may hide, or turn round what stands beside it."""

from __future__ import annotations


def visible(text: str) -> str:
    """Return a row of somebody's text with what a terminal or a browser would obey, or not show, made visible."""
    return "".join(sign if sign == "\t" or sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def visible_lines(text: str) -> str:
    """Return the same of a text of several lines."""
    return "\n".join(visible(row) for row in text.split("\n"))
