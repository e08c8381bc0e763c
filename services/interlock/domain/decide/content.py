"""Deciding about a release's content: what it is made of, by whom, and what new content voids."""

from __future__ import annotations

import re
from collections.abc import Iterator

from interlock.domain.commands.release import (
    SetReleaseContent,
)
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.release import not_completed, stream_of
from interlock.domain.errors import InvalidCommand
from interlock.domain.situation import Release, Verdict
from interlock.events.catalogue import release as happened
from interlock.events.codec import digest_of, plain
from interlock.events.decision import CheckOutcome

COMMITS_MAX = 200

# Somebody outside, by the digest of his address: no principal's id has a colon, so it never becomes somebody.
OUTSIDE = re.compile(r"git:[0-9a-f]{16}")

AUTHORS_TOLD = 5


def content_digest(command: SetReleaseContent) -> str:
    """The digest of what is deployed: artifacts, commits and migrations, in a fixed order."""
    return digest_of(
        {
            "artifacts": sorted((plain(a) for a in command.artifacts), key=lambda a: (a["purl"], a["digest"])),
            "commits": sorted(f"{c.repository} {c.sha}" for c in command.commits),
            "migrations": [plain(m) for m in command.migrations],
        }
    )


def set_content(case: Case, command: SetReleaseContent) -> Ruled:
    """New content voids what was proved about the old one, and cancels its queued deploys."""
    release = case.release(command.release)
    action, subject = f"set the content of {release.name}", stream_of(release.name)
    _check_content(command)
    digest = content_digest(command)
    event = happened.ReleaseContentSet(
        content_digest=digest,
        artifacts=command.artifacts,
        commits=command.commits,
        head=command.head,
        contains=command.contains,
        migrations=command.migrations,
        adds_functionality=command.adds_functionality,
        new_tests=command.new_tests,
        fixes=command.fixes,
    )
    if _same(release, event):
        return case.unchanged(action, subject)
    _check_ancestry(release, event)
    asked = case.asked(case.policy.named("development"), release)
    return case.ruled(
        action,
        subject,
        ("release-open", "content-unfrozen"),
        asked,
        lambda _: _content_set(case, release, subject, event),
        extra=[not_completed(release), _authors_known(case, command)],
    )


def _authors_known(case: Case, command: SetReleaseContent) -> CheckOutcome:
    """Who wrote it is compared with who approves it: a name that nobody has would compare with nobody."""
    named = sorted({commit.author for commit in command.commits})
    unknown = [name for name in named if name not in case.situation.team.principals and not OUTSIDE.fullmatch(name)]
    outside = sum(OUTSIDE.fullmatch(name) is not None for name in named)
    more = f" and {len(unknown) - AUTHORS_TOLD} more" if len(unknown) > AUTHORS_TOLD else ""
    found = f"{len(named) - outside} registered" + (f", {outside} outside" if outside else "")
    return CheckOutcome(
        check="authors-known",
        state="failed" if unknown else "passed",
        required="each author of its commits is a principal, or is marked as somebody outside",
        observed=f"nobody is {', '.join(unknown[:AUTHORS_TOLD])}{more}" if unknown else found,
        next=f"dt release content {command.release}" if unknown else None,
    )


def _check_content(command: SetReleaseContent) -> None:
    if not command.artifacts and not command.commits:
        raise InvalidCommand("artifacts", "a release is made of at least one artifact or commit")
    if len(command.commits) > COMMITS_MAX:
        raise InvalidCommand("commits", f"at most {COMMITS_MAX} fit into one event; name the ones since production")
    if command.release in command.contains:
        raise InvalidCommand("contains", "a release does not contain itself")
    ids = [migration.id for migration in command.migrations]
    if len(set(ids)) != len(ids):
        raise InvalidCommand("migrations", "two have the same id")


def _check_ancestry(release: Release, event: happened.ReleaseContentSet) -> None:
    """The same commits have the same ancestors: another release is taken in by new content only."""
    known = release.content
    if known is None or known.digest != event.content_digest:
        return
    claimed = sorted(set(event.contains) - known.contains)
    if claimed:
        raise InvalidCommand("contains", f"the same commits: taking in {', '.join(claimed[:5])} is new content")


def _same(release: Release, event: happened.ReleaseContentSet) -> bool:
    known = release.content
    return (
        known is not None
        and (
            known.digest,
            known.contains,
            known.fixes,
            known.new_tests,
            known.adds_functionality,
            known.migrations,
            known.artifacts,
        )
        == (
            event.content_digest,
            frozenset(event.contains),
            event.fixes,
            event.new_tests,
            event.adds_functionality,
            event.migrations,
            event.artifacts,
        )
        and {commit.author for commit in event.commits} <= known.authors
    )


def _content_set(case: Case, release: Release, subject: str, event: happened.ReleaseContentSet) -> Iterator[New]:
    yield New(stream=subject, event=event)
    known = release.content
    if known is None:
        return
    same = known.digest == event.content_digest
    void = [name for name, _ in _confirmations(release)] if same else _evidence(case, release)
    if void:
        cause = "another description of the content" if same else "new content"
        yield New(stream=subject, event=happened.EvidenceInvalidated(evidence=tuple(void), cause=cause))
    for request in case.situation.requests.values():
        if request.release == release.name and request.intent != "rollback":
            cancelled = happened.DeployCancelled(
                deploy=request.deploy,
                release=release.name,
                environment=request.environment,
                reason="new content was set",
            )
            yield New(stream=subject, event=cancelled)


def _evidence(case: Case, release: Release) -> list[str]:
    policy, stage = case.policy, case.situation.environment(case.policy.named("rehearsal")).rehearsal
    found = [
        *_confirmations(release),
        (f"TestsPassed {policy.named('tests')}", release.tests if release.tests and release.tests.good else None),
        (f"ManualQAApproved {policy.named('manual-qa')}",
         release.manual_qa if release.manual_qa and release.manual_qa.good else None),
    ]  # fmt: skip
    if stage is not None and stage.release == release.name:
        name = policy.named("rehearsal")
        found += [(f"CodeReviewApproved {name}", stage.review), (f"StageMigrated {name}", stage.migration),
                  (f"ManualQAApproved {name}", stage.core)]  # fmt: skip
    return [name for name, verdict in found if verdict is not None]


def _confirmations(release: Release) -> list[tuple[str, Verdict]]:
    """What persons confirmed of the release's description; it stands or falls with each word of it."""
    found = (("DevelopmentConfirmed", release.developed), ("HotfixConfirmed", release.hotfix_confirmed))
    return [(name, verdict) for name, verdict in found if verdict is not None]
