"""What can be asked of a deploy: request, start, report, cancel."""

from __future__ import annotations

from interlock.domain.commands.registry import command
from interlock.events.catalogue.parts import AppliedMigration, Observed
from interlock.events.values import Digest, EnvironmentLeft, Instant, Line, Name, Positive, Text


@command()
class RequestDeploy:
    """Ask that the release's present content is deployed; `problem` lets a redeploy skip the window."""

    release: Name
    environment: Name
    at_window: bool = False
    problem: Name | None = None


@command()
class RequestRollback:
    """Ask that production goes back to `release` (absent: the last sure occupant before)."""

    environment: Name
    problem: Name
    release: Name | None = None


@command()
class StartDeploy:
    """The executor begins a requested deploy: takes the environment's lease, says what it found there."""

    release: Name
    deploy: Name
    observed: Observed


@command()
class ReportDeploySucceeded:
    """The executor says that the content runs; `observed_digest` is what it reads there now, `log` what was written.

    `happened_at` is when that was, where the report could not be sent at once: the record keeps both times.
    """

    release: Name
    deploy: Name
    fencing_token: Positive
    observed_digest: Digest
    schema_digest: Digest | None = None
    migrations: tuple[AppliedMigration, ...] = ()
    log: Digest | None = None
    happened_at: Instant | None = None


@command()
class ReportDeployFailed:
    """The executor says that it did not work, in which phase, and what it left behind; `happened_at` as above."""

    release: Name
    deploy: Name
    fencing_token: Positive
    phase: Line
    error: Text
    environment_left: EnvironmentLeft
    observed_digest: Digest | None = None
    log: Digest | None = None
    happened_at: Instant | None = None


@command()
class CancelDeploy:
    """Take a request back before it started."""

    release: Name
    deploy: Name
    reason: Text
