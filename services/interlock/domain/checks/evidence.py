"""The checks of what was found out about a release's content, from development to manual QA."""

from __future__ import annotations

from interlock.domain.checks import independence
from interlock.domain.checks.asked import Asked, check, judged, outcome, passed_or_failed
from interlock.domain.situation import Problem, Verdict
from interlock.events.decision import CheckOutcome


@check("owner-only")
def owner_only(asked: Asked) -> CheckOutcome:
    """Only the environment's owner asks for this."""
    owner = asked.situation.team.owners.get(asked.environment)
    if owner is None:
        who = asked.situation.team.persons_holding("administrator")
        return outcome(
            "owner-only",
            "failed",
            f"the owner of {asked.environment}",
            "nobody owns it",
            who=who,
            next=f"dt team owner {asked.environment} PERSON",
        )
    now_owner = owner.at(asked.now)
    person = asked.requester or asked.actor.id
    if person == now_owner:
        return outcome("owner-only", "passed", f"the owner of {asked.environment}", person, by=person)
    return outcome("owner-only", "needed", f"the owner of {asked.environment}", f"not {person}", who=(now_owner,))


@check("data-feed-correct")
def data_feed_correct(asked: Asked) -> CheckOutcome:
    """The environment gets the market data that the policy gives it."""
    required = asked.rule.feed
    if required is None:
        return outcome("data-feed-correct", "not_applicable", "any feed")
    read = asked.observed.feed if asked.observed is not None else None
    found = read or asked.place.data.feed
    if found == required:
        return outcome("data-feed-correct", "passed", required, found)
    return outcome(
        "data-feed-correct",
        "failed",
        required,
        found or "nobody said which feed it gets",
        next=f'dt env feed {asked.environment} "{required}"',
    )


@check("environment-order")
def environment_order(asked: Asked) -> CheckOutcome:
    """This content succeeded in the environment before."""
    place = asked.policy.index(asked.environment)
    if place <= 0:
        return outcome("environment-order", "not_applicable", "the first environment")
    before = asked.policy.environments[place - 1].name
    reached = asked.subject.reached.get(before)
    required = f"this content was deployed in {before}"
    if reached is not None:
        return outcome("environment-order", "passed", required, f"deployed in {before}", evidence=(reached,))
    return outcome(
        "environment-order",
        "failed",
        required,
        f"not yet deployed in {before}",
        next=f"dt deploy {asked.subject.name} {before}",
    )


@check("content-current")
def content_current(asked: Asked) -> CheckOutcome:
    """The content asked for is the release's present one."""
    content = asked.subject.content
    required = "the release's present content"
    if content is None:
        return outcome(
            "content-current",
            "failed",
            required,
            "the release has no content",
            next=f"dt release content {asked.subject.name}",
        )
    same = asked.content is None or asked.content == content.digest
    return passed_or_failed(
        "content-current",
        required,
        content.digest[:15] if same else "new content was set since",
        holds=same,
        evidence=(content.position,),
    )


@check("development-confirmed")
def development_confirmed(asked: Asked) -> CheckOutcome:
    """The owner of the developer's sandbox confirmed this content."""
    verdict = asked.subject.developed
    required = "the owner confirmed this content"
    if verdict is not None:
        return _found("development-confirmed", required, "confirmed", verdict)
    development = asked.policy.named("development")
    owner = asked.situation.team.owners.get(development)
    return outcome(
        "development-confirmed",
        "needed",
        required,
        "nobody confirmed it",
        who=(owner.at(asked.now),) if owner is not None else (),
        next=f"dt release confirm {asked.subject.name}",
    )


@check("new-tests-named")
def new_tests_named(asked: Asked) -> CheckOutcome:
    """New functionality names its new automatic tests."""
    content = asked.subject.content
    required = "new functionality names its new tests"
    if content is None:
        return outcome("new-tests-named", "failed", required, "the release has no content")
    if not content.adds_functionality:
        return outcome("new-tests-named", "not_applicable", required, "no new functionality")
    return passed_or_failed(
        "new-tests-named",
        required,
        f"{len(content.new_tests)} named",
        holds=bool(content.new_tests),
        evidence=(content.position,),
    )


@check("tests-passed")
def tests_passed(asked: Asked) -> CheckOutcome:
    """The latest test run on exactly this content passed."""
    verdict = asked.subject.tests
    required = "the automatic tests passed on this content"
    if verdict is None:
        return outcome("tests-passed", "failed", required, "not run on this content", next="dt test")
    if not verdict.good:
        return outcome(
            "tests-passed",
            "failed",
            required,
            f"the last run: {verdict.summary}",
            evidence=(verdict.position,),
            since=verdict.at,
            next="dt test",
        )
    return _found("tests-passed", required, verdict.summary or "passed", verdict)


@check("new-tests-ran")
def new_tests_ran(asked: Asked) -> CheckOutcome:
    """Each named new test ran and passed in that run."""
    content, verdict = asked.subject.content, asked.subject.tests
    required = "each named new test ran and passed"
    if content is not None and not content.new_tests:
        return outcome("new-tests-ran", "not_applicable", required, "none are named")
    if content is None or verdict is None or not verdict.good:
        return outcome("new-tests-ran", "failed", required, "no passed run on this content")
    missing = [name for name in content.new_tests if name not in verdict.ran]
    observed = f"{len(content.new_tests)} ran" if not missing else f"did not run: {', '.join(missing[:5])}"
    return passed_or_failed("new-tests-ran", required, observed, holds=not missing, evidence=(verdict.position,))


@check("manual-qa-approved")
def manual_qa_approved(asked: Asked) -> CheckOutcome:
    """An independent tester approved this content in the team's sandbox."""
    place = asked.policy.named("manual-qa")
    release, verdict = asked.subject, asked.subject.manual_qa
    required = f"approved by hand in {place}, not by an author"
    who = independence.independent_persons(asked.situation, release, "tester")
    command = f"dt qa approve {release.name} --env {place}"
    author = verdict is not None and not independence.approver_independent(verdict.by, release)
    return judged(
        "manual-qa-approved",
        required,
        verdict,
        found="approved",
        who=who,
        command=command,
        objection=f"{verdict.by} is an author" if verdict is not None and author else None,
    )


def _found(name: str, required: str, observed: str, verdict: Verdict) -> CheckOutcome:
    return outcome(name, "passed", required, observed, evidence=(verdict.position,), by=verdict.by, since=verdict.at)


@check("no-open-problem")
def no_open_problem(asked: Asked) -> CheckOutcome:
    """No open problem concerns the release here or before, and none of production's is left aside."""
    required = "no open problem that blocks this release"
    blocking = [problem for problem in asked.situation.problems.values() if problem.open and _blocks(asked, problem)]
    if not blocking:
        return outcome("no-open-problem", "passed", required, "none")
    first = min(blocking, key=lambda problem: problem.position)
    more = f" and {len(blocking) - 1} more" if len(blocking) > 1 else ""
    return outcome(
        "no-open-problem",
        "failed",
        required,
        f'"{first.title}" ({first.problem}) in {first.environment}{more}',
        evidence=tuple(sorted(problem.position for problem in blocking)),
        by=first.reporter,
        since=first.since,
        next=f"dt problem show {first.problem}",
    )


def _blocks(asked: Asked, problem: Problem) -> bool:
    release = asked.subject
    here, seen = asked.policy.index(asked.environment), asked.policy.index(problem.environment)
    leaves = here > seen
    approves = asked.intent is None and here >= seen
    if problem.failed_deploy is None and problem.release == release.name and (leaves or approves):
        return True
    # Production's problems block every normal release on its way there that does not name them as fixed.
    into_production = asked.environment == asked.policy.production and asked.intent is not None
    if not into_production or problem.environment != asked.policy.production or release.kind == "hotfix":
        return False
    if problem.failed_deploy is not None and problem.release == release.name:
        return False
    fixes = release.content.fixes if release.content is not None else ()
    return problem.problem not in fixes
