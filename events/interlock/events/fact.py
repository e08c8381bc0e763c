"""How the project writes down a value: slots, keywords only, never changed after it was made."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from msgspec import Struct, StructMeta, field, structs
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")

# What a class statement leaves behind that belongs to the first class alone.
_OWN = frozenset({"__dict__", "__weakref__"})


@dataclass_transform(kw_only_default=True, frozen_default=True)
def fact(cls: type[T]) -> type[T]:
    """Make `cls` a keyword-only value with slots that nobody can change: an assignment raises AttributeError.

    It is a msgspec struct: making one costs 0.2 µs where a frozen dataclass of ten fields takes 1.7 µs, and the codec
    reads it from its bytes without a step in Python. `dataclasses.fields` and `replace` know it too.
    """
    return struct_of(cls)


def struct_of(cls: type[T], *, rename: Mapping[str, str] | None = None) -> type[T]:
    """Return `cls` as a struct; `rename` gives fields another name where they are stored. Raises UnreadableHint."""
    body: dict[str, Any] = {name: value for name, value in vars(cls).items() if name not in _OWN}
    body["__annotations__"] = dict(cls.__annotations__)
    # The dataclass that it would be is what pydantic reads from outside, and what describes its fields.
    read: Any = dataclasses.dataclass(kw_only=True, repr=False, eq=False)(cls)
    for each in dataclasses.fields(read):
        if each.default_factory is not dataclasses.MISSING:
            body[each.name] = field(default_factory=each.default_factory)
        body["__annotations__"][each.name] = _read_as(each, cls.__name__)
    bases = tuple(base for base in cls.__bases__ if base is not object)
    body["__dataclass_fields__"], body["__described__"] = read.__dataclass_fields__, read
    body["__get_pydantic_core_schema__"] = classmethod(lambda made, _, handler: _read_by_pydantic(made, read, handler))
    made: Any = StructMeta(
        cls.__name__,
        (Struct, *bases),
        body,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        omit_defaults=True,
        rename=rename,
    )
    return made  # type: ignore[no-any-return]


class UnreadableHint(TypeError):
    """a field's type cannot be read from bytes as exactly as it is written"""


class _Spelled(type):
    # As it is, and not a function of ours around it: it is asked for each instant of each event.
    __instancecheck__ = datetime.__instancecheck__


class InstantStored(metaclass=_Spelled):
    """How an instant's type is called to msgspec, which takes more spellings of one than are ever written.

    Whoever reads one gives the decoder a `dec_hook` that makes it of a text.
    """


def _read_as(each: dataclasses.Field[Any], owner: str) -> Any:
    """Return the type as which a field is read from bytes: never null, for absent fields are left out."""
    hint = each.type
    if not isinstance(hint, str):
        raise UnreadableHint(f"{owner}.{each.name}: its module begins with `from __future__ import annotations`")
    if each.default is None:
        hint = hint.removesuffix(" | None")
    if hint == "Instant":
        return InstantStored
    if re.search(r"\bInstant\b", hint):
        raise UnreadableHint(f"{owner}.{each.name}: {hint}; an instant is a field of its own, None where it is absent")
    return hint


def _read_by_pydantic(made: Any, read: Any, handler: Any) -> CoreSchema:
    """Let pydantic fill the dataclass, and make the fact of it: it cannot make a struct by itself."""
    read.__pydantic_config__ = getattr(made, "__pydantic_config__", {})
    return core_schema.no_info_after_validator_function(lambda one: made(**vars(one)), handler(read))


if TYPE_CHECKING:

    def replace(thing: T, **changes: Any) -> T:
        """A copy of the fact with these fields changed, in a tenth of the time that `dataclasses.replace` takes.

        A fold makes several for each event. Raises TypeError where the fact has no such field.
        """

else:
    # The library's own: a function around it would cost as much again.
    replace = structs.replace
