"""What the record says of an adjustment's executions: which one nobody has ended yet, and which number comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.runners.adjust.asking import Asker


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution, by the fencing token of its lease. `started`: from there on it may have been committed.

    `unknown`: it is recorded that only the marker tells; `over`: its lease is over, so that this will be.
    """

    token: int
    position: int
    unknown: bool = False
    started: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """`last` is the newest attempt, `pending` the same where it has no end yet."""

    last: Attempt | None = None
    pending: Attempt | None = None
    executed: bool = False

    @property
    def last_token(self) -> int:
        """The token of the newest attempt, 0 where there was none: it names the next attempt's first command."""
        return self.last.token if self.last is not None else 0


async def history_of(asker: Asker, adjustment: str, environment: str) -> History:
    """Read it. Raises Refused, Away."""
    grants = await _grants(asker, f"adjustment {adjustment}", environment)
    if not grants:
        return History()
    executed = await _of(asker, "DataAdjustExecuted", adjustment)
    grant = grants[0]
    last = Attempt(token=grant["data"]["fencing_token"], position=grant["position"])
    if executed:
        return History(last=last, executed=True)
    ended = [event for event in await _of(asker, "DataAdjustFailed", adjustment) if event["position"] > last.position]
    begun = [event for event in await _of(asker, "DataAdjustStarted", adjustment) if event["position"] > last.position]
    unknown = bool(ended) and ended[0]["data"]["transaction"] == "unknown"
    last = Attempt(
        last.token,
        last.position,
        unknown=unknown,
        started=bool(begun),
        over=not ended and asker.is_past(await _expiry(asker, grant, environment)),
    )
    return History(last=last, pending=last if unknown or not ended else None)


async def pending_rehearsal(asker: Asker, adjustment: str, environment: str) -> tuple[int, int | None]:
    """Return the token of the newest rehearsal there (0: none), and again where nothing ended it."""
    grants = await _grants(asker, f"rehearsal {adjustment}", environment)
    if not grants:
        return 0, None
    position, token = grants[0]["position"], grants[0]["data"]["fencing_token"]
    for kind in ("DataAdjustRehearsed", "DataAdjustRehearsalFailed"):
        if any(event["position"] > position for event in await _of(asker, kind, adjustment)):
            return token, None
    return token, token


async def _grants(asker: Asker, subject: str, environment: str) -> list[dict[str, Any]]:
    found = await asker.events("LeaseGranted", environment=environment)
    return [event for event in found if event["data"].get("subject") == subject]


async def _expiry(asker: Asker, grant: Mapping[str, Any], environment: str) -> str:
    """Return when the lease is over, as the record says."""
    for event in await asker.events("LeaseRenewed", environment=environment):
        if event["data"].get("lease") == grant["data"]["lease"]:
            return str(event["data"]["expires_at"])
    return str(grant["data"]["expires_at"])


async def _of(asker: Asker, kind: str, adjustment: str) -> list[dict[str, Any]]:
    return [event for event in await asker.events(kind) if _about(event) == adjustment]


def _about(event: Mapping[str, Any]) -> object:
    return event["data"].get("adjustment")
