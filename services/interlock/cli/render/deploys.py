"""What a deploy would do, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interlock.cli.render.lines import Lines, Span, line

if TYPE_CHECKING:
    from interlock.runners.deploying import Executor


def plan_of(state: Mapping[str, Any], executor: Executor | None) -> list[str]:
    """Return the steps in words; `state` is the environment's."""
    occupancy = state.get("occupancy") or {}
    steps = []
    if occupancy.get("state") == "occupied" and occupancy.get("release"):
        steps.append(f"{occupancy['release']} is displaced")
    if executor is None:
        return [*steps, "somebody else deploys it, and reports: no deploy command is configured here"]
    if executor.feed is not None:
        steps.append(f"{' '.join(executor.feed.command.words)} says which market data it gets")
    steps.append(f"{' '.join(executor.observed.words)} says what runs there now")
    migrations = executor.migrations
    if migrations is not None:
        steps.append(f"the migrations in {migrations.place} are compared with those that the release declares")
    steps.append("the lease is taken: every check is made again")
    if migrations is not None:
        steps.append("the migrations run that have not run there")
    return [
        *steps,
        f"{' '.join(executor.deploy.words)} is run in {executor.deploy.directory}",
        f"{' '.join(executor.observed.words)} must say that the content runs",
    ]


def plan_lines(plan: Sequence[str], *, refused: bool) -> Lines:
    """Return the steps, numbered."""
    lines: Lines = [line(Span("if it were allowed:" if refused else "what would be done:", "strong"))]
    lines.extend(line(f"  {number}  ", step) for number, step in enumerate(plan, 1))
    return lines
