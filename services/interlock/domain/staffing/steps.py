"""What the flow asks of people: each step with its parts, and which of them different persons do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from interlock.domain.assignment import Part, Step
from interlock.domain.entitlements import ADMIN, DEV, REVIEW, RM, TEST, VERIFY
from interlock.domain.staffing.members import Members, by_role


def steps(found: Members) -> Iterator[Step]:
    """Every step: the way to production first, then what stands beside it, adjustments, and who governs."""
    yield from to_production(found)
    yield from _beside_the_way(found)
    yield from _adjusting(found)
    yield from _governing(found)


def _author(found: Members) -> Part:
    return by_role("open a release", found.may("OpenRelease"), DEV, person=False)


def to_production(found: Members) -> Iterator[Step]:
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
    by_hand = by_role(f"test by hand in {sandbox}", found.may("ApproveManualQA"), TEST)
    review = by_role("review all changes", found.may("ApproveCodeReview"), REVIEW)
    core = by_role(f"test core and affected areas in {stage}", found.may("ApproveManualQA"), TEST)
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


def _beside_the_way(found: Members) -> Iterator[Step]:
    author = _author(found)
    confirm = by_role("confirm a hotfix", found.may("ConfirmHotfix"), TEST)
    yield Step(name="confirm a hotfix", parts=(author, confirm), apart=((author.name, confirm.name),))
    resolve = by_role("resolve a problem", found.may("ResolveProblem"), TEST)
    yield Step(name="resolve a problem", parts=(author, resolve), apart=((author.name, resolve.name),))
    yield Step(name="check the logs", parts=(by_role("check the logs", found.may("CheckLogs"), DEV, person=False),))
    yield Step(name="lift a hold or a stuck lease", parts=(by_role("lift it", found.may("LiftReleaseHold"), RM),))
    rollback = found.may("RequestRollback")
    yield _two("roll back further than one release", "ask for it", rollback, "confirm it", rollback, RM)
    states = found.may("StateContent")
    yield _two("state what is in an unsure environment", "ask for it", states, "confirm it", states, DEV)


def _two(name: str, first: str, may: Sequence[str], second: str, may_second: Sequence[str], role: str) -> Step:
    """What takes two persons; the second one is an own command's, by a person."""
    parts = (by_role(first, may, role), by_role(second, may_second, role))
    return Step(name=name, parts=parts, apart=((first, second),))


def _adjusting(found: Members) -> Iterator[Step]:
    policy, production = found.policy, found.policy.production
    asks = by_role("ask for it", found.may("RequestAdjustment"), DEV, person=False)
    operates = Part(
        name="execute it",
        who=found.operator(),
        needs=f"a designated operator of {production}",
        mend=f"dt team operator {production} PERSON",
    )
    checks = by_role("check the result", found.may("VerifyAdjustmentResult"), VERIFY)
    verifiers = found.may("VerifyAdjustment")
    counts = (("an adjustment", policy.verifications), ("an adjustment of high risk", policy.verifications_high_risk))
    for what, count in dict.fromkeys(counts):
        verify = [by_role(f"verify it ({number} of {count})", verifiers, VERIFY) for number in range(1, count + 1)]
        others = [(each.name, part.name) for each in verify for part in (asks, operates)]
        apart = (
            *others, *((one.name, other.name) for one, other in combinations(verify, 2)),
            (checks.name, asks.name), (checks.name, operates.name),
        )  # fmt: skip
        yield Step(name=f"execute {what}", parts=(asks, operates, *verify, checks), apart=apart)


def _governing(found: Members) -> Iterator[Step]:
    administrators = found.team.persons_holding(ADMIN)
    yield _two("change the team", "ask for it", administrators, "confirm it", administrators, ADMIN)
    yield _two(
        "change the policy", "propose it", found.may("ProposePolicy"), "approve it", found.may("ApprovePolicy"), ADMIN
    )
