"""How a fact becomes a JSON object and back: one writer and one reader per class, made once from its fields.

Both are exact about names and types, so that what was written can always be read: a wrong type is
refused when the event is written, not found in the ledger later. Lengths and patterns are not
looked at here. They are the edge's work (`interlock.events.strict`), and a limit that changes must
not make history unreadable.

Left out when written: fields that are None, and empty tuples where that is the field's default.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from interlock.events.fitting import (
    SCALARS,
    Convert,
    Misfit,
    all_exactly,
    each,
    exactly,
    instant_read,
    instant_written,
    json_object,
    kind_of,
    one_of,
)


class NoShape(TypeError):
    """a field has a type that is never stored"""


@cache
def hints_of(cls: Any) -> Mapping[str, Any]:
    """Return the bare types of a fact class's fields: without annotations, and without None."""
    hints = get_type_hints(getattr(cls, "__described__", cls))
    return {field.name: _bare(hints[field.name]) for field in fields(cls)}


def _bare(hint: Any) -> Any:
    origin = get_origin(hint)
    if origin is Annotated:
        return _bare(get_args(hint)[0])
    if origin in {Union, types.UnionType}:
        others = [_bare(part) for part in get_args(hint) if part is not type(None)]
        if len(others) != 1:
            raise NoShape(str(hint))
        return others[0]
    return hint


def _items_of(hint: Any) -> Any:
    """The type of a tuple's items; only `tuple[X, ...]` is stored."""
    item, *rest = get_args(hint)
    if rest != [...]:
        raise NoShape(str(hint))
    return _bare(item)


# One straight function per class and direction, made from its source as dataclasses make theirs: a decision has some
# 200 fields, most of them absent, and a loop over them costs three times as much. Only names of our own classes'
# fields are in these sources.


@dataclass(frozen=True)
class _Field:
    """What the sources need to know about a field; `inline` is the expression that converts `value`."""

    name: str
    required: bool
    default: Any
    inline: str


def _fields(cls: Any, convert_of: Callable[[Any], Convert], names: dict[str, Any]) -> list[_Field]:
    found = []
    for field in fields(cls):
        name, hint = field.name, hints_of(cls)[field.name]
        if field.default_factory is not MISSING or hasattr(cls, "__post_init__"):
            raise NoShape(f"{cls.__name__}.{name}")
        names[f"convert_{name}"], inline = convert_of(hint), f"convert_{name}(value)"
        # By far the most fields need no call.
        if hint in SCALARS:
            names[f"type_{name}"] = hint
            inline = f"value if type(value) is type_{name} else {inline}"
        elif get_origin(hint) is Literal:
            names[f"allowed_{name}"] = frozenset(get_args(hint))
            inline = f"value if type(value) is str and value in allowed_{name} else {inline}"
        found.append(_Field(name, field.default is MISSING, field.default, inline))
    return found


@cache
def writer_of(cls: Any, *, without: str | None = None) -> Convert:
    """Return the function that makes a JSON object of an instance of `cls`, but for one field. It raises Misfit."""
    names: dict[str, Any] = {"Misfit": Misfit, "cls": cls, "is_fact": exactly(cls, cls.__name__)}
    lines = ["def write(fact):", " if type(fact) is not cls: is_fact(fact)", " made = {}"]
    for field in _fields(cls, _write, names):
        if field.name == without:
            continue
        condition = "value is not None" if field.default is None else "value" if field.default == () else "True"
        lines += [
            f" value = fact.{field.name}",
            f" if {condition}:",
            f"  try: made[{field.name!r}] = {field.inline}",
            f"  except Misfit as misfit: raise misfit.within({field.name!r}) from None",
        ]
    exec("\n".join([*lines, " return made"]), names)  # noqa: S102 - see above
    made: Convert = names["write"]
    return made


def _write(hint: Any) -> Convert:
    if hint in SCALARS:
        return exactly(hint, SCALARS[hint])
    if hint is datetime:
        return instant_written
    if hasattr(hint, "__dataclass_fields__"):
        return writer_of(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return one_of(frozenset(get_args(hint)))
    if origin is dict:
        return json_object
    if origin is tuple:
        item = _items_of(hint)
        if item in SCALARS:
            return all_exactly(tuple, item, list)
        write, is_tuple = _write(item), exactly(tuple, "a tuple")
        return lambda value: each(write, is_tuple(value))
    raise NoShape(str(hint))


@cache
def reader_of(cls: Any) -> Convert:
    """Return the function that makes an instance of `cls` of a JSON object. It raises Misfit."""
    names: dict[str, Any] = {"Misfit": Misfit, "cls": cls, "unfit": _unfit, "odd": _odd}
    shape = _fields(cls, _read, names)
    lines = [
        "def read(document):",
        " if type(document) is not dict: raise odd(cls, document)",
        " get, known = document.get, 0",
    ]
    for field in shape:
        lines.append(f" value = get({field.name!r})")
        if not field.required:
            names[f"default_{field.name}"] = field.default
            lines.append(f" if value is None: made_{field.name} = default_{field.name}")
        lines += [
            " if True:" if field.required else " else:",
            f"  try: made_{field.name} = {field.inline}",
            f"  except Misfit as misfit: raise unfit(cls, document, {field.name!r}, misfit) from None",
            "  known += 1",
        ]
    # What is left is a field of another name, or a null, which is never written.
    lines += [
        " if known != len(document): raise odd(cls, document)",
        f" return cls({', '.join(f'{field.name}=made_{field.name}' for field in shape)})",
    ]
    exec("\n".join(lines), names)  # noqa: S102 - see above
    made: Convert = names["read"]
    return made


def _unfit(cls: Any, document: dict[str, Any], name: str, misfit: Misfit) -> Misfit:
    if name not in document:
        return Misfit(f"{cls.__name__} needs this field", name)
    return misfit.within(name)


def _odd(cls: Any, document: Any) -> Misfit:
    if type(document) is not dict:
        return Misfit(f"an object is expected, not {kind_of(document)}")
    for name, value in document.items():
        if name not in hints_of(cls):
            return Misfit(f"{cls.__name__} has no such field", name)
        if value is None:
            return Misfit("null is never written; an absent field is left out", name)
    raise AssertionError(document)


def _read(hint: Any) -> Convert:
    if hint in SCALARS:
        return exactly(hint, SCALARS[hint])
    if hint is datetime:
        return instant_read
    if hasattr(hint, "__dataclass_fields__"):
        return reader_of(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return one_of(frozenset(get_args(hint)))
    if origin is dict:
        return exactly(dict, "an object")
    if origin is tuple:
        item = _items_of(hint)
        if item in SCALARS:
            return all_exactly(list, item, tuple)
        read, is_list = _read(item), exactly(list, "an array")
        return lambda value: tuple(each(read, is_list(value)))
    raise NoShape(str(hint))
