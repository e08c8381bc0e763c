"""The straight way takes nothing that the codec would not take step by step, and takes it for the same."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from interlock.events.catalogue import CATALOGUE
from interlock.events.codec import CODEC, encode
from interlock.events.straight import Straight
from tests.events.examples import example, recorded

STRAIGHT = Straight(CATALOGUE)
# What holds objects of no class of ours is read step by step.
STEP_BY_STEP = {"ActionRefused", "PolicyActivated", "PolicyProposed", "SecondPersonAsked"}
BODIES = {
    (name, full): encode(recorded(example(cls, full=full)))
    for name, (cls, _) in CATALOGUE.items()
    for full in (True, False)
}
MUTATIONS_EACH = 60
# Replaced one for another: what one JSON reader takes and the next does not, and what the codec never writes.
SPELLINGS = (
    (b'"}', b'","reason":null}'),
    (b'"data":{', b'"data":{"colour":"blue",'),
    (b'"actor":{', b'"actor":{"colour":"blue",'),
    (b'"actor":{', b'"actor":{"credential":null,'),
    (b'"command_id"', b'"causation":null,"command_id"'),
    (b'"command_id"', b'"raw":"","command_id"'),
    (b'"command_id"', b'"raw":"AAAA","command_id"'),
    (b'"command_id"', b'"event":{},"command_id"'),
    (b'"data"', b'"event"'),
    (b'Z"', b'+00:00"'),
    (b'Z"', b'z"'),
    (b'Z"', b'"'),
    (b'Z"', b'.5Z"'),
    (b'Z"', b'.1234567Z"'),
    (b"T", b" "),
    (b"T", b"t"),
    (b"2026-", b"1969-"),
    (b"2026-", b"9999-"),
    (b"2026-", b"0001-"),
    (b"-28T", b"-31T"),
    (b":00Z", b":60Z"),
    (b"T09", b"T24"),
    (b"true", b"1"),
    (b"false", b"0"),
    (b"7", b"true"),
    (b"7", b"7.0"),
    (b"7", b"7e0"),
    (b"7", b"-7"),
    (b"7", b"007"),
    (b"7", b"-0"),
    (b"7", b"9007199254740993"),
    (b"7", b"18446744073709551616"),
    (b"7", b'"7"'),
    (b"7", b"NaN"),
    (b"[", b"[null,"),
    (b"[", b"{"),
    (b'"person"', b'"ghost"'),
    (b'"schema":', b'"schema":9'),
    (b'"schema":', b'"schema":-'),
    (b'"schema":1,', b'"schema":1,"schema":2,'),
    (b'"type":"', b'"type":"Never'),
    (b'"type":"', b'"type":"ReleaseHeld","type":"'),
    (b'"stream":"', b'"stream":"\\"type\\":\\"ReleaseHeld\\"'),
    (b'"stream":"', b'"stream":"\xff'),
    (b'"stream":"', b'"stream":"\xed\xa0\x80'),
    (b'"stream":"', b'"stream":"\\ud800'),
    (b'"stream":"', b'"stream":"\\u0000'),
    (b'"stream":"', b'"stream":"\x01'),
    (b'"stream":"', b'"stream":"\n'),
    (b'"stream":"', b'"stream":"\\x'),
    (b'"id":"019', b'"id":"{019'),
    (b'"id":"019', b'"id":"0 9'),
    (b"-", b""),
    (b":", b" : "),
    (b"{", b"\xef\xbb\xbf{"),
    (b"}", b"}}"),
    (b"}", b",}"),
)


def spoiled(body: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield the body with one thing that is not as it was: any byte, or one of the spellings at any place."""
    for old, new in SPELLINGS:
        places = [at for at in range(len(body)) if body.startswith(old, at)]
        for at in {places[0], places[-1], chance.choice(places)} if places else ():
            yield body[:at] + new + body[at + len(old) :]
    for _ in range(MUTATIONS_EACH):
        at = chance.randrange(len(body))
        yield (
            body[:at]
            + bytes([chance.choice((chance.randrange(256), body[at] ^ 1 << chance.randrange(8)))])
            + body[at + 1 :]
        )
        yield body[:at] + body[at + 1 :]
        yield body[: at + 1] + body[at:]


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_type_is_read_straight_but_those_that_hold_objects_of_no_class(name: str) -> None:
    for full in (True, False):
        read = STRAIGHT.read(BODIES[name, full])
        assert (read is None) == (name in STEP_BY_STEP)
        assert read is None or read == CODEC.decode_with_envelope(BODIES[name, full])[0]


@pytest.mark.parametrize("full", [True, False])
def test_bytes_that_are_not_as_they_were_are_read_straight_only_as_they_would_be_step_by_step(full: bool) -> None:
    chance, taken = random.Random(7), 0
    for name in CATALOGUE:
        for body in spoiled(BODIES[name, full], chance):
            read = STRAIGHT.read(body)
            if read is not None:
                taken += 1
                assert read == CODEC.decode_with_envelope(body)[0], body
                assert repr(read) == repr(CODEC.decode_with_envelope(body)[0])
    assert taken > len(CATALOGUE)
