"""Who may do what at a moment, and how it is told that nobody may."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from interlock.domain import policy as policies
from interlock.domain.assignment import Part, Step, would_help
from interlock.domain.entitlements import ENTITLED, PERSONS_ONLY
from interlock.domain.policy import Policy
from interlock.domain.situation import Designation, Situation, Team
from interlock.events.fact import fact

GRANT = "dt team grant PERSON"
COULD_SHOWN_MAX = 3
NAMES_SHOWN_MAX = 4


@fact
class Lack:
    """Nobody can do `step`, about `subject` where it is one release. `because` says why, `command` mends it.

    `could` are registered persons who would make it possible if they held what is missing.
    """

    step: str
    because: str
    command: str
    could: tuple[str, ...] = ()
    subject: str | None = None


class Members:
    """The team of a moment, asked for those who may do something."""

    def __init__(self, situation: Situation, now: datetime) -> None:
        document = situation.policies.get(situation.policy_version)
        self.situation = situation
        self.policy: Policy = policies.parse(document if document is not None else policies.shipped())
        self.team: Team = situation.team
        self.now = now

    def may(self, command: str) -> tuple[str, ...]:
        """Those who may give this command, by their roles."""
        roles = ENTITLED[command]
        return self.team.persons_holding(*roles) if command in PERSONS_ONLY else self.team.holding(*roles)

    def persons(self) -> tuple[str, ...]:
        """Every active person."""
        return tuple(sorted(p.id for p in self.team.principals.values() if p.active and p.kind == "person"))

    def designated(self, known: Designation | None) -> tuple[str, ...]:
        """The one who it is now, where that one is still there."""
        if known is None:
            return ()
        principal = self.team.principals.get(known.at(self.now))
        return (principal.id,) if principal is not None and principal.active else ()

    def owner(self) -> tuple[str, ...]:
        """The owner of the developer's sandbox."""
        return self.designated(self.team.owners.get(self.policy.named("development")))

    def operator(self) -> tuple[str, ...]:
        """The one who adjusts production's data."""
        return self.designated(self.team.operators.get(self.policy.production))

    def runners(self) -> tuple[str, ...]:
        """The services that report what machines find out."""
        return tuple(p for p in self.team.holding("runner") if self.team.principals[p].kind == "service")


def by_role(name: str, who: Sequence[str], role: str, *, person: bool = True) -> Part:
    """A part that takes a role."""
    kind = "a person" if person else "somebody"
    return Part(name=name, who=tuple(who), needs=f"{kind} with the role {role}", mend=f"{GRANT} {role}")


def scarcest(short: Sequence[Part]) -> Part:
    """The part for which one person more is asked: rather a role for it than another author, owner or operator."""
    return min(short, key=lambda part: (not part.mend.startswith(GRANT), part is short[0], len(part.who)))


def lack_of(step: Step, short: Sequence[Part], found: Members, subject: str | None = None) -> Lack:
    """Why these parts cannot be done together, and whom it would take."""
    scarce = scarcest(short)
    helping = would_help(step, scarce, found.persons()) if scarce.mend.startswith(GRANT) else ()
    return Lack(
        step=step.name,
        because=_because(short),
        command=scarce.mend,
        could=tuple(helping)[:COULD_SHOWN_MAX],
        subject=subject,
    )


def _because(short: Sequence[Part]) -> str:
    if len(short) == 1:
        [part] = short
        return f"nobody can {part.name}: it takes {part.needs}"
    together: dict[tuple[str, ...], list[str]] = {}
    for part in short:
        together.setdefault(part.who, []).append(part.name)
    told = "; ".join(f"{', '.join(names)}: only {_names(who)}" for who, names in together.items())
    return f"it takes different persons, and there are too few ({told})"


def _names(who: Sequence[str]) -> str:
    more = f" and {len(who) - NAMES_SHOWN_MAX} more" if len(who) > NAMES_SHOWN_MAX else ""
    return ", ".join(who[:NAMES_SHOWN_MAX]) + more
