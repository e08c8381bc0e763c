"""What the record says of an execution that nobody ended, and what is said of it then: by whom, or by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Any

import pytest

from interlock.cli.seams import pause
from interlock.events.catalogue.parts import AdjustmentPlan, AdjustmentTargets, ExpectedEffect, Identity
from interlock.runners.adjust import Asker, CannotTell, resolve, resolving
from interlock.runners.adjust.attempts import history_of
from interlock.runners.connections import Connection

DIGEST = f"sha256:{'0' * 64}"
PLAN = AdjustmentPlan(
    purpose="try",
    script_digest=DIGEST,
    targets=AdjustmentTargets(
        environment="production", identity=Identity(system_identifier="1", database="shop"), tables=("trades.fills",)
    ),
    precondition_digest=DIGEST,
    expected_effect=ExpectedEffect(rows_min=1, rows_max=1, queries_digest=DIGEST),
    undo_digest=DIGEST,
    risk="normal",
)
NOWHERE = Connection("production", "postgresql://nobody@127.0.0.1:1/none")


def at(clock: str) -> str:
    return f"2026-11-26T{clock}+00:00"


def event(kind: str, position: int, **data: Any) -> dict[str, Any]:
    return {"type": kind, "position": position, "recorded_at": at("08:00:00"), "data": data}


GRANTED = event("LeaseGranted", 5, subject="adjustment ADJ-1", lease="L-1", fencing_token=7, expires_at=at("08:15:00"))
RENEWED = event("LeaseRenewed", 6, lease="L-1", expires_at=at("08:20:00"))
STARTED = event("DataAdjustStarted", 7, adjustment="ADJ-1")
UNKNOWN = event("DataAdjustFailed", 8, adjustment="ADJ-1", transaction="unknown")


class Record:
    """An Interlock in which this was recorded when its clock showed `now`; it remembers what it is told."""

    project = "demo"

    def __init__(self, now: str, *events: dict[str, Any]) -> None:
        self.server_now = datetime.fromisoformat(at(now))
        self.events, self.told = events, list[str]()

    def command(self, name: str, fields: Mapping[str, Any], *, idempotency_key: Any = None) -> dict[str, Any]:
        assert fields["adjustment"] == "ADJ-1"
        self.told.append(name)
        return {"events": [], "position": 9}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return {"events": [each for each in self.events if each["type"] == query["type"]]}


def asking(record: Record) -> Asker:
    return Asker(record, clock=monotonic, sleep=pause)


@pytest.mark.parametrize(
    "now, events, over",
    [
        ("08:14:59", [GRANTED], False),
        ("08:15:00", [GRANTED], True),
        ("08:15:00", [GRANTED, RENEWED], False),
        ("08:20:00", [GRANTED, RENEWED], True),
        # An end that is recorded needs no clock.
        ("08:20:00", [GRANTED, UNKNOWN], False),
    ],
)
async def test_an_attempt_is_over_when_its_lease_is(now: str, events: list[dict[str, Any]], over: bool) -> None:
    pending = (await history_of(asking(Record(now, *events)), "ADJ-1", "production")).pending
    assert pending is not None
    assert (pending.token, pending.over) == (7, over)


async def test_of_what_is_over_and_cannot_have_been_committed_nobody_says_a_word() -> None:
    record = Record("08:15:00", GRANTED)
    assert await resolve(asking(record), "ADJ-1", PLAN, NOWHERE) is None
    assert record.told == []
    # Before, and where it may have been committed, the database has to tell.
    for other in (Record("08:14:59", GRANTED), Record("08:15:00", GRANTED, STARTED)):
        with pytest.raises(CannotTell):
            await resolve(asking(other), "ADJ-1", PLAN, NOWHERE)


@pytest.mark.parametrize(
    "now, events, ending, said",
    [
        ("08:14:59", [GRANTED, STARTED], "executed", "ReportAdjustmentExecuted"),
        ("08:14:59", [GRANTED, STARTED], "rolled_back", "ReportAdjustmentFailed"),
        # The lease's holder may say nothing any more: what the marker tells may be said by whoever reads it.
        ("08:15:00", [GRANTED, STARTED], "executed", "ResolveAdjustment"),
        ("08:15:00", [GRANTED, STARTED], "rolled_back", "ResolveAdjustment"),
        ("08:14:59", [GRANTED, STARTED, UNKNOWN], "rolled_back", "ResolveAdjustment"),
    ],
)
async def test_what_the_marker_tells_is_said_as_the_leases_holder_or_by_the_marker(
    monkeypatch: pytest.MonkeyPatch, now: str, events: list[dict[str, Any]], ending: Any, said: str
) -> None:
    async def read(*_: object) -> Any:
        return ending, None

    monkeypatch.setattr(resolving, "read_marker", read)
    record = Record(now, *events)
    settled = await resolve(asking(record), "ADJ-1", PLAN, NOWHERE)
    assert settled is not None
    assert settled.ending == ending
    assert record.told == [said]
