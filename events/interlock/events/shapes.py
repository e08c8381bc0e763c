"""How a fact becomes a JSON object and back: one writer and one reader per class, made once from its fields.

Both are exact about names and types, so that what was written can always be read: a wrong type is
refused when the event is written, not found in the ledger later. Lengths and patterns are not
looked at here. They are the edge's work (`interlock.events.strict`), and a limit that changes must
not make history unreadable.

Left out when written: fields that are None, and empty tuples where that is the field's default.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import orjson

from interlock.events.canonical import OutsideProfile, canonical
from interlock.events.values import in_utc

Convert = Callable[[Any], Any]

INSTANT_LENGTHS = frozenset({len("2026-11-28T09:00:00Z"), len("2026-11-28T09:00:00.000123Z")})
# Instants repeat: a batch has one, and its deadlines are round.
INSTANTS_REMEMBERED_MAX = 4_096
SCALARS: Mapping[type[Any], str] = {str: "a text", int: "an integer", bool: "true or false"}


class Misfit(ValueError):
    """a value does not fit its field"""

    def __init__(self, what: str, path: str = "") -> None:
        """Take what is wrong, and the path to it."""
        super().__init__(what)
        self.what = what
        self.path = path

    def within(self, outer: str) -> Misfit:
        """Return the same, seen from the field `outer` that holds it."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        return Misfit(self.what, f"{outer}{dot}{self.path}")

    def __str__(self) -> str:
        """The path, and what is wrong there."""
        return f"{self.path}: {self.what}" if self.path else self.what


class NoShape(TypeError):
    """a field has a type that is never stored"""


@lru_cache(maxsize=INSTANTS_REMEMBERED_MAX)
def instant_text(at: datetime) -> str:
    """Return RFC 3339 in UTC with Z, microseconds only where they are not zero. Raises Misfit."""
    try:
        return in_utc(at).isoformat().replace("+00:00", "Z")
    except ValueError as error:
        raise Misfit(str(error)) from None


@lru_cache(maxsize=INSTANTS_REMEMBERED_MAX)
def instant_of(text: str) -> datetime:
    """Return the instant of a text that `instant_text` wrote. Raises Misfit."""
    try:
        if len(text) in INSTANT_LENGTHS and text[10] == "T" and text[-1] == "Z":
            return in_utc(datetime.fromisoformat(text).astimezone(UTC))
    except ValueError:
        pass
    raise Misfit("an instant looks like 2026-11-28T09:00:00Z")


@cache
def hints_of(cls: Any) -> Mapping[str, Any]:
    """Return the bare types of a fact class's fields: without annotations, and without None."""
    hints = get_type_hints(cls)
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


def _called(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _each(convert: Convert, values: Sequence[Any]) -> list[Any]:
    """Convert all values; only when one does not fit, look which."""
    try:
        return [convert(value) for value in values]
    except Misfit:
        for index, value in enumerate(values):
            try:
                convert(value)
            except Misfit as misfit:
                raise misfit.within(f"[{index}]") from None
        raise


def _exactly(expected: type[Any], called: str) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not expected:
            raise Misfit(f"{called} is expected, not {_called(value)}")
        return value

    return convert


def _one_of(allowed: frozenset[str]) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not str or value not in allowed:
            raise Misfit(f"one of {', '.join(sorted(allowed))} is expected, not {value!r}")
        return value

    return convert


def _all_exactly(holder: type[Any], item: type[Any], made: type[Any]) -> Convert:
    """A check for an array of scalars, given as a `holder`; it makes a `made` of it."""
    is_holder, is_item = _exactly(holder, "an array"), _exactly(item, SCALARS[item])

    def convert(values: Any) -> Any:
        for value in is_holder(values):
            if type(value) is not item:
                _each(is_item, values)
        return made(values)

    return convert


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
def writer_of(cls: Any) -> Convert:
    """Return the function that makes a JSON object of an instance of `cls`. It raises Misfit."""
    names: dict[str, Any] = {"Misfit": Misfit, "is_fact": _exactly(cls, cls.__name__)}
    lines = ["def write(fact):", " is_fact(fact)", " made = {}"]
    for field in _fields(cls, _write, names):
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
        return _exactly(hint, SCALARS[hint])
    if hint is datetime:
        return _write_instant
    if hasattr(hint, "__dataclass_fields__"):
        return writer_of(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return _one_of(frozenset(get_args(hint)))
    if origin is dict:
        return _document
    if origin is tuple:
        item = _items_of(hint)
        if item in SCALARS:
            return _all_exactly(tuple, item, list)
        write, is_tuple = _write(item), _exactly(tuple, "a tuple")
        return lambda value: _each(write, is_tuple(value))
    raise NoShape(str(hint))


def _write_instant(value: Any) -> str:
    if not isinstance(value, datetime):
        raise Misfit(f"an instant is expected, not {_called(value)}")
    return instant_text(value)


def _document(value: Any) -> Any:
    """A JSON object whose inside is nobody's class here, such as a policy; it stays as it is."""
    if type(value) is not dict:
        raise Misfit(f"an object is expected, not {_called(value)}")
    try:
        same: bool = orjson.loads(canonical(value)) == value
    except OutsideProfile as outside:
        raise Misfit(outside.what, outside.field) from None
    if not same:
        # A desk would decide on the tuple now, and on the list after it was started again.
        raise Misfit("an array in here is a list, not a tuple")
    return value


@cache
def reader_of(cls: Any) -> Convert:
    """Return the function that makes an instance of `cls` of a JSON object. It raises Misfit."""
    names: dict[str, Any] = {"Misfit": Misfit, "cls": cls, "new": object.__new__, "unfit": _unfit, "odd": _odd}
    shape = _fields(cls, _read, names)
    lines = [
        "def read(document):",
        " if type(document) is not dict: raise odd(cls, document)",
        " get, made, known = document.get, new(cls), 0",
    ]
    for field in shape:
        lines.append(f" value = get({field.name!r})")
        if not field.required:
            names[f"default_{field.name}"] = field.default
            lines.append(f" if value is None: made.{field.name} = default_{field.name}")
        lines += [
            " if True:" if field.required else " else:",
            f"  try: made.{field.name} = {field.inline}",
            f"  except Misfit as misfit: raise unfit(cls, document, {field.name!r}, misfit) from None",
            "  known += 1",
        ]
    # What is left is a field of another name, or a null, which is never written.
    lines += [" if known != len(document): raise odd(cls, document)", " return made"]
    exec("\n".join(lines), names)  # noqa: S102 - see above
    made: Convert = names["read"]
    return made


def _unfit(cls: Any, document: dict[str, Any], name: str, misfit: Misfit) -> Misfit:
    if name not in document:
        return Misfit(f"{cls.__name__} needs this field", name)
    return misfit.within(name)


def _odd(cls: Any, document: Any) -> Misfit:
    if type(document) is not dict:
        return Misfit(f"an object is expected, not {_called(document)}")
    for name, value in document.items():
        if name not in hints_of(cls):
            return Misfit(f"{cls.__name__} has no such field", name)
        if value is None:
            return Misfit("null is never written; an absent field is left out", name)
    raise AssertionError(document)


def _read(hint: Any) -> Convert:
    if hint in SCALARS:
        return _exactly(hint, SCALARS[hint])
    if hint is datetime:
        return _read_instant
    if hasattr(hint, "__dataclass_fields__"):
        return reader_of(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return _one_of(frozenset(get_args(hint)))
    if origin is dict:
        return _exactly(dict, "an object")
    if origin is tuple:
        item = _items_of(hint)
        if item in SCALARS:
            return _all_exactly(list, item, tuple)
        read, is_list = _read(item), _exactly(list, "an array")
        return lambda value: tuple(_each(read, is_list(value)))
    raise NoShape(str(hint))


def _read_instant(value: Any) -> datetime:
    if type(value) is not str:
        raise Misfit(f"an instant is expected, not {_called(value)}")
    return instant_of(value)
