"""One realistic value for every field that events have: events with all their fields, or with those they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from interlock.events.catalogue import CATALOGUE
from interlock.events.decision import CheckOutcome, Decision, NextStep
from interlock.events.envelope import Actor, Recorded
from interlock.events.shapes import hints_of

NOW = datetime(2026, 11, 26, 14, 5, 0, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 28, 9, 0, 0, tzinfo=UTC)
HALF_SECOND = datetime(2026, 11, 26, 14, 5, 0, 500_123, tzinfo=UTC)
DIGEST = "sha256:44c0" + "5e01be02" * 7 + "f1a9"

DECISION = Decision(
    action="deploy 4.12.0 to production",
    result="refused",
    position=18_203,
    policy_version=7,
    allowed_at=SATURDAY,
    checks=(
        CheckOutcome(
            check="release-window",
            state="waiting",
            required="Sat, Sun 09:00–12:00 GMT",
            observed="Thu 14:05 GMT",
            passes_at=SATURDAY,
            until=datetime(2026, 11, 28, 12, 0, tzinfo=UTC),
        ),
        CheckOutcome(check="migrations-passed", state="passed", evidence=(18_102,), by="ci-1", since=NOW),
        CheckOutcome(
            check="core-areas-approved",
            state="needed",
            who=("tester-1", "tester-2"),
            next="dt qa approve 4.12.0 --env stage",
        ),
        CheckOutcome(check="problem-linked", state="not_applicable"),
    ),
    next=(NextStep(command="dt deploy 4.12.0 production --at-window", why="every check runs again at 09:00"),),
)

# By the field's name; a name that is not here is its own text.
TEXTS: Mapping[str, str] = {
    "action": "deploy 4.12.0 to production",
    "address": "10.1.7.20:5432",
    "adjustment": "ADJ-57",
    "affected_areas": "quotes",
    "area": "quotes",
    "areas": "orders",
    "ask": "ask-5",
    "asked_by": "admin-1",
    "author": "anton",
    "backup": "pgbackrest full 2026-11-25 03:00",
    "base_release": "4.11.2",
    "by": "4.12.1",
    "cause": "the deploy d-97 failed half way",
    "checklist": "Every page of the list, twice.\nSecond pass after the feed's gap at 13:02 — clean ✓",
    "command": "UPDATE 14",
    "command_type": "GrantRole",
    "commit_range": "9fceb02..4c1e5d8",
    "confirmed_by": "admin-2",
    "contains": "4.11.2",
    "credential": "cred-17",
    "database": "interlock_prod",
    "day": "2026-11-26",
    "deploy": "d-97",
    "description": 'Quotes freeze after a gap of more than 5 s; "stale" is shown — Größe 0 €, 🚂',
    "environment": "stage",
    "error": "ERROR:  could not create unique index\n\tDETAIL:  Key (id)=(7) is duplicated.",
    "evidence": "ManualQAApproved sandbox",
    "executor": "ci-1",
    "failed": "tests/quotes/test_gap.py::test_gap_fill",
    "failed_deploy": "d-96",
    "failed_migration": "0213_orders_index",
    "feed": "IEX Production",
    "findings": "Three timeouts of the feed, none after 13:10.",
    "fixed_by_release": "4.12.1",
    "fixes": "P-81",
    "founders": "admin-1",
    "fulfils": "2026-11-26",
    "executed_by": "operator-1",
    "holder": "ci-1",
    "how": "The gap is filled from the second feed.",
    "id": "0212_orders_by_day",
    "lease": "lease-1093",
    "marker": "ADJ-57/1093",
    "method": "read script, targets and rehearsal; typed be02f1",
    "migration": "migration-12",
    "name": "4.12.0",
    "new_tests": "tests/orders/test_cancel.py::test_cancel_race",
    "operator": "operator-1",
    "phase": "switch",
    "place": "runner-1:/var/backups/interlock/ADJ-57.copy",
    "principal": "qa-1",
    "problem": "P-81",
    "problems": "P-81",
    "purpose": "Fourteen fills of 11-25 were booked twice after the feed's gap.",
    "purl": "pkg:oci/quotes@sha256%3A44c0?repository_url=registry.example/team",
    "ran": "tests/orders/test_cancel.py::test_cancel_race",
    "reason": "Taken back: the list was for 4.11.",
    "release": "4.12.0",
    "replaced_release": "4.11.2",
    "reporter": "qa-2",
    "repository": "github.com/team/quotes",
    "restore": "restore-31",
    "reverts": "ADJ-56",
    "run": "run-412",
    "second_person": "admin-2",
    "sha": "4c1e5d8a9fceb02d0ae598e95dc970b74767f19372",
    "snapshot": "production 2026-11-25 07:12",
    "source": "production",
    "source_release": "4.11.2",
    "subject": "4.12.0",
    "system_identifier": "7315042289911220334",
    "tables": "trades.fills",
    "target": "cluster-b",
    "text": "Meant was 4.12.1; see the ticket of 11-25.",
    "title": "Quotes survive a gap of the feed",
}
OBJECTS: Mapping[str, dict[str, Any]] = {
    "command": {"principal": "qa-1", "role": "verifier", "areas": [], "note": None},
    "document": {
        "policy": "release-flow",
        "version": 7,
        "windows": [{"days": ["Sat", "Sun"], "from": "09:00", "until": "12:00", "zone": "UTC"}],
        "verifications": {"normal": 2, "high": 3},
        "strict": True,
    },
}
STREAMS: Mapping[str, str] = {
    "adjustment": "adjustment/ADJ-57",
    "release": "release/4.12.0",
    "environment": "environment/stage",
    "problem": "problem/P-81",
    "refusals": "refusals/anton",
}


def example(cls: Any, *, full: bool = True) -> Any:
    """Return an event, or a part of one: with all fields, or (lean) with those that have no default."""
    if cls is Decision:
        return DECISION
    hints = hints_of(cls)
    given = {
        field.name: value(field.name, hints[field.name], full=full)
        for field in fields(cls)
        if full or field.default is MISSING
    }
    return cls(**given)


def value(name: str, hint: Any, *, full: bool) -> Any:
    """Return a value for one field."""
    if hint is str:
        digest = name.endswith(("digest", "schema_after", "schema_before")) or name in {
            "after",
            "before",
            "fingerprint",
            "log",
            "report",
        }
        return DIGEST if digest else TEXTS.get(name, f"{name.replace('_', '-')}-1")
    if hint is int:
        return {"position": 18_203, "target": 18_102, "volume_percent": 25, "fencing_token": 1_093}.get(name, 7)
    if hint is bool:
        return full
    if hint is datetime:
        return HALF_SECOND if name in {"taken_at", "finished_at"} else SATURDAY
    origin = get_origin(hint)
    if origin is Literal:
        return get_args(hint)[-1 if full else 0]
    if origin is dict:
        return OBJECTS[name]
    if origin is tuple:
        item = value(name, hints_of_item(hint), full=full)
        return (item, item) if full else (item,)
    return example(hint, full=full)


def hints_of_item(hint: Any) -> Any:
    """Return the bare type of a tuple's items."""
    item = get_args(hint)[0]
    return get_args(item)[0] if hasattr(item, "__metadata__") else item


def recorded(
    event: Any, *, full: bool = True, catalogue: Mapping[str, tuple[type[Any], int]] = CATALOGUE
) -> Recorded[Any]:
    """Return the event in an envelope: a reported past fact with its causes, or a project's first event."""
    type_name = type(event).__name__
    family = type(event).__module__.rpartition(".")[2]
    return Recorded(
        project="demo",
        position=18_205 if full else 1,
        id=UUID("019abf5a-1c3a-7b52-9c7e-3f1f0a4d2b11"),
        type=type_name,
        schema=catalogue[type_name][1],
        stream=STREAMS.get(family, family),
        version=17 if full else 1,
        recorded_at=HALF_SECOND if full else NOW,
        occurred_at=NOW,
        actor=Actor(id="anton", kind="person", credential="cred-17") if full else Actor(id="watch", kind="system"),
        command_id=UUID("5a1c0f0e-9f36-4f0c-8a57-0f5c1d1f7a90"),
        ordinal=1 if full else 0,
        request_hash=DIGEST,
        causation=18_102 if full else None,
        correlation=17_900 if full else None,
        policy_version=7,
        event=event,
    )
