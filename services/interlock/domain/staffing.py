"""Whether the people that are registered could pass each gate, and if not, who is missing: before anybody waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import combinations

from interlock.domain import policy as policies
from interlock.domain.assignment import Part, Step, assignment, shortage, would_help
from interlock.domain.checks import independence
from interlock.domain.entitlements import ADMIN, DEV, ENTITLED, PERSONS_ONLY, REVIEW, RM, TEST, VERIFY
from interlock.domain.policy import Policy
from interlock.domain.situation import Designation, Release, Situation, Team
from interlock.events.fact import fact

# Who may do what with an adjustment; agents and services may ask for one, and never verify.
MAY_ASK, MAY_VERIFY, MAY_CHECK = (DEV, TEST, VERIFY, RM), (VERIFY,), (TEST, VERIFY, REVIEW, RM)
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
    found = _Team(situation, now)
    possible: dict[str, dict[str, str]] = {}
    lacks: list[Lack] = []
    told: set[tuple[str, ...]] = set()
    for step in _steps(found):
        somebody = assignment(step)
        if somebody is not None:
            possible[step.name] = somebody
            continue
        for short in _shortages(step):
            # What an earlier gate lacks, each later one lacks too: it is told once, where it is met first.
            same = _same(step, short)
            if not same & told:
                lacks.append(_lack(step, short, found))
            told |= same
    lacks += [lack for release in _open(situation) for lack in _of_release(release, found)]
    return Staffing(possible=possible, lacks=tuple(lacks), alone=tuple(_alone(found)))


def _shortages(step: Step) -> Iterator[tuple[Part, ...]]:
    """Everything that the step lacks, one after the other, each as if what was named before were mended."""
    while short := shortage(step):
        yield short
        mended = _scarce(short)
        step = replace(step, parts=tuple(part for part in step.parts if part.name != mended.name))


def _scarce(short: Sequence[Part]) -> Part:
    """The part for which one person more is asked: rather a role for it than another author, owner or operator."""
    return min(short, key=lambda part: (not part.mend.startswith(GRANT), part is short[0], len(part.who)))


def _same(step: Step, short: Sequence[Part]) -> set[tuple[str, ...]]:
    """By what a lack is known again: nobody with a role at all is one, and so is one more person for one step."""
    mend = _scarce(short).mend
    if len(short) == 1:
        return {(mend,), (step.name, mend)}
    return {tuple(part.name for part in short), (step.name, mend)}


class _Team:
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


def _part(name: str, who: Sequence[str], role: str, *, person: bool = True) -> Part:
    kind = "a person" if person else "somebody"
    return Part(name=name, who=tuple(who), needs=f"{kind} with the role {role}", mend=f"{GRANT} {role}")


def _steps(found: _Team) -> Iterator[Step]:
    yield from _to_production(found)
    yield from _beside_the_way(found)
    yield from _adjusting(found)
    yield from _governing(found)


def _author(found: _Team) -> Part:
    return _part("open a release", found.may("OpenRelease"), DEV, person=False)


def _to_production(found: _Team) -> Iterator[Step]:
    """Each gate with everything that the gates before it asked: one author, and others who judge."""
    names = [environment.name for environment in found.policy.environments]
    development, tests, sandbox, stage, production = names
    owner = found.owner()
    services = [each.id for each in found.team.principals.values() if each.active and each.kind == "service"]
    runner = Part(
        name="deploy, test, restore and migrate",
        who=found.runners(),
        needs="a service with the role runner",
        mend=f"dt team grant {min(services)} runner" if services else "dt team register SERVICE --kind service",
    )
    deploy = _owners(f"deploy to {development}", development, owner, found.may("RequestDeploy"))
    confirm = _owners("confirm the development", development, owner, found.may("ConfirmDevelopment"))
    by_hand = _part(f"test by hand in {sandbox}", found.may("ApproveManualQA"), TEST)
    review = _part("review all changes", found.may("ApproveCodeReview"), REVIEW)
    core = _part(f"test core and affected areas in {stage}", found.may("ApproveManualQA"), TEST)
    rows = {development: [deploy], tests: [confirm, runner], sandbox: [], stage: [by_hand], production: [review, core]}
    parts: list[Part] = [_author(found)]
    judges: tuple[str, ...] = ()
    for name, row in rows.items():
        parts += row
        judges = (*judges, *(part.name for part in row if part.name in {by_hand.name, review.name, core.name}))
        apart = tuple((parts[0].name, judge) for judge in judges)
        yield Step(name=f"deploy a release to {name}", parts=tuple(parts), apart=apart)


def _owners(name: str, environment: str, owner: Sequence[str], may: Sequence[str]) -> Part:
    """What the owner alone does, whose role must let him."""
    who = tuple(person for person in owner if person in may)
    if owner and not who:
        return Part(
            name=name,
            who=who,
            needs=f"the role {DEV} for {owner[0]}, the owner of {environment}",
            mend=f"dt team grant {owner[0]} {DEV}",
        )
    return Part(name=name, who=who, needs=f"an owner of {environment}", mend=f"dt team owner {environment} PERSON")


def _beside_the_way(found: _Team) -> Iterator[Step]:
    author = _author(found)
    confirm = _part("confirm a hotfix", found.may("ConfirmHotfix"), TEST)
    yield Step(name="confirm a hotfix", parts=(author, confirm), apart=((author.name, confirm.name),))
    resolve = _part("resolve a problem", found.may("ResolveProblem"), TEST)
    yield Step(name="resolve a problem", parts=(author, resolve), apart=((author.name, resolve.name),))
    yield Step(name="check the logs", parts=(_part("check the logs", found.may("CheckLogs"), DEV, person=False),))
    yield Step(name="lift a hold or a stuck lease", parts=(_part("lift it", found.may("LiftReleaseHold"), RM),))
    rollback = found.may("RequestRollback")
    yield _two("roll back further than one release", "ask for it", rollback, "confirm it", rollback, RM)
    states = found.may("StateContent")
    yield _two("state what is in an unsure environment", "ask for it", states, "confirm it", states, DEV)


def _two(name: str, first: str, may: Sequence[str], second: str, may_second: Sequence[str], role: str) -> Step:
    """What takes two persons; the second one is an own command's, by a person."""
    parts = (_part(first, may, role), _part(second, may_second, role))
    return Step(name=name, parts=parts, apart=((first, second),))


def _adjusting(found: _Team) -> Iterator[Step]:
    policy, production = found.policy, found.policy.production
    asks = _part("ask for it", found.team.holding(*MAY_ASK), DEV, person=False)
    operates = Part(
        name="execute it",
        who=found.operator(),
        needs=f"a designated operator of {production}",
        mend=f"dt team operator {production} PERSON",
    )
    checks = _part("check the result", found.team.persons_holding(*MAY_CHECK), VERIFY)
    verifiers = found.team.persons_holding(*MAY_VERIFY)
    counts = (("an adjustment", policy.verifications), ("an adjustment of high risk", policy.verifications_high_risk))
    for what, count in dict.fromkeys(counts):
        verify = [_part(f"verify it ({number} of {count})", verifiers, VERIFY) for number in range(1, count + 1)]
        others = [(each.name, part.name) for each in verify for part in (asks, operates)]
        apart = (
            *others, *((one.name, other.name) for one, other in combinations(verify, 2)),
            (checks.name, asks.name), (checks.name, operates.name),
        )  # fmt: skip
        yield Step(name=f"execute {what}", parts=(asks, operates, *verify, checks), apart=apart)


def _governing(found: _Team) -> Iterator[Step]:
    administrators = found.team.persons_holding(ADMIN)
    yield _two("change the team", "ask for it", administrators, "confirm it", administrators, ADMIN)
    yield _two(
        "change the policy", "propose it", found.may("ProposePolicy"), "approve it", found.may("ApprovePolicy"), ADMIN
    )


def _lack(step: Step, short: Sequence[Part], found: _Team, subject: str | None = None) -> Lack:
    """Why these parts cannot be done together, and whom it would take."""
    scarce = _scarce(short)
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
    return ", ".join(who[:NAMES_SHOWN_MAX]) + more if who else "nobody"


def _alone(found: _Team) -> Iterator[Lack]:
    """The authors whose releases would find nobody to judge them, where others' would."""
    *_, step = _to_production(found)
    if assignment(step) is None:
        return
    author, *others = step.parts
    for person in author.who:
        alone = replace(step, parts=(replace(author, who=(person,)), *others))
        if assignment(alone) is None:
            short = [part for part in shortage(alone) if part.name != author.name]
            yield _lack(alone, short, found, subject=person)


def _open(situation: Situation) -> list[Release]:
    releases = (release for release in situation.releases.values() if release.open)
    return sorted(releases, key=lambda release: release.position)


def _of_release(release: Release, found: _Team) -> Iterator[Lack]:
    """What nobody is left to judge of this release, its authors being who they are; not what was judged already."""
    production = f"deploy {release.name} to {found.policy.production}"
    for part, judged in _judgements(release, found):
        left = replace(part, who=tuple(p for p in part.who if independence.approver_independent(p, release)))
        if not judged and part.who and not left.who:
            lack = _lack(Step(name=production, parts=(left,)), (left,), found, subject=release.name)
            could = tuple(p for p in lack.could if independence.approver_independent(p, release))
            authors = ", ".join(p for p in part.who if p in release.authors)
            because = f"nobody is left to {part.name}: it takes {part.needs} who is no author, and {authors} wrote it"
            yield replace(lack, because=because, could=could)


def _judgements(release: Release, found: _Team) -> Iterator[tuple[Part, bool]]:
    sandbox, stage = found.policy.named("manual-qa"), found.policy.named("rehearsal")
    rehearsal = found.situation.environment(stage).rehearsal
    content = release.content.digest if release.content is not None else None
    about = rehearsal is not None and (rehearsal.release, rehearsal.content) == (release.name, content)
    review, core = (rehearsal.review, rehearsal.core) if rehearsal is not None and about else (None, None)
    testers = found.may("ApproveManualQA")
    verdicts = (
        (_part(f"test it by hand in {sandbox}", testers, TEST), release.manual_qa),
        (_part("review it", found.may("ApproveCodeReview"), REVIEW), review),
        (_part(f"test its core and affected areas in {stage}", testers, TEST), core),
    )
    for part, verdict in verdicts:
        yield part, verdict is not None and verdict.good and independence.approver_independent(verdict.by, release)
    if release.kind == "hotfix":
        yield _part("confirm the hotfix", found.may("ConfirmHotfix"), TEST), release.hotfix_confirmed is not None
