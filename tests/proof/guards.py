"""Each guard taken away, alone: the search finds what it prevents, or the guard is implied by the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from interlock.domain import gates
from interlock.domain.checks import CHECKS, independence
from interlock.domain.decide import case
from interlock.domain.decide.case import Case
from interlock.domain.gates import DEPLOY, REDEPLOY, ROLLBACK
from interlock.events.decision import CheckOutcome
from tests.proof import adjusting, parts
from tests.proof.adjusting import Data
from tests.proof.ghost import STAGE, TESTS
from tests.proof.moves import Scope
from tests.proof.odd import ODD as ODD_HANDS
from tests.proof.people import HOTFIX, NORMAL, opened, unbased
from tests.proof.search import Found, Search
from tests.proof.world import State

# What stands beside one command's decision, and not among CHECKS.
BESIDE = (
    "migrations-complete", "name-unused", "rehearsal-begun", "release-unfinished",
    "review-base-current",
)  # fmt: skip


OF_ADJUSTMENTS = ("verifier_independent", "result_checker_independent")
# No move of the search could show them missing, and why; their stories in tests/domain do.
NOT_SEARCHED = {
    "administrator": "it stands before the issue of a credential for somebody else, which is no move of the search",
    "authors-known": "every commit in the search was written by a person who is registered",
    "credential-valid": "it stands before the issue of a credential, which is no move of the search",
    "two-administrators-remain": "nobody leaves in the search, or is administrator no more",
}


# What `make prove` has shown to be implied by the others; a name comes here after it did.
PROVED: frozenset[str] = frozenset({"rehearsal-begun"})


OF_ODD_HANDS = (
    "base-undeclared", "environment-unsure", "erase-allowed", "hotfix-goes-first", "logs-continuous", "role-held",
    "verdict-own",
)  # fmt: skip
OF_ODD_HANDS_IN_DATA = ("adjustment-executed", "adjustment-own", "marker-reader", "proposer-is-another")


def passing(name: str) -> Callable[..., CheckOutcome]:
    """A check that lets everything pass."""
    return lambda *_: CheckOutcome(check=name, state="passed")


@contextmanager
def without(guard: str) -> Iterator[None]:
    """The rules without this guard."""
    place: Any
    change: Any
    if guard in CHECKS:
        before = CHECKS[guard]
        CHECKS[guard] = passing(guard)
        try:
            yield
        finally:
            CHECKS[guard] = before
        return
    if guard == "role-held":
        place, name, change = case, "role_held", passing(guard)
    elif guard.endswith("_independent"):
        place, name, change = independence, guard, lambda *_: True
    else:
        place, name, change = Case, "ruled", _ruled_without(guard)
    before_there = getattr(place, name)
    setattr(place, name, change)
    try:
        yield
    finally:
        setattr(place, name, before_there)


def _ruled_without(guard: str) -> Any:
    ruled = Case.ruled

    def changed(self: Case, *arguments: Any, extra: Iterable[CheckOutcome] = ()) -> Any:
        kept = [replace(one, state="passed") if one.check == guard else one for one in extra]
        return ruled(self, *arguments, extra=kept)

    return changed


def guards() -> tuple[str, ...]:
    """Every check that stands in a gate or beside one of the flow's commands, and every rule of independence."""
    flow = {name for names in (*DEPLOY.values(), *REDEPLOY.values(), ROLLBACK) for name in names}
    others = {
        "approver-independent", "reviewer-independent", "resolver-independent", "second-person", "reported-by-runner",
        "lease-held", "content-unfrozen", "deploy-settled", "production-sure", "restored-after-deploy",
        "restore-source-allowed", "areas-covered", *OF_ODD_HANDS, "request-unexpired", "proposer-is-another",
    }  # fmt: skip
    rules = {name for name, _ in inspect.getmembers(independence, inspect.isfunction) if name.endswith("_independent")}
    every = flow | others | rules | set(BESIDE) | of_adjustments()
    return tuple(sorted(every - set(NOT_SEARCHED)))


def of_adjustments() -> frozenset[str]:
    """The guards that only adjustments have, and their rules of independence."""
    shared = {name for names in (*DEPLOY.values(), ROLLBACK) for name in names} | {"reported-by-runner", "lease-held"}
    names = {
        *gates.AMEND_ADJUSTMENT, *gates.CANCEL_ADJUSTMENT, *gates.REHEARSE_ADJUSTMENT,
        *gates.REPORT_ADJUSTMENT_REHEARSED, *gates.VERIFY_ADJUSTMENT, *gates.START_ADJUSTMENT,
        *gates.COMMIT_ADJUSTMENT, *gates.RESOLVE_ADJUSTMENT, *gates.CHECK_ADJUSTMENT,
    }  # fmt: skip
    return frozenset(names - shared) | frozenset((*OF_ADJUSTMENTS, "proposer-is-another"))


@dataclass(frozen=True)
class Reduced:
    """A small search."""

    name: str
    scope: Any
    beginning: Callable[[], State]

    def search(self, limit: int = 0) -> Search:
        """The search itself, of at most so many states."""
        if isinstance(self.scope, Data):
            return Search(
                self.scope, (self.beginning(),), moves=adjusting.moves_of, canon=adjusting.Canon(), limit=limit
            )
        return Search(self.scope, (self.beginning(),), limit=limit)


ODD = frozenset({"tries", "new content", "hold", "freeze", "problem"})


def _production(name: str, *disturb: str) -> Reduced:
    return Reduced(name, Scope(name, 1, parts.NO_STEPS, frozenset(disturb), (NORMAL,)), parts.rehearsed)


def _data(name: str, *disturb: str) -> Reduced:
    return Reduced(name, Data(name, 1, frozenset(disturb)), adjusting.begun)


REDUCED = (
    Reduced("the way", Scope("the way", 1, parts.WAY, ODD | {"it fails", "a lease runs out", "ask and wait", "drift"},
                             (NORMAL,), STAGE), opened),
    Reduced("a quiet way", Scope("a quiet way", 1, parts.WAY, frozenset({"a lease runs out"}), (NORMAL,), STAGE),
            opened),
    _production("production", "drift", "it fails", "a lease runs out", "problem"),
    Reduced("back and forth", Scope("back and forth", 1, parts.WAY, frozenset({"an old branch"}), (NORMAL,), STAGE),
            opened),
    _production("an old branch", "an old branch"),
    Reduced("the rehearsal", Scope("the rehearsal", 1, parts.STAGED, frozenset({"a bad verdict", "it fails"}),
                                   (NORMAL,)), parts.approved),
    Reduced("the hotfix", Scope("the hotfix", 0, parts.NO_STEPS, frozenset(), (HOTFIX,)), parts.two_begun),
    Reduced("the hotfix's way", Scope("the hotfix's way", 0, parts.WAY, frozenset(), (HOTFIX,), STAGE),
            parts.two_begun),
    Reduced("odd reports", Scope("odd reports", 0, parts.STAGED, frozenset({"tries"}), (NORMAL,)), parts.approved),
    Reduced("a doubt in stage", Scope("a doubt in stage", 1, parts.STAGED, frozenset({"drift"}), (NORMAL,), STAGE),
            parts.approved),
    Reduced("back in stage", Scope("back in stage", 1, parts.STAGED, frozenset({"drift", "tries"}), (HOTFIX,)),
            parts.hotfix_rehearsed),
    Reduced("the hotfix in stage", Scope("the hotfix in stage", 0, parts.STAGED, frozenset(), (HOTFIX,)),
            parts.hotfix_approved),
    Reduced("nothing yet", Scope("nothing yet", 0, parts.WAY, frozenset({"tries"}), (HOTFIX,), STAGE), parts.empty),
    Reduced("gone back", Scope("gone back", 0, parts.NO_STEPS, frozenset(), (NORMAL,)), parts.gone_back),
    Reduced("it is over", Scope("it is over", 0, parts.NO_STEPS, frozenset({"tries"}), (NORMAL,)), parts.released),
    Reduced("no way back", Scope("no way back", 1, parts.NO_STEPS, frozenset({"problem"}), (NORMAL,)),
            parts.incompatible),
    Reduced("after", Scope("after", 2, parts.NO_STEPS, frozenset({"problem", "it fails", "new content"}), (NORMAL,)),
            parts.released),
    _data("data", "another operator", "a verifier less", "another plan"),
    _data("data goes wrong", "it fails", "a lease runs out", "a no"),
    _data("data in time", "a day passes", "a week passes"),
    _data("data back", "it is taken back"),
    _data("data elsewhere", "another server"),
    Reduced("a deputy", Data("a deputy", 2, frozenset({"a deputy", "a day passes"})), adjusting.begun),
    Reduced("odd hands", Scope("odd hands", 0, frozenset({TESTS}), frozenset({ODD_HANDS}), (NORMAL,)), parts.rehearsed),
    Reduced("odd hands in doubt", Scope("odd hands in doubt", 1, parts.NO_STEPS, frozenset({ODD_HANDS, "drift"}),
                                        (NORMAL,)), parts.rehearsed),
    Reduced("no base yet", Scope("no base yet", 0, parts.NO_STEPS, frozenset({ODD_HANDS}), (NORMAL,)), unbased),
    Reduced("it waits too long", Scope("it waits too long", 1, parts.STAGED, frozenset({"ask and wait"}), (NORMAL,)),
            parts.approved),
    _data("odd hands in data", ODD_HANDS, "it fails"),
)  # fmt: skip
STATES_MAX, STATES_ELSEWHERE_MAX = 1500, 60
# Where a violation is looked for first, and long: only a hint, for elsewhere it is looked for too.
LIKELY: dict[str, str] = {
    **dict.fromkeys(
        ("reviewer-independent", "reviewer_independent",
         "areas-covered", "code-reviewed", "core-areas-approved", "migrations-passed",
         "restored-after-deploy", "restore-source-allowed"), "the rehearsal"),
    **dict.fromkeys(("review-base-current", "migrations-complete"), "odd reports"),
    **dict.fromkeys(("release-window", "log-watch-current", "rehearsal-current", "production-sure"), "production"),
    "includes-production": "an old branch",
    **dict.fromkeys(("lease-held", "manual-qa-approved"), "a quiet way"),
    "environment-order": "back and forth",
    **dict.fromkeys(
        ("hotfix-confirmed", "problem-linked", "approver-independent", "approver_independent", "resolver-independent",
         "resolver_independent"), "the hotfix"),
    "content-current": "nothing yet",
    "production-data-restored": "the hotfix in stage",
    "release-unfinished": "it is over",
    "not-rolled-back": "gone back",
    "rollback-compatible": "no way back",
    "rollback-target": "back in stage",
    "tests-passed": "the hotfix's way",
    "rehearsal-begun": "the rehearsal",
    "reverted-once": "data back",
    "target-identified": "data elsewhere",
    "verifiers-independent": "a deputy",
    **dict.fromkeys(OF_ODD_HANDS, "odd hands"),
    **dict.fromkeys(OF_ODD_HANDS_IN_DATA, "odd hands in data"),
    "request-unexpired": "it waits too long",
    "environment-unsure": "odd hands in doubt",
    "base-undeclared": "no base yet",
}  # fmt: skip


@dataclass(frozen=True)
class Removed:
    """What came of it: where it was found, what, and how many moves lead there; nothing, where it is implied."""

    guard: str
    where: str | None = None
    what: str | None = None
    way: tuple[str, ...] = ()


def removed(guard: str) -> Removed:
    """Search without the guard, where it is likely to be missed first."""
    data = guard in of_adjustments()
    likely = LIKELY.get(guard, "data" if data else "the way")
    # What only adjustments have is looked for in their parts, all else in the release flow's.
    models = [one for one in REDUCED if isinstance(one.scope, Data) == data]
    with without(guard):
        for reduced in sorted(models, key=lambda one: one.name != likely):
            limit = STATES_MAX if data or reduced.name == likely else STATES_ELSEWHERE_MAX
            try:
                reduced.search(limit).run()
            except Found as found:
                return Removed(guard, reduced.name, found.what, tuple(found.way))
    return Removed(guard)
