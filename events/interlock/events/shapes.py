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
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from interlock.events.canonical import OutsideProfile, check
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
def hints_of(cls: type[Any]) -> Mapping[str, Any]:
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


# Writing.


@cache
def writer_of(cls: type[Any]) -> Convert:
    """Return the function that makes a JSON object of an instance of `cls`. It raises Misfit."""
    # The source of one straight function per class, as dataclasses do it: a decision has some 200 fields, most of
    # them absent, and a loop over them costs three times as much.
    names: dict[str, Any] = {"cls": cls, "Misfit": Misfit, "called": _called}
    lines = [
        "def write(fact):",
        " if type(fact) is not cls: raise Misfit(f'{cls.__name__} is expected, not {called(fact)}')",
        " made = {}",
    ]
    for field in fields(cls):
        lines += _writing(field, hints_of(cls)[field.name], names)
    exec("\n".join([*lines, " return made"]), names)  # noqa: S102 - only names of our own classes' fields are in it
    made: Convert = names["write"]
    return made


def _writing(field: Field[Any], hint: Any, names: dict[str, Any]) -> list[str]:
    name = field.name
    condition = {None: "value is not None", (): "value"}.get(_default(field), "True")
    if hint in SCALARS:
        # By far the most fields: no call.
        names[f"type_{name}"], names[f"wrong_{name}"] = hint, _exactly(hint, SCALARS[hint])
        convert = f"value if type(value) is type_{name} else wrong_{name}(value)"
    else:
        names[f"write_{name}"] = _write(hint)
        convert = f"write_{name}(value)"
    return [
        f" value = fact.{name}",
        f" if {condition}:",
        f"  try: made[{name!r}] = {convert}",
        f"  except Misfit as misfit: raise misfit.within({name!r}) from None",
    ]


def _default(field: Field[Any]) -> Any:
    """None and () where that is the default, a word otherwise."""
    return field.default if field.default is None or field.default == () else "kept"


def _write(hint: Any) -> Convert:
    if hint in SCALARS:
        return _exactly(hint, SCALARS[hint])
    if hint is datetime:
        return _write_instant
    if is_dataclass(hint):
        return writer_of(hint)  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin is Literal:
        return _one_of(frozenset(get_args(hint)))
    if origin is dict:
        return _document
    if origin is tuple:
        write, is_tuple = _write(_items_of(hint)), _exactly(tuple, "a tuple")
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
        check(value)
    except OutsideProfile as outside:
        raise Misfit(outside.what, outside.field) from None
    return value


# Reading.


@cache
def reader_of(cls: type[Any]) -> Convert:
    """Return the function that makes an instance of `cls` of a JSON object. It raises Misfit."""
    plan = {name: _read(hint) for name, hint in hints_of(cls).items()}
    required = [field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING]

    def read(document: Any) -> Any:
        if type(document) is not dict:
            raise Misfit(f"an object is expected, not {_called(document)}")
        given, name = {}, ""
        try:
            for name, value in document.items():  # noqa: B007 - the name that was reached is told
                expected, convert = plan[name]
                if type(value) is not expected:
                    raise Misfit(f"{_JSON_NAMES[expected]} is expected, not {_called(value)}")
                given[name] = convert(value) if convert else value
            return cls(**given)
        except Misfit as misfit:
            raise misfit.within(name) from None
        except KeyError:
            raise Misfit(f"{cls.__name__} has no such field", str(name)) from None
        except TypeError:
            missing = [name for name in required if name not in given]
            raise Misfit(f"{cls.__name__} needs this field", missing[0]) from None

    return read


_JSON_NAMES: Mapping[type[Any], str] = {**SCALARS, dict: "an object", list: "an array"}


def _read(hint: Any) -> tuple[type[Any], Convert | None]:
    """The JSON type that is expected, and what remains to be done with it."""
    if hint in SCALARS:
        return hint, None
    if hint is datetime:
        return str, instant_of
    if is_dataclass(hint):
        return dict, reader_of(hint)  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin is Literal:
        return str, _one_of(frozenset(get_args(hint)))
    if origin is dict:
        return dict, None
    if origin is tuple:
        return list, _read_items(_items_of(hint))
    raise NoShape(str(hint))


def _read_items(hint: Any) -> Convert:
    expected, convert = _read(hint)
    exactly = _exactly(expected, _JSON_NAMES[expected])
    if convert is None:
        return lambda values: tuple(_each(exactly, values))
    if expected is dict:
        # A reader looks at the type itself.
        return lambda values: tuple(_each(convert, values))
    return lambda values: tuple(_each(lambda value: convert(exactly(value)), values))
