"""The straight way from an event's canonical bytes to the event: in one go, where nothing about the bytes is odd.

msgspec reads the bytes into the structs that facts are, checks each type on the way and refuses fields that it does
not know. Whatever fits less than wholly gets no answer here: then the codec goes its own way step by step, and says
what is wrong. So nothing is taken here that the codec would not take, nor for anything else: a test holds them
together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, get_args, get_origin

from msgspec import MsgspecError
from msgspec.json import Decoder

from interlock.events.envelope import Recorded, sealed
from interlock.events.fitting import instant_of, instant_read
from interlock.events.shapes import hints_of

# The envelope's keys are in order, and this is its last but one; within a text each quote has a backslash before it.
TYPE: Final = b'"type":"'
QUOTE: Final = b'"'

# How one event type's bytes are read: the decoder, the type's name and today's schema.
Way = tuple[Callable[[bytes], Recorded[Any]], str, int]


class Straight:
    """The ways of all types of one catalogue, each made when the first event of its type is read."""

    def __init__(self, catalogue: Mapping[str, tuple[type[Any], int]]) -> None:
        """Take the types there are."""
        self._catalogue = catalogue
        self._ways: dict[bytes, Way | None] = {}

    def read(self, body: bytes) -> Recorded[Any] | None:
        """Return the event with `raw` = `body`, None where only the codec itself can tell what it is."""
        begins = body.rfind(TYPE) + len(TYPE)
        called = body[begins : body.find(QUOTE, begins)]
        try:
            way = self._ways[called]
        except KeyError:
            way = self._made(called)
        if way is None:
            return None
        decode, name, today = way
        try:
            made = decode(body)
        except (MsgspecError, ValueError):
            return None
        if made.type != name or made.schema != today or made.raw:
            return None
        return sealed(made, body)

    def _made(self, called: bytes) -> Way | None:
        """Remember the way of the type of this name, None for one whose bytes hold objects of no class of ours."""
        name = called.decode("ascii", "replace")
        if name not in self._catalogue:
            # Names that nobody knows are many; they are not remembered.
            return None
        cls, today = self._catalogue[name]
        way = None
        if not _holds_objects(cls):
            known: Any = cls
            way = (Decoder(Recorded[known], dec_hook=_instant).decode, name, today)
        self._ways[called] = way
        return way


def _instant(_: type, text: Any) -> datetime:
    return instant_of(text) if type(text) is str else instant_read(text)


def _holds_objects(hint: Any) -> bool:
    if hasattr(hint, "__dataclass_fields__"):
        return any(_holds_objects(inner) for inner in hints_of(hint).values())
    return get_origin(hint) is dict or any(_holds_objects(part) for part in get_args(hint))
