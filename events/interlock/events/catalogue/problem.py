"""One problem, from its report to its end. Stream: `problem/ID`.

These types are the storage format: a changed shape is a new schema number and an upcaster.
"""

from __future__ import annotations

from typing import Literal

from interlock.events.catalogue.registry import event
from interlock.events.values import Instant, Line, Name, PrincipalId, Severity, Text

ProblemSource = Literal[
    "person", "test-run", "log-check", "failed-deploy", "observation", "drift", "lease", "reaction", "database"
]


@event()
class ProblemReported:
    """Something is wrong in an environment; it concerns the release that ran there.

    `failed_deploy` names the production deploy whose failure it is: such a problem blocks only
    other normal releases.
    """

    problem: Name
    environment: Name
    title: Line
    severity: Severity
    source: ProblemSource
    react_by: Instant
    release: Name | None = None
    description: Text | None = None
    reporter: PrincipalId | None = None
    failed_deploy: Name | None = None


@event()
class ProblemAcknowledged:
    """Somebody looks after it."""

    problem: Name


@event()
class ProblemResolved:
    """It is solved."""

    problem: Name
    how: Text
    fixed_by_release: Name | None = None


@event()
class ProblemDismissed:
    """It was none."""

    problem: Name
    reason: Text


@event()
class ProblemReopened:
    """It is there again; the fields are the first report's, for whoever has forgotten it."""

    problem: Name
    reason: Text
    environment: Name
    title: Line
    severity: Severity
    source: ProblemSource
    react_by: Instant
    release: Name | None = None
    failed_deploy: Name | None = None


@event()
class ReactionOverdue:
    """Nobody acknowledged it in time."""

    problem: Name
    due_at: Instant
