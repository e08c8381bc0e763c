"""The one strict decoder for bytes from outside: first JSON that means one thing only, then a fact with every limit.

Lenient decoders turn `1e400` into null, drop one of two equal keys and take `true` for 1; each of
them lets two readers of the same bytes see different things. Here every such body is refused, and
the error names the field. This is the edge: correctness before speed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from interlock.events.canonical import OutsideProfile, check
from interlock.events.values import InstantWritten

T = TypeVar("T")

# A request's body; larger things are uploaded as evidence.
BODY_BYTES_MAX = 262_144
BODY_LEVELS_MAX = 24
# All of them would let a hostile body choose the size of its answer.
FAULTS_TOLD_MAX = 50
# Digits of an integer are not converted beyond this: 2^53 has 16, and conversion is quadratic.
DIGITS_MAX = 20


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: `field` is its path, as `commits[2].time` (empty: the whole body)."""

    field: str
    what: str


class BadInput(ValueError):
    """what came from outside cannot be understood; nothing of it was used"""

    def __init__(self, faults: Sequence[Fault], *, next: str = "") -> None:  # noqa: A002 - as in a decision
        """Take what is wrong, at least one thing, and what to do about it."""
        self.faults = tuple(faults)
        self.field = self.faults[0].field
        self.what = self.faults[0].what
        self.next = next or "correct it and send it again"
        super().__init__("; ".join(f"{fault.field}: {fault.what}" if fault.field else fault.what for fault in faults))


class BodyTooLarge(BadInput):
    """the body has more bytes than are read here"""


def _refuse(field: str, what: str) -> NoReturn:
    raise BadInput([Fault(field, what)])


def strict_json(body: bytes, *, bytes_max: int = BODY_BYTES_MAX, depth_max: int = BODY_LEVELS_MAX) -> object:
    """Return the JSON value of `body`: dicts, lists, str, int, bool, None.

    Refused: more than `bytes_max` bytes or `depth_max` levels, anything but UTF-8 without BOM,
    numbers with a fraction or an exponent, NaN and Infinity, integers beyond 53 bits, equal keys,
    keys that are not ASCII, NUL and lone surrogates. Raises BadInput, BodyTooLarge.
    """
    if len(body) > bytes_max:
        raise BodyTooLarge(
            [Fault("", f"the body has {len(body):,} bytes; at most {bytes_max:,} are read")],
            next="send less, or upload large parts as evidence and name their digests",
        )
    if body.startswith(b"\xef\xbb\xbf"):
        _refuse("", "the body begins with a byte order mark; JSON has none")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse("", f"the body is no UTF-8: byte {error.start}")
    _check_levels(text, depth_max)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_Odd.number,
            parse_int=_integer,
            parse_constant=_Odd.number,
        )
    except json.JSONDecodeError as error:
        _refuse("", f"no JSON: {error.msg}, line {error.lineno}, column {error.colno}")
    faults: list[Fault] = []
    value = _settled(value, "", faults)
    if faults:
        raise BadInput(faults[:FAULTS_TOLD_MAX])
    return value


STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def _check_levels(text: str, depth_max: int) -> None:
    """Count brackets outside texts before anything recurses over them."""
    depth = 0
    for match in STRING_OR_BRACKET.finditer(text):
        piece = match[0]
        if piece in "[{":
            depth += 1
            if depth > depth_max:
                _refuse("", f"values are nested more than {depth_max} levels deep, at character {match.start()}")
        elif piece in "]}":
            depth -= 1


# What json reports from inside knows no path; it is marked there, and found with its path afterwards.


@dataclass(frozen=True)
class _Odd:
    """A value that is refused, left where it was found."""

    what: str

    @staticmethod
    def number(text: str) -> _Odd:
        return _Odd(f"a number is an integer, not {text[:DIGITS_MAX]}")


class _Pairs(dict[str, Any]):
    """An object in which keys occurred twice."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen: set[str] = set()
    odd = _Pairs(made)
    odd.twice = tuple(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return odd


def _integer(text: str) -> int | _Odd:
    if len(text) > DIGITS_MAX:
        return _Odd("an integer has at most 53 bits")
    return _Odd("a number is an integer, not -0") if text == "-0" else int(text)


def _settled(value: Any, field: str, faults: list[Fault]) -> Any:
    """Collect what is wrong anywhere in `value`; return it."""
    if isinstance(value, _Odd):
        faults.append(Fault(field, value.what))
    elif isinstance(value, dict):
        if isinstance(value, _Pairs):
            faults += [Fault(_path(field, _shown(key)), "this key occurs twice") for key in value.twice]
        for key, item in value.items():
            try:
                check({key: None}, field)
            except OutsideProfile as outside:
                faults.append(Fault(_shown(field), outside.what))
            _settled(item, _path(field, _shown(key)), faults)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _settled(item, f"{field}[{index}]", faults)
    else:
        try:
            check(value, field)
        except OutsideProfile as outside:
            faults.append(Fault(outside.field, outside.what))
    return value


def _path(outer: str, name: str) -> str:
    return f"{outer}.{name}" if outer else name


def _shown(name: str) -> str:
    """A key as it may stand in an error: printable, and not long."""
    return name[:64].encode("ascii", "backslashreplace").decode()


def read(cls: type[T], source: bytes | object, *, bytes_max: int = BODY_BYTES_MAX) -> T:
    """Return the fact of class `cls` that came from outside: a body, or a JSON value that strict_json returned.

    No boolean or text is taken for an integer, no unknown field is passed over, no instant is
    without a zone; every length and pattern holds. For an optional field, null means absent.
    Raises BadInput with all faults (the first FAULTS_TOLD_MAX), in the order of the fields.
    """
    value = strict_json(source, bytes_max=bytes_max) if isinstance(source, bytes) else source
    known: Any = cls
    adapter = adapter_of(known)
    try:
        # JSON's own bytes, because pydantic's strict mode for Python values would refuse texts for instants.
        made: T = adapter.validate_json(json.dumps(value, ensure_ascii=True))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:FAULTS_TOLD_MAX]
        faults = [
            Fault(_location(each["loc"]), _in_words(each["type"], each["msg"], each.get("ctx", {}))) for each in found
        ]
        raise BadInput(faults) from None
    return made


@cache
def adapter_of(cls: Any) -> TypeAdapter[Any]:
    """Return pydantic's strict adapter of a fact class."""
    _make_strict(cls)
    return TypeAdapter(cls)


def _make_strict(hint: Any) -> None:
    """Let pydantic be strict about this class and every fact within it: its own default is lenient."""
    if hasattr(hint, "__dataclass_fields__"):
        if "__pydantic_config__" not in vars(hint):
            hint.__pydantic_config__ = {"strict": True, "extra": "forbid"}
            for inner in get_type_hints(getattr(hint, "__described__", hint)).values():
                _make_strict(inner)
        return
    for part in get_args(hint):
        _make_strict(part)


def _location(path: tuple[int | str, ...]) -> str:
    text = ""
    for part in path:
        text = f"{text}[{part}]" if isinstance(part, int) else _path(text, _shown(part))
    return text


# What pydantic found, in words; where a limit belongs to it, the limit's name there.
WORDS = {
    "missing": "this field is missing",
    "missing_keyword_only_argument": "this field is missing",
    "unexpected_keyword_argument": "there is no such field",
    "dataclass_type": "an object is expected",
    "string_type": "a text is expected",
    "int_type": "an integer is expected",
    "bool_type": "true or false is expected",
    "tuple_type": "an array is expected",
    "dict_type": "an object is expected",
    "literal_error": "one of these is expected: {expected}",
    "string_too_long": "a text here has at most {max_length:,} characters",
    "string_too_short": "a text here is not empty",
    "greater_than_equal": "the least here is {ge:,}",
    "less_than_equal": "the most here is {le:,}",
    "string_pattern_mismatch": "the text looks different here: {pattern}",
    "value_error": "{error}",
}


def _in_words(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind.startswith(("datetime_", "timezone_")):
        return InstantWritten.__doc__ or ""
    return WORDS[kind].format_map(context) if kind in WORDS else message
