"""What time alone brings about: the watch gives these commands, and nobody else may."""

from __future__ import annotations

from interlock.domain.commands.registry import command
from interlock.events.values import Instant, Line, Name


@command()
class ExpireLease:
    """The lease's holder gave no sign of life."""

    environment: Name
    lease: Name


@command()
class SettleDeployRequest:
    """A request's window opened (it becomes ready, or is cancelled), or its time is over (it expires)."""

    release: Name
    deploy: Name


@command()
class RecordMissedTestRun:
    """No scheduled test run started on `day` (ISO date, UTC) by its time."""

    environment: Name
    day: Line


@command()
class RecordMissedLogCheck:
    """The logs were not checked by `due_at`."""

    environment: Name
    due_at: Instant


@command()
class RecordOverdueReaction:
    """Nobody acknowledged the problem in time."""

    problem: Name


@command()
class ExpireAsked:
    """No second person confirmed in time."""

    ask: Name


@command()
class AuthorizeAdjustment:
    """The last verification that was needed is there: the rule authorizes it, for who is operator now."""

    adjustment: Name


@command()
class ExpireAdjustment:
    """The authorization's time is over, or the whole request's."""

    adjustment: Name
