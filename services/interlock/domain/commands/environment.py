"""What can be asked of an environment: its data, its lease, its logs, what is in it."""

from __future__ import annotations

from typing import Literal

from interlock.domain.commands.registry import command
from interlock.events.catalogue.parts import AppliedMigration, Artifact, Identity, LogMatch, Observed, RepositoryHead
from interlock.events.values import Digest, Instant, Line, Name, Positive, StatedContent, Text


@command()
class RegisterEnvironment:
    """Say which server and database the environment is."""

    environment: Name
    identity: Identity


@command()
class BaselineEnvironment:
    """Declare once what production runs before its first release; takes two persons."""

    environment: Name
    empty: bool = False
    release: Name | None = None
    content_digest: Digest | None = None
    artifacts: tuple[Artifact, ...] = ()
    head: tuple[RepositoryHead, ...] = ()
    schema_digest: Digest | None = None


@command()
class StateContent:
    """State what is in an unsure environment; takes two persons."""

    environment: Name
    state: StatedContent
    reason: Text
    release: Name | None = None
    content_digest: Digest | None = None
    schema_digest: Digest | None = None


@command()
class ObserveFact:
    """Report something that happened around Interlock, or content that differs from the record.

    `happened_at` is when it did, where that is known and lies back: the record keeps both times.
    """

    environment: Name
    kind: Literal["deploy", "restore", "migration", "adjustment", "erase", "drift", "other"]
    source: Line
    description: Text
    observed_digest: Digest | None = None
    happened_at: Instant | None = None


@command()
class RenewLease:
    """The holder's sign of life."""

    environment: Name
    lease: Name
    fencing_token: Positive


@command()
class BreakLease:
    """End a stuck lease; its activity counts as lost."""

    environment: Name
    lease: Name
    reason: Text


@command()
class StartRestore:
    """Begin to restore data from `source` under the environment's lease."""

    environment: Name
    source: Name
    observed: Observed


@command()
class ReportRestored:
    """The restore worked; `taken_at` is the snapshot's time.

    `happened_at` is when it ended, where the report could not be sent at once: the record keeps both times.
    """

    environment: Name
    restore: Name
    fencing_token: Positive
    snapshot: Line
    taken_at: Instant
    source_release: Name | None = None
    schema_digest: Digest | None = None
    report: Digest | None = None
    masked: Digest | None = None
    happened_at: Instant | None = None


@command()
class ReportRestoreFailed:
    """The restore did not work; `happened_at` as where it did."""

    environment: Name
    restore: Name
    fencing_token: Positive
    error: Text
    happened_at: Instant | None = None


@command()
class StartMigration:
    """Begin the rehearsal of the release's migrations under the environment's lease."""

    release: Name
    environment: Name
    observed: Observed


@command()
class ReportMigrated:
    """The migrations ran; `happened_at` is when they ended, where the report could not be sent at once."""

    release: Name
    environment: Name
    migration: Name
    fencing_token: Positive
    migrations: tuple[AppliedMigration, ...]
    schema_before: Digest
    schema_after: Digest
    report: Digest | None = None
    happened_at: Instant | None = None


@command()
class ReportMigrationFailed:
    """The migrations did not run; `happened_at` as where they did."""

    release: Name
    environment: Name
    migration: Name
    fencing_token: Positive
    error: Text
    failed_migration: Line | None = None
    report: Digest | None = None
    happened_at: Instant | None = None


@command()
class ReportErased:
    """The environment's data was erased; in `tests` only by the run that holds its lease."""

    environment: Name
    cause: Line
    observed: Observed
    fencing_token: Positive | None = None


@command()
class MarkDataCorrupt:
    """Say that the environment's data is not to be trusted."""

    environment: Name
    reason: Text


@command()
class MarkDataClean:
    """Take the mark of corruption off."""

    environment: Name
    reason: Text


@command()
class SetDataFeed:
    """Say which market data the environment gets, and how much of it."""

    environment: Name
    feed: Line
    volume_percent: Positive = 100


@command()
class CheckLogs:
    """Say that the logs from `since` to `until` were read, and what was in them.

    A runner names the evidence that says what it read (`report`), and counts what its patterns found (`matches`).
    """

    environment: Name
    since: Instant
    until: Instant
    result: Literal["clean", "findings"]
    findings: Text | None = None
    report: Digest | None = None
    matches: tuple[LogMatch, ...] = ()


@command()
class FreezeEnvironment:
    """Let nothing start here from `since` to `until`."""

    environment: Name
    reason: Text
    since: Instant | None = None
    until: Instant | None = None


@command()
class UnfreezeEnvironment:
    """End the freeze."""

    environment: Name
    reason: Text
