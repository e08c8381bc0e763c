"""Rows for tests: envelopes with the keys that the ledger compares, meaning nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson

from interlock.ledger import Head, Ledger, Row

PROJECT = "shop"


def command(number: object) -> UUID:
    return uuid5(NAMESPACE_OID, f"command {number}")


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def body(**envelope: Any) -> bytes:
    return orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)


def rows_of(
    command_id: UUID, at: datetime, *, first: int, streams: list[tuple[str, int]], project: str = PROJECT, **more: Any
) -> list[Row]:
    """One command's rows from position `first` on, one for each (stream, version)."""
    rows = []
    for ordinal, (stream, version) in enumerate(streams):
        envelope = {
            "project": project,
            "position": first + ordinal,
            "type": "Annotated",
            "schema": 1,
            "stream": stream,
            "version": version,
            "recorded_at": instant(at),
            "command_id": str(command_id),
            "ordinal": ordinal,
            "request_hash": "sha256:asked",
            "data": {},
            **more,
        }
        row = Row(first + ordinal, stream, version, "Annotated", at, body(**envelope))
        if ordinal == 0:
            row.command_id, row.request_hash, row.command_events = command_id, "sha256:asked", len(streams)
        rows.append(row)
    return rows


def stamp(head: Head) -> datetime:
    """The time of the next batch: the clock's, never before the last event's."""
    return max(head.clock, head.recorded_at) if head.recorded_at else head.clock


async def append_one(ledger: Ledger, number: object, *, project: str = PROJECT, events: int = 1, **more: Any) -> int:
    """Append one command of `events` events to a stream of its own; return its first position."""
    head = await ledger.head(project)
    streams = [(f"stream-{number}", version) for version in range(1, events + 1)]
    rows = rows_of(command(number), stamp(head), first=head.position + 1, streams=streams, project=project, **more)
    await ledger.append(project, rows)
    return head.position + 1
