"""What the record says of an adjustment's executions: which one nobody has ended yet, and which number comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.runners.asking import Asker


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
    grant = await _newest_grant(asker, f"adjustment {adjustment}", environment)
    if grant is None:
        return History()
    token, position = grant["data"]["fencing_token"], grant["position"]
    if await _after(asker, "DataAdjustExecuted", adjustment, grant) is not None:
        return History(last=Attempt(token, position), executed=True)
    ended = await _after(asker, "DataAdjustFailed", adjustment, grant)
    begun = await _after(asker, "DataAdjustStarted", adjustment, grant)
    unknown = ended is not None and ended["data"]["transaction"] == "unknown"
    over = ended is None and asker.is_past(await _expiry(asker, grant, environment))
    last = Attempt(token, position, unknown=unknown, started=begun is not None, over=over)
    return History(last=last, pending=last if unknown or ended is None else None)


async def pending_rehearsal(asker: Asker, adjustment: str, environment: str) -> tuple[int, int | None]:
    """Return the token of the newest rehearsal there (0: none), and again where nothing ended it."""
    grant = await _newest_grant(asker, f"rehearsal {adjustment}", environment)
    if grant is None:
        return 0, None
    token = grant["data"]["fencing_token"]
    for kind in ("DataAdjustRehearsed", "DataAdjustRehearsalFailed"):
        if await _after(asker, kind, adjustment, grant) is not None:
            return token, None
    return token, token


async def _newest_grant(asker: Asker, subject: str, environment: str) -> dict[str, Any] | None:
    async for event in asker.events("LeaseGranted", environment=environment):
        if event["data"].get("subject") == subject:
            return event
    return None


async def _after(asker: Asker, kind: str, adjustment: str, grant: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the newest event of that type about the adjustment, after the lease was granted."""
    async for event in asker.events(kind, since=grant["recorded_at"]):
        if event["position"] > grant["position"] and event["data"].get("adjustment") == adjustment:
            return event
    return None


async def _expiry(asker: Asker, grant: Mapping[str, Any], environment: str) -> str:
    """Return when the lease is over, as the record says."""
    async for event in asker.events("LeaseRenewed", environment=environment, since=grant["recorded_at"]):
        if event["data"].get("lease") == grant["data"]["lease"]:
            return str(event["data"]["expires_at"])
    return str(grant["data"]["expires_at"])


async def refused_last(asker: Asker, adjustment: str) -> int:
    """Return the position of the newest refusal that concerns the adjustment, 0 where there is none.

    It stands in the key of what begins an attempt: an answer that was lost is asked for again, and what was refused,
    which is recorded, is asked anew.
    """
    async for event in asker.events("ActionRefused", adjustment=adjustment):
        return int(event["position"])
    return 0
