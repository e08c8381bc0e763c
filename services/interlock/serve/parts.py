"""The long-running parts, each of which may be a process of its own; without a name, all of them are one process.

Each has one builder, in PARTS; the command line, docker-compose.yml and `dt up --kafka` take their names from there.
What one part alone needs, and is slow to import, is imported where that part is built.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from interlock.api import Parts, build
from interlock.api.parts import Figures
from interlock.desk import Desk
from interlock.evidence import EvidenceStore
from interlock.feed import LedgerFeed
from interlock.ledger import Ledger
from interlock.projections import PROJECTIONS
from interlock.projector import Projector, Rebuilder
from interlock.projector.bookmarks import KeptBookmarks
from interlock.projector.reached import Reached
from interlock.serve import readiness, seams
from interlock.serve.admission import Admission
from interlock.serve.database import Database
from interlock.serve.figures import of_intake, of_relay, of_webhooks
from interlock.serve.health import Health, no_figures
from interlock.serve.notify import webhooks_of
from interlock.serve.pages import front
from interlock.serve.project import begin
from interlock.serve.read_models import ReadModelsElsewhere
from interlock.serve.readiness import Check, Readiness
from interlock.serve.refusals import CannotStart
from interlock.serve.remembering import Remembering, remembered
from interlock.serve.running import running
from interlock.serve.settings import Settings
from interlock.serve.wiring import alarm, guarded, observed, own_version, same_clock, wired
from interlock.watch import Watch

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Part:
    """What runs, as the application that answers for it. `stopping` ends open streams."""

    app: Any
    stopping: asyncio.Event


@dataclass(frozen=True, slots=True)
class Asked:
    """What a process is built from."""

    settings: Settings
    database: Database
    test_clock: bool


Builder = Callable[[Asked], AbstractAsyncContextManager[Part]]


@asynccontextmanager
async def everything(asked: Asked) -> AsyncIterator[Part]:
    """All in one process; with Kafka in the settings, the relay too."""
    async with wired(asked.settings, asked.database, test_clock=asked.test_clock) as parts:
        async with front(asked.settings, parts.api, parts.ledger, parts.stopping, parts.ended) as app:
            yield Part(observed(app, parts.parts), parts.stopping)


@asynccontextmanager
async def api(asked: Asked) -> AsyncIterator[Part]:
    """Commands, and answers from read models that the projector's process writes."""
    async with AsyncExitStack() as stack:
        ledger = await _ledger(stack, asked)
        ended: dict[str, str] = {}
        desk, known = await _desk(stack, ledger, asked, ended)
        feed = await stack.enter_async_context(LedgerFeed(ledger, seams.sleep))
        rebuilder = Rebuilder(ledger.connection, feed, PROJECTIONS, sleep=seams.sleep, ledger=feed)
        # Their tables, so that questions have an answer before the projector came.
        await Projector(ledger.connection, feed, PROJECTIONS, sleep=seams.sleep).prepare()
        if not asked.test_clock:
            await begin(desk, ledger, asked.settings)
        clock = _test_clock(asked, ledger, desk)
        reached = Reached(ledger.connection, seams.sleep)
        checks = {"desk": readiness.deciding(desk, known.closed), "read models": readiness.reading(reached)}
        stopping = asyncio.Event()
        parts = Parts(
            desk=desk,
            ledger=ledger,
            evidence=EvidenceStore(ledger),
            events=feed,
            reads=reached,
            read_models=ReadModelsElsewhere(ledger.connection, rebuilder),
            readiness=Readiness(ledger, checks, ended),
            version=own_version(),
            stopping=stopping,
            advance=clock,
        )
        app = await stack.enter_async_context(front(asked.settings, build(parts), ledger, stopping, ended))
        yield Part(observed(app, parts), stopping)


@asynccontextmanager
async def relay(asked: Asked) -> AsyncIterator[Part]:
    """What happened goes to Kafka."""
    from interlock.relay import Relay
    from interlock.serve.kafka import address_of, kafka_of, topics_of

    kafka = kafka_of(asked.settings, "relay")
    address = address_of(asked.settings, kafka)
    async with AsyncExitStack() as stack:
        ledger = await _ledger(stack, asked)
        part = Relay(
            ledger,
            asked.database.app,
            address,
            topics_of(kafka).events,
            sleep=seams.sleep,
            monotonic=seams.monotonic,
            create_topic=kafka.create_topics,
        )

        checks = {"relay": readiness.publishing(part)}
        yield await _healthy(stack, "relay", ledger, checks, part.run, {}, of_relay(part))


@asynccontextmanager
async def projector(asked: Asked) -> AsyncIterator[Part]:
    """Read models, from Kafka where there is one; several such processes share its partitions."""
    async with AsyncExitStack() as stack:
        ledger = await _ledger(stack, asked)
        source = LedgerFeed(ledger, seams.sleep)
        feed: Any = await stack.enter_async_context(source)
        if asked.settings.kafka is not None:
            from interlock.feed.from_kafka import KafkaFeed
            from interlock.serve.kafka import address_of, topics_of

            kafka = asked.settings.kafka
            bookmarks = KeptBookmarks(ledger.connection)
            await bookmarks.prepare()
            feed = await stack.enter_async_context(
                KafkaFeed(
                    address_of(asked.settings, kafka),
                    seams.sleep,
                    seams.monotonic,
                    topic=topics_of(kafka).events.name,
                    group=f"{kafka.topics}.projector",
                    bookmarks=bookmarks,
                    alarm=alarm,
                )
            )
        part = Projector(ledger.connection, feed, PROJECTIONS, sleep=seams.sleep, ledger=source, alarm=alarm)
        await part.prepare()
        # Built anew from the ledger also where events come from Kafka: there nobody else waits for what is read again.
        rebuilder = Rebuilder(
            ledger.connection, source, PROJECTIONS, sleep=seams.sleep, ledger=source, renewed=part.renewed
        )
        ended: dict[str, str] = {}
        await stack.enter_async_context(running("rebuilds", rebuilder.run, ended))
        checks = {"read models": readiness.projecting(part, shared=asked.settings.kafka is not None)}
        yield await _healthy(stack, "projector", ledger, checks, part.run, ended)


@asynccontextmanager
async def intake(asked: Asked) -> AsyncIterator[Part]:
    """What services publish goes to the desk; several such processes share the intake's partitions."""
    from interlock.serve.kafka import intake_of, kafka_of

    kafka = kafka_of(asked.settings, "intake")
    async with AsyncExitStack() as stack:
        ledger, ended = await _ledger(stack, asked), dict[str, str]()
        desk, _ = await _desk(stack, ledger, asked, ended)
        part = intake_of(asked.settings, kafka, desk, ledger)

        checks = {"intake": readiness.taking(part)}
        yield await _healthy(stack, "intake", ledger, checks, part.run, ended, of_intake(part))


@asynccontextmanager
async def watch(asked: Asked) -> AsyncIterator[Part]:
    """The passing of time becomes events."""
    if asked.test_clock:
        raise CannotStart("part watch", "on a test clock the API does what is due", "start the part api alone")
    async with AsyncExitStack() as stack:
        ledger, ended = await _ledger(stack, asked), dict[str, str]()
        desk, _ = await _desk(stack, ledger, asked, ended)
        part = Watch(desk)
        checks = {"watch": readiness.watching(part)}
        yield await _healthy(stack, "watch", ledger, checks, lambda: part.run(ledger.heads, seams.sleep), ended)


@asynccontextmanager
async def webhooks(asked: Asked) -> AsyncIterator[Part]:
    """Endpoints outside are told what happens."""
    async with AsyncExitStack() as stack:
        ledger = await _ledger(stack, asked)
        feed = await stack.enter_async_context(LedgerFeed(ledger, seams.sleep))
        ended: dict[str, str] = {}
        desk, _ = await _desk(stack, ledger, asked, ended)
        part = webhooks_of(asked.settings, asked.database, ledger, desk, feed)
        checks = {"webhooks": readiness.telling(part)}
        yield await _healthy(stack, "webhooks", ledger, checks, part.run, ended, of_webhooks(part))


PARTS: Final[Mapping[str, Builder]] = MappingProxyType(
    {"api": api, "relay": relay, "intake": intake, "projector": projector, "watch": watch, "webhooks": webhooks}
)


def builder(part: str) -> Builder:
    """Return what builds the part of this name, or all of them; whoever asks for its figures shows the token."""
    bare = everything if part == ALL else PARTS[part]

    @asynccontextmanager
    async def build_guarded(asked: Asked) -> AsyncIterator[Part]:
        async with bare(asked) as made:
            yield replace(made, app=guarded(asked.settings, made.app))

    return build_guarded


async def _ledger(stack: AsyncExitStack, asked: Asked) -> Ledger:
    ledger = await Ledger.open(asked.database.app)
    stack.push_async_callback(ledger.close)
    await same_clock(ledger, test_clock=asked.test_clock)
    return ledger


async def _desk(stack: AsyncExitStack, ledger: Ledger, asked: Asked, ended: dict[str, str]) -> tuple[Desk, Remembering]:
    # The same limits wherever a command comes in: by HTTP, by Kafka, by the passing of time.
    known = await stack.enter_async_context(remembered(asked.settings, ledger, ended, test_clock=asked.test_clock))
    admits = known.guarding(Admission(EvidenceStore(ledger)), lambda: desk)
    desk = Desk(ledger, monotonic=seams.monotonic, event_ids=seams.event_id, admits=admits)
    # Commands that were taken are answered, or recorded at least, before the ledger goes.
    stack.push_async_callback(desk.close)
    return desk, known


def _test_clock(asked: Asked, ledger: Ledger, desk: Desk) -> Any:
    from interlock.serve.test_clock import TestClock

    if not asked.test_clock:
        return None
    return TestClock(ledger, desk, Watch(desk), lambda: begin(desk, ledger, asked.settings)).advance


async def _healthy(
    stack: AsyncExitStack,
    name: str,
    ledger: Ledger,
    checks: Mapping[str, Check],
    work: Callable[[], Any],
    ended: dict[str, str],
    figures: Figures = no_figures,
) -> Part:
    """Keep `work` running, and answer for it over HTTP, and for what else `ended` names."""
    await stack.enter_async_context(running(name, work, ended))
    stopping = asyncio.Event()
    return Part(Health(name, own_version(), Readiness(ledger, checks, ended), stopping, figures), stopping)
