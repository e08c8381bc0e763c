"""docs/PROOF.md: what was searched, what was found, and what was abstracted. Written by the run, never by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proof.adjusting import DATA
from tests.proof.guards import Removed
from tests.proof.parts import PARTS
from tests.proof.scenes import SCENES

if TYPE_CHECKING:
    from tests.proof.runs import Searched

PATH = Path(__file__).parents[2] / "docs" / "PROOF.md"

HEAD = """# The flow proved

Every state that the shipped rules (`decide`, `evolve`, `admit`, `streams_needed`, `due` of `interlock.domain`) can reach
within the bounds below was searched, breadth first. `make test` does it in a few minutes; `make prove` also proves what
is called *implied* below. This page is written by the run (`python -m tests.proof`), and a test compares it with one.

## What holds in every state

`tests/proof/oracle.py` and `oracle_of_adjustments.py` read the recorded events, and none of the rules:

- no deploy starts without each of its gate's facts about exactly this content, made while it was the occupant, and in
  production on production's present state (for a retry: the state that the first attempt found);
- two activities never hold one environment, and nothing is reported after its lease was over;
- no person counts twice, and nobody judges his own;
- a fix that production has never leaves it by a later release, a roll forward or a redeploy, and what was rolled back
  from never starts again;
- an adjustment is executed at most once, and never begun or committed without a good rehearsal of this plan, enough
  distinct independent persons who are verifiers at that moment, the operator of that moment, and a backup;
- the rules and the oracle agree on who occupies, holds and doubts each environment.

**No dead end.** From every state some way leads to a calm one: each release withdrawn, superseded or completed, and
production sure, free, unfrozen and without an open problem; each adjustment cancelled, expired, checked or taken back.
The ways use only what willing people do: these moves cost nothing, so a bound never takes them away.

"""

ABSTRACTED = """
## What was abstracted, and why that is sound

| What | Into what | Why nothing is lost |
|---|---|---|
| positions | who came before whom, where a rule compares them: rehearsal and production's mark, a doubt and the start or lease that it came after | no rule computes with a position; the rest is only shown |
| times | the window open or shut; a lease, a request, a freeze, a snapshot, the logs in time or over | rules compare moments and do nothing else with them; the moments that a part can come to are finitely many |
| passing time | the next opening (a Saturday), the closing, the end of a lease; for adjustments a day or a week | between these no comparison changes; Sunday's window is the same rule as Saturday's |
| ids, counters, tokens | what they refer to | names are never compared but for equality, and a token only with the lease's |
| the order of requests | none | no rule looks at it |
| what is over | nothing of a withdrawn or superseded release but its content and authors; no resolved problem but where it may be reopened | a release that is over never starts again |
| persons | vera and rosa have the same roles: one is tried where one acts, both where two do | a rule tells persons apart only by their roles and by whether they are the same, so exchanging the two exchanges states |
| what only tells | missed nights, log checks and reactions are not recorded | no rule reads them |
| a refused command | not decided in full where one check of its gate fails | a gate holds all of its checks; every 64th is decided in full, and was refused |

Not in the alphabet: teams and policies that change while releases move (for adjustments they do), re-pointed
environments, restores into other environments than stage, more than two releases, a second request for production
while one waits. Content: {contents}. The random walks in `tests/domain` and over the real API go there.
"""


def document(parts: Sequence[Searched], removed: Sequence[Removed]) -> str:
    """The whole page."""
    contents = "two variants of each release (one with a migration that bars a rollback), and one that names no tests"
    return "".join((HEAD, *_parts(parts), *_guards(removed), ABSTRACTED.format(contents=contents)))


def _parts(parts: Sequence[Searched]) -> Iterable[str]:
    bounds = {p.scope.name: (p.scope.disturbances, ", ".join(sorted(p.scope.disturb)), p.about) for p in PARTS}
    bounds |= {d.name: (d.disturbances, ", ".join(sorted(d.disturb)), d.about) for d in DATA}
    flow = [part for part in parts if part.name in {p.scope.name for p in PARTS}]
    yield "## The space\n\n"
    yield f"Release flow: **{sum(p.states for p in flow):,} states, {sum(p.transitions for p in flow):,} transitions**"
    yield " (accepted commands, and the passing of time; refused attempts are counted apart). No violation, no dead end.\n\n"
    yield "| Part | States | Transitions | Refused | Deepest | Disturbances at most |\n|---|---|---|---|---|---|\n"
    for part in parts:
        most, _, about = bounds[part.name]
        refused = part.attempts - part.transitions
        yield f"| {part.name}: {about} | {part.states:,} | {part.transitions:,} | {refused:,} | {part.depth} | {most} |\n"
    scenes: dict[str, int] = {}
    for part in flow:
        for name, count in part.scenes:
            scenes[name] = scenes.get(name, 0) + count
    yield "\n| What lies in the space | In states |\n|---|---|\n"
    yield from (f"| {name} | {scenes.get(name, 0):,} |\n" for name in SCENES)
    yield "\nWhat may disturb, in each part:\n\n"
    for name, (_, kinds, _) in bounds.items():
        yield f"- {name}: {kinds}\n"


def _guards(removed: Sequence[Removed]) -> Iterable[str]:
    yield "\n## Each guard taken away, alone\n\n"
    yield "The search is made again on a small part without the guard. *Moves* is the length of a shortest way there.\n\n"
    yield "| Guard | Moves | What is found |\n|---|---|---|\n"
    for one in removed:
        if one.where is None:
            yield f"| `{one.guard}` | – | implied by the others: `make prove` searches every part without it |\n"
        else:
            yield f"| `{one.guard}` | {len(one.way)} | {one.what} ({one.where}) |\n"
