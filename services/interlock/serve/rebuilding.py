"""`python -m interlock.serve.rebuilding`: read models from Kafka, into a database that has none.

python -m interlock.serve.rebuilding --config interlock.toml --kafka 127.0.0.1:9092 --topic interlock.events
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import asyncpg

from interlock.bus import BusError, KafkaAddress
from interlock.events.topics import EVENTS
from interlock.feed.replay import Seen, TopicBroken, replay
from interlock.ledger import Ledger, LedgerError
from interlock.projector.rebuild import NotEmpty, rebuild
from interlock.projector.runner import CannotApply, GapWithoutLedger
from interlock.serve import seams
from interlock.serve.refusals import CannotStart
from interlock.serve.restoring import FAILED
from interlock.serve.secret import resolve
from interlock.serve.settings import CONFIG_NAME, load


async def rebuilt(database: str, address: KafkaAddress, topic: str) -> dict[str, tuple[int, str]]:
    """Build all read models in the database; return of each project its position and its digest."""
    ledger = await Ledger.open(database)
    try:
        return await rebuild(ledger.connection, replay(address, topic, Seen()), sleep=seams.sleep)
    finally:
        await ledger.close()


def main(given: list[str] | None = None) -> int:
    """Rebuild, and say how far; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.serve.rebuilding", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(CONFIG_NAME), help="the settings; [database] app is used")
    parser.add_argument("--kafka", required=True, help="the brokers to begin with")
    parser.add_argument("--topic", default=EVENTS, help="where the events are")
    options = parser.parse_args(sys.argv[1:] if given is None else given)
    try:
        settings = load(options.config)
        if settings.database is None:
            raise CannotStart("a rebuild", "it fills a database of its own", "name it under [database]")
        database = resolve(settings.database.app, home=settings.home, environ=os.environ)
        found = asyncio.run(rebuilt(database, KafkaAddress(options.kafka), options.topic))
    except CannotStart as refusal:
        print(f"✗ nothing was rebuilt: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except (
        TopicBroken,
        NotEmpty,
        CannotApply,
        GapWithoutLedger,
        BusError,
        LedgerError,
        asyncpg.PostgresError,
    ) as wrong:
        said = str(wrong) or " ".join((type(wrong).__doc__ or "").split())
        print(f"✗ read models are not rebuilt: {said}", file=sys.stderr)
        return FAILED
    for project, (position, digest) in found.items():
        print(f"✓ {project}: read models at {position}, {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
