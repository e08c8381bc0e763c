"""What services publish becomes commands, each once, as the principal that is proved, and is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from interlock.bus import topics
from interlock.domain.commands import PUBLISHED
from interlock.events.canonical import digest_of_bytes
from interlock.letters import Letter
from tests.feed.broken import BROKEN_AT, BROKEN_RECORDS, send_broken
from tests.feed.feeds import sleep
from tests.fixtures.server import PROJECT
from tests.intake.conftest import KEY, OWN, SOURCE, STRANGE_KEY, Office, instant
from tests.relay.relays import until

RELEASE = {"name": "4.12.0", "kind": "normal", "title": "Quotes"}
STRUCTURED = [("content-type", b"application/cloudevents+json")]


def event(kind: str, data: Any, request: str = "1", **more: Any) -> bytes:
    document = {
        "specversion": "1.0",
        "id": request,
        "source": SOURCE,
        "type": kind,
        "project": PROJECT,
        "time": instant(),
        "data": data,
        **more,
    }
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def remark(number: int) -> dict[str, Any]:
    return {"target": 1, "kind": "remark", "text": f"remark {number}"}


ANNOTATE = "interlock.command.Annotate"


async def test_a_signed_command_is_decided_and_answered_as_by_the_api(office: Office) -> None:
    async with office.running(), office.publisher() as publisher:
        outcome = await publisher.command("OpenRelease", RELEASE)
        assert outcome.accepted
        [opened] = outcome.document["events"]
        assert (opened["type"], opened["by"], outcome.document["subject"]) == (
            "ReleaseOpened",
            "ci-1",
            "release/4.12.0",
        )
        assert outcome.document["position"] == await office.events()
        refused = await publisher.command("RequestDeploy", {"release": "4.12.0", "environment": "production"})
    assert not refused.accepted
    answer = await office.here.admin.command("RequestDeploy", {"release": "4.12.0", "environment": "production"})
    assert refused.document.keys() == answer.json().keys()
    assert refused.document["type"] == "/problems/refused"
    assert refused.document["decision"]["checks"]


async def test_the_same_request_is_done_once_and_answered_each_time(office: Office) -> None:
    before = await office.events()
    async with office.running():
        for _ in range(3):
            await office.put(event(ANNOTATE, remark(1)), STRUCTURED, key=b"mine")
        told = await office.outcomes(3)
    assert await office.events() == before + 1
    answers = [{**json.loads(each.value), "repeated": None} for each in told]
    assert answers[0] == answers[1] == answers[2]
    assert {each.key for each in told} == {b"mine"}
    assert {each.about for each in told} == {(SOURCE, "1")}


async def test_another_body_under_a_used_id_is_refused(office: Office) -> None:
    async with office.running():
        await office.put(event(ANNOTATE, remark(1)), STRUCTURED)
        await office.put(event(ANNOTATE, remark(2)), STRUCTURED)
        told = await office.outcomes(2)
    assert json.loads(told[1].value)["type"] == "/problems/idempotency-key-reused"


async def test_binary_mode_is_understood_too_and_its_headers_are_signed(office: Office) -> None:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"7"),
        ("ce_source", SOURCE.encode()),
        ("ce_type", ANNOTATE.encode()),
        ("ce_project", PROJECT.encode()),
        ("ce_time", instant().encode()),
        ("content-type", b"application/json"),
        ("traceparent", b"00-1-2-01"),
    ]
    value = json.dumps(remark(1)).encode()
    async with office.running():
        await office.put(value, headers)
        signed = KEY.headers(headers, value)
        await office.put(value, [(n, b"8" if n == "ce_id" else text) for n, text in signed], sign=None)
        first, second = await office.outcomes(2)
    assert json.loads(first.value)["status"] == "accepted"
    assert json.loads(second.value)["type"] == "/problems/not-authenticated"


@pytest.mark.parametrize("how", ["unsigned", "strange", "altered", "old", "future", "without time", "swapped key"])
async def test_what_is_not_proved_changes_nothing(office: Office, how: str) -> None:
    times = {"old": "2026-11-14T07:59:00Z", "future": "2026-11-16T08:06:00Z", "without time": None}
    value = event(ANNOTATE, remark(1), time=times.get(how, instant()))
    headers = {"unsigned": STRUCTURED, "strange": STRANGE_KEY.headers(STRUCTURED, value)}.get(
        how, KEY.headers(STRUCTURED, value)
    )
    if how == "altered":
        value = value.replace(b"remark 1", b"remark 2")
    if how == "swapped key":
        headers = [(n, STRANGE_KEY.public.encode() if n == "interlock-key" else text) for n, text in headers]
    before = await office.events()
    async with office.running():
        await office.put(value, list(headers), sign=None)
        [told] = await office.outcomes(1)
    assert json.loads(told.value)["type"] == "/problems/not-authenticated"
    assert await office.events() == before
    assert await office.letters.listed(PROJECT) == []


async def test_a_revoked_key_opens_nothing_and_what_was_decided_is_still_answered(office: Office) -> None:
    async with office.running(), office.publisher() as publisher:
        assert (await publisher.command("Annotate", remark(1), request="a")).accepted
        team = (await office.here.parts.desk.situation(PROJECT)).team
        [name] = [held.credential for held in team.credentials.values() if held.purpose == "signing"]
        await office.here.admin.command("RevokeCredential", {"credential": name, "reason": "lost"})
        again = await publisher.command("Annotate", remark(2), request="b")
    assert again.document["type"] == "/problems/not-authenticated"


async def test_an_old_request_that_was_decided_then_gets_its_answer(office: Office) -> None:
    async with office.running():
        await office.put(event(ANNOTATE, remark(1)), STRUCTURED)
        await office.outcomes(1)
        office.here.admin.now = "2026-11-19T08:00:00Z"
        await office.here.admin.get("/whoami")
        await office.put(event(ANNOTATE, remark(1)), STRUCTURED)
        await office.put(event(ANNOTATE, remark(2), "2"), STRUCTURED)
        told = await office.outcomes(3)
    assert [json.loads(each.value).get("status") for each in told[:2]] == ["accepted", "accepted"]
    assert json.loads(told[2].value)["type"] == "/problems/not-authenticated"


async def test_in_its_own_topic_a_service_needs_no_signature(office: Office) -> None:
    async with office.running(), office.publisher(key=None, to=office.own_topic) as publisher:
        outcome = await publisher.command("OpenRelease", RELEASE)
    assert outcome.accepted
    assert outcome.document["events"][0]["by"] == OWN


async def test_no_person_speaks_by_a_topic(office: Office) -> None:
    async with office.running(own={office.own_topic: "anton"}):
        async with office.publisher(key=None, to=office.own_topic) as publisher:
            outcome = await publisher.command("OpenRelease", RELEASE)
    assert outcome.document["type"] == "/problems/not-authenticated"


async def test_an_observation_brings_its_evidence(office: Office) -> None:
    report = b"<testsuites/>"
    async with office.running(), office.publisher() as publisher:
        outcome = await publisher.observation(
            "problem-seen",
            {"environment": "sandbox", "title": "quotes freeze"},
            evidence=[("application/xml", report)],
        )
    assert outcome.accepted
    assert outcome.document["events"][0]["type"] == "ProblemReported"
    kept = await office.here.admin.get(f"/evidence/{digest_of_bytes(report)}")
    assert kept.content == report


async def until_it_is(office: Office, name: str, so: Callable[[Letter], bool]) -> Letter:
    async with asyncio.timeout(60):
        while not so(letter := await office.letters.get(PROJECT, name)):
            await sleep(0.1)
    return letter


POISON: list[tuple[str, bytes, list[tuple[str, bytes]]]] = [
    ("no content-type", event(ANNOTATE, remark(1)), []),
    ("no JSON", b"\xff\x00", STRUCTURED),
    ("no object", b"[]", STRUCTURED),
    ("keys twice", b'{"id":"1","id":"2"}', STRUCTURED),
    ("no such command", event("interlock.command.Nothing", {}), STRUCTURED),
    ("nobody's command", event("interlock.command.ExpireLease", {"environment": "e", "lease": "l"}), STRUCTURED),
    ("no such observation", event("interlock.observation.rain", {}), STRUCTURED),
    ("data that does not fit", event(ANNOTATE, {"target": "x"}), STRUCTURED),
    ("no project", event(ANNOTATE, remark(1), project=None), STRUCTURED),
    ("no id", event(ANNOTATE, remark(1), id=7), STRUCTURED),
    ("bad time", event(ANNOTATE, remark(1), time="noon"), STRUCTURED),
    ("a header twice", event(ANNOTATE, remark(1)), [*STRUCTURED, *STRUCTURED]),
    ("evidence that is none", event("interlock.observation.problem-seen", {"evidence": [{}]}), STRUCTURED),
    ("too large", event(ANNOTATE, {**remark(1), "text": "x" * 300_000}), STRUCTURED),
    ("nested deeply", b"[" * 100_000, STRUCTURED),
    ("empty", b"", STRUCTURED),
]


# Those whose source and id can be read are answered too, so that nobody waits in vain.
ANSWERED = 7


async def test_poison_is_put_aside_with_its_bytes_and_blocks_nobody(office: Office) -> None:
    async with office.running() as intake:
        for _, value, headers in POISON:
            await office.put(value, headers)
        await office.put(event(ANNOTATE, remark(1), "good"), STRUCTURED)
        letters = await office.all_in(office.topics.dead_letter.name, len(POISON))
        told = [each for each in await office.outcomes(ANSWERED + 1) if each.about[1] == "good"]
        # It counts once everything is told, of which the outcomes came first.
        await until(lambda: intake.put_aside == len(POISON))
    assert json.loads(told[0].value)["status"] == "accepted"
    kept = {letter.name: letter for letter in await office.letters.listed(PROJECT)}
    assert len(kept) == len(POISON)
    for letter, (name, value, _) in zip(letters, POISON, strict=True):
        parts = (letter.headers[f"interlock-dead-letter-{part}"].decode() for part in ("topic", "partition", "offset"))
        where = ":".join(parts)
        assert letter.value == value == kept[where].record.value, name
        assert letter.headers["interlock-dead-letter-reason"].decode() == kept[where].reason, name
        assert kept[where].reason, name


async def test_what_kafkas_own_client_cannot_read_blocks_nobody(office: Office) -> None:
    await office.put(event(ANNOTATE, remark(1), "before"), STRUCTURED)
    await send_broken(office.producer, office.topics.intake.name)
    await office.put(event(ANNOTATE, remark(2), "after"), STRUCTURED)
    async with office.running():
        told = await office.outcomes(2)
        letters = await office.all_in(office.topics.dead_letter.name, BROKEN_AT + 1)
        await office.put(event(ANNOTATE, remark(3), "later"), STRUCTURED)
        [*_, last] = await office.outcomes(3)
    assert [each.about[1] for each in (*told, last)] == ["before", "after", "later"]
    # Those before it in its batch are read one by one, and are no requests; those behind it are stepped over with it.
    *_, kept = await office.letters.listed(PROJECT)
    assert (kept.record.offset, kept.record.value) == (1 + BROKEN_AT, None)
    assert letters[-1].headers["interlock-dead-letter-reason"].decode() == kept.reason
    assert f"{BROKEN_RECORDS - BROKEN_AT} record(s)" in kept.reason


async def test_the_largest_record_that_a_broker_takes_is_put_aside_too(office: Office) -> None:
    from aiokafka import AIOKafkaProducer

    value = b"x" * 1_048_400
    producer = AIOKafkaProducer(bootstrap_servers=office.address.servers, max_request_size=2_000_000)
    async with producer, office.running():
        await producer.send_and_wait(office.topics.intake.name, value=value, partition=0)
        await office.put(event(ANNOTATE, remark(1)), STRUCTURED)
        [letter] = await office.all_in(office.topics.dead_letter.name, 1)
        assert json.loads((await office.outcomes(1))[0].value)["status"] == "accepted"
    assert letter.headers["interlock-dead-letter-value-digest"].decode() == digest_of_bytes(value)
    [kept] = await office.letters.listed(PROJECT)
    assert kept.record.value == value


async def test_a_dead_letter_is_tried_again_when_somebody_asks(office: Office) -> None:
    # Put aside for a mistake of ours, or because this version did not know the command yet.
    known = dict(PUBLISHED)
    async with office.running():
        PUBLISHED.pop("Annotate")
        try:
            await office.put(event(ANNOTATE, remark(1)), STRUCTURED)
            await office.all_in(office.topics.dead_letter.name, 1)
            [letter] = await office.letters.listed(PROJECT)
            await office.letters.ask_again(PROJECT, letter.name, "admin-1")
            await until_it_is(office, letter.name, lambda known: known.tries == 2)
            assert (await office.letters.get(PROJECT, letter.name)).state == "waiting"
        finally:
            PUBLISHED.clear()
            PUBLISHED.update(known)
        await office.letters.ask_again(PROJECT, letter.name, "admin-1")
        after = await until_it_is(office, letter.name, lambda known: known.state != "asked")
    assert (after.state, after.settled_by, after.because) == (
        "settled",
        "admin-1",
        f"accepted @{await office.events()}",
    )


async def test_requests_that_come_out_of_order_are_decided_by_what_they_say(office: Office) -> None:
    """The second step before the first is refused; sent anew, under a new id, it is done."""
    async with office.running(), office.publisher() as publisher:
        content = {"release": "4.12.0", "reason": "late"}
        early = await publisher.command("WithdrawRelease", content, request="2")
        assert not early.accepted
        assert (await publisher.command("OpenRelease", RELEASE, request="1")).accepted
        assert (await publisher.command("OpenRelease", RELEASE, request="1")).document["repeated"]


def test_own_topics_are_named_by_their_principal() -> None:
    from interlock.events.topics import own_intake

    assert own_intake(OWN) == f"{topics().intake.name}.{OWN}"
