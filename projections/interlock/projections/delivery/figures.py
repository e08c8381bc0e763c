"""The five figures of a period, each with its definition and the positions of the events behind it: a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from interlock.projections.delivery import definitions
from interlock.projections.delivery.deployments import Deployment
from interlock.projections.delivery.lead_time import Delivered, Spent
from interlock.projections.facets import instant

WEEK = timedelta(days=7)
DAY_SECONDS = 86_400


def figures(
    deployments: Sequence[Deployment], delivered: Sequence[Delivered], since: datetime, until: datetime
) -> dict[str, Any]:
    """Return the figures of what ended in the period [since, until). Times are in seconds, rates in percent.

    What failed and whether it was mended is told as it is known now, also where that was found after the period.
    """
    counted = [each for each in deployments if each.counts and each.at is not None and since <= each.at < until]
    counted.sort(key=lambda each: each.position)
    aside = [each for each in deployments if each.outcome == "unchanged" and each.at and since <= each.at < until]
    brought = [
        each for each in delivered if each.deployment.at is not None and since <= each.deployment.at < until
    ]  # fmt: skip
    return {
        "since": instant(since),
        "until": instant(until),
        "definition": definitions.DEPLOYMENT,
        "source": definitions.SOURCE,
        "deployments": [_deployment(each) for each in counted],
        "lead_time": _lead_time(brought),
        "deployment_frequency": _frequency(counted, aside, since, until),
        "failed_deployment_recovery_time": _recovery(counted),
        "change_fail_rate": {
            "definition": definitions.FAIL_RATE,
            **_rate("failed", [each for each in counted if each.failure is not None], counted),
        },
        "rework_rate": {
            "definition": definitions.REWORK_RATE,
            **_rate("rework", [each for each in counted if each.rework], counted),
        },
    }


def _deployment(each: Deployment) -> dict[str, Any]:
    return {
        **_named(each),
        "outcome": each.outcome,
        "intent": each.intent,
        "problem": each.problem,
        "rework": each.rework,
        "failed_because": None if each.failure is None else each.failure.because,
    }


def _lead_time(brought: Sequence[Delivered]) -> dict[str, Any]:
    changes = [spent for each in brought for spent in each.changes]
    lengths = [spent.total for spent in changes]
    return {
        "definition": definitions.LEAD_TIME,
        "changes": len(changes),
        "median_seconds": _seconds(median(lengths)),
        "longest_seconds": _seconds(max(lengths, default=None)),
        **_spent(sum(changes, Spent())),
        "deployments": [
            {
                **_named(each.deployment),
                "content_position": each.content_position,
                "changes": len(each.changes),
                "first_commit_at": instant(each.first_commit),
                **_spent(each.longest),
            }
            for each in brought
        ],
        "events": sorted({at for each in brought for at in (each.content_position, each.deployment.position)}),
    }


def _spent(spent: Spent) -> dict[str, Any]:
    """Return the parts in whole seconds, so that they add up to the whole."""
    total, person, window = (int(part.total_seconds()) for part in (spent.total, spent.person, spent.window))
    return {
        "total_seconds": total,
        "working_seconds": total - person - window,
        "person_seconds": person,
        "window_seconds": window,
    }


def _frequency(
    counted: Sequence[Deployment], aside: Sequence[Deployment], since: datetime, until: datetime
) -> dict[str, Any]:
    days = (until - since).total_seconds() / DAY_SECONDS
    return {
        "definition": definitions.FREQUENCY,
        "deployments": len(counted),
        "left_unchanged": len(aside),
        "days": round(days, 2),
        "per_week": round(len(counted) * 7 / days, 2),
        "weeks": [_week(counted, begins, ends) for begins, ends in weeks(since, until)],
        "events": [each.position for each in counted],
    }


def _week(counted: Sequence[Deployment], begins: datetime, ends: datetime) -> dict[str, Any]:
    own = [each for each in counted if each.at is not None and begins <= each.at < ends]
    return {
        "begins": instant(begins),
        "deployments": len(own),
        "failed": sum(each.failure is not None for each in own),
        "rework": sum(each.rework for each in own),
        "events": [each.position for each in own],
    }


def weeks(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Return the weeks that the period touches, from Monday 00:00 GMT each."""
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = midnight - timedelta(days=midnight.weekday())
    found: list[tuple[datetime, datetime]] = []
    while begins < until:
        found.append((begins, begins + WEEK))
        begins += WEEK
    return found


def _recovery(counted: Iterable[Deployment]) -> dict[str, Any]:
    rows, lengths = [], []
    for each in counted:
        failure = each.failure
        if failure is None:
            continue
        took = None if failure.recovered_at is None else failure.recovered_at - failure.at
        if took is not None:
            lengths.append(took)
        rows.append(
            {
                **_named(each),
                "because": failure.because,
                "failed_at": instant(failure.at),
                "failed_position": failure.position,
                "recovered_at": instant(failure.recovered_at),
                "recovered_position": failure.recovered_position,
                "recovered_by": failure.recovered_by,
                "seconds": _seconds(took),
                "events": list(failure.events),
            }
        )
    return {
        "definition": definitions.RECOVERY,
        "failed": len(rows),
        "recovered": len(lengths),
        "median_seconds": _seconds(median(lengths)),
        "failures": rows,
        "events": sorted({position for row in rows for position in row["events"]}),
    }


def _rate(name: str, some: Sequence[Deployment], counted: Sequence[Deployment]) -> dict[str, Any]:
    return {
        name: len(some),
        "deployments": len(counted),
        "percent": round(100 * len(some) / len(counted), 1) if counted else None,
        "events": [each.position for each in some],
    }


def _named(each: Deployment) -> dict[str, Any]:
    return {"deploy": each.deploy, "release": each.release, "at": instant(each.at), "position": each.position}


def median(lengths: Sequence[timedelta]) -> timedelta | None:
    """Return the middle one, or the mean of the two in the middle; None where there is none."""
    if not lengths:
        return None
    ordered = sorted(lengths)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _seconds(took: timedelta | None) -> int | None:
    return None if took is None else int(took.total_seconds())
