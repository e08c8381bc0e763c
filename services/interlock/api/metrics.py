"""How delivery goes: DORA's five figures of a period, each with its definition and the events behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from interlock.api.asked import Moment, Reader, read_moment
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.parts import Parts
from interlock.api.policies import policy_of
from interlock.api.problems import invalid
from interlock.api.query import InstantText, Reading
from interlock.domain.policy import EnvironmentPolicy
from interlock.domain.situation import Situation
from interlock.domain.windows import describe, next_window
from interlock.projections import delivery

PERIOD_DAYS_DEFAULT: Final = 90
PERIOD_DAYS_MAX: Final = 1_100

router = APIRouter(prefix="/v1/{project}")


class MetricsQuery(Reading):
    """Of which period; without `until` up to the moment asked about, without `since` the PERIOD_DAYS_DEFAULT before."""

    since: InstantText | None = None
    until: InstantText | None = None


@router.get("/metrics", tags=["metrics"], **Documented.of())
async def how_delivery_goes(asked: Reader, query: Annotated[MetricsQuery, Query()]) -> Response:
    """DORA's five: lead time, deployment frequency, recovery time, change fail rate, rework rate; of production.

    Lead time is split into working, waiting for a person and waiting for the window. What failed and whether it was
    mended is told as it was known at `at`.
    """
    moment = await read_moment(asked, query)
    since, until = _period(query, moment)
    situation = asked.situation
    if moment.position != situation.position:
        situation = await asked.parts.desk.situation(asked.project, at_position=moment.position)
    found = await measured(asked.parts, asked.project, situation, since=since, until=until)
    return answer({"now": moment.now, **found}, position=moment.position)


async def measured(
    parts: Parts, project: str, situation: Situation, *, since: datetime, until: datetime
) -> dict[str, Any]:
    """Return the figures as known where the situation stands, by the windows of its policy. Raises not-found."""
    production = policy_of(situation).environments[-1]
    async with parts.connection() as connection:
        found = await delivery.delivery(
            connection,
            project,
            production=production.name,
            since=since,
            until=until,
            open_windows=open_windows(production),
            at=situation.position,
        )
    return {"environment": production.name, "rule": describe(production) or "always", **found}


def _period(query: MetricsQuery, moment: Moment) -> tuple[datetime, datetime]:
    """Return the period asked about. Raises a problem where it is none, too long, or not over yet."""
    until = query.until or moment.now
    since = query.since or until - timedelta(days=PERIOD_DAYS_DEFAULT)
    if until > moment.now:
        raise invalid("until", "it lies after the moment asked about; leave it out for everything up to then")
    if since >= until:
        raise invalid("since", "the period ends before it begins: `since` lies before `until`")
    if until - since > timedelta(days=PERIOD_DAYS_MAX):
        raise invalid("since", f"the period has more than {PERIOD_DAYS_MAX} days; ask about its parts")
    return since, until


def open_windows(
    production: EnvironmentPolicy,
) -> Callable[[datetime, datetime], Sequence[tuple[datetime, datetime]] | None]:
    """Return what tells when a deploy might start there, between two instants; None where it always might."""

    def between(since: datetime, until: datetime) -> Sequence[tuple[datetime, datetime]] | None:
        if not production.windows:
            return None
        found: list[tuple[datetime, datetime]] = []
        window = next_window(production, since)
        while window is not None and window.opens < until:
            found.append((window.opens, window.closes))
            window = next_window(production, window.closes)
        return found

    return between
