"""Who holds the environment, when only that keeps a run from starting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from interlock.runners.asking import Asker
from interlock.runners.testing.history import past_of

FREE: Final = "environment-free"


@dataclass(frozen=True, slots=True)
class Holder:
    """An activity that holds an environment; `usual` seconds where it is a test run and earlier ones are known."""

    environment: str
    subject: str
    by: str
    since: datetime
    seen: datetime
    lease_until: datetime
    run: str | None = None
    nightly: bool = False
    usual: float | None = None

    @property
    def word(self) -> str:
        """What to call it: "nightly", "R-3", or "deploy D-7"."""
        return "nightly" if self.nightly else self.run or self.subject

    def share(self, now: datetime) -> float | None:
        """How much of its usual length has gone by."""
        return (now - self.since).total_seconds() / self.usual if self.usual else None

    @property
    def free_at(self) -> datetime | None:
        """When it will be over, if it takes as long as usual."""
        return self.since + timedelta(seconds=self.usual) if self.usual else None

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        found = {
            "environment": self.environment,
            "subject": self.subject,
            "by": self.by,
            "since": self.since.isoformat(),
            "last_sign_of_life": self.seen.isoformat(),
            "lease_until": self.lease_until.isoformat(),
            "run": self.run,
            "nightly": self.nightly,
            "usual_seconds": self.usual,
            "expected_free": self.free_at.isoformat() if self.free_at else None,
        }
        return {name: value for name, value in found.items() if value is not None}


def busy_check(decision: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the check that somebody holds it, where that is all that is missing; None otherwise."""
    missing = [check for check in decision.get("checks") or () if check["state"] not in {"passed", "not_applicable"}]
    return missing[0] if [check["check"] for check in missing] == [FREE] else None


async def holder_of(asker: Asker, environment: str, check: Mapping[str, Any]) -> Holder:
    """Read who holds it. Raises Refused, Away."""
    granted = await _newest(asker, "LeaseGranted", environment)
    if granted is None or granted["position"] not in (check.get("evidence") or ()):
        # The read models are behind, or it ended meanwhile: what the rules said must do.
        return _as_said(environment, check)
    data, since = granted["data"], datetime.fromisoformat(granted["recorded_at"])
    renewed = await _newest(asker, "LeaseRenewed", environment)
    mine = renewed if renewed is not None and renewed["data"]["lease"] == data["lease"] else None
    run, nightly, usual = None, False, None
    if data["kind"] == "test-run":
        run, usual = data["subject"].split()[1], (await past_of(asker, environment)).usual
        began = await _newest(asker, "TestRunStarted", environment)
        nightly = began is not None and began["data"]["run"] == run and began["data"]["trigger"] == "scheduled"
    return Holder(
        environment=environment,
        subject=data["subject"],
        by=data["holder"],
        since=since,
        seen=datetime.fromisoformat(mine["recorded_at"]) if mine else since,
        lease_until=datetime.fromisoformat((mine["data"] if mine else data)["expires_at"]),
        run=run,
        nightly=nightly,
        usual=usual,
    )


def _as_said(environment: str, check: Mapping[str, Any]) -> Holder:
    subject, _, by = str(check.get("observed")).rpartition(" by ")
    since, until = (datetime.fromisoformat(check[name]) for name in ("since", "until"))
    return Holder(environment, subject, by, since, since, until)


async def _newest(asker: Asker, kind: str, environment: str) -> dict[str, Any] | None:
    async for event in asker.events(kind, environment=environment, limit=1):
        return event
    return None
