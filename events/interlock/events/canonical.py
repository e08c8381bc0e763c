"""Canonical bytes: RFC 8785 in a restricted profile, so that every reader computes the same digest.

The profile: objects, arrays, texts, integers of at most 53 bits, true, false and null. No floats,
no keys but ASCII ones, no lone surrogates, no NUL (PostgreSQL's `jsonb` has none), at most
`DEPTH_MAX` levels. Within it, `orjson` with sorted keys writes what RFC 8785 says; a property test
compares it with an independent implementation.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from interlock.events.values import INTEGER_MAX

# An entry of a tlog-tiles log (C2SP) has a length of 16 bits.
EVENT_BYTES_MAX = 65_535
# Levels of objects and arrays; real documents have about six, and every reader recurses.
DEPTH_MAX = 32

OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
# How a NUL looks in JSON; a backslash before `u0000` looks so too, and is allowed.
NUL = b"\\u0000"


class OutsideProfile(ValueError):
    """a value has no canonical bytes"""

    def __init__(self, field: str, what: str) -> None:
        """Take the path of the field, as `data.commits[2].time` (empty: the value itself), and what is wrong."""
        super().__init__(f"{field}: {what}" if field else what)
        self.field = field
        self.what = what


class EventTooLarge(ValueError):
    """an event has more than 65,535 canonical bytes; larger things belong in evidence"""

    def __init__(self, size: int) -> None:
        """Take the size in bytes."""
        super().__init__(f"{EventTooLarge.__doc__} (this one: {size:,})")
        self.size = size


def canonical(value: object) -> bytes:
    """Return the canonical bytes of a JSON value: dicts, lists, tuples, str, int, bool, None.

    Raises OutsideProfile with the path of the first field that has none.
    """
    check(value)
    return written(value)


def digest_of_bytes(body: bytes) -> str:
    """Return the digest of `body`, as in `sha256:44c0…` with 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def written(value: object) -> bytes:
    """Return canonical bytes of a value whose types and keys are known to be in the profile.

    Integers and texts are still checked. Raises OutsideProfile.
    """
    try:
        body = orjson.dumps(value, option=OPTIONS)
    except TypeError:
        # orjson knows that, but not where.
        check(value)
        raise
    if NUL in body:
        check(value)
    return body


def check(value: object, field: str = "") -> None:
    """Return where `value` is in the profile; raise OutsideProfile where it is not."""
    _check(value, field, 0)


def _check(value: object, field: str, depth: int) -> None:
    kind = type(value)
    if kind is str:
        _check_text(value, field)  # type: ignore[arg-type]
    elif kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:  # type: ignore[operator]
            raise OutsideProfile(field, "an integer has at most 53 bits")
    elif value is None or kind is bool:
        return
    elif depth == DEPTH_MAX:
        raise OutsideProfile(field, f"values are nested at most {DEPTH_MAX} levels deep")
    elif kind is dict:
        _check_object(value, field, depth)  # type: ignore[arg-type]
    elif kind is list or kind is tuple:
        for index, item in enumerate(value):  # type: ignore[arg-type, var-annotated]
            _check(item, f"{field}[{index}]", depth + 1)
    elif kind is float:
        raise OutsideProfile(field, "a number is an integer; write a fraction as a text, or in a smaller unit")
    else:
        raise OutsideProfile(field, f"{kind.__name__} is no JSON value")


def _check_object(value: dict[Any, Any], field: str, depth: int) -> None:
    for key, item in value.items():
        if type(key) is not str:
            raise OutsideProfile(field, f"a key is a text, not {type(key).__name__}")
        if not key.isascii() or "\x00" in key:
            raise OutsideProfile(field, f"a key has ASCII characters only, not {key!a}")
        _check(item, f"{field}.{key}" if field else key, depth + 1)


def _check_text(value: str, field: str) -> None:
    if value.isascii():
        if "\x00" in value:
            raise OutsideProfile(field, "a text holds no NUL")
        return
    try:
        if b"\x00" in value.encode():
            raise OutsideProfile(field, "a text holds no NUL")
    except UnicodeEncodeError:
        raise OutsideProfile(field, "a text holds no half of a surrogate pair") from None
