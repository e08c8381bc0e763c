"""Whether the people that are registered could pass each gate, and if not, who is missing: before anybody waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from interlock.domain.assignment import Part, Step, assignment, shortage
from interlock.domain.situation import Situation
from interlock.domain.staffing.members import Lack, Members, lack_of, scarcest
from interlock.domain.staffing.steps import steps, to_production
from interlock.domain.staffing.under_way import of_what_is_open
from interlock.events.fact import fact, replace

__all__ = ["Lack", "Staffing", "staffing"]


@fact
class Staffing:
    """What was looked at, and what nobody can do.

    `possible` names for each step one set of people who could do it; `alone` are the authors for whose releases
    nobody would be left, although for others' somebody is.
    """

    possible: dict[str, dict[str, str]]
    lacks: tuple[Lack, ...]
    alone: tuple[Lack, ...] = ()


def staffing(situation: Situation, now: datetime) -> Staffing:
    """Look at every step of the flow with the present team, and at every open release with its own authors."""
    found = Members(situation, now)
    possible: dict[str, dict[str, str]] = {}
    lacks: list[Lack] = []
    told: set[tuple[str, ...]] = set()
    for step in steps(found):
        somebody = assignment(step)
        if somebody is not None:
            possible[step.name] = somebody
            continue
        for short in _shortages(step):
            # What an earlier gate lacks, each later one lacks too: it is told once, where it is met first.
            same = _same(step, short)
            if not same & told:
                lacks.append(lack_of(step, short, found))
            told |= same
    lacks += of_what_is_open(found)
    return Staffing(possible=possible, lacks=tuple(lacks), alone=tuple(_alone(found)))


def _shortages(step: Step) -> Iterator[tuple[Part, ...]]:
    """Everything that the step lacks, one after the other, each as if what was named before were mended."""
    while short := shortage(step):
        yield short
        mended = scarcest(short)
        step = replace(step, parts=tuple(part for part in step.parts if part.name != mended.name))


def _same(step: Step, short: Sequence[Part]) -> set[tuple[str, ...]]:
    """By what a lack is known again: nobody with a role at all is one, and so is one more person for one step."""
    mend = scarcest(short).mend
    if len(short) == 1:
        return {(mend,), (step.name, mend)}
    return {tuple(part.name for part in short), (step.name, mend)}


def _alone(found: Members) -> Iterator[Lack]:
    """The authors whose releases would find nobody to judge them, where others' would."""
    *_, step = to_production(found)
    if assignment(step) is None:
        return
    author, *others = step.parts
    for person in author.who:
        alone = replace(step, parts=(replace(author, who=(person,)), *others))
        if assignment(alone) is None:
            short = [part for part in shortage(alone) if part.name != author.name]
            yield lack_of(alone, short, found, subject=person)
