"""Reports of facts, given or kept: what happened is not lost because the server is away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from interlock.cli import seams, spool
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.asking import Keeper


class Waits(Exception):
    """the server is away, and the report waits in the spool"""

    def __init__(self, kept: spool.Waiting, away: Exception) -> None:
        super().__init__(f"{kept.sentence()} waits in the spool: {away}")
        self.kept = kept
        self.away = away


def kept_in(error: BaseException) -> Waits | None:
    """Return the report that waits, where that is behind an error: a runner says in its own words what came of it."""
    cause: BaseException | None = error
    # A refusal and the runner's word for it name each other as their cause.
    seen: list[BaseException] = []
    while cause is not None and cause not in seen:
        kept = getattr(cause, "kept", None)
        if isinstance(kept, spool.Waiting):
            return cause if isinstance(cause, Waits) else Waits(kept, Exception(str(cause)))
        seen.append(cause)
        cause = cause.__cause__
    return None


def is_away(error: Exception) -> bool:
    """Whether an answer says nothing about what was asked: then a report of a fact can wait."""
    from interlock.client import OddAnswer, ProblemAnswer, ServerAway

    if isinstance(error, ProblemAnswer):
        return error.status >= 500
    return isinstance(error, ServerAway | OddAnswer)


def give_or_keep(session: Session, name: str, fields: Mapping[str, Any], key: UUID | str) -> dict[str, Any]:
    """Give a report; keep it where the server is away. Raises Waits where it is kept, ProblemAnswer."""
    from interlock.client import OddAnswer, ProblemAnswer, ServerAway

    try:
        return session.client.command(name, fields, idempotency_key=key)
    except (ServerAway, OddAnswer, ProblemAnswer) as error:
        if not is_away(error):
            raise
        raise Waits(keep(session, name, fields, key), error) from error


def keep(
    session: Session, name: str, fields: Mapping[str, Any], key: UUID | str, happened_at: datetime | None = None
) -> spool.Waiting:
    """Write the report down for `dt sync`. Raises NoReport, OSError."""
    # Nobody can be asked for the time now: the server's as it was last heard, or else this machine's.
    when = happened_at or session.client.server_now or session.test_now or seams.now()
    return spool.keep(
        name,
        fields,
        str(key),
        url=session.settings.url,
        project=session.project,
        principal=session.known_principal,
        happened_at=when,
    )


def keeper_of(session: Session) -> Keeper:
    """Return what keeps a runner's reports."""

    def keep_report(
        name: str, fields: Mapping[str, Any], key: UUID, happened_at: datetime | None
    ) -> spool.Waiting | None:
        return keep(session, name, fields, key, happened_at) if name in spool.REPORTS else None

    return keep_report


def put_evidence(session: Session, body: bytes, media_type: str) -> str:
    """Store what a report will name, and return its digest; kept here where the server is away."""
    from interlock.client import OddAnswer, ProblemAnswer, ServerAway

    try:
        return session.client.put_evidence(body, media_type)
    except (ServerAway, OddAnswer, ProblemAnswer) as error:
        if not is_away(error):
            raise
        return spool.keep_evidence(body, media_type)


def waiting_here(session: Session) -> int:
    """Return how many reports wait for this server and project."""
    return len(spool.waiting(session.settings.url, session.settings.project))
