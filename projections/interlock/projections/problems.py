"""What is wrong, where, since when, who looks after it, and how did each problem go?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from interlock.events.catalogue import problem as prob
from interlock.events.envelope import Recorded
from interlock.projections import mentions
from interlock.projections.facets import Facets, Said, data, instant, told
from interlock.projections.parts import Parts
from interlock.projections.projection import PAGE_ROWS_MAX, Added, Connection, Projection, Write, seen_at
from interlock.projections.sentences import sentence

TABLE = "read_model.problems_1_facet"
HISTORY = "read_model.problems_1_history"
FACETS = Facets(TABLE)

SCHEMA = (
    FACETS.schema
    + f"""
create index on {TABLE} (project, since_position) where facet = 'report';
create index on {TABLE} (project, until_position) where facet = 'state' and label = 'open';
create table {HISTORY} (
    project     text collate "C" not null,
    problem     text collate "C" not null,
    position    bigint           not null,
    recorded_at timestamptz      not null,
    actor       text             not null,
    type        text             not null,
    stream      text             not null,
    version     bigint           not null,
    sentence    text             not null,
    primary key (project, problem, position)
);
alter table {HISTORY} alter column project set statistics 0;
"""
)
ADD_LINE = f"""
insert into {HISTORY} (project, problem, position, recorded_at, actor, type, stream, version, sentence)
select $1, unnest($2::text[]), $3, $4, $5, $6, $7, $8, $9
"""
APPENDS = {
    ADD_LINE: Added(
        HISTORY,
        ("project", "problem", "position", "recorded_at", "actor", "type", "stream", "version", "sentence"),
        spread=1,
    )
}


PARTS = Parts()


def project(recorded: Recorded[Any]) -> Iterator[Write]:
    """Say what one event changes in the problems, and in whose history it stands."""
    yield from PARTS.project(recorded)
    yield from _line(recorded)


@PARTS.about(
    prob.ProblemReported,
    prob.ProblemReopened,
    prob.ProblemAcknowledged,
    prob.ReactionOverdue,
    prob.ProblemResolved,
    prob.ProblemDismissed,
)
def _standing(recorded: Recorded[Any]) -> Iterator[Write]:
    event = recorded.event
    match event:
        case prob.ProblemReported():
            detail = {
                **data(event, "problem"),
                "reported_at": instant(recorded.recorded_at),
                "reported_position": recorded.position,
            }
            yield FACETS.set(recorded, event.problem, "report", "reported", detail)
            yield FACETS.set(recorded, event.problem, "state", "open", {})
        case prob.ProblemReopened():
            yield FACETS.set(
                recorded,
                event.problem,
                "report",
                "reported",
                data(event, "problem", "reason"),
                keep=("description", "reporter", "reported_at", "reported_position"),
            )
            yield FACETS.set(recorded, event.problem, "state", "open", {"reason": event.reason})
            yield FACETS.close(recorded, event.problem, "acknowledged")
            yield FACETS.close(recorded, event.problem, "overdue")
            yield FACETS.close(recorded, event.problem, "resolution")
        case prob.ProblemAcknowledged():
            yield FACETS.set(recorded, event.problem, "acknowledged", "acknowledged", {})
        case prob.ReactionOverdue():
            yield FACETS.set(recorded, event.problem, "overdue", "overdue", data(event, "problem"))
        case prob.ProblemResolved() | prob.ProblemDismissed():
            label = "resolved" if isinstance(event, prob.ProblemResolved) else "dismissed"
            yield FACETS.set(recorded, event.problem, "state", label, {})
            yield FACETS.set(recorded, event.problem, "resolution", label, data(event, "problem"))


def _line(recorded: Recorded[Any]) -> Iterator[Write]:
    """Write the event into the history of each problem that it names."""
    named = mentions.problems(recorded)
    if named:
        yield Write(
            ADD_LINE,
            (
                recorded.project,
                list(named),
                recorded.position,
                recorded.recorded_at,
                recorded.actor.id,
                recorded.type,
                recorded.stream,
                recorded.version,
                sentence(recorded),
            ),
        )


# Raise the version when a table or its meaning changes: the projector builds it beside the old one.
PROBLEMS = Projection("problems", 1, SCHEMA, (TABLE, HISTORY), project, APPENDS, FACETS.together)

OPEN = f"""
select state.subject, first.since_position from {TABLE} as state
  join {TABLE} as report on report.project = $1 and report.subject = state.subject and report.facet = 'report'
   and report.since_position <= $2 and (report.until_position is null or report.until_position > $2)
  cross join lateral (
    select min(since_position) as since_position from {TABLE} as earliest
     where earliest.project = $1 and earliest.subject = state.subject and earliest.facet = 'report') as first
 where state.project = $1 and state.facet = 'state' and state.label = 'open' and state.since_position <= $2
   and (state.until_position is null or state.until_position > $2) and first.since_position < $3
   and ($5::text is null or report.detail ->> 'environment' = $5)
   and ($6::text is null or report.detail ->> 'release' = $6)
 order by first.since_position desc limit $4
"""
ALL = f"""
select report.subject from {TABLE} as report
 where report.project = $1 and report.facet = 'report' and report.since_position <= $2
   and report.since_position < $3 and (report.detail ->> 'reported_position')::bigint = report.since_position
   and ($5::text is null or report.detail ->> 'environment' = $5)
   and ($6::text is null or report.detail ->> 'release' = $6)
 order by report.since_position desc limit $4
"""
LINES = f"""
select problem, position, recorded_at, actor, type, stream, version, sentence from {HISTORY}
 where project = $1 and problem = any($2) and position <= $3 order by problem, position
"""


async def problems(
    connection: Connection,
    project: str,
    *,
    at: int | None = None,
    state: Literal["open", "all"] = "open",
    environment: str | None = None,
    release: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return problems as they were at a position, newest first, each with its history.

    `before` is the last row's `reported_position`; a problem keeps its place when it is reopened.
    """
    rows = await connection.fetch(
        OPEN if state == "open" else ALL,
        project,
        seen_at(at),
        seen_at(before),
        min(limit, PAGE_ROWS_MAX),
        environment,
        release,
    )
    return await _problems(connection, project, [row["subject"] for row in rows], at)


async def problem(
    connection: Connection, project: str, problem_id: str, *, at: int | None = None
) -> dict[str, Any] | None:
    """Return one problem with its history as it was at a position; None where it was not reported yet."""
    found = await _problems(connection, project, [problem_id], at)
    return found[0] if found else None


async def _problems(connection: Connection, project: str, names: list[str], at: int | None) -> list[dict[str, Any]]:
    if not names:
        return []
    found = await FACETS.read(connection, project, at=at, subjects=names)
    lines: dict[str, list[Any]] = {name: [] for name in names}
    for row in await connection.fetch(LINES, project, names, seen_at(at)):
        lines[row["problem"]].append(row)
    return [_problem(name, found[name], lines[name]) for name in names if "report" in found.get(name, {})]


def _problem(name: str, facets: dict[str, Said], lines: list[Any]) -> dict[str, Any]:
    report, state = facets["report"].detail, facets["state"]
    return {
        "problem": name,
        **{
            key: report.get(key)
            for key in (
                "environment",
                "release",
                "title",
                "severity",
                "source",
                "description",
                "reporter",
                "failed_deploy",
                "react_by",
                "reported_at",
                "reported_position",
            )
        },
        "version": max(line["version"] for line in lines if line["stream"] == f"problem/{name}"),
        "state": state.label,
        "state_since": instant(state.at),
        "state_position": state.position,
        "acknowledged": told(facets.get("acknowledged")),
        "overdue": told(facets.get("overdue")),
        "resolution": told(facets.get("resolution")),
        "history": [
            {
                "position": line["position"],
                "at": instant(line["recorded_at"]),
                "by": line["actor"],
                "type": line["type"],
                "sentence": line["sentence"],
            }
            for line in lines
        ],
    }
