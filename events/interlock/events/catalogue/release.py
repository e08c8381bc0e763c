"""What happens to one release, on its way from its developer's sandbox to production. Stream: `release/NAME`.

These types are the storage format: a changed shape is a new schema number and an upcaster.
"""
# Long: every event of one stream, a short class each, in the order in which they happen.

from __future__ import annotations

from interlock.events.catalogue.parts import (
    AppliedMigration,
    Artifact,
    Commit,
    Migration,
    RepositoryHead,
    TestCounts,
)
from interlock.events.catalogue.registry import event
from interlock.events.decision import Decision
from interlock.events.values import (
    Digest,
    EnvironmentLeft,
    Instant,
    Intent,
    Line,
    Name,
    Positive,
    PrincipalId,
    Purpose,
    QAScope,
    ReleaseKind,
    Text,
)


@event()
class ReleaseOpened:
    """A release exists; its kind and name never change."""

    name: Name
    kind: ReleaseKind
    title: Line
    author: PrincipalId
    affected_areas: tuple[Line, ...] = ()
    problem: Name | None = None
    reason: Text | None = None


@event()
class ReleaseContentSet:
    """What the release is now made of. Evidence is bound to `content_digest`.

    `contains` are the names of the releases whose heads are ancestors of this head in every
    repository they touch; `fixes` are problem ids.
    """

    content_digest: Digest
    artifacts: tuple[Artifact, ...]
    commits: tuple[Commit, ...]
    head: tuple[RepositoryHead, ...]
    contains: tuple[Name, ...] = ()
    migrations: tuple[Migration, ...] = ()
    adds_functionality: bool = False
    new_tests: tuple[Line, ...] = ()
    fixes: tuple[Name, ...] = ()


@event()
class DevelopmentConfirmed:
    """The owner of the developer's sandbox says that this content is developed."""

    content_digest: Digest


@event()
class HotfixConfirmed:
    """An independent person says that this content belongs to this problem in production."""

    content_digest: Digest
    problem: Name


@event()
class DeployRequested:
    """Somebody asked for a deploy; it reserves nothing, and all checks run again at the start."""

    deploy: Name
    release: Name
    environment: Name
    content_digest: Digest
    intent: Intent
    at_window: bool
    expires_at: Instant
    decision: Decision
    ready_from: Instant | None = None
    problem: Name | None = None
    second_person: PrincipalId | None = None


@event()
class DeployReady:
    """The window opened, every check was made again and passed: the executor may start it."""

    deploy: Name
    release: Name
    environment: Name
    decision: Decision


@event()
class DeployStarted:
    """The deploy runs under a lease; what was there before is not the occupant any more.

    `purpose` is the environment's by the policy of that moment: a start in production freezes the
    content for good, one for rehearsal begins a new rehearsal.
    """

    deploy: Name
    release: Name
    environment: Name
    content_digest: Digest
    intent: Intent
    lease: Name
    fencing_token: Positive
    executor: PrincipalId
    decision: Decision
    purpose: Purpose
    replaced_release: Name | None = None
    replaced_digest: Digest | None = None
    problem: Name | None = None


@event(schema=2)
class DeploySucceeded:
    """The release is the environment's occupant from here on. `log` is the end of what the deploy command wrote."""

    deploy: Name
    release: Name
    environment: Name
    content_digest: Digest
    intent: Intent
    observed_digest: Digest
    finished_outside_window: bool
    schema_digest: Digest | None = None
    fixes: tuple[Name, ...] = ()
    log: Digest | None = None


@event(schema=2)
class DeployFailed:
    """The deploy did not work; `environment_left` says what it left behind, `log` what its command wrote last."""

    deploy: Name
    release: Name
    environment: Name
    content_digest: Digest
    phase: Line
    error: Text
    environment_left: EnvironmentLeft
    observed_digest: Digest | None = None
    log: Digest | None = None


@event()
class DeployCancelled:
    """A requested deploy will not start; `decision` is there when a check was the reason."""

    deploy: Name
    release: Name
    environment: Name
    reason: Text
    decision: Decision | None = None


@event()
class DeployExpired:
    """A requested deploy was not started in its time."""

    deploy: Name
    release: Name
    environment: Name


@event()
class TestsPassed:
    """The automatic tests passed on exactly this content; `ran` are the named new tests that ran and passed."""

    __test__ = False

    run: Name
    content_digest: Digest
    suite_digest: Digest
    counts: TestCounts
    started_at: Instant
    finished_at: Instant
    fencing_token: Positive
    report: Digest
    ran: tuple[Line, ...] = ()


@event()
class TestsFailed:
    """The automatic tests failed on this content; an earlier pass is revoked."""

    __test__ = False

    run: Name
    content_digest: Digest
    suite_digest: Digest
    counts: TestCounts
    started_at: Instant
    finished_at: Instant
    fencing_token: Positive
    report: Digest
    ran: tuple[Line, ...] = ()
    failed: tuple[Line, ...] = ()


@event()
class ManualQAApproved:
    """A person tested this content by hand in this environment and found it good."""

    environment: Name
    scope: QAScope
    content_digest: Digest
    deploy: Name | None = None
    areas: tuple[Line, ...] = ()
    checklist: Text | None = None


@event()
class ManualQARejected:
    """A person tested this content by hand and found it wanting."""

    environment: Name
    scope: QAScope
    content_digest: Digest
    reason: Text
    problems: tuple[Name, ...] = ()


@event()
class ManualQAWithdrawn:
    """An approval is taken back."""

    environment: Name
    scope: QAScope
    content_digest: Digest
    reason: Text


@event()
class CodeReviewApproved:
    """All code changes from production's release to this one were reviewed at once."""

    content_digest: Digest
    deploy: Name
    commit_range: Line
    diff_digest: Digest
    base_release: Name | None = None


@event()
class CodeReviewRejected:
    """The review found something that must change."""

    content_digest: Digest
    reason: Text


@event()
class CodeReviewWithdrawn:
    """A review's approval is taken back."""

    content_digest: Digest
    reason: Text


@event(schema=2)
class StageMigrated:
    """The migrations ran in stage on production's restored data; `report` is evidence: times and long locks."""

    content_digest: Digest
    deploy: Name
    migration: Name
    migrations: tuple[AppliedMigration, ...]
    schema_before: Digest
    schema_after: Digest
    restore: Name | None = None
    base_release: Name | None = None
    report: Digest | None = None


@event(schema=2)
class StageMigrationFailed:
    """The migrations failed in stage; the restore they ran on is void. `report` is evidence: times and long locks."""

    content_digest: Digest
    deploy: Name
    migration: Name
    error: Text
    restore: Name | None = None
    failed_migration: Line | None = None
    report: Digest | None = None


@event()
class EvidenceInvalidated:
    """What was proved does not hold any more; `evidence` are the event types' names with their environment."""

    evidence: tuple[Line, ...]
    cause: Text


@event()
class ReleaseHeld:
    """Nothing of this release starts until the hold is lifted."""

    reason: Text


@event()
class ReleaseHoldLifted:
    """The hold is over."""

    reason: Text


@event()
class ReleaseSuperseded:
    """Another release that contains this one's commits reached production."""

    by: Name


@event()
class ReleaseWithdrawn:
    """This release will not go on."""

    reason: Text


@event()
class ReleaseCompleted:
    """The release reached production."""

    deploy: Name
