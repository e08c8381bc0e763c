"""Arguments and options that many commands share, with completion from what `dt` has seen before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from interlock.cli import memory

F = TypeVar("F", bound=Callable[..., Any])
ENVIRONMENTS = ("sandbox-anton", "tests", "sandbox", "stage", "production")


def seen(kind: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return a completion of names of that kind; it never asks the server."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        del ctx, parameter
        offered = memory.names(kind) or (list(ENVIRONMENTS) if kind == "environment" else [])
        return [name for name in offered if name.startswith(incomplete)]

    return complete


def release_argument(function: F) -> F:
    """Take RELEASE."""
    return click.argument("release", metavar="RELEASE", shell_complete=seen("release"))(function)


def environment_argument(function: F) -> F:
    """Take ENVIRONMENT."""
    return click.argument("environment", metavar="ENVIRONMENT", shell_complete=seen("environment"))(function)


def problem_argument(function: F) -> F:
    """Take PROBLEM."""
    return click.argument("problem", metavar="PROBLEM", shell_complete=seen("problem"))(function)


def adjustment_argument(function: F) -> F:
    """Take ADJUSTMENT."""
    return click.argument("adjustment", metavar="ADJUSTMENT", shell_complete=seen("adjustment"))(function)


def person_argument(function: F) -> F:
    """Take WHO."""
    return click.argument("principal", metavar="WHO", shell_complete=seen("person"))(function)


def at_option(function: F) -> F:
    """Take `--at`: how it was then."""
    return click.option("--at", metavar="WHEN", help='As it was then: "2026-11-14 10:30" (GMT), or a position.')(
        function
    )


def kafka_options(function: F) -> F:
    """Take `--kafka`, `--topic` and `--config`: where events are read, and which database is filled."""
    for option in (
        click.option(
            "--config",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            metavar="FILE",
            help="The settings, whose database is filled; without it the nearest interlock.toml.",
        ),
        click.option("--topic", default="interlock.events", show_default=True, help="Where the events are."),
        click.option("--kafka", metavar="HOST:PORT", help="The brokers to begin with."),
    ):
        function = option(function)
    return function


def reason_option(function: F) -> F:
    """Take `--reason`, which is recorded."""
    return click.option("--reason", "-m", required=True, metavar="TEXT", help="Why; it is recorded.")(function)
