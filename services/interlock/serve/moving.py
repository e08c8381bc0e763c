"""`python -m interlock.serve.moving`: a ledger that moved, into the empty one where it goes on.

    python -m interlock.serve.moving --moved OLD/interlock.toml --config interlock.toml

The old settings lead to the ledger that two persons closed (`dt ledger move`), the new ones to an empty database. What
moved to the same place as the new settings' project is taken along together. The token of the administrator who asks
for it to be opened is read from the environment, INTERLOCK_TOKEN.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg

from interlock.desk import Answer, Desk, DeskError
from interlock.events.codec import BrokenEvent, UnknownEventType, UnknownSchema, decode
from interlock.events.envelope import Recorded
from interlock.events.foreign import own
from interlock.evidence import EvidenceStore
from interlock.feed.replay import Seen, TopicBroken
from interlock.identity import NotAuthenticated
from interlock.ledger import Ledger, LedgerError
from interlock.ledger.connections import refused_by_name
from interlock.ledger.restore import Restore
from interlock.ledger.statements import sql
from interlock.serve import seams
from interlock.serve.database import database_of
from interlock.serve.refusals import CannotStart
from interlock.serve.restoring import FAILED, fill, say
from interlock.serve.secret import resolve
from interlock.serve.settings import CONFIG_NAME, Settings, load

PAGE_EVENTS: Final = 2_000


class NotClosed(Exception):
    """only a ledger that two persons closed is taken along, so that it goes on in one place alone: dt ledger move"""


async def move(old: str, owner: str, project: str, token: str) -> dict[str, Answer]:
    """Take what moved with `project` from the ledger at `old` to the empty one at `owner`; return what was asked there.

    Raises NotClosed, TopicBroken, NotAuthenticated, LedgerError, UnknownEventType. The old ledger is only read: after
    a crash, or any of these, make another empty one and begin again.
    """
    source = await Ledger.open(old)
    try:
        moved, target = await _moved(source, project)
        seen, store = Seen(), EvidenceStore(source)

        async def beside(restore: Restore) -> None:
            for name in moved:
                await _evidence(source, store, restore, name)
                await _letters(source, restore, name)
            left = {name: position for name, position in (await source.heads()).items() if name in moved}
            if left != seen.heads():
                raise TopicBroken(f"the old ledger is at {left}, and what was taken along at {seen.heads()}")

        return await fill(owner, _pages(source, moved, seen), seen.heads, f"the ledger before {target}", token, beside)
    finally:
        await source.close()


async def _moved(source: Ledger, project: str) -> tuple[list[str], str]:
    """Return which projects moved to where `project` did, and where that is. Raises NotClosed."""
    desk = Desk(source, monotonic=seams.monotonic, event_ids=seams.event_id)
    try:
        targets = {name: _target(await desk.situation(name)) for name in sorted(own(await source.heads()))}
    finally:
        await desk.close()
    target = targets.get(project)
    if target is None:
        raise NotClosed(f"{project}: {NotClosed.__doc__}")
    return [name for name, known in targets.items() if known == target], target


def _target(situation: Any) -> str | None:
    """Return where a closed ledger goes on; one that was itself taken along and not opened is not closed for us."""
    target: str | None = situation.moved if situation.restored is None else None
    return target


async def _pages(source: Ledger, projects: list[str], seen: Seen) -> AsyncIterator[list[Recorded[Any]]]:
    for project in projects:
        after = 0
        while stored := await source.read(project, after=after, limit=PAGE_EVENTS):
            # Read by this version, gap or foreign byte refused, as from anywhere else.
            yield [event for each in stored if seen.is_new(event := decode(each.body))]
            after = stored[-1].position


async def _evidence(source: Ledger, store: EvidenceStore, restore: Restore, project: str) -> None:
    """One piece at a time: each may have 16 MiB."""
    async with source.connection() as connection, refused_by_name(sent=False):
        there = [tuple(row) for row in await connection.fetch(sql("all_evidence"), project)]
    for digest, media_type in there:
        await restore.add_evidence(project, digest, media_type, (await store.get(project, digest)).bytes)
    if await restore.evidence(project) != there:
        raise TopicBroken(f"{project}: not all {len(there)} pieces of evidence were taken along")


async def _letters(source: Ledger, restore: Restore, project: str) -> None:
    """What the intake put aside waits for somebody there as it did here."""
    async with source.connection() as connection, refused_by_name(sent=False):
        letters = await connection.fetch(sql("letters"), project)
    if letters:
        await restore.add_letters(list(letters[0].keys()), [tuple(letter) for letter in letters])


async def moved(old: Settings, new: Settings, environ: Mapping[str, str]) -> dict[str, Answer]:
    """Do it by the two settings; an embedded server is started for it where it does not run."""
    if new.database is None or new.database.owner is None:
        raise CannotStart("a move", "it fills a database as its owner", "name `owner` under [database]")
    owner = resolve(new.database.owner, home=new.home, environ=environ)
    async with database_of(old, test=False, environ=environ) as database:
        return await move(database.app, owner, new.project, environ.get("INTERLOCK_TOKEN", ""))


def main(given: list[str] | None = None) -> int:
    """Take it along, and say what comes next; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.serve.moving", description=__doc__)
    parser.add_argument("--moved", type=Path, required=True, help="the settings of the ledger that moved")
    parser.add_argument("--config", type=Path, default=Path(CONFIG_NAME), help="the settings; [database] owner is used")
    options = parser.parse_args(sys.argv[1:] if given is None else given)
    try:
        answers = asyncio.run(moved(load(options.moved), load(options.config), os.environ))
    except CannotStart as refusal:
        print(f"✗ nothing was taken along: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except (NotClosed, TopicBroken, NotAuthenticated, LedgerError, DeskError, asyncpg.PostgresError) as wrong:
        print(f"✗ nothing was taken along: {wrong}", file=sys.stderr)
        return FAILED
    except (UnknownEventType, UnknownSchema, BrokenEvent) as unknown:
        print(f"✗ nothing was taken along: {unknown}; use a newer version", file=sys.stderr)
        return FAILED
    say(answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
