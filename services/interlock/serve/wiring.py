"""Builds everything, in the order in which each part needs the one before, and takes it down in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from starlette.types import ASGIApp

from interlock.api import Api, Parts, build
from interlock.api.parts import Figures
from interlock.desk import Desk
from interlock.evidence import EvidenceStore
from interlock.feed import LedgerFeed
from interlock.ledger import Ledger, NotATestDatabase
from interlock.projections import PROJECTIONS
from interlock.projector import Projector, Rebuilder
from interlock.serve import readiness, seams
from interlock.serve.admission import Admission
from interlock.serve.database import Database, why_not
from interlock.serve.exposition import Exposition
from interlock.serve.figures import of_intake, of_relay, of_webhooks
from interlock.serve.notify import webhooks_of
from interlock.serve.observing import Observed, durations, only_shown_to
from interlock.serve.project import begin
from interlock.serve.read_models import ReadModelsHere
from interlock.serve.readiness import Readiness
from interlock.serve.refusals import CannotStart
from interlock.serve.remembering import remembered
from interlock.serve.running import running
from interlock.serve.secret import secret
from interlock.serve.settings import Settings
from interlock.serve.test_clock import TestClock
from interlock.watch import Watch

DISTRIBUTION: Final = "interlock-release"

_LOG: Final = logging.getLogger("interlock.serve")


@dataclass(slots=True)
class Wiring:
    """What runs. `stopping` ends open streams; `ended` says what runs no more, to whoever asks whether all is well."""

    api: Api
    parts: Parts
    ledger: Ledger
    desk: Desk
    watch: Watch
    projector: Projector
    stopping: asyncio.Event
    ended: dict[str, str]


@asynccontextmanager
async def wired(settings: Settings, database: Database, *, test_clock: bool) -> AsyncIterator[Wiring]:
    """Lend everything over an open, migrated `database`; with a test clock, time is what requests say.

    A crash at any point leaves what the ledger holds, and the next start does the rest.
    """
    # Long: one stack, in the order in which everything is lent and, read upwards, given back.
    async with AsyncExitStack() as stack:
        ledger = await Ledger.open(database.app)
        stack.push_async_callback(ledger.close)
        await same_clock(ledger, test_clock=test_clock)
        evidence = EvidenceStore(ledger)
        ended: dict[str, str] = {}
        known = await stack.enter_async_context(remembered(settings, ledger, ended, test_clock=test_clock))
        admits = known.guarding(Admission(evidence), lambda: desk)
        desk = Desk(ledger, monotonic=seams.monotonic, event_ids=seams.event_id, admits=admits)
        # Commands that were taken are answered, or recorded at least, before the ledger goes.
        stack.push_async_callback(desk.close)
        feed = await stack.enter_async_context(LedgerFeed(ledger, seams.sleep))
        projector = Projector(ledger.connection, feed, PROJECTIONS, sleep=seams.sleep, ledger=feed, alarm=alarm)
        await projector.prepare()
        rebuilder = Rebuilder(
            ledger.connection, feed, PROJECTIONS, sleep=seams.sleep, ledger=feed, renewed=projector.renewed
        )
        watch = Watch(desk)
        clock = TestClock(ledger, desk, watch, lambda: begin(desk, ledger, settings)) if test_clock else None
        if clock is None:
            await begin(desk, ledger, settings)
            await stack.enter_async_context(running("watch", lambda: watch.run(ledger.heads, seams.sleep), ended))
        await stack.enter_async_context(running("projector", projector.run, ended))
        await stack.enter_async_context(running("rebuilds", rebuilder.run, ended))
        checks = {
            "desk": readiness.deciding(desk, known.closed),
            "watch": readiness.watching(watch),
            "read models": readiness.projecting(projector),
        }
        figures: dict[str, Figures] = {}
        if settings.kafka is not None:
            # Kafka's client takes a tenth of a start to import: whoever has no Kafka does not wait for it.
            from interlock.relay import Relay
            from interlock.serve.kafka import address_of, intake_of, topics_of

            relay = Relay(
                ledger,
                database.app,
                address_of(settings, settings.kafka),
                topics_of(settings.kafka).events,
                sleep=seams.sleep,
                monotonic=seams.monotonic,
                create_topic=settings.kafka.create_topics,
            )
            await stack.enter_async_context(running("relay", relay.run, ended))
            intake = intake_of(settings, settings.kafka, desk, ledger)
            await stack.enter_async_context(running("intake", intake.run, ended))
            figures |= {"relay": of_relay(relay), "intake": of_intake(intake)}
        webhooks = webhooks_of(settings, database, ledger, desk, feed)
        # Not among the checks: an endpoint that is away keeps nobody from deciding. `dt doctor` shows it.
        await stack.enter_async_context(running("webhooks", webhooks.run, ended))
        figures["webhooks"] = of_webhooks(webhooks)
        stopping = asyncio.Event()
        parts = Parts(
            desk=desk,
            ledger=ledger,
            evidence=evidence,
            events=feed,
            reads=projector,
            read_models=ReadModelsHere(projector, rebuilder),
            readiness=Readiness(ledger, checks, ended),
            version=own_version(),
            stopping=stopping,
            advance=clock.advance if clock is not None else None,
            figures=figures,
        )
        yield Wiring(build(parts), parts, ledger, desk, watch, projector, stopping, ended)


def guarded(settings: Settings, app: ASGIApp) -> ASGIApp:
    """Return `app`, whose /metrics takes the token that the settings name, if any. Raises CannotStart without it."""
    reference = settings.server.metrics_token
    if reference is None:
        return app
    return only_shown_to(secret("the token of /metrics", reference, home=settings.home, environ=os.environ), app)


def observed(app: ASGIApp, parts: Parts) -> Observed:
    """Return `app` with its requests timed and /metrics beside it."""
    took = durations()
    exposition = Exposition(parts, seams.monotonic, more=(took,))
    return Observed(app, exposition.text, took, seams.monotonic)


async def same_clock(ledger: Ledger, *, test_clock: bool) -> None:
    """Raise CannotStart where the database's clock is of the other kind, for ever."""
    if await ledger.is_test() == test_clock:
        return
    if test_clock:
        raise why_not(NotATestDatabase())
    raise CannotStart(
        "the database",
        "it is a test database, whose clock stands still",
        "start with --test-clock, or with another --data",
    )


def own_version() -> str:
    """Return Interlock's version."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"


def alarm(said: str) -> None:
    """Say what somebody should look at."""
    _LOG.error("projector: %s", said)
