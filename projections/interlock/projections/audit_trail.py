"""Who did what, when, to what, because of what, and what was refused: everything that was ever recorded."""
# Long: the tables, what is written and what is asked of them change together, so they are read together.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from interlock.events.codec import encode
from interlock.events.envelope import Recorded
from interlock.projections.facets import instant
from interlock.projections.projection import PAGE_ROWS_MAX, Added, Connection, Projection, Write, seen_at
from interlock.projections.sentences import sentence
from interlock.projections.tags import ADD_MANY_TAGS, ADD_TAGS, BLOCK_EVENTS, TAG, TAG_SCHEMA, positions, tags

ENTRY = "read_model.audit_trail_2_entry"
CAUSES_SHOWN_MAX = 100
EFFECTS_SHOWN_MAX = 200
REMARKS_SHOWN_MAX = 2_000

SCHEMA = f"""
create table {ENTRY} (
    project        text collate "C" not null,
    position       bigint           not null,
    type           text             not null,
    stream         text             not null,
    version        bigint           not null,
    recorded_at    timestamptz      not null,
    occurred_at    timestamptz      not null,
    actor          text             not null,
    actor_kind     text             not null,
    credential     text,
    causation      bigint,
    correlation    bigint,
    command_id     uuid             not null,
    policy_version bigint           not null,
    sentence       text             not null,
    -- The canonical bytes, so that the trail shows what was recorded without asking the ledger.
    body           bytea            not null,
    primary key (project, position)
);
create index on {ENTRY} (project, causation) where causation is not null;
create index on {ENTRY} (project, recorded_at, position);
alter table {ENTRY} alter column project set statistics 0;
{TAG_SCHEMA}"""

ADD_ENTRY = f"""
insert into {ENTRY} (project, position, type, stream, version, recorded_at, occurred_at, actor, actor_kind, credential,
                     causation, correlation, command_id, policy_version, sentence, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
ENTRY_COLUMNS = (
    "project", "position", "type", "stream", "version", "recorded_at", "occurred_at", "actor", "actor_kind",
    "credential", "causation", "correlation", "command_id", "policy_version", "sentence", "body",
)  # fmt: skip
APPENDS = {ADD_ENTRY: Added(ENTRY, ENTRY_COLUMNS)}


def project(recorded: Recorded[Any]) -> Iterator[Write]:
    """Write the event down, and what it can be found by."""
    actor = recorded.actor
    yield Write(
        ADD_ENTRY,
        (
            recorded.project,
            recorded.position,
            recorded.type,
            recorded.stream,
            recorded.version,
            recorded.recorded_at,
            recorded.occurred_at,
            actor.id,
            actor.kind,
            actor.credential,
            recorded.causation,
            recorded.correlation,
            recorded.command_id,
            recorded.policy_version,
            sentence(recorded),
            recorded.raw or encode(recorded),
        ),
    )
    yield Write(ADD_TAGS, (recorded.project, tags(recorded), recorded.position))


# Raise the version when a table or its meaning changes: the projector builds it beside the old one.
AUDIT_TRAIL = Projection("audit_trail", 2, SCHEMA, (ENTRY, TAG), project, APPENDS, {ADD_TAGS: ADD_MANY_TAGS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to look for; all that are given must hold. Recorded from `since` on, before `until`.

    `text` stands in the event's bytes or in its sentence, in whatever case: a word, or a digest's beginning.
    """

    release: str | None = None
    environment: str | None = None
    person: str | None = None
    type: str | None = None
    problem: str | None = None
    adjustment: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def tags(self) -> list[str]:
        """Return the tags that an event must have."""
        named = {
            "release": self.release,
            "environment": self.environment,
            "person": self.person,
            "type": self.type,
            "problem": self.problem,
            "adjustment": self.adjustment,
        }
        return [f"{kind}/{name}" for kind, name in named.items() if name is not None]


ANYTHING = Filters()
BY_THEN = f"""
select position from {ENTRY} where project = $1 and recorded_at <= $2
 order by recorded_at desc, position desc limit 1
"""
BEFORE_THEN = BY_THEN.replace("<=", "<")
COLUMNS = """entry.position, entry.type, entry.stream, entry.version, entry.recorded_at, entry.occurred_at,
       entry.actor, entry.actor_kind, entry.credential, entry.causation, entry.correlation, entry.command_id,
       entry.policy_version, entry.sentence"""
ONE = f"select {COLUMNS}, entry.body from {ENTRY} as entry where project = $1 and position = $2"
CAUSES = f"""
with recursive chain as (
    select position, causation, 1 as steps from {ENTRY} where project = $1 and position = $2
    union all
    select cause.position, cause.causation, chain.steps + 1 from chain join {ENTRY} as cause
        on cause.project = $1 and cause.position = chain.causation and cause.position < chain.position
     where chain.steps <= $3)
select {COLUMNS} from chain join {ENTRY} as entry on entry.project = $1 and entry.position = chain.position
 where entry.position <> $2 order by entry.position desc
"""
TIMES = f"""
select entry.position, entry.recorded_at, entry.occurred_at from unnest($2::bigint[]) as asked(position)
 cross join lateral (
    select * from {ENTRY} as one where one.project = $1 and one.position = asked.position offset 0) as entry
"""
REMARKS = f"""
select entry.position, entry.recorded_at, entry.actor, entry.body from {TAG} as tag
 cross join unnest(tag.steps) as found(step)
  join {ENTRY} as entry on entry.project = $1 and entry.position = tag.block * {BLOCK_EVENTS} + found.step
 where tag.project = $1 and tag.tag = any($2::text[]) and entry.position <= $3 order by entry.position limit $4
"""
EFFECTS = f"""
select {COLUMNS} from {ENTRY} as entry
 where project = $1 and causation = $2 and position <= $3 order by position limit $4
"""


async def entries(
    connection: Connection,
    project: str,
    filters: Filters = ANYTHING,
    *,
    at: int | None = None,
    after: int | None = None,
    before: int | None = None,
    limit: int = 50,
    data: bool = False,
) -> list[dict[str, Any]]:
    """Return what was recorded up to `at`, newest first; with `after`, from there on, oldest first.

    `after` and `before` are positions: the last row's of the page before. `data` brings each event's own fields.
    """
    low, high = after or 0, min(seen_at(at), seen_at(None if before is None else before - 1))
    if filters.since is not None:
        low = max(low, await _position(connection, project, BEFORE_THEN, filters.since))
    if filters.until is not None:
        high = min(high, await _position(connection, project, BEFORE_THEN, filters.until))
    how = _How(oldest_first=after is not None, body=data, text=filters.text and filters.text.lower())
    rows = await _rows(connection, project, filters.tags(), low, high, min(limit, PAGE_ROWS_MAX), how)
    remarked = await remarks(connection, project, [row["position"] for row in rows], at=at)
    return [{**_entry(row, data=data), **_remarked(remarked, row["position"])} for row in rows]


async def entry(connection: Connection, project: str, position: int, *, at: int | None = None) -> dict[str, Any] | None:
    """Return one event with its `data`, `causes` (nearest first), `effects` and `annotations`; None if not there."""
    rows = await connection.fetch(ONE, project, position) if position <= seen_at(at) else []
    if not rows:
        return None
    causes = await connection.fetch(CAUSES, project, position, CAUSES_SHOWN_MAX)
    effects = await connection.fetch(EFFECTS, project, position, seen_at(at), EFFECTS_SHOWN_MAX)
    how = _How(oldest_first=True, body=True)
    about = await _rows(connection, project, [f"about/{position}"], 0, seen_at(at), PAGE_ROWS_MAX, how)
    return {
        **_entry(rows[0], data=True),
        "causes": [_entry(row) for row in causes],
        "effects": [_entry(row) for row in effects],
        "annotations": [_entry(row, data=True) for row in about],
    }


async def remarks(
    connection: Connection, project: str, positions: Sequence[int], *, at: int | None = None
) -> dict[int, list[dict[str, Any]]]:
    """Return what was remarked by `at` about the events at `positions`, oldest first; the events stay as they are."""
    found: dict[int, list[dict[str, Any]]] = {}
    about = [f"about/{position}" for position in positions]
    for row in await connection.fetch(REMARKS, project, about, seen_at(at), REMARKS_SHOWN_MAX) if about else ():
        said = orjson.loads(row["body"])["data"]
        found.setdefault(said["target"], []).append(
            {
                "position": row["position"],
                "at": instant(row["recorded_at"]),
                "by": row["actor"],
                "kind": said["kind"],
                "text": said["text"],
            }
        )
    return found


async def annotated(
    connection: Connection, project: str, lines: Sequence[dict[str, Any]], *, at: int | None = None
) -> list[dict[str, Any]]:
    """Return `lines`, which have a `position` each, with `occurred_at` where it lies back, and with `remarks`."""
    positions = [line["position"] for line in lines]
    remarked = await remarks(connection, project, positions, at=at)
    times = await connection.fetch(TIMES, project, positions)
    back = {
        row["position"]: {"occurred_at": instant(row["occurred_at"])}
        for row in times
        if row["occurred_at"] != row["recorded_at"]
    }
    return [{**line, **back.get(line["position"], {}), **_remarked(remarked, line["position"])} for line in lines]


def _remarked(remarked: dict[int, list[dict[str, Any]]], position: int) -> dict[str, Any]:
    return {"remarks": remarked[position]} if position in remarked else {}


async def position_at(connection: Connection, project: str, at: datetime) -> int:
    """Return the last position recorded by the instant `at`; 0 where nothing was."""
    return await _position(connection, project, BY_THEN, at)


async def _position(connection: Connection, project: str, statement: str, at: datetime) -> int:
    rows: Sequence[Any] = await connection.fetch(statement, project, at)
    return int(rows[0]["position"]) if rows else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How entries are read: in which order, with their bytes or not, and what must stand in them (in small letters)."""

    oldest_first: bool
    body: bool
    text: str | None = None

    def among(self) -> str:
        """Return the statement for entries at the positions $2, none after $3; $4 is how many, $5 the text.

        Each is looked up by its key (`offset 0` sees to it): the planner, which knows nothing of the project, would
        go through all of an index.
        """
        return self._statement(
            f"select {self._columns} from unnest($2::bigint[]) as found(position) cross join lateral"
            f" (select * from {ENTRY} as one where one.project = $1 and one.position = found.position offset 0)"
            f" as entry where entry.position <= $3"
        )

    def between(self) -> str:
        """Return the statement for entries with positions after $2, none after $3; $4 is how many, $5 the text."""
        return self._statement(
            f"select {self._columns} from {ENTRY} as entry"
            f" where entry.project = $1 and entry.position > $2 and entry.position <= $3"
        )

    @property
    def _columns(self) -> str:
        return f"{COLUMNS}, entry.body" if self.body else COLUMNS

    def _statement(self, those: str) -> str:
        # Every event that is found otherwise is looked into: a text has no index.
        contains = (
            " and (strpos(lower(entry.sentence), $5) > 0 or strpos(lower(convert_from(entry.body, 'UTF8')), $5) > 0)"
        )
        way = "asc" if self.oldest_first else "desc"
        return f"{those}{contains if self.text else ''} order by entry.position {way} limit $4"


async def _rows(
    connection: Connection, project: str, tags: Sequence[str], low: int, high: int, limit: int, how: _How
) -> Sequence[Any]:
    """Return the rows with `low` < position <= `high` that have all `tags`, `limit` at most."""
    texts = [how.text] if how.text else []
    if not tags:
        if not texts:
            # Positions have no gaps, so a page is a piece of so many of them: named so closely, no plan reads more,
            # also of a table that grew since the planner last looked. Where it is no whole page, an end of the log lay
            # within.
            close = (low, min(high, low + limit)) if how.oldest_first else (max(low, high - limit), high)
            page = await connection.fetch(how.between(), project, *close, limit)
            if len(page) == limit or close == (low, high):
                return page
        return await connection.fetch(how.between(), project, low, high, limit, *texts)
    rows: list[Any] = []
    async for found in positions(connection, project, tags, low, high, oldest_first=how.oldest_first):
        wanted = found if texts else found[: limit - len(rows)]
        rows += await connection.fetch(how.among(), project, wanted, high, limit - len(rows), *texts)
        if len(rows) == limit:
            break
    return rows


def _entry(row: Any, *, data: bool = False) -> dict[str, Any]:
    found = {
        "position": row["position"],
        "type": row["type"],
        "stream": row["stream"],
        "version": row["version"],
        "recorded_at": instant(row["recorded_at"]),
        "occurred_at": instant(row["occurred_at"]),
        "by": row["actor"],
        "by_kind": row["actor_kind"],
        "credential": row["credential"],
        "causation": row["causation"],
        "correlation": row["correlation"],
        "command_id": str(row["command_id"]),
        "policy_version": row["policy_version"],
        "sentence": row["sentence"],
    }
    if data:
        found["data"] = orjson.loads(row["body"])["data"]
    return found
