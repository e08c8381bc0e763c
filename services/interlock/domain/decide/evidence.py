"""Deciding about evidence that people give: manual QA and code reviews."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.domain import gates
from interlock.domain.commands.evidence import (
    ApproveCodeReview,
    ApproveManualQA,
    RejectCodeReview,
    RejectManualQA,
    WithdrawCodeReview,
    WithdrawManualQA,
)
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.release import stream_of
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.situation import Environment, Release, Verdict
from interlock.events.catalogue import release as happened
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.values import QAScope


def _scope(case: Case, environment: str) -> QAScope:
    """What a manual verdict there is about. Raises InvalidCommand where nobody tests by hand."""
    rule = case.policy.environment(environment)
    if rule is None:
        raise NotFound("environment", environment)
    if rule.purpose == "manual-qa":
        return "team"
    if rule.purpose == "rehearsal":
        return "core-and-affected"
    names = f"{case.policy.named('manual-qa')} and {case.policy.named('rehearsal')}"
    raise InvalidCommand("environment", f"manual QA is done in {names}")


def _standing(case: Case, release: Release, scope: QAScope) -> Verdict | None:
    """The verdict that stands for the release's present content."""
    if scope == "team":
        return release.manual_qa
    rehearsal = case.situation.environment(case.policy.named("rehearsal")).rehearsal
    about = rehearsal is not None and _is_about(rehearsal.release, rehearsal.content, release)
    return rehearsal.core if rehearsal is not None and about else None


def _is_about(name: str, content: str, release: Release) -> bool:
    return release.content is not None and (name, content) == (release.name, release.content.digest)


def _content(release: Release) -> str:
    if release.content is None:
        raise InvalidCommand("release", f"{release.name} has no content: set it first")
    return release.content.digest


def approve_qa(case: Case, command: ApproveManualQA) -> Ruled:
    """The latest verdict wins; in stage the areas must contain the core and the affected ones."""
    release, place = case.release(command.release), case.environment(command.environment)
    scope, content = _scope(case, command.environment), _content(release)
    action, subject = f"approve {release.name} in {place.name}", stream_of(release.name)
    standing = _standing(case, release, scope)
    if standing is not None and (standing.good, standing.by, standing.areas) == (True, case.actor.id, command.areas):
        return case.unchanged(action, subject)
    asked = case.asked(place.name, release, areas=command.areas)
    names = gates.MANUAL_QA if scope == "team" else gates.CORE_TEST
    event = happened.ManualQAApproved(
        environment=place.name,
        scope=scope,
        content_digest=content,
        areas=command.areas,
        checklist=command.checklist,
        deploy=place.occupant.deploy if place.occupant is not None else None,
    )
    return case.ruled(action, subject, ("release-open", *names), asked, lambda _: (New(stream=subject, event=event),))


def reject_qa(case: Case, command: RejectManualQA) -> Ruled:
    """A rejection revokes an approval; it needs no independence, only the thing itself."""
    release, place = case.release(command.release), case.environment(command.environment)
    scope, content = _scope(case, command.environment), _content(release)
    action, subject = f"reject {release.name} in {place.name}", stream_of(release.name)
    standing = _standing(case, release, scope)
    if standing is not None and not standing.good and standing.by == case.actor.id:
        return case.unchanged(action, subject)
    event = happened.ManualQARejected(
        environment=place.name, scope=scope, content_digest=content, reason=command.reason, problems=command.problems
    )
    asked = case.asked(place.name, release)
    return case.ruled(action, subject, ("release-present",), asked, lambda _: (New(stream=subject, event=event),))


def withdraw_qa(case: Case, command: WithdrawManualQA) -> Ruled:
    """An approval is taken back by who gave it, or by a release manager."""
    release, place = case.release(command.release), case.environment(command.environment)
    scope, content = _scope(case, command.environment), _content(release)
    action, subject = f"withdraw the approval of {release.name} in {place.name}", stream_of(release.name)
    standing = _standing(case, release, scope)
    if standing is None or not standing.good:
        return case.unchanged(action, subject)
    event = happened.ManualQAWithdrawn(
        environment=place.name, scope=scope, content_digest=content, reason=command.reason
    )
    return case.ruled(
        action, subject, (), None, lambda _: (New(stream=subject, event=event),), extra=[_given_by(case, standing)]
    )


def _given_by(case: Case, verdict: Verdict) -> CheckOutcome:
    principal = case.situation.team.principals.get(case.actor.id)
    manages = principal is not None and "release-manager" in principal.roles
    return CheckOutcome(
        check="verdict-own",
        state="passed" if manages or verdict.by == case.actor.id else "needed",
        required="who gave it, or a release manager",
        observed=f"{verdict.by} gave it",
        who=(verdict.by,),
    )


def _review(case: Case, release: Release) -> tuple[Environment, Verdict | None]:
    stage = case.situation.environment(case.policy.named("rehearsal"))
    rehearsal = stage.rehearsal
    if rehearsal is None or not _is_about(rehearsal.release, rehearsal.content, release):
        return stage, None
    return stage, rehearsal.review


def approve_review(case: Case, command: ApproveCodeReview) -> Ruled:
    """All code changes from production's release to this one, at once."""
    release = case.release(command.release)
    stage, standing = _review(case, release)
    action, subject = f"approve the review of {release.name}", stream_of(release.name)
    content = _content(release)
    if standing is not None and standing.good and standing.by == case.actor.id:
        return case.unchanged(action, subject)
    asked = case.asked(case.policy.named("rehearsal"), release)

    def effect(_: Decision) -> Iterator[New]:
        rehearsal = stage.rehearsal
        if rehearsal is not None:
            yield New(
                stream=subject,
                event=happened.CodeReviewApproved(
                    content_digest=content,
                    deploy=rehearsal.deploy,
                    commit_range=command.commit_range,
                    diff_digest=command.diff_digest,
                    base_release=command.base_release,
                ),
            )

    extra = [_base_current(case, command.base_release), _rehearsed(stage, release)]
    return case.ruled(action, subject, ("release-open", *gates.REVIEW), asked, effect, extra=extra)


def _base_current(case: Case, base: str | None) -> CheckOutcome:
    running = case.situation.environment(case.policy.production).last_sure
    expected = running.release if running is not None else None
    return CheckOutcome(
        check="review-base-current",
        state="passed" if base == expected else "failed",
        required=f"all changes since {expected}" if expected else "all changes: production is empty",
        observed=f"changes since {base}" if base else "all changes",
    )


def _rehearsed(stage: Environment, release: Release) -> CheckOutcome:
    rehearsal = stage.rehearsal
    holds = rehearsal is not None and _is_about(rehearsal.release, rehearsal.content, release)
    return CheckOutcome(
        check="rehearsal-begun",
        state="passed" if holds else "failed",
        required="a deploy of this content to the environment of rehearsals",
        observed="deployed" if holds else "none",
        next=None if holds else f"dt deploy {release.name} {stage.name}",
    )


def reject_review(case: Case, command: RejectCodeReview) -> Ruled:
    """The review found something; the release stays where it is until it is reviewed again."""
    release = case.release(command.release)
    stage, standing = _review(case, release)
    action, subject = f"reject the review of {release.name}", stream_of(release.name)
    content = _content(release)
    if standing is not None and not standing.good and standing.by == case.actor.id:
        return case.unchanged(action, subject)
    event = happened.CodeReviewRejected(content_digest=content, reason=command.reason)
    asked = case.asked(case.policy.named("rehearsal"), release)
    return case.ruled(
        action,
        subject,
        ("release-present",),
        asked,
        lambda _: (New(stream=subject, event=event),),
        extra=[_rehearsed(stage, release)],
    )


def withdraw_review(case: Case, command: WithdrawCodeReview) -> Ruled:
    """A review's approval is taken back by who gave it, or by a release manager."""
    release = case.release(command.release)
    _, standing = _review(case, release)
    action, subject = f"withdraw the review of {release.name}", stream_of(release.name)
    content = _content(release)
    if standing is None or not standing.good:
        return case.unchanged(action, subject)
    event = happened.CodeReviewWithdrawn(content_digest=content, reason=command.reason)
    return case.ruled(
        action, subject, (), None, lambda _: (New(stream=subject, event=event),), extra=[_given_by(case, standing)]
    )
