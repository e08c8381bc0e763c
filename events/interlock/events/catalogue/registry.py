"""Which event types there are: the name is what is stored, forever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

from interlock.events.fact import struct_of

T = TypeVar("T")

# type name -> (the class that today's code uses, the schema number it writes)
CATALOGUE: dict[str, tuple[type[Any], int]] = {}


class EventTypeTwice(TypeError):
    """two classes claim one event type"""


@dataclass_transform(kw_only_default=True, frozen_default=True)
def event(*, schema: int = 1) -> Callable[[type[T]], type[T]]:
    """Register the class as an event type under its own name, written with `schema`.

    The class becomes a fact (see `interlock.events.fact`). Raises EventTypeTwice.
    """

    def register(cls: type[T]) -> type[T]:
        made = struct_of(cls)
        if cls.__name__ in CATALOGUE:
            raise EventTypeTwice(cls.__name__)
        CATALOGUE[cls.__name__] = (made, schema)
        return made

    return register
