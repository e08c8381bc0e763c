"""The checks of who: roles, leases, independence, second persons."""

from __future__ import annotations

from interlock.domain.checks import independence
from interlock.domain.checks.asked import Asked, check, outcome, passed_or_failed
from interlock.events.decision import CheckOutcome


@check("approver-independent")
def approver_independent(asked: Asked) -> CheckOutcome:
    """Who approves is no author: he opened nothing of it, set nothing of it, wrote none of it."""
    required = "not an author of the release"
    release, person = asked.subject, asked.actor.id
    if independence.approver_independent(person, release):
        return outcome("approver-independent", "passed", required, person, by=person)
    who = independence.independent_persons(asked.situation, release, "tester", "reviewer", "release-manager")
    return outcome("approver-independent", "needed", required, f"{person} is an author", who=who)


@check("reviewer-independent")
def reviewer_independent(asked: Asked) -> CheckOutcome:
    """Who reviews is no author."""
    required = "not an author of the release"
    release, person = asked.subject, asked.actor.id
    if independence.reviewer_independent(person, release):
        return outcome("reviewer-independent", "passed", required, person, by=person)
    who = independence.independent_persons(asked.situation, release, "reviewer")
    return outcome("reviewer-independent", "needed", required, f"{person} is an author", who=who)


@check("resolver-independent")
def resolver_independent(asked: Asked) -> CheckOutcome:
    """Who closes a problem is no author of a release that it blocks or that fixes it."""
    required = "no author of a release that it blocks or that fixes it"
    problem = asked.situation.problems.get(asked.problem or "")
    if problem is None:
        return outcome("resolver-independent", "failed", required, "there is no such open problem")
    production = asked.policy.production

    def independent(person: str) -> bool:
        return independence.resolver_independent(person, asked.situation, problem, asked.target, production)

    if independent(asked.actor.id):
        return outcome("resolver-independent", "passed", required, asked.actor.id, by=asked.actor.id)
    team = asked.situation.team
    who = tuple(p for p in team.persons_holding("tester", "reviewer", "release-manager") if independent(p))
    return outcome("resolver-independent", "needed", required, f"{asked.actor.id} is an author", who=who)


@check("production-sure")
def production_sure(asked: Asked) -> CheckOutcome:
    """The problem of a failed production deploy stays open while nobody knows what is there."""
    required = "production's content is known"
    problem = asked.situation.problems.get(asked.problem or "")
    if problem is None or problem.failed_deploy is None:
        return outcome("production-sure", "not_applicable", required, "not a failed deploy's problem")
    unsure = asked.production.unsure
    if unsure is None and asked.production.deploy is None:
        return outcome("production-sure", "passed", required, "known")
    observed = unsure.cause if unsure is not None else "a deploy runs there"
    return outcome("production-sure", "failed", required, observed, next=f"dt env show {asked.policy.production}")


@check("second-person")
def second_person(asked: Asked) -> CheckOutcome:
    """What needs two persons is done by another one than asked for it."""
    required = "two different persons"
    if asked.second is None:
        return outcome("second-person", "needed", required, f"{asked.actor.id} alone")
    if independence.second_person_independent(asked.actor.id, asked.second):
        return outcome("second-person", "passed", required, f"{asked.second} and {asked.actor.id}")
    return outcome("second-person", "needed", required, f"{asked.actor.id} asked for it")


@check("proposer-is-another")
def proposer_is_another(asked: Asked) -> CheckOutcome:
    """Who approves a policy is another person than proposed it."""
    required = "another person than proposed it"
    if independence.second_person_independent(asked.actor.id, asked.second or ""):
        return outcome("proposer-is-another", "passed", required, asked.actor.id, by=asked.actor.id)
    who = tuple(p for p in asked.situation.team.persons_holding("administrator") if p != asked.second)
    return outcome("proposer-is-another", "needed", required, f"{asked.actor.id} proposed it", who=who)


@check("reported-by-runner")
def reported_by_runner(asked: Asked) -> CheckOutcome:
    """What machines find out is reported by a runner; by hand only where the policy lists it, and by no author."""
    team = asked.situation.team
    principal = team.principals.get(asked.actor.id)
    listed = _by_hand(asked)
    required = "a service with the role runner" + (", or a person who is no author" if listed else "")
    if principal is not None and principal.kind == "service" and "runner" in principal.roles:
        return outcome("reported-by-runner", "passed", required, principal.id)
    runners = tuple(p for p in team.holding("runner") if team.principals[p].kind == "service")
    if principal is None or principal.kind != "person" or not listed:
        return outcome("reported-by-runner", "needed", required, f"{asked.actor.id} is none", who=runners)
    if asked.release is not None and not independence.reporter_independent(principal.id, asked.release):
        return outcome("reported-by-runner", "needed", required, f"{asked.actor.id} is an author", who=runners)
    return outcome("reported-by-runner", "passed", required, f"{principal.id}, by hand", by=principal.id)


def _by_hand(asked: Asked) -> bool:
    """Whether the policy lets a person report this there."""
    rule = asked.policy.place(asked.environment)
    return rule is not None and asked.hand is not None and asked.hand in rule.by_hand


@check("lease-held")
def lease_held(asked: Asked) -> CheckOutcome:
    """Who reports holds the lease, with its fencing token: a late verdict does not count."""
    required = f"the holder of the lease of {asked.environment}, with its token"
    lease = asked.place.lease
    if lease is None:
        return outcome("lease-held", "failed", required, "the lease is over")
    if asked.token is not None and lease.token != asked.token:
        return outcome("lease-held", "failed", required, f"token {asked.token}; the lease has {lease.token}")
    if asked.lease is not None and asked.lease not in {lease.lease, lease.activity}:
        return outcome("lease-held", "failed", required, f"it belongs to {lease.subject}")
    if lease.holder != asked.actor.id:
        return outcome("lease-held", "failed", required, f"{lease.holder} holds it", who=(lease.holder,))
    if asked.now >= lease.expires_at:
        return outcome("lease-held", "failed", required, "the lease expired", until=lease.expires_at)
    return outcome("lease-held", "passed", required, lease.lease, evidence=(lease.position,), until=lease.expires_at)


@check("content-unfrozen")
def content_unfrozen(asked: Asked) -> CheckOutcome:
    """Content is frozen while a deploy of it runs, and for good once it started in production."""
    required = "not frozen by a deploy"
    release = asked.subject
    if release.frozen:
        return outcome(
            "content-unfrozen",
            "failed",
            required,
            "it started in production: what follows is a new release",
            next="dt release new",
        )
    for environment in asked.situation.environments.values():
        if environment.deploy is not None and environment.deploy.release == release.name:
            return outcome(
                "content-unfrozen",
                "failed",
                required,
                f"a deploy to {environment.name} runs",
                since=None,
                next=f"dt env show {environment.name}",
            )
    return outcome("content-unfrozen", "passed", required, "free")


@check("deploy-settled")
def deploy_settled(asked: Asked) -> CheckOutcome:
    """No deploy of this release is running, and none in production is unsettled."""
    required = "no unsettled deploy"
    name = asked.subject.name
    for environment in asked.situation.environments.values():
        if environment.deploy is not None and environment.deploy.release == name:
            return outcome("deploy-settled", "failed", required, f"a deploy to {environment.name} runs")
    unsure = asked.production.unsure
    if unsure is not None and unsure.work is not None and unsure.work.release == name:
        return outcome(
            "deploy-settled",
            "failed",
            required,
            unsure.cause,
            evidence=(unsure.position,),
            next=f"dt env show {asked.policy.production}",
        )
    return passed_or_failed("deploy-settled", required, "none", holds=True)
