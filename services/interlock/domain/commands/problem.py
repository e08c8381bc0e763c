"""What can be asked of a problem."""

from __future__ import annotations

from interlock.domain.commands.registry import command
from interlock.events.values import Line, Name, Severity, Text


@command()
class ReportProblem:
    """Say that something is wrong; it concerns the release that runs there, unless another is named."""

    environment: Name
    title: Line
    severity: Severity = "medium"
    release: Name | None = None
    description: Text | None = None


@command()
class AcknowledgeProblem:
    """Say that somebody looks after it."""

    problem: Name


@command()
class ResolveProblem:
    """Say that it is solved, and how."""

    problem: Name
    how: Text
    fixed_by_release: Name | None = None


@command()
class DismissProblem:
    """Say that it was none."""

    problem: Name
    reason: Text


@command()
class ReopenProblem:
    """Say that it is there again."""

    problem: Name
    reason: Text
