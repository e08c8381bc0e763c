"""What a release's own events do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.domain.evolve.parts import forget, having, with_environment, with_release
from interlock.domain.situation import Content, Release, Situation, Verdict
from interlock.events.catalogue import release as happened
from interlock.events.envelope import Recorded
from interlock.events.fact import replace


def evolve_release(release: Release | None, recorded: Recorded[Any]) -> Release | None:
    """Apply one event of the release's stream; an event about another content changes nothing."""
    event = recorded.event
    if isinstance(event, happened.ReleaseOpened):
        return Release(
            name=event.name,
            kind=event.kind,
            opened_by=event.author,
            affected_areas=event.affected_areas,
            policy_version=recorded.policy_version,
            opened_at=recorded.recorded_at,
            position=recorded.position,
            problem=event.problem,
        )
    if release is None:
        return None
    step = _STEPS.get(type(event))
    return release if step is None else step(release, recorded, event)


def _started(release: Release, _: Recorded[Any], event: happened.DeployStarted) -> Release:
    if event.purpose != "production":
        return release
    return replace(release, frozen=True, tried=event.content_digest)


def _succeeded(release: Release, recorded: Recorded[Any], event: happened.DeploySucceeded) -> Release:
    if release.content is None or release.content.digest != event.content_digest:
        return release
    return replace(release, reached=having(release.reached, event.environment, recorded.position))


def _with_content(release: Release, recorded: Recorded[Any], event: happened.ReleaseContentSet) -> Release:
    content = Content(
        digest=event.content_digest,
        artifacts=event.artifacts,
        contains=frozenset(event.contains),
        migrations=event.migrations,
        adds_functionality=event.adds_functionality,
        new_tests=event.new_tests,
        fixes=event.fixes,
        authors=frozenset(commit.author for commit in event.commits),
        position=recorded.position,
    )
    setters = release.setters | {recorded.actor.id}
    if release.content is not None and release.content.digest == content.digest:
        # What it is said to contain or to fix changed, not what it is made of: who confirmed it
        # confirmed other words, and what was found about these bytes stays. So do their authors.
        content = replace(content, authors=content.authors | release.content.authors)
        return replace(release, content=content, setters=setters, developed=None, hotfix_confirmed=None)
    # New content voids what was proved about the old one.
    return replace(
        release,
        content=content,
        setters=setters,
        developed=None,
        hotfix_confirmed=None,
        reached={},
        tests=None,
        manual_qa=None,
    )


def _confirmed(
    release: Release, recorded: Recorded[Any], event: happened.DevelopmentConfirmed | happened.HotfixConfirmed
) -> Release:
    if release.content is None or release.content.digest != event.content_digest:
        return release
    verdict = Verdict(good=True, by=recorded.actor.id, position=recorded.position, at=recorded.recorded_at)
    if isinstance(event, happened.HotfixConfirmed):
        return replace(release, hotfix_confirmed=replace(verdict, summary=event.problem), problem=event.problem)
    return replace(release, developed=verdict)


def _tested(release: Release, recorded: Recorded[Any], event: happened.TestsPassed | happened.TestsFailed) -> Release:
    if release.content is None or release.content.digest != event.content_digest:
        return release
    good = isinstance(event, happened.TestsPassed)
    summary = f"{event.counts.passed} of {event.counts.total} passed" if good else f"{event.counts.failed} failed"
    verdict = Verdict(
        good=good,
        by=recorded.actor.id,
        position=recorded.position,
        at=recorded.recorded_at,
        ran=event.ran,
        summary=summary,
    )
    return replace(release, tests=verdict)


def _judged(
    release: Release, recorded: Recorded[Any], event: happened.ManualQAApproved | happened.ManualQARejected
) -> Release:
    if event.scope != "team" or release.content is None or release.content.digest != event.content_digest:
        return release
    good = isinstance(event, happened.ManualQAApproved)
    verdict = Verdict(
        good=good,
        by=recorded.actor.id,
        position=recorded.position,
        at=recorded.recorded_at,
        areas=event.areas if isinstance(event, happened.ManualQAApproved) else (),
    )
    return replace(release, manual_qa=verdict)


def _withdrawn(release: Release, _: Recorded[Any], event: happened.ManualQAWithdrawn) -> Release:
    return replace(release, manual_qa=None) if event.scope == "team" else release


def _held(release: Release, recorded: Recorded[Any], event: happened.ReleaseHeld) -> Release:
    return replace(release, held=event.reason, held_since=recorded.recorded_at)


# By class: a match would ask of each event whether it is one of those before it.
_STEPS: dict[type[Any], Callable[[Release, Recorded[Any], Any], Release]] = {
    happened.ReleaseContentSet: _with_content,
    happened.DevelopmentConfirmed: _confirmed,
    happened.HotfixConfirmed: _confirmed,
    happened.TestsPassed: _tested,
    happened.TestsFailed: _tested,
    happened.ManualQAApproved: _judged,
    happened.ManualQARejected: _judged,
    happened.ManualQAWithdrawn: _withdrawn,
    happened.DeployStarted: _started,
    happened.DeploySucceeded: _succeeded,
    happened.ReleaseHeld: _held,
    happened.ReleaseHoldLifted: lambda release, _, __: replace(release, held=None, held_since=None),
    happened.ReleaseSuperseded: lambda release, _, __: replace(release, state="superseded"),
    happened.ReleaseWithdrawn: lambda release, _, __: replace(release, state="withdrawn"),
    happened.ReleaseCompleted: lambda release, _, __: replace(release, state="completed"),
}


def on_release(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """Apply an event of a release's stream to the release that it names."""
    name = recorded.stream.removeprefix("release/")
    release = evolve_release(situation.releases.get(name), recorded)
    return situation if release is None else with_release(situation, release)


def on_content(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """New content ends the rehearsal of the old one, also for the day that the old one comes back."""
    name = recorded.stream.removeprefix("release/")
    known, digest = situation.releases.get(name), recorded.event.content_digest
    situation = on_release(situation, recorded)
    if known is None or known.content is None or known.content.digest == digest:
        return situation
    for environment in situation.environments.values():
        if environment.rehearsal is not None and environment.rehearsal.release == name:
            situation = with_environment(situation, replace(environment, rehearsal=None))
    return situation


def on_end(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A release is over: it leaves, unless something still refers to it; its requests go with it."""
    return forget(on_release(situation, recorded))
