"""Which commands there are, and what each one names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

from interlock.events.fact import struct_of

T = TypeVar("T")

COMMANDS: dict[str, type[Any]] = {}


class CommandTwice(TypeError):
    """two classes claim one command"""


@dataclass_transform(kw_only_default=True, frozen_default=True)
def command() -> Callable[[type[T]], type[T]]:
    """Register the class as a command under its own name; it becomes a fact. Raises CommandTwice."""

    def register(cls: type[T]) -> type[T]:
        made = struct_of(cls)
        if cls.__name__ in COMMANDS:
            raise CommandTwice(cls.__name__)
        COMMANDS[cls.__name__] = made
        return made

    return register
