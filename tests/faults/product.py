"""The whole product as processes beside a broker, so that each of them can be killed, frozen or cut off."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx2
from aiokafka import AIOKafkaConsumer

from interlock.bus import BusError, KafkaAddress, Topics, topics
from interlock.client.publishing import NoOutcomeYet, Publisher
from interlock.client.signing import SigningKey
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns
from interlock.projections import PROJECTIONS
from interlock.projector.digests import digest_of_tables
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import FOUNDERS, PROJECT, Served, config_text, enrol, enrolment_of, serving
from tests.projector.kafka_ways import fresh_ledgers, from_the_ledger
from tests.relay.relays import bodies, kept, seen
from tests.serve.test_parts import kafka_text
from tests.serve.test_starting import UNTIL, written

SOURCE = "/ci/faults"
KEY = SigningKey.of_seed(b"\x05" * 32)
SERVICE = "ci-1"
ARRIVAL_SECONDS = 240
STOP_SECONDS = 60
PAUSE_SECONDS = 0.1


@dataclass
class Part:
    """One part's process: started again as it was, however it ended."""

    name: str
    command: list[str]
    log: Path
    ready_file: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.ready_file.unlink(missing_ok=True)
        command = [*self.command, "--ready-file", str(self.ready_file)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def state(self) -> str:
        """What `/ready` says of it: `ready`, or why not."""
        try:
            url = json.loads(self.ready_file.read_text(encoding="utf-8"))["url"]
            document = httpx2.get(f"{url}/ready", timeout=30).json()
        except (OSError, ValueError, httpx2.HTTPError) as silent:
            return f"it does not answer: {silent}"
        return str(document.get("detail") or document["status"])

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """It ends by itself, whatever state it is in; one that is only being started knows no signal yet."""
        assert self.process is not None
        allowed = {0} if self.ready_file.exists() else {0, -signal.SIGTERM}
        self.signal(signal.SIGCONT)
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
            assert code in allowed, f"{self.name} ended with {code}: {self.log.read_text(errors='replace')[-4_000:]}"
        finally:
            self.kill()


@dataclass
class Product:
    """An API that takes commands, and the parts; what was asked for, and what was answered."""

    api: Served
    dsns: Dsns
    broker: str
    topics: Topics
    parts: dict[str, Part]
    commanded: dict[str, int] = field(default_factory=dict)
    requested: list[str] = field(default_factory=list)

    def command(self, text: str) -> None:
        """Give one command by HTTP: it is taken whatever happens to Kafka."""
        fields = {"target": 1, "kind": "remark", "text": text}
        self.commanded[text] = self.api["admin-1"].command("Annotate", fields)["position"]

    async def keep_commanding(self, until: asyncio.Event) -> None:
        while not until.is_set():
            await asyncio.to_thread(self.command, f"by HTTP {len(self.commanded)}")
            await asyncio.sleep(PAUSE_SECONDS)

    def publisher(self, broker: str) -> Publisher:
        return Publisher(
            KafkaAddress(broker),
            PROJECT,
            SOURCE,
            topics=self.topics,
            clock=lambda: datetime.now(UTC),
            new_id=uuid4,
            key=KEY,
        )

    async def keep_requesting(self, broker: str, until: asyncio.Event) -> None:
        """Ask by Kafka, each again under the same id until it is answered: as often as it takes."""
        while not until.is_set():
            with suppress(BusError, OSError):
                async with self.publisher(broker) as publisher:
                    while not until.is_set():
                        await self._request(publisher)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _request(self, publisher: Publisher) -> None:
        name = f"by Kafka {len(self.requested)}"
        fields = {"target": 1, "kind": "remark", "text": name}
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while True:
            assert time.monotonic() < deadline, f"never answered: {name}"
            try:
                outcome = await publisher.command("Annotate", fields, request=name, seconds=5)
            except (NoOutcomeYet, BusError):
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            assert outcome.accepted, outcome.document
            self.requested.append(name)
            return

    async def all_is_as_it_must_be(self, postgres: PostgresServer) -> None:
        """Every event arrived, in order; each command is there once; read models equal a replay of the ledger."""
        ledger = await Ledger.open(self.dsns.app)
        try:
            stored = await bodies(ledger, PROJECT)
            await self._arrived(stored)
            texts: defaultdict[str, list[int]] = defaultdict(list)
            for body in stored:
                document = json.loads(body)
                if document["type"] == "Annotated":
                    texts[document["data"]["text"]].append(document["position"])
            assert all(len(found) == 1 for found in texts.values()), "something was done twice"
            for text, position in self.commanded.items():
                assert texts[text] == [position]
            assert set(self.requested) <= texts.keys()
            assert await self._reached(ledger, len(stored)) == await replayed(postgres, ledger, len(stored))
        finally:
            await ledger.close()

    async def _arrived(self, stored: list[bytes]) -> None:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while (found := kept(await seen(self.broker, self.topics.events.name))) != {PROJECT: stored}:
            missing = len(stored) - len(found.get(PROJECT, []))
            assert time.monotonic() < deadline, f"{missing} of {len(stored)} events did not arrive"
            await asyncio.sleep(1)

    async def _reached(self, ledger: Ledger, position: int) -> str:
        """The digest of what the projector's process has written, once it has written everything."""
        deadline = time.monotonic() + ARRIVAL_SECONDS
        async with ledger.connection() as connection:
            while True:
                found = await connection.fetch(
                    "select name, position, stopped_because from cursor.projection where project = $1", PROJECT
                )
                assert not [row for row in found if row["stopped_because"]], found
                if len(found) == len(PROJECTIONS) and {row["position"] for row in found} == {position}:
                    return await digest_of_tables(connection, PROJECTIONS, PROJECT)
                assert time.monotonic() < deadline, found
                await asyncio.sleep(0.5)


async def replayed(postgres: PostgresServer, source: Ledger, position: int) -> str:
    async with fresh_ledgers(postgres) as fresh, from_the_ledger(await fresh(), source) as built:
        return await built.at(PROJECT, position)


@asynccontextmanager
async def product(
    dsns: Dsns,
    broker: str,
    home: Path,
    *,
    ways: Mapping[str, str] | None = None,
    databases: Mapping[str, Dsns] | None = None,
    prefix: str = "interlock",
) -> AsyncIterator[Product]:
    """Everything runs. `ways` and `databases` name, for parts that have their own, by which address they go to Kafka
    and PostgreSQL. Part names may have a number: `projector-2`."""
    parts: dict[str, Part] = {}
    (home / "api").mkdir()
    text = config_text(dsns=dsns) + kafka_text(broker, prefix)
    with serving(written(home / "api", text), "--part", "api") as api:
        api.now = None
        await asyncio.to_thread(begin, api)
        for name in ("relay", "relay-2", "intake", "projector", "projector-2"):
            own = home / name
            own.mkdir()
            its = config_text(dsns=(databases or {}).get(name, dsns))
            config = written(own, its + kafka_text((ways or {}).get(name, broker), prefix))
            part = name.partition("-")[0]
            command = [sys.executable, "-m", "interlock.serve", "--config", str(config), "--port", "0"]
            parts[name] = Part(name, [*command, "--part", part], own / "server.log", own / "ready.json")
        try:
            for one in parts.values():
                one.start()
            await _outcomes_are_there(broker, topics(prefix).outcomes.name)
            yield Product(api, dsns, broker, topics(prefix, partitions=3), parts)
            for one in parts.values():
                await asyncio.to_thread(one.stop)
        except BaseException:
            for one in parts.values():
                print(f"{one.name}:\n{one.log.read_text(errors='replace')[-3_000:]}")
            raise
        finally:
            for one in parts.values():
                if one.process is not None:
                    one.kill()


def begin(api: Served) -> None:
    """Let the founders in, and a service with a key."""
    for founder in FOUNDERS:
        enrol(api, founder, enrolment_of(founder), UNTIL)
    api.by_two("RegisterPrincipal", {"principal": SERVICE, "kind": "service"})
    api.by_two("GrantRole", {"principal": SERVICE, "role": "developer"})
    signing = {"principal": SERVICE, "secret_digest": KEY.digest, "expires_at": UNTIL, "purpose": "signing"}
    api.by_two("IssueCredential", signing)


async def _outcomes_are_there(broker: str, topic: str) -> None:
    """Wait until the parts have made their topics."""
    async with AIOKafkaConsumer(bootstrap_servers=broker) as consumer:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while topic not in await consumer.topics():
            assert time.monotonic() < deadline, "the parts make no topics"
            await asyncio.sleep(0.5)


@asynccontextmanager
async def at_work(running: Product, broker: str | None = None) -> AsyncIterator[None]:
    """Commands go on by HTTP, and requests by Kafka, until the end of the context."""
    until = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(running.keep_commanding(until))
        tasks.create_task(running.keep_requesting(broker or running.broker, until))
        try:
            yield
        finally:
            until.set()


def elsewhere_by(dsns: Dsns, way: str, directory: str) -> Dsns:
    """The same database by another way."""
    return replace(dsns, **{name: getattr(dsns, name).replace(directory, way) for name in ("owner", "app", "reader")})
