"""A relay as a process of its own: `python -m tests.relay.process DSN KAFKA TOPIC [--die-before-storing N]`.

It prints a line of JSON with its standing whenever that changes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from interlock.bus import topics
from interlock.ledger import Ledger
from interlock.relay.cursors import Published
from interlock.relay.office import Tenure
from tests.relay.relays import HASTY_SECONDS, relay_on


def die_before_storing(times: int) -> None:
    """Let the process be killed after Kafka has acknowledged the `times`th round, and before that is stored."""
    store = Tenure.store
    left = times

    async def killed(self: Tenure, published: Sequence[tuple[str, Published]]) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        await store(self, published)

    Tenure.store = killed  # type: ignore[method-assign]


async def main(options: argparse.Namespace) -> None:
    ledger = await Ledger.open(options.dsn)
    topic = topics(options.prefix, partitions=3).events
    relay = relay_on(ledger, options.dsn, options.kafka, topic, send_seconds=HASTY_SECONDS)
    running = asyncio.create_task(relay.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    told: Any = None
    started = time.monotonic()
    while not running.done() and time.monotonic() - started < 600:
        standing = asdict(relay.standing())
        if standing != told:
            told = standing
            print(json.dumps(standing), flush=True)
        await asyncio.sleep(0.05)
    await asyncio.wait([running], timeout=30)
    await ledger.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("dsn")
    parser.add_argument("kafka")
    parser.add_argument("prefix")
    parser.add_argument("--die-before-storing", type=int)
    given = parser.parse_args()
    if given.die_before_storing is not None:
        die_before_storing(given.die_before_storing)
    asyncio.run(main(given))
    sys.exit(0)
