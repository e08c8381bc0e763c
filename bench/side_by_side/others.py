"""The other side: the eventsourcing library, Emmett, UmaDB, a bare insert, and PostgreSQL's own limits."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

import asyncpg
import umadb
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError

from bench.side_by_side.place import REPOSITORY, Place
from bench.timing import Timing

EMMETT = REPOSITORY / "bench" / "emmett"
PADDING = "x" * 500
TABLE = """
create table if not exists plain (
    id bigserial primary key, stream text not null, version bigint not null, body bytea not null,
    unique (stream, version))
"""
GENERATED = """
insert into plain (stream, version, body)
select 'pgbench-' || gen_random_uuid(), n, convert_to(repeat('x', 500), 'UTF8') from generate_series(1, {}) n;
"""
INSERT = "insert into plain (stream, version, body) values ($1, $2, $3)"


class Thing(Aggregate):
    """Something that is changed again and again."""

    @event("Placed")
    def __init__(self, name: str) -> None:
        """Place it."""
        self.name = name
        self.number = 0
        self.padding = ""

    @event("Changed")
    def change(self, number: int, padding: str) -> None:
        """Change it."""
        self.number = number
        self.padding = padding


def in_threads(callers: int, seconds: float, call: Callable[[int, float], list[float]]) -> Timing:
    """Let so many threads call until the time is over; `call` returns how long each of its operations took."""
    timing, began = Timing(), perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        for done in [pool.submit(call, number, began + seconds) for number in range(callers)]:
            timing.add(done.result())
    timing.seconds = perf_counter() - began
    return timing


def library_append(settings: dict[str, str], callers: int, seconds: float) -> Timing:
    """Each thread changes an aggregate of its own and saves it; what it saved it keeps in hand."""
    with Application[UUID](env=settings) as application:
        things = [Thing(f"thing-{number}") for number in range(callers)]
        application.save(*things)

        def call(number: int, until: float) -> list[float]:
            taken, thing, changed = [], things[number], 0
            while (began := perf_counter()) < until:
                changed += 1
                thing.change(changed, PADDING)
                application.save(thing)
                taken.append(perf_counter() - began)
            return taken

        return in_threads(callers, seconds, call)


def library_hot(settings: dict[str, str], callers: int, seconds: float) -> Timing:
    """All threads change one aggregate: read it, change it, save it, and again where somebody was faster."""
    with Application[UUID](env=settings) as application:
        hot = Thing("hot")
        application.save(hot)

        def call(number: int, until: float) -> list[float]:
            taken: list[float] = []
            while (began := perf_counter()) < until:
                while perf_counter() < until:
                    thing: Thing = application.repository.get(hot.id)
                    thing.change(number, PADDING)
                    try:
                        application.save(thing)
                    except IntegrityError:
                        continue
                    taken.append(perf_counter() - began)
                    break
            return taken

        return in_threads(callers, seconds, call)


def library_three(settings: dict[str, str], callers: int, seconds: float) -> Timing:
    """Each thread changes three aggregates of its own, and saves them together."""
    with Application[UUID](env=settings) as application:
        things = [[Thing(f"thing-{number}-{each}") for each in range(3)] for number in range(callers)]
        for own in things:
            application.save(*own)

        def call(number: int, until: float) -> list[float]:
            taken, changed = [], 0
            while (began := perf_counter()) < until:
                changed += 1
                for thing in things[number]:
                    thing.change(changed, PADDING)
                application.save(*things[number])
                taken.append(perf_counter() - began)
            return taken

        return in_threads(callers, seconds, call)


def emmett_there() -> str | None:
    """Return why Emmett cannot be measured, None where it can; install what its lock names, by hash."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "no Node.js and npm here"
    if not (EMMETT / "node_modules").is_dir():
        done = subprocess.run(
            ["sh", "infra/setup-node.sh", "bench/emmett"], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "npm ci failed"
    return None


def emmett(dsn: str, callers: int, seconds: float, *, hot: bool = False) -> Timing:
    """Run bench/emmett/append.mjs over a database, with its own pool."""
    done = subprocess.run(
        ["node", "append.mjs", dsn, str(callers), str(seconds), uuid4().hex[:8], "hot" if hot else "own"],
        cwd=EMMETT,
        capture_output=True,
        text=True,
        timeout=seconds * 10 + 60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Emmett: {done.stderr[-2_000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Timing(said["taken"], said["seconds"])


@contextmanager
def umadb_server(home: Path) -> Iterator[str]:
    """Start the server that the PyPI package `umadb` carries, over a file on the same disk; it syncs each commit."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    with (home / "umadb.log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(
            [Path(sys.executable).with_name("umadb"), "--listen", f"127.0.0.1:{port}", "--db-path", home / "uma.db"],
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def umadb_append(url: str, callers: int, seconds: float) -> Timing:
    """Each thread, with a client of its own, appends an event with an id and the condition that none has that tag."""
    label = uuid4().hex[:8]
    padding = PADDING.encode()

    def call(number: int, until: float) -> list[float]:
        taken, changed = [], 0
        client = umadb.Client(url)
        while (began := perf_counter()) < until:
            changed += 1
            tag = f"{label}-{number}-{changed}"
            one = umadb.Event("Placed", padding, [tag], uuid4())
            condition = umadb.AppendCondition(umadb.Query([umadb.QueryItem(tags=[tag])]))
            client.append([one], condition)
            taken.append(perf_counter() - began)
        client.close()
        return taken

    return in_threads(callers, seconds, call)


async def bare_insert(dsn: str, callers: int, seconds: float) -> Timing:
    """Each task inserts one row a transaction, by asyncpg: no positions, no ids, no guards, no order."""
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=min(callers, 40))
    await pool.execute(TABLE)
    body, label = PADDING.encode(), uuid4().hex[:8]
    timing, began = Timing(), perf_counter()

    async def call(number: int) -> None:
        version = 0
        while (at := perf_counter()) < began + seconds:
            version += 1
            await pool.execute(INSERT, f"{label}-{number}", version, body)
            timing.taken.append(perf_counter() - at)

    await asyncio.gather(*(call(number) for number in range(callers)))
    timing.seconds = perf_counter() - began
    await pool.close()
    return timing


def pgbench(place: Place, dsn: str, rows: int, clients: int) -> float:
    """Return the rows a second that pgbench inserts, so many in each transaction."""
    program = shutil.which("pgbench", path=str(_binaries())) or shutil.which("pgbench")
    if program is None:
        raise RuntimeError("no pgbench here")
    script = place.home / f"pgbench-{rows}.sql"
    script.write_text(GENERATED.format(rows), encoding="utf-8")
    asyncio.run(_execute(dsn, TABLE))
    seconds = str(max(1, round(place.seconds)))
    done = subprocess.run(
        [program, "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", seconds, "-f", script, dsn],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1]) * rows


async def copied(dsn: str, rows: int) -> float:
    """Return the rows a second of one COPY into the same table: one transaction, one fsync."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(TABLE)
    label, body = uuid4().hex, PADDING.encode()
    began = perf_counter()
    await connection.copy_records_to_table(
        "plain", columns=["stream", "version", "body"], records=[(label, number, body) for number in range(rows)]
    )
    taken = perf_counter() - began
    await connection.close()
    return rows / taken


def _binaries() -> Path:
    from interlock.ledger.embedded import find_binaries

    return find_binaries()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()
