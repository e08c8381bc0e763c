"""An intake in a process of its own, which kills itself at a given step of the first batch that it takes.

python -m tests.intake.killed DSN SERVERS PREFIX GROUP STEP
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import Any

from interlock.bus import KafkaAddress, topics
from interlock.desk import Desk
from interlock.intake import Intake
from interlock.intake.handling import Handling
from interlock.intake.telling import Telling
from interlock.ledger import Ledger
from interlock.serve import seams
from tests.feed.feeds import sleep
from tests.fixtures.server import PROJECT


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def plant(step: str) -> None:
    """Let the process end at the step, without a word to anybody."""
    told = Telling.tell

    async def tell_and_die(self: Telling, handled: Any) -> None:
        await told(self, handled)
        die()

    where: dict[str, tuple[Any, str, Any]] = {
        "before deciding": (Handling, "decided", die),
        "after deciding": (Telling, "tell", die),
        "after telling": (Telling, "tell", tell_and_die),
    }
    setattr(*where[step])


async def main(dsn: str, servers: str, prefix: str, group: str) -> None:
    ledger = await Ledger.open(dsn)
    desk = Desk(ledger, monotonic=seams.monotonic, event_ids=seams.event_id)
    intake = Intake(
        desk,
        ledger,
        KafkaAddress(servers),
        topics(prefix, partitions=1),
        home=PROJECT,
        sleep=sleep,
        monotonic=time.monotonic,
        group=group,
    )
    await intake.run()


if __name__ == "__main__":
    plant(sys.argv[5])
    asyncio.run(main(*sys.argv[1:5]))
