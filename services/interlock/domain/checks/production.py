"""The checks that only production has: window, hotfix, ancestry, logs, rollback."""

from __future__ import annotations

from datetime import timedelta

from interlock.domain import windows
from interlock.domain.checks import independence
from interlock.domain.checks.asked import Asked, check, clock_text, outcome, passed_or_failed
from interlock.domain.evolve.deploy import carried_by
from interlock.domain.evolve.parts import leaving
from interlock.domain.situation import Occupant, Problem
from interlock.events.decision import CheckOutcome


def linked_problem(asked: Asked) -> Problem | None:
    """The open production problem that makes the window unnecessary: a hotfix's own, or a retry's.

    A redeploy or a rollback names one; a promotion never does, or every release could leave the
    window by naming one.
    """
    release = asked.release
    named = [asked.problem] if asked.intent in {"redeploy", "rollback"} or asked.problem_must_be_open else []
    if release is not None and release.kind == "hotfix" and asked.intent != "rollback":
        named.append(release.problem)
    for name in named:
        problem = asked.situation.problems.get(name) if name is not None else None
        if problem is not None and problem.open and problem.environment == asked.policy.production:
            return problem
    if asked.intent in {None, "rollback"} or release is None or release.tried != asked.content:
        return None
    for problem in asked.situation.problems.values():
        # The retry of a failed production deploy is linked to its problem by itself; new content is no retry.
        if problem.open and problem.failed_deploy is not None and problem.release == release.name:
            return problem
    return None


def _retries_failed(asked: Asked, problem: Problem | None) -> bool:
    return (
        problem is not None
        and problem.failed_deploy is not None
        and problem.release == (asked.release.name if asked.release is not None else None)
    )


@check("release-window")
def release_window(asked: Asked) -> CheckOutcome:
    """A deploy starts inside the window; a linked problem makes it unnecessary."""
    required = windows.describe(asked.rule)
    if not asked.rule.windows:
        return outcome("release-window", "not_applicable", "no window here")
    if linked_problem(asked) is not None:
        return outcome("release-window", "not_applicable", required, "a problem in production is linked")
    window = windows.next_window(asked.rule, asked.now)
    if window is None:
        return outcome("release-window", "failed", required, "no window in the next two weeks")
    observed = asked.now.strftime("%a %H:%M GMT")
    if window.opens <= asked.now:
        return outcome("release-window", "passed", required, observed, until=window.closes)
    return outcome(
        "release-window",
        "waiting",
        required,
        observed,
        passes_at=window.opens,
        until=window.closes,
        next=f"dt window next {asked.environment}",
    )


@check("problem-linked")
def problem_linked(asked: Asked) -> CheckOutcome:
    """An open problem in production is linked."""
    required = f"an open problem in {asked.policy.production}"
    problem = linked_problem(asked)
    if problem is not None:
        return outcome(
            "problem-linked", "passed", required, f'"{problem.title}" ({problem.problem})', evidence=(problem.position,)
        )
    needless = asked.intent != "rollback" and asked.rule.windows and not asked.problem_must_be_open
    release = asked.release
    if needless and release is not None:
        name = release.problem if release.kind == "hotfix" else None
        observed = f"{name} is not open any more: it obeys the window" if name else "none: it obeys the window"
        return outcome("problem-linked", "not_applicable", required, observed)
    return outcome("problem-linked", "failed", required, "none", next=f"dt problem report {asked.policy.production}")


@check("hotfix-confirmed")
def hotfix_confirmed(asked: Asked) -> CheckOutcome:
    """An independent person confirmed that this content belongs to the problem that is linked."""
    required = "confirmed for this content and this problem, not by an author"
    release = asked.subject
    if release.kind != "hotfix":
        return outcome("hotfix-confirmed", "not_applicable", required, "no hotfix")
    problem, verdict = linked_problem(asked), release.hotfix_confirmed
    if problem is None:
        return outcome("hotfix-confirmed", "not_applicable", required, "it obeys the window")
    if _retries_failed(asked, problem) and problem.problem != release.problem:
        return outcome("hotfix-confirmed", "not_applicable", required, "a retry of a failed deploy")
    who = independence.independent_persons(asked.situation, release, "tester", "reviewer", "release-manager")
    command = f"dt release confirm-hotfix {release.name}"
    if verdict is None or verdict.summary != problem.problem:
        return outcome("hotfix-confirmed", "needed", required, "nobody confirmed it", who=who, next=command)
    if not independence.approver_independent(verdict.by, release):
        return outcome("hotfix-confirmed", "needed", required, f"{verdict.by} is an author", who=who, next=command)
    return outcome(
        "hotfix-confirmed",
        "passed",
        required,
        f"for {verdict.summary}",
        evidence=(verdict.position,),
        by=verdict.by,
        since=verdict.at,
    )


@check("includes-production")
def includes_production(asked: Asked) -> CheckOutcome:
    """The release contains what production runs, by git ancestry."""
    required = "contains what production runs"
    production, content = asked.production, asked.subject.content
    running = production.last_sure
    if running is None and production.never_used:
        return outcome("includes-production", "not_applicable", required, "production is empty")
    if running is None and production.mixed:
        return outcome("includes-production", "not_applicable", required, "nothing was ever sure to be there")
    if running is None or content is None:
        return outcome(
            "includes-production",
            "failed",
            required,
            "nobody said what production runs",
            next=f"dt env baseline {production.name or asked.policy.production}",
        )
    if running.release == asked.subject.name or running.release in content.contains:
        return outcome(
            "includes-production", "passed", required, f"contains {running.release}", evidence=(running.position,)
        )
    return outcome(
        "includes-production",
        "failed",
        required,
        f"does not contain {running.release}",
        evidence=(running.position,),
        since=running.since,
        next=f"dt release content {asked.subject.name}",
    )


@check("log-watch-current")
def log_watch_current(asked: Asked) -> CheckOutcome:
    """Production's logs were checked in time."""
    policy, production = asked.policy, asked.production
    required = f"logs checked every {policy.log_check_every_minutes} min"
    if asked.release is not None and asked.release.kind == "hotfix":
        return outcome("log-watch-current", "not_applicable", required, "a hotfix does not wait for it")
    empty = production.occupant is None and production.unsure is None and not production.mixed
    if empty or production.never_used or production.logs_from is None:
        return outcome("log-watch-current", "not_applicable", required, "nothing runs in production")
    due = production.logs_from + timedelta(minutes=policy.log_check_every_minutes)
    late = asked.now > due + timedelta(minutes=policy.log_check_grace_minutes)
    who = asked.situation.team.holding("developer", "tester", "release-manager")
    if late:
        return outcome(
            "log-watch-current",
            "needed",
            required,
            f"was due {clock_text(due)}",
            who=who,
            next=f"dt logs checked {policy.production}",
        )
    return outcome(
        "log-watch-current",
        "passed",
        required,
        f"up to {clock_text(production.logs_from)}",
        until=due + timedelta(minutes=policy.log_check_grace_minutes),
    )


@check("not-rolled-back")
def not_rolled_back(asked: Asked) -> CheckOutcome:
    """This content was never rolled back from: there is no rollback forward, under any name."""
    required = "a content that was never rolled back from"
    content = asked.content or (asked.release.content.digest if asked.release and asked.release.content else None)
    holds = content not in asked.situation.rolled_back
    return passed_or_failed("not-rolled-back", required, "never" if holds else "rolled back from before", holds=holds)


def rollback_candidates(asked: Asked) -> tuple[Occupant, ...]:
    """Sure occupants of the environment that a rollback may go to, the nearest first."""
    place = asked.place
    there = {place.occupant.content} if place.occupant is not None else set()
    work = place.unsure.work if place.unsure is not None else None
    if work is not None and work.content is not None and work.intent != "rollback":
        # A rollback that failed half way may be tried again; anything else is what it goes away from.
        there.add(work.content)
    found: dict[str, Occupant] = {}
    for occupant in reversed(place.history):
        if occupant.content not in there and occupant.content not in asked.situation.rolled_back:
            found.setdefault(occupant.content, occupant)
    return tuple(found.values())


@check("rollback-target")
def rollback_target(asked: Asked) -> CheckOutcome:
    """The target is the last sure occupant that is not there now; further back takes a second person."""
    candidates = rollback_candidates(asked)
    required = "the last sure occupant before, never one that was rolled back from"
    if asked.environment != asked.policy.production:
        return outcome("rollback-target", "failed", "a rollback of production", asked.environment)
    if not candidates:
        return outcome("rollback-target", "failed", required, "there is none: the way is forward, by hotfix")
    chosen = next((o for o in candidates if o.release == asked.target or asked.target is None), None)
    if chosen is None:
        return outcome("rollback-target", "failed", required, f"{asked.target} is none; {candidates[0].release} is")
    if not chosen.deployable:
        return outcome(
            "rollback-target",
            "failed",
            required,
            f"{chosen.release} was declared as base without artifacts",
            evidence=(chosen.position,),
        )
    if chosen is not candidates[0] and asked.second is None:
        return outcome(
            "rollback-target",
            "needed",
            f"{candidates[0].release}, or a second person for further back",
            chosen.release,
            evidence=(chosen.position,),
            who=asked.situation.team.persons_holding("release-manager"),
        )
    return outcome("rollback-target", "passed", required, chosen.release, evidence=(chosen.position,))


def chosen_target(asked: Asked) -> Occupant | None:
    """The occupant that a rollback goes to: the named one, else the nearest; by content once requested."""
    for occupant in rollback_candidates(asked):
        if asked.content is not None:
            if occupant.content == asked.content:
                return occupant
        elif asked.target in {None, occupant.release}:
            return occupant
    return None


@check("rollback-compatible")
def rollback_compatible(asked: Asked) -> CheckOutcome:
    """Every migration in between was declared backward compatible; otherwise the way is forward."""
    required = "every migration in between is backward compatible"
    target = chosen_target(asked)
    if target is None:
        return outcome("rollback-compatible", "failed", required, "there is no target")
    left = leaving(asked.place, target.content)
    between = [m for occupant in left for m in carried_by(asked.situation, occupant)[1]]
    work = asked.place.unsure.work if asked.place.unsure is not None else None
    if work is not None and work.release is not None and work.intent != "rollback":
        # What failed half way may have migrated already; a rollback went to what had migrated long before.
        half_done = asked.situation.releases.get(work.release)
        if half_done is not None and half_done.content is not None:
            between.extend(half_done.content.migrations)
    blocking = [m.id for m in between if not m.backward_compatible]
    if blocking:
        return outcome(
            "rollback-compatible",
            "failed",
            required,
            f"not compatible: {', '.join(blocking[:5])}; the way is forward, by hotfix",
        )
    return outcome("rollback-compatible", "passed", required, f"{len(between)} in between")
