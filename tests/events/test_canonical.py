"""Canonical bytes: equal to RFC 8785 inside the profile, refused with the field's path outside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from interlock.events.canonical import DEPTH_MAX, OutsideProfile, canonical
from interlock.events.codec import digest_of

INTEGERS = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
KEYS = st.text(st.characters(max_codepoint=127, exclude_characters="\x00"))
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


@given(VALUES)
def test_inside_the_profile_the_bytes_are_what_rfc_8785_says(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(VALUES)
def test_canonical_bytes_read_back_are_the_same_value_and_the_same_bytes(value: Any) -> None:
    assert json.loads(canonical(value)) == value
    assert canonical(orjson.loads(canonical(value))) == canonical(value)


@given(st.dictionaries(KEYS, INTEGERS, min_size=2))
def test_the_order_in_which_keys_were_given_does_not_matter(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)
    assert digest_of(dict(reversed(value.items()))) == digest_of(value)


class Colour(Enum):
    RED = "red"


class Word(str):
    __slots__ = ()


@dataclass
class Point:
    x: int


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value, field, what",
    [
        ({"a": [1, {"b": 1.5}]}, "a[1].b", "integer"),
        ({"a": 1.0}, "a", "integer"),
        ({"a": float("nan")}, "a", "integer"),
        ({"a": float("inf")}, "a", "integer"),
        ({"a": {"b": 2**53}}, "a.b", "53 bits"),
        ({"a": -(2**53)}, "a", "53 bits"),
        ({"a": 2**70}, "a", "53 bits"),
        ({"a": {"größe": 1}}, "a", "ASCII"),
        ({"a": {"x\x00": 1}}, "a", "ASCII"),
        ({"a": {1: 2}}, "a", "a key is a text"),
        ({"a": ["x", "\ud800"]}, "a[1]", "surrogate"),
        ({"a": {"b": "\udc00 \U0001f682"}}, "a.b", "surrogate"),
        ({"a": "x\x00"}, "a", "NUL"),
        ({"a": "größe\x00"}, "a", "NUL"),
        ({"a": b"x"}, "a", "bytes"),
        ({"a": datetime(2026, 1, 1, tzinfo=UTC)}, "a", "datetime"),
        ({"a": Colour.RED}, "a", "Colour"),
        ({"a": Word("x")}, "a", "Word"),
        ({"a": Point(1)}, "a", "Point"),
        ({"a": {1, 2}}, "a", "set"),
        (1.5, "", "integer"),
        (nested(DEPTH_MAX + 1), "[0]" * DEPTH_MAX, "levels"),
    ],
)
def test_outside_the_profile_the_field_is_named(value: Any, field: str, what: str) -> None:
    with pytest.raises(OutsideProfile, match=what) as refused:
        canonical(value)
    assert refused.value.field == field


def test_a_text_that_only_looks_like_an_escaped_nul_is_a_text() -> None:
    assert canonical({"a": "\\u0000"}) == b'{"a":"\\\\u0000"}'


def test_the_deepest_value_allowed_is_written() -> None:
    assert canonical(nested(DEPTH_MAX)).count(b"[") == DEPTH_MAX


def test_the_largest_integers_are_written() -> None:
    assert canonical([2**53 - 1, -(2**53) + 1]) == b"[9007199254740991,-9007199254740991]"
