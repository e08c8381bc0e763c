"""A process with a desk and some callers, who give commands one after the other. Prints their positions.

python -m tests.desk.caller DSN NAME CALLERS COMMANDS
"""

from __future__ import annotations

import asyncio
import json
import sys

from tests.desk.desks import Clerk, clerk_at
from tests.desk.tiny import Note, Nothing


async def call(clerk: Clerk, name: str, commands: int) -> list[int]:
    return [(await clerk.say(Note(to=f"annotations/{name}"))).position for _ in range(commands)]


async def main(dsn: str, name: str, callers: int, commands: int) -> None:
    async with clerk_at(dsn) as clerk:
        await clerk.say(Nothing())
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        said = await asyncio.gather(*(call(clerk, f"{name}-{number}", commands) for number in range(callers)))
    print(json.dumps([position for positions in said for position in positions]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
