"""`python -m interlock.serve.restoring`: an empty ledger, filled from Kafka; closed until two persons open it.

    python -m interlock.serve.restoring --config interlock.toml --kafka 127.0.0.1:9092 --topic interlock.events
    python -m interlock.serve.restoring --config interlock.toml --backup

The second one closes a ledger whose database was restored from a backup, in the same way.

The token of the administrator who asks for it is read from the environment, INTERLOCK_TOKEN.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid5

import asyncpg

from interlock.bus import BusError, KafkaAddress
from interlock.desk import Answer, Desk, DeskError, Rules, real_rules
from interlock.desk.rules import Verdict
from interlock.domain.commands.governance import AcceptRestoredLedger
from interlock.domain.situation import Situation
from interlock.events.codec import request_hash
from interlock.events.envelope import Actor, Recorded
from interlock.events.foreign import own
from interlock.events.topics import EVENTS
from interlock.feed.replay import Seen, TopicBroken, replay
from interlock.identity import NotAuthenticated, authenticate
from interlock.ledger import Ledger, LedgerError, Row
from interlock.ledger.migrate import apply
from interlock.ledger.restore import Restore, restoring
from interlock.serve import seams
from interlock.serve.project import NAMESPACE
from interlock.serve.refusals import CannotStart
from interlock.serve.secret import resolve
from interlock.serve.settings import CONFIG_NAME, load

ROWS_AT_ONCE: Final = 2_000
FAILED: Final = 9


class Commands:
    """Collects each project's events until a command's are all there: they are added together or not at all."""

    def __init__(self) -> None:
        self._open: dict[str, list[Recorded[Any]]] = {}
        self._digests: dict[str, Any] = {}
        self.last: dict[str, datetime] = {}

    def take(self, events: Iterable[Recorded[Any]]) -> list[tuple[str, Row]]:
        """Take events in order; return the rows of the commands that are whole now."""
        rows: list[tuple[str, Row]] = []
        for event in events:
            if event.ordinal == 0 and event.project in self._open:
                rows += self._whole(event.project)
            self._open.setdefault(event.project, []).append(event)
            self._digests.setdefault(event.project, hashlib.sha256()).update(hashlib.sha256(event.raw).digest())
            self.last[event.project] = event.recorded_at
        return rows

    def rest(self) -> list[tuple[str, Row]]:
        """Return the rows of the last commands. Whether their last events are there, nobody can know: they count."""
        return [row for project in list(self._open) for row in self._whole(project)]

    def digest(self, project: str) -> str:
        """Return the digest of all bytes that were taken, in order."""
        return f"sha256:{self._digests[project].hexdigest()}"

    def _whole(self, project: str) -> list[tuple[str, Row]]:
        events = self._open.pop(project)
        return [(project, _row(event, len(events))) for event in events]


def _row(event: Recorded[Any], events: int) -> Row:
    first = (event.command_id, event.request_hash, events) if event.ordinal == 0 else ()
    return Row(event.position, event.stream, event.version, event.type, event.recorded_at, event.raw, *first)


async def restore(owner: str, address: KafkaAddress, topic: str, token: str) -> dict[str, Answer]:
    """Fill the empty ledger at `owner` from a topic, as `fill` does. Raises BusError too."""
    seen = Seen()
    return await fill(owner, replay(address, topic, seen), seen.heads, f"kafka {topic}", token)


async def fill(
    owner: str,
    pages: AsyncIterator[list[Recorded[Any]]],
    heads: Callable[[], Mapping[str, int]],
    backup: str,
    token: str,
    beside: Callable[[Restore], Awaitable[None]] | None = None,
) -> dict[str, Answer]:
    """Fill the empty ledger at `owner` (its owner's address), and ask for it to be opened; return what was asked.

    `heads` tells, after the last page, how far each project goes; `beside` takes along what is not in the events.
    Raises TopicBroken, NotAuthenticated, LedgerError. A crash, or any of these, leaves a ledger that only its owner
    can write to: make another empty one, and begin again.
    """
    commands, rows = Commands(), list[tuple[str, Row]]()
    # An empty database will do: a server that makes the tables would begin the project at once, and fill it.
    await apply(owner)
    async with restoring(owner) as ledger:
        async for page in pages:
            rows += commands.take(page)
            if len(rows) >= ROWS_AT_ONCE:
                await ledger.add(rows)
                rows = []
        rows += commands.rest()
        if rows:
            await ledger.add(rows)
        for project, head in heads().items():
            await _compare(ledger, commands, project, head)
        if beside is not None:
            await beside(ledger)
        answers = await _ask(owner, backup, token, commands.last)
        # From here on the application may write; the rules refuse everything until two persons have said yes.
        await ledger.end()
    return answers


async def _compare(ledger: Restore, commands: Commands, project: str, head: int) -> None:
    found = await ledger.digest(project)
    if found != (head, commands.digest(project)):
        raise TopicBroken(f"{project}: the ledger holds {found[0]} events, other ones than the {head} given to it")


async def close(owner: str, token: str) -> dict[str, Answer]:
    """Close the ledger at `owner`, which a backup of the database was restored into; return what was asked.

    Each project's record takes no command from here on until another administrator confirms. Raises
    NotAuthenticated, LedgerError, DeskError; a crash leaves some projects asked for, and asking again does the rest.
    """
    ledger = await Ledger.open(owner)
    try:
        last = {project: (await ledger.head(project)).recorded_at for project in await ledger.heads()}
    finally:
        await ledger.close()
    return await _ask(owner, "a backup of the database", token, {name: at for name, at in last.items() if at})


async def _ask(owner: str, backup: str, token: str, last: Mapping[str, datetime]) -> dict[str, Answer]:
    """Ask in each project, as the administrator whose token it is, for it to take commands again.

    `last` says when each project's last event was recorded.
    """
    ledger = await Ledger.open(owner)
    try:
        desk = Desk(ledger, monotonic=seams.monotonic, event_ids=seams.event_id, rules=_first_asked())
        # Other applications' projects go on as they are: nobody there could say yes.
        answers = {project: await _ask_in(desk, project, backup, token, last[project]) for project in own(last)}
        await desk.close()
    finally:
        await ledger.close()
    return answers


async def _ask_in(desk: Desk, project: str, backup: str, token: str, taken_at: datetime) -> Answer:
    situation: Situation = await desk.situation(project)
    actor: Actor = authenticate(situation, f"Bearer {token}", await desk.now(project)).actor
    if actor.id not in situation.team.persons_holding("administrator"):
        raise NotAuthenticated(f"an administrator of {project} asks for this, and {actor.id} is none")
    command = AcceptRestoredLedger(position=situation.position, backup=backup, taken_at=taken_at)
    return await desk.submit(
        project,
        command,
        actor,
        command_id=uuid5(NAMESPACE, f"{project} AcceptRestoredLedger {situation.position}"),
        request_hash=request_hash("AcceptRestoredLedger", command, actor=actor.id),
    )


def _first_asked() -> Rules:
    """The rules, on a ledger that is closed from here on: what is asked first is what closes it."""
    rules = real_rules()

    def decide(situation: Situation, command: Any, actor: Actor, now: datetime) -> Verdict:
        return rules.decide(replace(situation, restored=situation.position), command, actor, now)

    return replace(rules, decide=decide)


def main(given: list[str] | None = None) -> int:
    """Restore, and say what comes next; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.serve.restoring", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(CONFIG_NAME), help="the settings; [database] owner is used")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--kafka", help="the brokers to begin with")
    source.add_argument("--backup", action="store_true", help="the database was restored already, from a backup of it")
    parser.add_argument("--topic", default=EVENTS, help="where the events are")
    options = parser.parse_args(sys.argv[1:] if given is None else given)
    try:
        settings = load(options.config)
        if settings.database is None or settings.database.owner is None:
            raise CannotStart("a restore", "it fills a database as its owner", "name `owner` under [database]")
        owner = resolve(settings.database.owner, home=settings.home, environ=os.environ)
        token = os.environ.get("INTERLOCK_TOKEN", "")
        if options.backup:
            answers = asyncio.run(close(owner, token))
        else:
            answers = asyncio.run(restore(owner, KafkaAddress(options.kafka), options.topic, token))
    except CannotStart as refusal:
        print(f"✗ nothing was restored: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except (TopicBroken, NotAuthenticated, BusError, LedgerError, DeskError, asyncpg.PostgresError) as wrong:
        print(f"✗ nothing was restored: {wrong}", file=sys.stderr)
        return FAILED
    say(answers, compared=not options.backup)
    return 0


def say(answers: Mapping[str, Answer], *, compared: bool = True) -> None:
    """Say what is there now, and who opens it."""
    for project, answer in sorted(answers.items()):
        ask = answer.recorded[0].event.ask if answer.recorded else "?"
        what = ", order, gaps and bytes compared" if compared else ""
        print(f"✓ {project}: {answer.position - len(answer.recorded)} events{what}")
        print(f"  it takes no command until another administrator says so: dt confirm {ask}")


if __name__ == "__main__":
    sys.exit(main())
