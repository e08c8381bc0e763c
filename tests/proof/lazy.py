"""Refusals that are seen early, so that a search need not decide each of them in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.domain import gates
from interlock.domain.checks import Asked
from interlock.domain.commands import deploy as c_deploy
from interlock.domain.decide.case import Case
from interlock.domain.decide.request import deploy_asked
from interlock.domain.situation import Release
from interlock.events.envelope import Actor
from tests.proof.world import WATCH, State, give, loaded


class LazyGate:
    """A gate holds all of its checks: one that fails refuses, whatever the others say.

    The checks are the shipped ones, looked at in the order in which they failed lately. Each `CHECKED_EACH`th refusal
    seen so is decided in full, and must be one.
    """

    CHECKED_EACH = 64

    def __init__(self) -> None:
        """Nothing was refused yet."""
        self.orders: dict[Any, list[str]] = {}
        self.refusals = 0

    def policy(self, state: State) -> Any:
        """The policy in force."""
        return Case(situation=state.situation, command=None, actor=WATCH, now=state.now).policy

    def refuses(
        self, key: Any, names: tuple[str, ...], asked: Asked, whole: Callable[[], State | None], but: str = ""
    ) -> bool:
        """Whether one of the checks fails; `whole` decides in full."""
        order = self.orders.get(key)
        if order is None:
            order = self.orders[key] = list(names)
        for place, name in enumerate(order):
            if name != but and not gates._run(name, asked).holds:
                if place:
                    order.insert(0, order.pop(place))
                self.refusals += 1
                if self.refusals % self.CHECKED_EACH == 0 and whole() is not None:
                    raise AssertionError(f"{name} fails, and {key} is accepted")
                return True
        return False

    def refuses_deploy(
        self, state: State, actor: Actor, command: c_deploy.RequestDeploy, release: Release, but: str = ""
    ) -> bool:
        """Whether one of the checks of a deploy's gate fails."""
        situation = state.situation
        if command.release not in situation.releases:
            situation = loaded(state, command)
        case = Case(situation=situation, command=command, actor=actor, now=state.now)
        asked = deploy_asked(case, release, command.environment, problem=command.problem, requester=actor.id)
        # Which checks a gate holds depends on the policies alone.
        key = (command.environment, asked.intent, situation.policy_version, release.policy_version)
        names = gates.deploy_gate(asked) if key not in self.orders else ()
        return self.refuses(key, names, asked, lambda: give(state, actor, command), but)
