"""What people and test runs find out about a release: test runs, manual QA, reviews."""

from __future__ import annotations

from typing import Literal

from interlock.domain.commands.registry import command
from interlock.events.catalogue.parts import Observed, TestCounts
from interlock.events.values import Digest, Instant, Line, Name, Positive, Text, Trigger


@command()
class StartTestRun:
    """Begin the automatic tests under the environment's lease."""

    environment: Name
    trigger: Trigger
    observed: Observed


@command()
class ReportTestRun:
    """Say what the run's report says; `ran` are the tests' names that passed, of those that the release names new.

    `log` is the end of what the tests wrote.
    """

    environment: Name
    run: Name
    fencing_token: Positive
    verdict: Literal["passed", "failed"]
    suite_digest: Digest
    counts: TestCounts
    report: Digest
    started_at: Instant
    finished_at: Instant
    ran: tuple[Line, ...] = ()
    failed: tuple[Line, ...] = ()
    log: Digest | None = None


@command()
class AbortTestRun:
    """End a run without a verdict; a nightly run may be aborted for a hotfix, which is then named."""

    environment: Name
    run: Name
    reason: Text
    hotfix: Name | None = None
    log: Digest | None = None


@command()
class ApproveManualQA:
    """A person tested the release by hand in this environment and found it good."""

    release: Name
    environment: Name
    areas: tuple[Line, ...] = ()
    checklist: Text | None = None


@command()
class RejectManualQA:
    """A person tested the release by hand and found it wanting."""

    release: Name
    environment: Name
    reason: Text
    problems: tuple[Name, ...] = ()


@command()
class WithdrawManualQA:
    """Take back an approval; only who gave it, or a release manager."""

    release: Name
    environment: Name
    reason: Text


@command()
class ApproveCodeReview:
    """All changes since production's release (`base_release`) were reviewed at once."""

    release: Name
    commit_range: Line
    diff_digest: Digest
    base_release: Name | None = None


@command()
class RejectCodeReview:
    """The review found something that must change."""

    release: Name
    reason: Text


@command()
class WithdrawCodeReview:
    """Take back a review's approval; only who gave it, or a release manager."""

    release: Name
    reason: Text
