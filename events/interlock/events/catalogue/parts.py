"""The parts that several events share. They are stored: a new shape is a new schema of each event that holds one."""

from __future__ import annotations

from interlock.events.fact import fact
from interlock.events.values import (
    Count,
    Digest,
    Instant,
    Line,
    Name,
    Positive,
    PrincipalId,
    Risk,
    Severity,
    Sha,
    Text,
)


@fact
class Artifact:
    """What is deployed: a package URL (purl-spec) and the digest of its bytes."""

    purl: Line
    digest: Digest


@fact
class Commit:
    """One commit; `author` is a principal id, or the name git gives where there is none."""

    repository: Line
    sha: Sha
    author: Line
    time: Instant


@fact
class RepositoryHead:
    """The commit at which a release stands in one repository."""

    repository: Line
    sha: Sha


@fact
class Migration:
    """One schema migration, by its id and the digest of its bytes."""

    id: Line
    digest: Digest
    backward_compatible: bool = False


@fact
class AppliedMigration:
    """One migration as it ran; `duration_ms` in milliseconds."""

    id: Line
    digest: Digest
    duration_ms: Count


@fact
class TestCounts:
    """How many tests there were, by verdict."""

    __test__ = False

    total: Count
    passed: Count
    failed: Count
    skipped: Count


@fact
class Identity:
    """Which database server and database an environment is.

    PostgreSQL's `system_identifier` (pg_control_system), the database's name and the server's
    address; or, where `system_identifier` is "command", what a configured command printed in
    `database`.
    """

    system_identifier: Line
    database: Line
    address: Line | None = None


@fact
class Observed:
    """What the runner read in the target before it began."""

    identity: Identity | None = None
    schema_digest: Digest | None = None
    feed: Line | None = None
    content_digest: Digest | None = None


@fact
class CredentialGiven:
    """A credential by what may be known of it: never the secret, only its digest."""

    credential: Name
    principal: PrincipalId
    secret_digest: Digest
    purpose: Name
    scopes: tuple[Name, ...]
    expires_at: Instant


@fact
class AdjustmentTargets:
    """Where data is adjusted: the environment, its registered identity, and the tables, as in "trades.fills"."""

    environment: Name
    identity: Identity
    tables: tuple[Line, ...]


@fact
class ExpectedEffect:
    """What must be so before the commit: how many rows the script touched, and that each effect query is true.

    `queries_digest` is the digest of the text of queries that give one boolean each.
    """

    rows_min: Count
    rows_max: Count
    queries_digest: Digest


@fact
class AdjustmentPlan:
    """All that an adjustment is bound to: who verifies it, verifies exactly this. Digests name bytes in the evidence.

    `precondition_digest` is that of queries which give one boolean each, and must be true before the script;
    `undo_digest` that of the script which takes it back.
    """

    purpose: Text
    script_digest: Digest
    targets: AdjustmentTargets
    precondition_digest: Digest
    expected_effect: ExpectedEffect
    undo_digest: Digest
    risk: Risk


@fact
class LogMatch:
    """How many lines of a log showed one kind of misbehaviour; the lines themselves are evidence, and never here."""

    pattern: Line
    severity: Severity
    lines: Positive


@fact
class ExecutedStatement:
    """One statement of a script as it ran: the digest of its text, its command tag, and how many rows it touched."""

    digest: Digest
    command: Line
    rows: Count
