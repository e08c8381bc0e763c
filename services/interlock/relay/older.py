"""Whether Kafka holds more than this ledger: one that was restored from an older backup must not go on beside it.

Its next events would get positions that consumers have seen with other events, and that they drop in silence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Final

from interlock.bus import BusError, Cluster, Kept
from interlock.relay.moved import Ledger

# The last event of a ledger that goes on elsewhere, where it publishes too.
MOVED: Final = "LedgerMoved"


class OlderThanPublished(BusError):
    """Kafka holds events that this ledger does not: it was restored from an older backup, and nothing is published.
    Restore it from Kafka, or publish to another topic"""


async def must_hold_what_is_published(ledger: Ledger, cluster: Cluster, topic: str, offsets: Mapping[int, int]) -> None:
    """Raise OlderThanPublished where a record from `offsets` (by partition) on is not the ledger's event.

    After a crash there are such records too, whose acknowledgement was not stored: they are the ledger's own. Records
    of projects that this ledger never had are somebody else's. Raises BusError, LedgerError.
    """
    heads = await ledger.heads()
    async with aclosing(cluster.kept(topic, offsets)) as pages:
        async for records in pages:
            await _compare(ledger, heads, records)


async def _compare(ledger: Ledger, heads: Mapping[str, int], records: Iterable[Kept]) -> None:
    published: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
    for record in records:
        project = (record.key or b"").decode(errors="replace")
        told = dict(record.headers).get("position", b"")
        if project in heads and told.isdigit():
            published[project][int(told)] = record.value or b""
    for project, bodies in published.items():
        first, last = min(bodies), max(bodies)
        held = {event.position: event for event in await ledger.read(project, after=first - 1, limit=last - first + 1)}
        for position, body in sorted(bodies.items()):
            event = held.get(position)
            if (event is None or event.body != body) and not await _moved(ledger, project, heads[project]):
                what = f"ends at {heads[project]}" if event is None else "holds another event there"
                raise OlderThanPublished(f"position {position} of {project} is published, and the ledger {what}")


async def _moved(ledger: Ledger, project: str, head: int) -> bool:
    """Tell whether the project's ledger is closed because it goes on elsewhere."""
    last = await ledger.read(project, after=head - 1, limit=1)
    return bool(last) and last[0].type == MOVED
