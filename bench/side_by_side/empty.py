"""An empty FastAPI POST that only waits for one grouped insert: what HTTP and one durable write cost by themselves.

No one is asked who they are, nothing is checked or decided, and the answer is one number.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import asyncpg
import uvicorn
from fastapi import FastAPI, Request

from bench.side_by_side.others import TABLE
from interlock.serve.__main__ import GC_THRESHOLDS

GROUPED = "insert into plain (stream, version, body) select * from unnest($1::text[], $2::bigint[], $3::bytea[])"


class Group:
    """What queued during the last insert is the next one."""

    def __init__(self, dsn: str) -> None:
        """Insert at `dsn`."""
        self._dsn = dsn
        self._waiting: deque[tuple[bytes, asyncio.Future[int]]] = deque()
        self._woken = asyncio.Event()
        self._numbers = count(1)

    async def run(self) -> None:
        """Insert for ever."""
        connection = await asyncpg.connect(self._dsn)
        await connection.execute(TABLE)
        while True:
            await self._woken.wait()
            self._woken.clear()
            batch = list(self._waiting)
            self._waiting.clear()
            numbers = [next(self._numbers) for _ in batch]
            await connection.execute(GROUPED, ["http"] * len(batch), numbers, [body for body, _ in batch])
            for (_, future), number in zip(batch, numbers, strict=True):
                future.set_result(number)

    async def put(self, body: bytes) -> int:
        """Return its number as soon as it is on disk."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, future))
        self._woken.set()
        return await future


def application(dsn: str) -> FastAPI:
    """Build it."""
    group = Group(dsn)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(group.run())
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        yield
        running.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.post("/")
    async def post(request: Request) -> dict[str, int]:
        return {"number": await group.put(await request.body())}

    return app


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), log_level="error", access_log=False)
