"""Who could do which part, where some parts must be done by different persons: an exact search, and why it fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from interlock.events.fact import fact


@fact
class Part:
    """Something that one of `who` must do. `needs` says in words who may, `mend` is the command that makes one more."""

    name: str
    who: tuple[str, ...]
    needs: str
    mend: str


@fact
class Step:
    """Parts that must all be done; those of a pair in `apart` by different persons."""

    name: str
    parts: tuple[Part, ...]
    apart: tuple[tuple[str, str], ...] = ()


def assignment(step: Step) -> dict[str, str] | None:
    """One way to do it: a person for each part, by the part's name; None where there is no way at all."""
    return _search(step, _parts_that_matter(step), {})


def _parts_that_matter(step: Step) -> list[Part]:
    """The parts in the order in which they are tried: those with the fewest persons first."""
    return sorted(step.parts, key=lambda part: len(part.who))


def _search(step: Step, parts: Sequence[Part], chosen: dict[str, str]) -> dict[str, str] | None:
    if not parts:
        return chosen
    first, *rest = parts
    others = _others(step, first.name)
    taken = {chosen[name] for name in others if name in chosen}
    free = [person for person in first.who if person not in taken]
    # Each later part can stand in the way of one person at most: whoever has more than that waits, and always fits.
    if len(free) > sum(part.name in others for part in rest):
        found = _search(step, rest, chosen)
        if found is None:
            return None
        taken = {found[name] for name in others if name in found}
        return {**found, first.name: next(person for person in free if person not in taken)}
    for person in free:
        found = _search(step, rest, {**chosen, first.name: person})
        if found is not None:
            return found
    return None


def _others(step: Step, name: str) -> frozenset[str]:
    """The parts that must be done by other persons than this one."""
    pairs = [pair for pair in step.apart if name in pair]
    return frozenset(each for pair in pairs for each in pair if each != name)


def shortage(step: Step) -> tuple[Part, ...]:
    """The fewest parts that cannot be done together, in their order; empty where there is a way."""
    if assignment(step) is not None:
        return ()
    for size in range(1, len(step.parts)):
        for parts in combinations(step.parts, size):
            if assignment(_only(step, parts)) is None:
                return parts
    return step.parts


def _only(step: Step, parts: tuple[Part, ...]) -> Step:
    return Step(name=step.name, parts=parts, apart=step.apart)


def would_help(step: Step, part: Part, somebody: Sequence[str]) -> Iterator[str]:
    """Those of `somebody` with whom there would be a way, if they might do `part` too."""
    for person in somebody:
        widened = Part(name=part.name, who=(*part.who, person), needs=part.needs, mend=part.mend)
        parts = tuple(widened if each.name == part.name else each for each in step.parts)
        if assignment(Step(name=step.name, parts=parts, apart=step.apart)) is not None:
            yield person
