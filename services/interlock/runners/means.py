"""What a runner's work needs of the process that it runs in, and its children."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from interlock.events.seams import MonotonicClock, Sleep
from interlock.runners import child
from interlock.runners.ending import Ending
from interlock.runners.failures import LeaseLost


@dataclass(frozen=True, slots=True)
class Means:
    """What a runner's work needs of the process it runs in."""

    clock: MonotonicClock
    sleep: Sleep
    environ: Mapping[str, str]
    told: Callable[[str], None]
    # INTERLOCK_RELEASE and the like, for children.
    facts: Mapping[str, str] = field(default_factory=dict)


async def run_child(
    words: tuple[str, ...], directory: Path, environ: Mapping[str, str], means: Means, ending: Ending
) -> child.Ended:
    """Run a child that is ended when the work is. Raises LeaseLost where that happened."""
    ending.check()
    running = await child.Child.start(
        words, directory=directory, environ={**environ, **means.facts}, clock=means.clock, told=means.told
    )
    try:
        with ending.running(running.end):
            ended = await running.wait()
    except LeaseLost:
        # The work was ended while the child began.
        await running.end()
        await running.wait()
        raise
    ending.check()
    return ended
