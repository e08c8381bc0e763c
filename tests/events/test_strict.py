"""Whatever odd body comes from outside: refused, with the field named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.events.canonical import canonical
from interlock.events.catalogue.environment import DataFeedSet, LeaseRenewed
from interlock.events.catalogue.release import ReleaseContentSet, ReleaseOpened
from interlock.events.codec import plain
from interlock.events.strict import (
    BODY_BYTES_MAX,
    BODY_LEVELS_MAX,
    FAULTS_TOLD_MAX,
    BadInput,
    BodyTooLarge,
    read,
    strict_json,
)
from tests.events.examples import DIGEST, SATURDAY, example
from tests.events.test_canonical import VALUES

DEEP = b"[" * 500 + b"]" * 500


@pytest.mark.parametrize(
    "body, field, what",
    [
        (b'{"a":{"text":"x\\u0000"}}', "a.text", "NUL"),
        (b'{"a":["x","\\ud800"]}', "a[1]", "surrogate"),
        (b'{"a":"\\udc00\\ud800"}', "a", "surrogate"),
        (b'{"a":9223372036854775808}', "a", "53 bits"),
        (b'{"a":9007199254740992}', "a", "53 bits"),
        (b'{"a":-9007199254740992}', "a", "53 bits"),
        (b'{"a":' + b"9" * 5_000 + b"}", "a", "53 bits"),
        (b'{"a":-0}', "a", "-0"),
        (DEEP, "", "levels deep"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "", "levels deep"),
        (b"[" * 100_000, "", "levels deep"),
        (b'{"a":{"b":1e400}}', "a.b", "1e400"),
        (b'{"a":1e2}', "a", "1e2"),
        (b'{"a":1.0}', "a", "1.0"),
        (b'{"a":NaN}', "a", "NaN"),
        (b'{"a":[Infinity]}', "a[0]", "Infinity"),
        (b'{"a":-Infinity}', "a", "-Infinity"),
        (b'{"a":{"b":1,"b":2}}', "a.b", "twice"),
        (b'{"a":1,"a":1}', "a", "twice"),
        (b'{"a":1,"\\u0061":1}', "a", "twice"),
        (b'{"gr\xc3\xb6\xc3\x9fe":1}', "", "ASCII"),
        (b'{"a":{"\\u0000":1}}', "a", "ASCII"),
        (b'{"a":"\xff"}', "", "UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "", "UTF-8"),
        (b'{"a":"\xc0\x80"}', "", "UTF-8"),
        ('{"a":1}'.encode("utf-16"), "", "UTF-8"),
        (b"\xef\xbb\xbf{}", "", "byte order mark"),
        (b"", "", "no JSON"),
        (b" ", "", "no JSON"),
        (b"{} {}", "", "no JSON"),
        (b"{'a':1}", "", "no JSON"),
        (b'{"a":1,}', "", "no JSON"),
        (b'{"a":01}', "", "no JSON"),
        (b'{"a":"\n"}', "", "no JSON"),
        (b'{"a":"x', "", "no JSON"),
        (b'"\\', "", "no JSON"),
        (b"]", "", "no JSON"),
        (b"// x\n{}", "", "no JSON"),
        (b'{"a":"' + b"x" * BODY_BYTES_MAX + b'"}', "", "at most"),
    ],
)
def test_an_odd_body_is_refused_with_its_field(body: bytes, field: str, what: str) -> None:
    with pytest.raises(BadInput, match=what) as refused:
        strict_json(body)
    assert refused.value.field == field
    assert refused.value.next


def test_too_large_is_told_apart_from_wrong() -> None:
    with pytest.raises(BodyTooLarge):
        strict_json(b"[]" + b" " * 20_000_000)
    assert strict_json(b"[]", bytes_max=2) == []
    with pytest.raises(BodyTooLarge):
        strict_json(b"[ ]", bytes_max=2)


def test_the_deepest_body_is_read_and_brackets_in_texts_do_not_count() -> None:
    assert strict_json(b"[" * BODY_LEVELS_MAX + b"]" * BODY_LEVELS_MAX)
    with pytest.raises(BadInput):
        strict_json(b"[" * (BODY_LEVELS_MAX + 1) + b"]" * (BODY_LEVELS_MAX + 1))
    text = '"' + "[{" * 500 + "\\"
    assert strict_json(json.dumps({"a": text}).encode()) == {"a": text}


def test_all_that_is_wrong_is_told_at_once_up_to_a_limit() -> None:
    with pytest.raises(BadInput) as refused:
        strict_json(b'{"a":1.5,"b":{"c":1,"c":2},"d":["\\u0000"]}')
    assert [fault.field for fault in refused.value.faults] == ["a", "b.c", "d[0]"]
    with pytest.raises(BadInput) as refused:
        strict_json(b"[" + b"1.5," * 5_000 + b"1]")
    assert len(refused.value.faults) == FAULTS_TOLD_MAX


@given(VALUES)
def test_what_is_canonical_is_read_as_it_is(value: Any) -> None:
    assert strict_json(canonical(value)) == value


@given(st.binary(max_size=60) | st.text('[]{}",:0123456789.eE+-\\utrfalsn NI', max_size=60).map(str.encode))
def test_no_bytes_make_the_decoder_fail_otherwise(body: bytes) -> None:
    try:
        value = strict_json(body)
    except BadInput:
        return
    assert strict_json(canonical(value)) == value


LEASE = {"environment": "tests", "lease": "lease-1", "expires_at": "2026-11-28T09:00:00Z"}
FEED = {"environment": "tests", "feed": "IEX Sandbox"}


@pytest.mark.parametrize(
    "cls, document, field, what",
    [
        (LeaseRenewed, {**LEASE, "expires_at": "2026-11-28T09:00:00"}, "expires_at", "time zone"),
        (LeaseRenewed, {**LEASE, "expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at", "1970 and 9000"),
        (LeaseRenewed, {**LEASE, "expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at", "1970 and 9000"),
        (LeaseRenewed, {**LEASE, "expires_at": "1970-01-01T00:00:00+01:00"}, "expires_at", "1970 and 9000"),
        (LeaseRenewed, {**LEASE, "expires_at": "0000-01-01T00:00:00Z"}, "expires_at", "2026-11-28T09:00:00Z"),
        (LeaseRenewed, {**LEASE, "expires_at": "2026-02-30T00:00:00Z"}, "expires_at", "2026-11-28T09:00:00Z"),
        (LeaseRenewed, {**LEASE, "expires_at": "2026-11-28"}, "expires_at", "2026-11-28T09:00:00Z"),
        (LeaseRenewed, {**LEASE, "expires_at": "2026-11-28 09:00:00Z"}, "expires_at", "2026-11-28T09:00:00Z"),
        (LeaseRenewed, {**LEASE, "expires_at": "1764320400"}, "expires_at", "2026-11-28T09:00:00Z"),
        (LeaseRenewed, {**LEASE, "expires_at": 1_764_320_400}, "expires_at", "2026-11-28T09:00:00Z"),
        (LeaseRenewed, {**LEASE, "expires_at": None}, "expires_at", "2026-11-28T09:00:00Z"),
        (LeaseRenewed, {**LEASE, "lease": 7}, "lease", "text"),
        (LeaseRenewed, {**LEASE, "lease": ""}, "lease", "looks different"),
        (LeaseRenewed, {**LEASE, "lease": "x\n"}, "lease", "looks different"),
        (LeaseRenewed, {**LEASE, "mood": "good"}, "mood", "no such field"),
        (LeaseRenewed, {**LEASE, "mood": None}, "mood", "no such field"),
        (LeaseRenewed, {"environment": "tests", "lease": "lease-1"}, "expires_at", "missing"),
        (LeaseRenewed, [], "", "object"),
        (LeaseRenewed, "x", "", "object"),
        (LeaseRenewed, None, "", "object"),
        (DataFeedSet, {**FEED, "volume_percent": True}, "volume_percent", "integer"),
        (DataFeedSet, {**FEED, "volume_percent": "1"}, "volume_percent", "integer"),
        (DataFeedSet, {**FEED, "volume_percent": None}, "volume_percent", "integer"),
        (DataFeedSet, {**FEED, "volume_percent": 0}, "volume_percent", "least here is 1"),
        (DataFeedSet, {**FEED, "feed": "two\nlines"}, "feed", "one line"),
        (DataFeedSet, {**FEED, "feed": "bell\x07"}, "feed", "control characters"),
        (DataFeedSet, {**FEED, "feed": "\x9b2J clears the screen"}, "feed", "control characters"),
        (DataFeedSet, {**FEED, "feed": "x" * 301}, "feed", "at most 300"),
        (DataFeedSet, {**FEED, "feed": ""}, "feed", "not empty"),
        (ReleaseOpened, {"name": "1", "kind": "special", "title": "x", "author": "a"}, "kind", "'normal' or 'hotfix'"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_with_its_field(
    cls: type[Any], document: Any, field: str, what: str
) -> None:
    with pytest.raises(BadInput, match=what) as refused:
        read(cls, json.dumps(document).encode())
    assert [fault.field for fault in refused.value.faults] == [field]


def test_fields_deep_inside_are_named_and_all_of_them() -> None:
    document = {
        "content_digest": DIGEST,
        "artifacts": [{"purl": "a", "digest": "x", "extra": 1}],
        "commits": [{"repository": "r", "sha": "abcdef0", "author": "a"}],
        "head": [],
        "new_tests": "abc",
        "adds_functionality": 1,
    }
    with pytest.raises(BadInput) as refused:
        read(ReleaseContentSet, document)
    assert {fault.field for fault in refused.value.faults} == {
        "artifacts[0].digest",
        "artifacts[0].extra",
        "commits[0].time",
        "new_tests",
        "adds_functionality",
    }


def test_what_fits_is_read() -> None:
    given_lease = read(LeaseRenewed, json.dumps({**LEASE, "expires_at": "2026-11-28T10:00:00+01:00"}).encode())
    assert given_lease == LeaseRenewed(environment="tests", lease="lease-1", expires_at=SATURDAY)
    assert read(DataFeedSet, FEED).volume_percent == 100
    event = example(ReleaseContentSet)
    assert read(ReleaseContentSet, plain(event)) == event


def test_for_an_optional_field_null_means_absent() -> None:
    document = {"name": "1", "kind": "normal", "title": "x", "author": "a", "problem": None}
    assert read(ReleaseOpened, document).problem is None


def test_a_hostile_body_does_not_choose_the_size_of_its_answer() -> None:
    body = json.dumps({f"k{number}" + "x" * 500: 1 for number in range(400)}).encode()
    with pytest.raises(BadInput) as refused:
        read(LeaseRenewed, body)
    assert len(refused.value.faults) <= FAULTS_TOLD_MAX
    assert len(str(refused.value)) < 10_000
