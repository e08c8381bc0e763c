"""Databases that an Interlock knows as production and as its scratch database, and restores from one to the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from interlock.events.codec import plain
from interlock.runners.asking import passed_by
from interlock.runners.restoring import (
    Registered,
    Restored,
    Restoring,
    restore,
)
from interlock.runners.restoring.measuring import measure
from tests.fixtures.server import Served
from tests.runners.shop import asker_of
from tests.runners.two import Pair, means


class Place:
    """A pair of databases that an Interlock knows as production and as its scratch database."""

    def __init__(self, served: Served, pair: Pair, dumps: Path) -> None:
        self.served = served
        self.pair = pair
        self.dumps = dumps
        self.identities = {"production": pair.identity("production"), "scratch": pair.identity("stage")}

    def begin(self) -> Place:
        for environment, identity in self.identities.items():
            self.served.by_two("RegisterEnvironment", {"environment": environment, "identity": plain(identity)})
        return self

    def restoring(self, mask: str | None = None, **more: Any) -> Restoring:
        target = replace(self.pair.connection("stage"), environment="scratch")
        path = None
        if mask is not None:
            path = self.dumps / "mask.sql"
            path.write_text(mask)
        return replace(Restoring(self.pair.connection("production"), target, 2, self.dumps, path), **more)

    async def restore(self, how: Restoring | None = None, **more: Any) -> Restored:
        client = self.served["ci-1"]
        registered = more.pop("registered", Registered(self.identities, "production"))
        asker = asker_of(client, more.pop("reached", passed_by))
        given = means(more.pop("told", None), **more)
        return await restore(asker, how or self.restoring(), registered, client.put_evidence, given)

    def last(self, kind: str) -> dict[str, Any]:
        """The newest event of that type in the environment."""
        page = self.served["anton"].get("/events", type=kind, data="true", limit=1, environment="scratch")
        found: dict[str, Any] = page["events"][0]["data"] if page["events"] else {}
        return found

    def dumps_left(self) -> list[Path]:
        return list(self.dumps.glob("interlock-dump-*"))

    def holds_nothing_back(self) -> bool:
        """Whether the target is open again, and no dump is left."""
        closed = self.pair.rows("stage", "select to_regnamespace('interlock_restore') is not null")
        return not self.dumps_left() and closed == [(False,)]


async def measured(pair: Pair, environment: str) -> dict[str, tuple[int, str]]:
    async with pair.server(environment).session("postgres", pair.database(environment)) as session:
        return {table.name: (table.rows, table.digest) for table in await measure(session)}
