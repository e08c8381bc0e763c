"""One fact as a JSON object: the form of decisions, commands and events everywhere, and its digest."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from eventsourcing.domain import DomainEventProtocol
from hypothesis import given
from hypothesis import strategies as st

from interlock.events.catalogue import CATALOGUE
from interlock.events.catalogue.environment import LeaseRenewed, LogsChecked
from interlock.events.catalogue.policy import PolicyProposed
from interlock.events.catalogue.release import ReleaseOpened
from interlock.events.codec import BrokenEvent, decode, digest_of, encode, fact_of, plain, request_hash
from interlock.events.decision import Decision
from interlock.events.envelope import Recorded
from interlock.events.fact import UnreadableHint, fact
from interlock.events.fact import replace as replaced
from interlock.events.values import Instant
from tests.events.examples import DECISION, DIGEST, NOW, SATURDAY, example, recorded

OPENED = ReleaseOpened(name="4.12.0", kind="normal", title="Quotes survive a gap", author="anton")


@pytest.mark.parametrize(
    "at, text",
    [
        (datetime(2026, 11, 28, 9, 0, tzinfo=UTC), "2026-11-28T09:00:00Z"),
        (datetime(2026, 11, 28, 9, 0, 0, 120, tzinfo=UTC), "2026-11-28T09:00:00.000120Z"),
        (datetime(2026, 6, 28, 10, 0, tzinfo=timezone(timedelta(hours=1))), "2026-06-28T09:00:00Z"),
    ],
)
def test_instants_are_written_in_utc_with_z(at: datetime, text: str) -> None:
    event = LeaseRenewed(environment="tests", lease="lease-1", expires_at=at)
    assert plain(event)["expires_at"] == text
    assert decode(encode(recorded(event))).event.expires_at == at


@given(st.datetimes(datetime(1971, 1, 1), datetime(8999, 1, 1), timezones=st.timezones()))
def test_every_instant_comes_back(at: datetime) -> None:
    event = LeaseRenewed(environment="tests", lease="lease-1", expires_at=at)
    found = fact_of(LeaseRenewed, plain(event))
    assert found.expires_at == at.astimezone(UTC)
    assert found.expires_at.utcoffset() == timedelta(0)


def test_the_hour_that_london_has_twice_is_two_hours() -> None:
    first = datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/London"))
    texts = [
        plain(LeaseRenewed(environment="tests", lease="lease-1", expires_at=at))["expires_at"]
        for at in (first, replace_fold(first))
    ]
    assert texts == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]


def replace_fold(at: datetime) -> datetime:
    return at.replace(fold=1)


def test_a_decision_has_one_form_everywhere() -> None:
    document = plain(DECISION)
    assert document["allowed_at"] == "2026-11-28T09:00:00Z"
    assert document["checks"][3] == {"check": "problem-linked", "state": "not_applicable"}
    assert fact_of(Decision, json.loads(json.dumps(document))) == DECISION
    with pytest.raises(BrokenEvent, match="Decision: checks"):
        fact_of(Decision, {**document, "checks": 7})


def test_a_plain_fact_is_what_json_makes_of_it() -> None:
    for cls, _ in CATALOGUE.values():
        document = plain(example(cls))
        assert json.loads(json.dumps(document)) == document


def test_a_tuple_in_a_document_is_refused_because_it_would_come_back_as_a_list() -> None:
    event = PolicyProposed(version=1, document={"windows": ("Sat", "Sun")}, document_digest=DIGEST, reason="x")
    with pytest.raises(BrokenEvent, match="document: an array in here is a list"):
        encode(recorded(event))


def test_what_can_be_read_as_a_fact_may_be_any_fact() -> None:
    event = LogsChecked(environment="production", since=NOW, until=SATURDAY, result="clean")
    assert fact_of(LogsChecked, plain(event)) == event


def test_a_request_is_known_by_what_it_asks_and_who_asks() -> None:
    first = request_hash("OpenRelease", OPENED, actor="anton")
    assert first == request_hash("OpenRelease", dict(reversed(plain(OPENED).items())), actor="anton")
    others = {
        request_hash("OpenRelease", OPENED, actor="qa-1"),
        request_hash("CloseRelease", OPENED, actor="anton"),
        request_hash("OpenRelease", replace(OPENED, title="other"), actor="anton"),
    }
    assert first.startswith("sha256:")
    assert len(others | {first}) == 4


def test_a_digest_is_of_the_canonical_bytes() -> None:
    assert digest_of({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest_of(OPENED) == digest_of(plain(OPENED))


def test_a_recorded_event_is_a_domain_event_of_the_eventsourcing_library() -> None:
    given_event: Recorded[ReleaseOpened] = recorded(OPENED)
    domain_event: DomainEventProtocol[str] = given_event
    assert domain_event.originator_id == "release/4.12.0"
    assert domain_event.originator_version == 17
    assert given_event.timestamp == given_event.recorded_at
    assert isinstance(given_event.id, UUID)


def test_a_fact_is_copied_with_changes_as_any_dataclass_is() -> None:
    changed = replaced(OPENED, title="Another")
    assert changed == replace(OPENED, title="Another")
    assert (changed is OPENED, OPENED.title) == (False, "Quotes survive a gap")


def test_a_fact_is_not_given_a_field_that_it_does_not_have() -> None:
    with pytest.raises(TypeError, match="no field 'colour'"):
        replaced(OPENED, colour="blue")


def test_nobody_changes_a_fact() -> None:
    with pytest.raises(AttributeError):
        OPENED.title = "Another"  # type: ignore[misc]
    with pytest.raises(TypeError):
        object.__setattr__(OPENED, "title", "Another")


def test_an_instant_is_a_field_of_its_own_because_within_another_it_would_be_read_in_any_spelling() -> None:
    class Bell:
        """It rings."""

        at: tuple[Instant, ...] = ()

    with pytest.raises(UnreadableHint, match=r"Bell\.at: tuple"):
        fact(Bell)
