"""The parts that several events share. They are stored: a new shape is a new schema of each event that holds one."""

from __future__ import annotations

from interlock.events.fact import fact
from interlock.events.values import Count, Digest, Instant, Line, Name, PrincipalId, Sha


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
