"""What is encoded can be decoded, says nothing twice, and what is no event is refused by name."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any

import pytest
import rfc8785

from interlock.events.canonical import EVENT_BYTES_MAX, EventTooLarge, OutsideProfile
from interlock.events.catalogue import CATALOGUE
from interlock.events.catalogue.ledger import Annotated
from interlock.events.catalogue.parts import Commit, RepositoryHead
from interlock.events.catalogue.policy import PolicyProposed
from interlock.events.catalogue.release import DeployRequested, ReleaseContentSet, ReleaseOpened
from interlock.events.codec import (
    BrokenEvent,
    NotCanonical,
    UnknownEventType,
    UnknownSchema,
    decode,
    decode_exactly,
    encode,
)
from tests.events.examples import DIGEST, NOW, example, recorded

OPENED = ReleaseOpened(name="4.12.0", kind="normal", title="Quotes survive a gap", author="anton")


def replace(fact: Any, **fields: Any) -> Any:
    """As dataclasses.replace, for values that the type checker would refuse."""
    return dataclasses.replace(fact, **fields)


ALL = [(type_name, full) for type_name in CATALOGUE for full in (True, False)]


@pytest.mark.parametrize("type_name, full", ALL)
def test_every_type_is_the_same_after_a_round_trip(type_name: str, full: bool) -> None:
    given_event = recorded(example(CATALOGUE[type_name][0], full=full), full=full)
    body = encode(given_event)
    found = decode_exactly(body)
    assert replace(found, raw=b"") == given_event
    assert found.raw == body
    assert encode(found) == body
    assert body == rfc8785.dumps(json.loads(body))


def test_what_is_absent_is_left_out_and_never_null() -> None:
    document = json.loads(encode(recorded(OPENED, full=False)))
    assert document["data"] == {"name": "4.12.0", "kind": "normal", "title": "Quotes survive a gap", "author": "anton"}
    assert document.keys().isdisjoint({"causation", "correlation", "occurred_at"})
    assert document["actor"] == {"id": "watch", "kind": "system"}


def test_when_it_happened_is_told_only_where_it_was_recorded_later() -> None:
    past = recorded(OPENED)
    assert json.loads(encode(past))["occurred_at"] == "2026-11-26T14:05:00Z"
    assert decode(encode(replace(past, occurred_at=past.recorded_at))).occurred_at == past.recorded_at


COMMIT = Commit(repository="r", sha="abcdef0", author="anton", time=NOW)


def content(**fields: Any) -> ReleaseContentSet:
    given_fields: dict[str, Any] = {
        "content_digest": DIGEST,
        "artifacts": (),
        "commits": (COMMIT,),
        "head": (RepositoryHead(repository="r", sha="abcdef0"),),
        **fields,
    }
    return ReleaseContentSet(**given_fields)


@pytest.mark.parametrize(
    "event, field",
    [
        (content(content_digest=None), "content_digest"),
        (content(commits=(COMMIT, replace(COMMIT, sha=7))), r"commits\[1\].sha"),
        (content(commits=[COMMIT]), "commits"),
        (content(commits=(COMMIT, OPENED)), r"commits\[1\]"),
        (content(commits=(replace(COMMIT, time=datetime(2026, 1, 1)),)), r"commits\[0\].time: .*time zone"),
        (content(commits=(replace(COMMIT, time="2026-11-28T09:00:00Z"),)), r"commits\[0\].time"),
        (content(new_tests=("a", 1)), r"new_tests\[1\]"),
        (content(new_tests="abc"), "new_tests"),
        (content(adds_functionality=1), "adds_functionality"),
        (replace(OPENED, kind="special"), "kind: one of hotfix, normal"),
        (replace(OPENED, kind=["normal"]), "kind"),
        (Annotated(target=True, kind="remark", text="x"), "target"),
        (Annotated(target=1.0, kind="remark", text="x"), "target"),  # type: ignore[arg-type]
        (PolicyProposed(version=1, document={"a": [1, 1.5]}, document_digest=DIGEST, reason="x"), r"document.a\[1\]"),
    ],
)
def test_a_wrong_type_is_refused_when_it_is_written_with_its_field(event: Any, field: str) -> None:
    with pytest.raises(BrokenEvent, match=field):
        encode(recorded(event))


@pytest.mark.parametrize(
    "event, field",
    [
        (replace(OPENED, title="x\x00"), "data.title"),
        (replace(OPENED, title="\ud800"), "data.title"),
        (Annotated(target=2**53, kind="remark", text="x"), "data.target"),
        (replace(OPENED, affected_areas=("a", "\udfff")), r"data.affected_areas\[1\]"),
    ],
)
def test_a_value_outside_the_profile_is_refused_with_its_path(event: Any, field: str) -> None:
    with pytest.raises(OutsideProfile, match=field):
        encode(recorded(event))


def test_an_event_has_at_most_65_535_bytes() -> None:
    event = Annotated(target=1, kind="remark", text="")
    room = EVENT_BYTES_MAX - len(encode(recorded(event)))
    assert len(encode(recorded(replace(event, text="x" * room)))) == EVENT_BYTES_MAX
    with pytest.raises(EventTooLarge, match="evidence"):
        encode(recorded(replace(event, text="x" * (room + 1))))


def test_the_envelope_must_name_the_class_it_holds() -> None:
    with pytest.raises(BrokenEvent):
        encode(replace(recorded(OPENED), type="ReleaseWithdrawn"))
    with pytest.raises(UnknownEventType):
        encode(replace(recorded(OPENED), type="ReleaseForgotten"))
    with pytest.raises(UnknownSchema):
        encode(replace(recorded(OPENED), schema=2))


def changed(**fields: Any) -> bytes:
    document = json.loads(encode(recorded(OPENED)))
    for path, value in fields.items():
        *outer, name = path.split("__")
        place = document
        for step in outer:
            place = place[step]
        if value is ...:
            del place[name]
        else:
            place[name] = value
    return rfc8785.dumps(document)


@pytest.mark.parametrize(
    "body, what",
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "object"),
        (b"1", "object"),
        (changed(version=...), "version: the envelope needs"),
        (changed(actor=...), "actor: the envelope needs"),
        (changed(mood="good"), "mood: the envelope has no such field"),
        (changed(position=True), "position: int"),
        (changed(position="7"), "position: int"),
        (changed(causation=None), "causation: int"),
        (changed(id="7"), "UUID"),
        (changed(actor__kind="ghost"), "actor"),
        (changed(actor__mood="good"), "mood"),
        (changed(recorded_at="2026-11-26T14:05:00"), "an instant looks like"),
        (changed(recorded_at="2026-11-26T14:05:00+00:00"), "an instant looks like"),
        (changed(recorded_at="2026-13-26T14:05:00Z"), "an instant looks like"),
        (changed(data__name=...), "data.name: ReleaseOpened needs this field"),
        (changed(data__mood="good"), "data.mood: ReleaseOpened has no such field"),
        (changed(data__problem=None), "data.problem: null is never written"),
        (changed(data__name=7), "data.name: a text"),
        (changed(data__kind="special"), "data.kind: one of"),
        (changed(data__affected_areas=["a", 1]), r"data.affected_areas\[1\]: a text"),
        (changed(data__affected_areas="a"), "data.affected_areas: an array"),
        (changed(data=[]), "data: dict"),
    ],
)
def test_bytes_that_are_no_event_are_refused_and_say_why(body: bytes, what: str) -> None:
    with pytest.raises(BrokenEvent, match=what):
        decode(body)


def test_an_unknown_type_stops_the_reader_by_name() -> None:
    with pytest.raises(UnknownEventType, match="ReleaseForgotten"):
        decode(changed(type="ReleaseForgotten"))
    with pytest.raises(UnknownSchema, match="ReleaseOpened 2"):
        decode(changed(schema=2))


def test_the_field_inside_a_decision_is_named() -> None:
    document = json.loads(encode(recorded(example(DeployRequested))))
    document["data"]["decision"]["checks"][1]["evidence"] = [18_102, "7"]
    with pytest.raises(BrokenEvent, match=r"^data\.decision\.checks\[1\]\.evidence\[1\]: an integer"):
        decode(json.dumps(document).encode())


BODY = encode(recorded(OPENED, full=False))


@pytest.mark.parametrize(
    "body",
    [
        BODY + b" ",
        b" " + BODY,
        BODY.replace(b'"ordinal":0,', b'"ordinal": 0,'),
        BODY.replace(b'"ordinal":0,', b"").replace(b"{", b'{"ordinal":0,', 1),
        BODY.replace(b'"ordinal":0,', b'"ordinal":0,"ordinal":0,'),
        BODY.replace(b"Quotes", b"\\u0051uotes"),
        BODY.replace(b'"kind":"normal"', b'"affected_areas":[],"kind":"normal"'),
        BODY.replace(b"019abf5a-1c3a", b"019ABF5A-1C3A"),
        BODY.replace(b"14:05:00Z", b"14:05:00.000000Z"),
    ],
)
def test_an_event_in_other_bytes_is_not_the_event(body: bytes) -> None:
    assert body != BODY
    with pytest.raises(BrokenEvent) as refused:
        decode_exactly(body)
    assert type(refused.value) is NotCanonical


def test_limits_are_the_edges_and_history_stays_readable() -> None:
    long_ago = recorded(replace(OPENED, name="a name that no edge would let in" * 10))
    assert decode(encode(long_ago)).event == long_ago.event
