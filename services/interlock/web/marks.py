"""Shapes, states, digests, positions and persons, as pages show them everywhere: small pieces of HTML.

They stand some hundred times on a page, so they are functions; what is made of words that never change is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup

from interlock.web.words import mark

DIGEST_CHARACTERS: Final = 8
PERSONS_MAX: Final = 6
SHAPES_KEPT: Final = 64
EVENT: Final = Markup('<a class="at" href="%s" title="event %d">@%s</a>')
PERSON: Final = Markup('<span class="person">%s</span>')
ONESELF: Final = Markup('<b class="you">%s <span class="note">(you)</span></b>')
MORE: Final = Markup(' <span class="note">+%d</span>')
NOTHING: Final = Markup('<span class="none">–</span>')


@lru_cache(SHAPES_KEPT)
def shape(name: str) -> Markup:
    """Return a shape of parts/sprite.html. Each stands beside its word; none says anything by its colour alone."""
    return Markup('<svg class="m m-{0}" aria-hidden="true"><use href="#m-{0}"/></svg>').format(name)


def state(table: Mapping[str, tuple[str, str]], value: object) -> Markup:
    """Return a state of one of the tables of words: its shape and its word."""
    return _state(*mark(table, value))


@lru_cache(4 * SHAPES_KEPT)
def _state(name: str, word: str) -> Markup:
    return Markup('<span class="state s-{}">{}{}</span>').format(name, shape(name), word)


def digest(value: str | None) -> Markup:
    """Return a digest's beginning, whose whole form is its title."""
    if not value:
        return NOTHING
    return Markup('<code class="digest" title="%s">%s</code>') % (value, short(value))


def event(link: Any, position: int) -> Markup:
    """Return a position of the record, which leads to its event; `link` gives addresses, as rendering's Links do."""
    return EVENT % (link.event(position), position, f"{position:,}")


def persons(names: Sequence[str], me: str, most: int = PERSONS_MAX) -> Markup:
    """Return persons, oneself first and marked; of the others at most `most`, and how many more."""
    if not names:
        return Markup('<span class="none">nobody yet</span>')
    others = [name for name in names if name != me]
    shown = [PERSON % name for name in others[:most]]
    if me in names:
        shown.insert(0, ONESELF % me)
    return Markup(", ").join(shown) + (MORE % (len(others) - most) if len(others) > most else "")


def short(value: str | None) -> str:
    """Return a digest as people compare it: the first characters after its algorithm."""
    return "–" if not value else value.rpartition(":")[2][:DIGEST_CHARACTERS]


MARKS: Final[Mapping[str, Callable[..., Markup]]] = {
    "shape": shape,
    "state": state,
    "digest": digest,
    "event": event,
    "persons": persons,
}
