"""Who did what, when, to what, because of what, and what was refused: everything that was ever recorded."""
# Long: the tables, what is written and what is asked of them change together, so they are read together.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from interlock.events.catalogue.ledger import Annotated
from interlock.events.codec import encode
from interlock.events.envelope import Recorded
from interlock.projections import mentions
from interlock.projections.facets import instant
from interlock.projections.projection import PAGE_ROWS_MAX, Added, Connection, Projection, Write, seen_at
from interlock.projections.sentences import sentence

ENTRY = "read_model.audit_trail_1_entry"
TAG = "read_model.audit_trail_1_tag"
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
create table {TAG} (
    project  text collate "C" not null,
    tag      text collate "C" not null,
    position bigint           not null,
    primary key (project, tag, position)
);
alter table {TAG} alter column project set statistics 0;
"""

ADD_ENTRY = f"""
insert into {ENTRY} (project, position, type, stream, version, recorded_at, occurred_at, actor, actor_kind, credential,
                     causation, correlation, command_id, policy_version, sentence, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
ADD_TAGS = f"insert into {TAG} (project, tag, position) select $1, unnest($2::text[]), $3"
ENTRY_COLUMNS = (
    "project", "position", "type", "stream", "version", "recorded_at", "occurred_at", "actor", "actor_kind",
    "credential", "causation", "correlation", "command_id", "policy_version", "sentence", "body",
)  # fmt: skip
APPENDS = {
    ADD_ENTRY: Added(ENTRY, ENTRY_COLUMNS),
    ADD_TAGS: Added(TAG, ("project", "tag", "position"), spread=1),
}
TAGGED = (
    ("release/", mentions.releases),
    ("environment/", mentions.environments),
    ("problem/", mentions.problems),
    ("adjustment/", mentions.adjustments),
    ("person/", mentions.persons),
)


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


def tags(recorded: Recorded[Any]) -> list[str]:
    """Return what an event can be found by, as `kind/name`."""
    found = [f"type/{recorded.type}"]
    for prefix, named in TAGGED:
        for name in named(recorded):
            found.append(prefix + name)
    if isinstance(recorded.event, Annotated):
        found.append(f"about/{recorded.event.target}")
    return found


# Raise the version when a table or its meaning changes: the projector builds it beside the old one.
AUDIT_TRAIL = Projection("audit_trail", 1, SCHEMA, (ENTRY, TAG), project, APPENDS)


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
TIMES = f"select position, recorded_at, occurred_at from {ENTRY} where project = $1 and position = any($2::bigint[])"
REMARKS = f"""
select entry.position, entry.recorded_at, entry.actor, entry.body from {TAG} as tag
  join {ENTRY} as entry on entry.project = $1 and entry.position = tag.position
 where tag.project = $1 and tag.tag = any($2::text[]) and tag.position <= $3 order by entry.position limit $4
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
    texts = [] if filters.text is None else [filters.text.lower()]
    statement = _page(len(filters.tags()), oldest_first=after is not None, body=data, text=bool(texts))
    rows = await connection.fetch(statement, project, low, high, min(limit, PAGE_ROWS_MAX), *filters.tags(), *texts)
    remarked = await remarks(connection, project, [row["position"] for row in rows], at=at)
    return [{**_entry(row, data=data), **_remarked(remarked, row["position"])} for row in rows]


async def entry(connection: Connection, project: str, position: int, *, at: int | None = None) -> dict[str, Any] | None:
    """Return one event with its `data`, `causes` (nearest first), `effects` and `annotations`; None if not there."""
    rows = await connection.fetch(ONE, project, position) if position <= seen_at(at) else []
    if not rows:
        return None
    causes = await connection.fetch(CAUSES, project, position, CAUSES_SHOWN_MAX)
    effects = await connection.fetch(EFFECTS, project, position, seen_at(at), EFFECTS_SHOWN_MAX)
    about = await connection.fetch(
        _page(1, oldest_first=True, body=True), project, 0, seen_at(at), PAGE_ROWS_MAX, f"about/{position}"
    )
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


def _page(tags: int, *, oldest_first: bool, body: bool, text: bool = False) -> str:
    """Return the statement for a page of events with so many tags: the first tag leads, the others are looked up."""
    joins = "".join(
        f" join {TAG} as tag{number} on tag{number}.project = $1 and tag{number}.tag = ${number + 5}"
        f" and tag{number}.position = entry.position"
        for number in range(tags)
    )
    order = "tag0.position" if tags else "entry.position"
    # Every event that is found otherwise is looked into: a text has no index.
    contains = (
        (
            f" and (strpos(lower(entry.sentence), ${tags + 5}) > 0"
            f" or strpos(lower(convert_from(entry.body, 'UTF8')), ${tags + 5}) > 0)"
        )
        if text
        else ""
    )
    return (
        f"select {COLUMNS}{', entry.body' if body else ''} from {ENTRY} as entry{joins}"
        f" where entry.project = $1 and {order} > $2 and {order} <= $3{contains}"
        f" order by {order} {'asc' if oldest_first else 'desc'} limit $4"
    )


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
