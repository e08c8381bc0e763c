"""Deciding about a release: open it, confirm it, hold it, withdraw it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interlock.domain import gates
from interlock.domain.commands.release import (
    ConfirmDevelopment,
    ConfirmHotfix,
    HoldRelease,
    LiftReleaseHold,
    OpenRelease,
    WithdrawRelease,
)
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.errors import InvalidCommand
from interlock.domain.situation import Release
from interlock.events.catalogue import release as happened
from interlock.events.decision import CheckOutcome


def stream_of(release: str) -> str:
    """The stream of a release's events."""
    return f"release/{release}"


def open_release(case: Case, command: OpenRelease) -> Ruled:
    """A release's name is unique in the project, for ever; a hotfix names an open problem in production."""
    action, subject = f"open {command.name}", stream_of(command.name)
    existing = case.situation.releases.get(command.name)
    event = happened.ReleaseOpened(
        name=command.name,
        kind=command.kind,
        title=command.title,
        author=case.actor.id,
        affected_areas=command.affected_areas,
        problem=command.problem,
        reason=command.reason,
    )
    if (
        existing is not None
        and (existing.kind, existing.opened_by, existing.problem, existing.affected_areas)
        == (
            event.kind,
            event.author,
            event.problem,
            event.affected_areas,
        )
        and existing.content is None
    ):
        return case.unchanged(action, subject)
    if command.kind == "hotfix" and command.problem is None:
        raise InvalidCommand("problem", "a hotfix names the problem in production that it is for")
    if command.kind == "normal" and command.problem is not None:
        raise InvalidCommand("problem", "only a hotfix is linked to one; a normal release names it in its content")
    taken = existing is not None or case.situation.version_of(subject) > 0 or _is_base(case, command.name)
    checks = [
        CheckOutcome(
            check="name-unused",
            state="failed" if taken else "passed",
            required="a name that no release ever had",
            observed="taken" if taken else "unused",
        ),
    ]
    asked = case.asked(
        case.policy.production, _preview(case, command), problem=command.problem, problem_must_be_open=True
    )
    names = ("problem-linked",) if command.kind == "hotfix" else ()
    return case.ruled(action, subject, names, asked, lambda _: (New(stream=subject, event=event),), extra=checks)


def _is_base(case: Case, name: str) -> bool:
    return any(o.release == name for e in case.situation.environments.values() for o in e.history)


def _preview(case: Case, command: OpenRelease) -> Release:
    """The release as it would be: for the checks."""
    return Release(
        name=command.name,
        kind=command.kind,
        opened_by=case.actor.id,
        affected_areas=command.affected_areas,
        policy_version=case.situation.policy_version,
        opened_at=case.now,
        position=0,
        problem=command.problem,
    )


def not_completed(release: Release) -> CheckOutcome:
    """Passed while the release is neither completed, superseded nor withdrawn."""
    return CheckOutcome(
        check="release-unfinished",
        state="passed" if release.open else "failed",
        required="a release that is still open",
        observed=release.state,
    )


def confirm_development(case: Case, command: ConfirmDevelopment) -> Ruled:
    """The owner of the developer's sandbox, where the release is, confirms it."""
    release = case.release(command.release)
    action, subject = f"confirm the development of {release.name}", stream_of(release.name)
    if release.developed is not None and release.developed.by == case.actor.id:
        return case.unchanged(action, subject)
    asked = case.asked(case.policy.named("development"), release)

    def effect(_: Any) -> Iterator[New]:
        if release.content is not None:
            event = happened.DevelopmentConfirmed(content_digest=release.content.digest)
            yield New(stream=subject, event=event)

    return case.ruled(action, subject, ("release-open", *gates.CONFIRM_DEVELOPMENT), asked, effect)


def confirm_hotfix(case: Case, command: ConfirmHotfix) -> Ruled:
    """An independent person binds the hotfix's content to its problem, or to another open one."""
    release = case.release(command.release)
    action, subject = f"confirm the hotfix {release.name}", stream_of(release.name)
    if release.kind != "hotfix":
        raise InvalidCommand("release", f"{release.name} is a normal release: its kind never changes")
    problem = command.problem or release.problem
    known = release.hotfix_confirmed
    if known is not None and (known.by, known.summary) == (case.actor.id, problem):
        return case.unchanged(action, subject)
    linked = Release(
        name=release.name,
        kind=release.kind,
        opened_by=release.opened_by,
        affected_areas=release.affected_areas,
        policy_version=release.policy_version,
        opened_at=release.opened_at,
        position=release.position,
        state=release.state,
        problem=problem,
        content=release.content,
        setters=release.setters,
    )
    asked = case.asked(case.policy.production, linked, problem_must_be_open=True)

    def effect(_: Any) -> Iterator[New]:
        if release.content is not None and problem is not None:
            event = happened.HotfixConfirmed(content_digest=release.content.digest, problem=problem)
            yield New(stream=subject, event=event)

    return case.ruled(action, subject, ("release-open", *gates.CONFIRM_HOTFIX), asked, effect)


def hold(case: Case, command: HoldRelease) -> Ruled:
    """Nothing of the release starts until the hold is lifted."""
    release = case.release(command.release)
    action, subject = f"hold {release.name}", stream_of(release.name)
    if release.held is not None:
        return case.unchanged(action, subject)
    event = happened.ReleaseHeld(reason=command.reason)
    asked = case.asked(case.policy.production, release)
    return case.ruled(action, subject, ("release-open",), asked, lambda _: (New(stream=subject, event=event),))


def lift_hold(case: Case, command: LiftReleaseHold) -> Ruled:
    """The release goes on."""
    release = case.release(command.release)
    action, subject = f"lift the hold of {release.name}", stream_of(release.name)
    if release.held is None:
        return case.unchanged(action, subject)
    event = happened.ReleaseHoldLifted(reason=command.reason)
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))


def withdraw(case: Case, command: WithdrawRelease) -> Ruled:
    """The release is given up, with its queued deploys; not while a deploy of it is unsettled."""
    release = case.release(command.release)
    action, subject = f"withdraw {release.name}", stream_of(release.name)
    if release.state == "withdrawn":
        return case.unchanged(action, subject)

    def effect(_: Any) -> Iterator[New]:
        for request in case.situation.requests.values():
            if request.release == release.name:
                cancelled = happened.DeployCancelled(
                    deploy=request.deploy,
                    release=release.name,
                    environment=request.environment,
                    reason="the release was withdrawn",
                )
                yield New(stream=subject, event=cancelled)
        yield New(stream=subject, event=happened.ReleaseWithdrawn(reason=command.reason))

    asked = case.asked(case.policy.production, release)
    return case.ruled(action, subject, ("deploy-settled",), asked, effect, extra=[not_completed(release)])
