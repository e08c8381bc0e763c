"""What happens in one environment: leases, test runs, its data, its logs. Stream: `environment/NAME`.

These types are the storage format: a changed shape is a new schema number and an upcaster.
"""
# Long: every event of one stream, a short class each, in the order in which they happen.

from __future__ import annotations

from typing import Literal

from interlock.events.catalogue.parts import (
    AppliedMigration,
    Artifact,
    Identity,
    LogMatch,
    Observed,
    RepositoryHead,
    TestCounts,
)
from interlock.events.catalogue.registry import event
from interlock.events.values import (
    Digest,
    Instant,
    LeaseKind,
    Line,
    Name,
    Positive,
    PrincipalId,
    StatedContent,
    Text,
    Trigger,
)


@event()
class EnvironmentRegistered:
    """This is the server and the database that the environment is."""

    environment: Name
    identity: Identity


@event()
class EnvironmentBaselined:
    """Two persons declared once what production ran before Interlock; with `empty`, nothing."""

    environment: Name
    empty: bool
    asked_by: PrincipalId
    confirmed_by: PrincipalId
    release: Name | None = None
    content_digest: Digest | None = None
    artifacts: tuple[Artifact, ...] = ()
    head: tuple[RepositoryHead, ...] = ()
    schema_digest: Digest | None = None


@event()
class EnvironmentUnsure:
    """Nobody knows for certain what is in the environment."""

    environment: Name
    cause: Text


@event()
class EnvironmentConfirmed:
    """Two persons stated what is in the environment."""

    environment: Name
    state: StatedContent
    asked_by: PrincipalId
    confirmed_by: PrincipalId
    release: Name | None = None
    content_digest: Digest | None = None
    schema_digest: Digest | None = None
    reason: Text | None = None


@event(schema=2)
class LeaseGranted:
    """One activity holds the environment until `expires_at`; `fencing_token` grows with each lease."""

    environment: Name
    lease: Name
    kind: LeaseKind
    holder: PrincipalId
    subject: Line
    fencing_token: Positive
    expires_at: Instant
    observed: Observed
    release: Name | None = None


@event()
class LeaseRenewed:
    """The holder gave a sign of life."""

    environment: Name
    lease: Name
    expires_at: Instant


@event()
class LeaseReleased:
    """The activity is over."""

    environment: Name
    lease: Name


@event()
class LeaseExpired:
    """The holder gave no sign of life in time."""

    environment: Name
    lease: Name


@event()
class LeaseBroken:
    """A release manager ended a stuck lease."""

    environment: Name
    lease: Name
    reason: Text


@event()
class TestRunStarted:
    """A run of the automatic tests began; `fulfils` is the UTC day whose nightly run it is."""

    __test__ = False

    environment: Name
    run: Name
    trigger: Trigger
    lease: Name
    fencing_token: Positive
    release: Name | None = None
    content_digest: Digest | None = None
    fulfils: Line | None = None
    late: bool = False


@event(schema=2)
class TestRunFinished:
    """The run gave a report; `log` is the end of what the tests wrote."""

    __test__ = False

    environment: Name
    run: Name
    verdict: Literal["passed", "failed"]
    report: Digest
    release: Name | None = None
    content_digest: Digest | None = None
    late: bool = False
    counts: TestCounts | None = None
    log: Digest | None = None


@event(schema=2)
class TestRunAborted:
    """The run gave no report; it neither passed nor failed. `log` is the end of what was written until then."""

    __test__ = False

    environment: Name
    run: Name
    reason: Text
    log: Digest | None = None


@event()
class TestRunMissed:
    """No scheduled run had started by its time."""

    __test__ = False

    environment: Name
    expected_at: Instant
    day: Line


@event()
class DataErased:
    """The environment's data was erased."""

    environment: Name
    cause: Line


@event(schema=2)
class DataRestored:
    """The environment's data is a copy of `source`'s, as it was at `taken_at`.

    `report` is evidence: rows and digest of each table; `masked` is the digest of the script that masked the copy.
    """

    environment: Name
    restore: Name
    source: Name
    snapshot: Line
    taken_at: Instant
    source_release: Name | None = None
    schema_digest: Digest | None = None
    report: Digest | None = None
    masked: Digest | None = None


@event()
class DataRestoreFailed:
    """A restore did not work; what it left is no rehearsal's base."""

    environment: Name
    restore: Name
    source: Name
    error: Text


@event()
class DataMarkedCorrupt:
    """Somebody says that the environment's data is not to be trusted."""

    environment: Name
    reason: Text


@event()
class DataMarkedClean:
    """The mark of corruption is taken off."""

    environment: Name
    reason: Text


@event()
class DataFeedSet:
    """Where the environment's market data comes from, and how much of it (in percent)."""

    environment: Name
    feed: Line
    volume_percent: Positive = 100


@event()
class MigrationsApplied:
    """Migrations ran in the environment as part of a deploy."""

    environment: Name
    release: Name
    deploy: Name
    migrations: tuple[AppliedMigration, ...]
    schema_after: Digest


@event(schema=2)
class LogsChecked:
    """The logs from `since` to `until` were read, by a person or by a runner.

    A runner's `report` is the digest of what it read and found, and `matches` count what it found by its patterns.
    """

    environment: Name
    since: Instant
    until: Instant
    result: Literal["clean", "findings"]
    release: Name | None = None
    findings: Text | None = None
    report: Digest | None = None
    matches: tuple[LogMatch, ...] = ()


@event()
class LogCheckMissed:
    """The logs were not checked in time."""

    environment: Name
    due_at: Instant


@event()
class MisbehaviourDetected:
    """The release that runs here does something it should not."""

    environment: Name
    problem: Name
    description: Text
    release: Name | None = None


@event()
class EnvironmentFrozen:
    """No deploy starts here from `since` to `until` (open where absent)."""

    environment: Name
    reason: Text
    since: Instant | None = None
    until: Instant | None = None


@event()
class EnvironmentUnfrozen:
    """The freeze is over."""

    environment: Name
    reason: Text


@event()
class DriftDetected:
    """What is in the environment is not what the record says."""

    environment: Name
    observed_digest: Digest
    problem: Name
    source: Line
    release: Name | None = None


@event(schema=2)
class FactObserved:
    """Something happened here without Interlock, or came too late to be accepted."""

    environment: Name
    kind: Literal["deploy", "restore", "migration", "adjustment", "erase", "other"]
    source: Line
    description: Text
    observed_digest: Digest | None = None
    problem: Name | None = None
