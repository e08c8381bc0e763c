"""What was said about something, and from which position to which: the table that most answers come from.

A *facet* of a subject (an environment's `occupancy`, a release's `content`) is said by an event and holds until
another event says otherwise. Rows are only added and closed, so "then" is a WHERE, and what is read at a position
never depends on what came later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from interlock.events.codec import plain
from interlock.events.envelope import Recorded
from interlock.events.fitting import instant_text
from interlock.projections.projection import Connection, Write, seen_at
from interlock.projections.together import set_many

_SCHEMA = """
create table {table} (
    project        text collate "C" not null,
    subject        text collate "C" not null,
    facet          text collate "C" not null,
    since_position bigint           not null,
    until_position bigint,
    until_at       timestamptz,
    label          text             not null,
    -- The event that says so; a facet given back keeps the one that said it first.
    position       bigint           not null,
    said_at        timestamptz      not null,
    said_by        text             not null,
    detail         jsonb            not null,
    primary key (project, subject, facet, since_position)
);
create unique index on {table} (project, facet, subject) where until_position is null;
alter table {table} alter column project set statistics 0;
"""

_SET = """
with closed as (
    update {table} set until_position = $4, until_at = $6
     where project = $1 and subject = $2 and facet = $3 and until_position is null
    returning detail)
insert into {table} (project, subject, facet, since_position, label, position, said_at, said_by, detail)
select $1, $2, $3, $4, $5, $4, $6, $7,
       coalesce((select jsonb_object_agg(kept.key, kept.value) from closed, jsonb_each(closed.detail) as kept
                  where kept.key = any($9::text[])), '{{}}'::jsonb) || $8::text::jsonb
 where $5::text is not null
"""

_MARK = """
with closed as (
    update {table} set until_position = $3, until_at = $6
     where project = $1 and facet = $2 and until_position is null and label = any($4::text[]) and subject <> $9
       and ($10::text is null or subject = $10) and ($11::text is null or detail ->> 'during' = $11)
    returning subject, detail)
insert into {table} (project, subject, facet, since_position, label, position, said_at, said_by, detail)
select $1, closed.subject, $2, $3, $5, $3, $6, $7, closed.detail || $8::text::jsonb from closed
"""

_GIVE_BACK = """
with closed as (
    update {table} set until_position = $3, until_at = $7
     where project = $1 and facet = $2 and until_position is null and label = any($4::text[])
       and detail ->> 'during' = $5 and ($6::text is null or subject = $6)
    returning subject, since_position)
insert into {table} (project, subject, facet, since_position, label, position, said_at, said_by, detail)
select before.project, before.subject, before.facet, $3, before.label, before.position, before.said_at,
       before.said_by, before.detail
  from closed join {table} as before
    on before.project = $1 and before.facet = $2 and before.subject = closed.subject
   and before.until_position = closed.since_position
"""

_AT = """
select subject, facet, label, position, said_at, said_by, detail from {table}
 where project = $1 and ($2::text[] is null or subject = any($2)) and since_position <= $3
   and (until_position is null or until_position > $3)
   and ($4::text[] is null or split_part(facet, '/', 1) = any($4))
 order by subject, facet
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One facet as it was: its label, which event says so, and the rest."""

    label: str
    position: int
    at: datetime
    by: str
    detail: dict[str, Any]

    def told(self, **more: Any) -> dict[str, Any]:
        """Return it JSON-ready, with the label as `state` and `more` beside it."""
        known = {name: value for name, value in self.detail.items() if name != "during"}
        return {"state": self.label, **known, **more, **self.origin()}

    def origin(self) -> dict[str, Any]:
        """Return since when it is so, by which event, by whom."""
        return {"since": instant(self.at), "position": self.position, "by": self.by}


class Facets:
    """The table of one projection's facets: its schema, its writes and its reading."""

    def __init__(self, table: str) -> None:
        """Use `table`, named with its schema and the projection's version."""
        self.table = table
        self.schema = _SCHEMA.format(table=table)
        self._set, self._mark, self._give_back, self._at = (
            statement.format(table=table) for statement in (_SET, _MARK, _GIVE_BACK, _AT)
        )
        self.together = {self._set: set_many(table)}

    def set(
        self,
        recorded: Recorded[Any],
        subject: str,
        facet: str,
        label: str,
        detail: dict[str, Any],
        *,
        keep: Sequence[str] = (),
    ) -> Write:
        """From here on the facet is `label` with `detail`; what stood there under the keys `keep` stays."""
        return Write(
            self._set,
            (
                recorded.project,
                subject,
                facet,
                recorded.position,
                label,
                recorded.recorded_at,
                recorded.actor.id,
                compact(detail),
                list(keep),
            ),
        )

    def close(self, recorded: Recorded[Any], subject: str, facet: str) -> Write:
        """From here on nothing is said of the facet."""
        return Write(
            self._set,
            (
                recorded.project,
                subject,
                facet,
                recorded.position,
                None,
                recorded.recorded_at,
                recorded.actor.id,
                "{}",
                [],
            ),
        )

    def mark(
        self,
        recorded: Recorded[Any],
        facet: str,
        labels: Sequence[str],
        label: str,
        detail: dict[str, Any],
        *,
        but: str = "",
        subject: str | None = None,
        during: str | None = None,
    ) -> Write:
        """Where the facet has one of `labels` it gets `label`, with `detail` added.

        Of every subject but `but`, or of `subject` only; `during` names the deploy that it must be about.
        """
        return Write(
            self._mark,
            (
                recorded.project,
                facet,
                recorded.position,
                list(labels),
                label,
                recorded.recorded_at,
                recorded.actor.id,
                compact(detail),
                but,
                subject,
                during,
            ),
        )

    def give_back(
        self, recorded: Recorded[Any], facet: str, labels: Sequence[str], during: str, *, subject: str | None = None
    ) -> Write:
        """Where the facet has one of `labels` since `during`, what stood there before stands again."""
        return Write(
            self._give_back,
            (
                recorded.project,
                facet,
                recorded.position,
                list(labels),
                during,
                subject,
                recorded.recorded_at,
            ),
        )

    async def read(
        self,
        connection: Connection,
        project: str,
        *,
        at: int | None,
        subjects: Sequence[str] | None = None,
        families: Sequence[str] | None = None,
    ) -> dict[str, dict[str, Said]]:
        """Return facets by subject at a position; `families` are what stands before the first `/` of a facet."""
        rows = await connection.fetch(
            self._at,
            project,
            None if subjects is None else list(subjects),
            seen_at(at),
            None if families is None else list(families),
        )
        found: dict[str, dict[str, Said]] = {}
        for row in rows:
            found.setdefault(row["subject"], {})[row["facet"]] = said(row)
        return found


def said(row: Any) -> Said:
    """Return a row of a facet table as what was said."""
    return Said(row["label"], row["position"], row["said_at"], row["said_by"], orjson.loads(row["detail"]))


def family(facets: dict[str, Said], name: str) -> dict[str, Said]:
    """Return the facets `name/…` by what stands after the `/`."""
    return {facet.partition("/")[2]: value for facet, value in facets.items() if facet.startswith(name + "/")}


def told(value: Said | None, **more: Any) -> dict[str, Any] | None:
    """Return a facet JSON-ready, None where nothing was said."""
    return None if value is None else value.told(**more)


def data(event: Any, *without: str) -> dict[str, Any]:
    """Return an event's fields that are there, JSON-ready, but for `without` and the decision it was made by."""
    # The decision is by far the longest part: it is not even written.
    found = plain(event, without="decision")
    for name in without:
        found.pop(name, None)
    return found


def late(recorded: Recorded[Any]) -> dict[str, Any]:
    """Return when it happened, where that is not when it was recorded: a past fact that was reported."""
    return {} if recorded.occurred_at == recorded.recorded_at else {"happened_at": instant(recorded.occurred_at)}


def compact(value: dict[str, Any]) -> str:
    """Return a JSON object as text."""
    return orjson.dumps(value).decode()


def instant(at: datetime | None) -> str | None:
    """Return an instant as everywhere: RFC 3339, UTC, with Z."""
    return None if at is None else instant_text(at)
