"""A small writer, run as a process: appends commands through kills, and writes down what was acknowledged.

    python writer.py DSN PROJECT OUTPUT NAME WRITERS

Each line of OUTPUT is one acknowledged command: its id, its positions, and whether the first try's outcome was unknown
and what became of it (`found`: it had been recorded; `again`: it had not). It ends at the end of its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from itertools import count
from typing import TextIO
from uuid import UUID

from interlock.ledger import ClockDisagrees, Ledger, LedgerUnavailable, Overtaken, Row
from tests.ledger.rows import command, rows_of, stamp

# What a relay asks of every event.
ENVELOPE = {"id": "written", "actor": {"id": "writer"}}
RETRY_SECONDS = 0.02


async def place(ledger: Ledger, project: str, command_id: UUID, stream: str) -> list[Row]:
    """Decide: two events at the end of the log and of the writer's own stream."""
    head = await ledger.head(project)
    version = 0
    while news := await ledger.read_stream(project, stream, after_version=version, limit=1000):
        version = news[-1].version
    streams = [(stream, version + 1), (stream, version + 2)]
    return rows_of(command_id, stamp(head), first=head.position + 1, streams=streams, project=project, **ENVELOPE)


async def settle(ledger: Ledger, project: str, command_id: UUID, stream: str) -> tuple[list[int], str | None]:
    """Append one command exactly once, whatever happens on the way; return its positions and what was unknown."""
    unknown = False
    rows: list[Row] = []
    while True:
        try:
            # First the news and the command ids, then the decision: what is there is not decided again.
            answer = (await ledger.answers(project, [command_id])).get(command_id)
            if answer is not None:
                return [event.position for event in answer.events], "found" if unknown else None
            rows = await place(ledger, project, command_id, stream)
            await ledger.append(project, rows)
            return [row.position for row in rows], "again" if unknown else None
        except (Overtaken, ClockDisagrees):
            continue
        except LedgerUnavailable as away:
            unknown = unknown or away.unknown_outcome
            await asyncio.sleep(RETRY_SECONDS)


async def write(ledger: Ledger, project: str, output: TextIO, name: str, until: asyncio.Event) -> None:
    """Write commands one after the other until told to stop."""
    for number in count():
        if until.is_set():
            return
        command_id = command(f"{name} {number}")
        positions, unknown = await settle(ledger, project, command_id, name)
        output.write(json.dumps([str(command_id), positions, unknown]) + "\n")
        output.flush()


async def main(dsn: str, project: str, output: str, name: str, writers: int) -> None:
    """Run `writers` writers until standard input ends."""
    ledger = await Ledger.open(dsn, command_timeout=5, acquire_timeout=5)
    until = asyncio.Event()

    async def watch_input() -> None:
        await asyncio.to_thread(sys.stdin.read)
        until.set()

    with open(output, "w", encoding="utf-8") as lines:  # noqa: ASYNC230, PTH123 - a test's own record
        async with asyncio.TaskGroup() as group:
            group.create_task(watch_input())
            for number in range(writers):
                group.create_task(write(ledger, project, lines, f"{name}-{number}", until))
    with suppress(LedgerUnavailable):
        await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])))
