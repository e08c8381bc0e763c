"""The lease, kept while the work goes on; the work is ended before the lease is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from interlock.runners.asking import Asker, Away, event_in
from interlock.runners.failures import LeaseLost, Refused

RENEWALS_PER_LEASE: Final = 3
# The backend is ended so long before the lease is: a lease protects the record, not the world.
MARGIN_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 5.0


@dataclass(slots=True)
class Lease:
    """The lease that was granted; `until` on this process's monotonic clock, never later than the ledger's."""

    environment: str
    lease: str
    token: int
    seconds: float
    until: float
    lost: bool = False
    subject: str = ""

    def check(self, now: float) -> None:
        """Raise LeaseLost where it may be over before the next step is."""
        if self.lost or now > self.until - MARGIN_SECONDS:
            raise LeaseLost(LeaseLost.__doc__)


def granted(answer: Mapping[str, Any], environment: str, asked_at: float) -> Lease:
    """Return the lease that a command's answer grants; time counts from before the question."""
    event = event_in(answer, "LeaseGranted")
    if event is None:
        raise LeaseLost("no lease was granted")
    seconds = _seconds(event)
    return Lease(
        environment, event["lease"], event["fencing_token"], seconds, asked_at + seconds, subject=event["subject"]
    )


def _seconds(event: Mapping[str, Any]) -> float:
    ends, recorded = (datetime.fromisoformat(event[name]) for name in ("expires_at", "recorded_at"))
    return (ends - recorded).total_seconds()


@asynccontextmanager
async def kept_lease(asker: Asker, lease: Lease, end_work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Renew the lease until the end of the context; where that fails, `end_work` is called before it is over."""
    task = asyncio.create_task(_keep(asker, lease, end_work))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(asker: Asker, lease: Lease, end_work: Callable[[], Awaitable[None]]) -> None:
    """A renewal that gets no answer is tried again until the margin; one that is refused ends the work at once."""
    number, pause = 0, lease.seconds / RENEWALS_PER_LEASE
    while True:
        await asker.sleep(max(0.0, min(pause, lease.until - MARGIN_SECONDS - asker.clock())))
        if asker.clock() >= lease.until - MARGIN_SECONDS:
            break
        asked_at, number = asker.clock(), number + 1
        fields = {"environment": lease.environment, "lease": lease.lease, "fencing_token": lease.token}
        try:
            question = asker.ask("RenewLease", fields, lease.environment, lease.token, number)
            answer = await _in_time(question, lease.until - MARGIN_SECONDS - asker.clock())
        except Away:
            pause = RETRY_SECONDS
            continue
        except Refused:
            break
        renewed = event_in(answer, "LeaseRenewed")
        pause = lease.seconds / RENEWALS_PER_LEASE
        if renewed is not None:
            lease.until = asked_at + _seconds(renewed)
    lease.lost = True
    await end_work()


async def _in_time(question: Coroutine[Any, Any, dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the answer; one that hangs longer than the work may last is as good as none. Raises Away.

    `asyncio.wait_for` may lose a cancellation that comes with the answer; the lease would be kept for ever.
    """
    asking = asyncio.create_task(question)
    try:
        await asyncio.wait({asking}, timeout=max(0.0, seconds))
        if not asking.done():
            raise Away("no answer in time")
        return asking.result()
    finally:
        asking.cancel()
