"""docs/PROOF.md: what was searched, what was found, and what was abstracted. Written by the run, never by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proof.adjusting import DATA
from tests.proof.guards import NOT_SEARCHED, PROVED, Removed
from tests.proof.parts import LONG, LONG_STATES_MAX, PARTS
from tests.proof.scenes import SCENES

if TYPE_CHECKING:
    from tests.proof.runs import Searched

PATH = Path(__file__).parents[2] / "docs" / "PROOF.md"

TEMPLATE = Path(__file__).with_name("PROOF.md.template")


def document(parts: Sequence[Searched], removed: Sequence[Removed]) -> str:
    """The whole page."""
    contents = "two variants of each release (one with a migration that bars a rollback), and one that names no tests"
    template = TEMPLATE.read_text(encoding="utf-8")
    return template.format(parts="".join(_parts(parts)), guards="".join(_guards(removed)), contents=contents)


def _parts(parts: Sequence[Searched]) -> Iterable[str]:
    bounds = {p.scope.name: (p.scope.disturbances, ", ".join(sorted(p.scope.disturb)), p.about) for p in PARTS}
    bounds |= {d.name: (d.disturbances, ", ".join(sorted(d.disturb)), d.about) for d in DATA}
    flow = [part for part in parts if part.name in {p.scope.name for p in PARTS}]
    yield "## The space\n\n"
    yield f"Release flow: **{sum(p.states for p in flow):,} states, {sum(p.transitions for p in flow):,} transitions**"
    yield "\n(accepted commands, and the passing of time; refused attempts are counted apart).\n"
    yield "No violation, no dead end.\n\n"
    yield "| Part | States | Transitions | Refused | Deepest | Disturbances at most |\n|---|---|---|---|---|---|\n"
    for part in parts:
        most, _, about = bounds[part.name]
        sizes = (part.states, part.transitions, part.attempts - part.transitions, part.depth, most)
        yield f"| {part.name}: {about} | {' | '.join(f'{size:,}' for size in sizes)} |\n"
    scenes: dict[str, int] = {}
    for part in flow:
        for name, count in part.scenes:
            scenes[name] = scenes.get(name, 0) + count
    yield "\n| What lies in the space | In states |\n|---|---|\n"
    yield from (f"| {name} | {scenes.get(name, 0):,} |\n" for name in SCENES)
    yield "\nNo way through a part with one disturbance at most has two: such a part may be cut by their kinds.\n"
    yield "So `make prove` searches these as well, one kind after the other, each to its end or to "
    yield f"{LONG_STATES_MAX:,} states, and says\nhow far each went:\n\n"
    yield from (f"- {name}: {about}, one disturbance of any kind\n" for name, about in _long().items())
    yield "\nWhat may disturb, in each part:\n\n"
    for name, (_, kinds, _) in bounds.items():
        yield f"- {name}: {kinds or 'nothing'}\n"


def _long() -> dict[str, str]:
    return {part.scope.name.partition(",")[0]: part.about for part in LONG}


def _guards(removed: Sequence[Removed]) -> Iterable[str]:
    yield "\n## Each guard taken away, alone\n\n"
    yield "The search is made again on a small part without the guard. *Moves* is the length of a shortest way there,\n"
    yield "from where that part begins. Where a small part shows nothing, `make prove` searches each part above\n"
    yield "without it: what it finds nothing for either is implied by the others, or by what the command records.\n\n"
    yield "| Guard | Moves | What is found |\n|---|---|---|\n"
    for one in removed:
        if one.where is None:
            proved = "implied" if one.guard in PROVED else "nothing; that it is implied is not yet proved"
            yield f"| `{one.guard}` | – | {proved} |\n"
        else:
            yield f"| `{one.guard}` | {len(one.way)} | {one.what} ({one.where}) |\n"
    yield "\nNot in the search, each shown by a story in `tests/domain` that ends badly without it:\n\n"
    yield from (f"- `{name}`: {why}\n" for name, why in NOT_SEARCHED.items())
