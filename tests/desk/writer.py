"""A process with a desk and some writers, who go on through kills, repeating each command until it is answered.

    python -m tests.desk.writer DSN OUTPUT NAME WRITERS

Each line of OUTPUT is one acknowledged command: its id, its positions, how often its outcome was unknown, and what
became of that (`found`: it had been recorded; `again`: it had not). It ends at the end of its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count
from typing import TextIO
from uuid import UUID, uuid4

from interlock.desk import Answer, Unavailable, UnknownOutcome
from interlock.ledger import Ledger, LedgerUnavailable
from tests.desk.desks import Clerk, desk_on
from tests.desk.tiny import Open

RETRY_SECONDS = 0.02


async def settle(clerk: Clerk, command: Open, command_id: UUID) -> tuple[Answer, int]:
    """Repeat a command under its id until it is answered; return how often its outcome was unknown on the way."""
    unknown = 0
    while True:
        try:
            return await clerk.say(command, command_id=command_id), unknown
        except UnknownOutcome:
            unknown += 1
        except Unavailable:
            pass
        await asyncio.sleep(RETRY_SECONDS)


async def write(clerk: Clerk, output: TextIO, name: str, until: asyncio.Event) -> None:
    """Open one release after the other, each under one id however often it takes."""
    for number in count():
        if until.is_set():
            return
        command_id = uuid4()
        answer, unknown = await settle(clerk, Open(f"{name}.{number}"), command_id)
        assert answer.status == "accepted", answer
        became = ("found" if answer.repeated else "again") if unknown else None
        line = {"id": str(command_id), "positions": [event.position for event in answer.recorded], "unknown": unknown}
        output.write(json.dumps({**line, "became": became}) + "\n")
        output.flush()


async def open_ledger(dsn: str) -> Ledger:
    while True:
        try:
            return await Ledger.open(dsn, command_timeout=5, acquire_timeout=5)
        except LedgerUnavailable:
            await asyncio.sleep(RETRY_SECONDS)


async def main(dsn: str, output: str, name: str, writers: int) -> None:
    ledger = await open_ledger(dsn)
    desk = desk_on(ledger)
    until = asyncio.Event()

    async def watch_input() -> None:
        await asyncio.to_thread(sys.stdin.read)
        until.set()

    with open(output, "w", encoding="utf-8") as lines:  # noqa: ASYNC230, PTH123 - a test's own record
        async with asyncio.TaskGroup() as group:
            group.create_task(watch_input())
            for number in range(writers):
                group.create_task(write(Clerk(desk), lines, f"{name}-{number}", until))
    await desk.close()
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
