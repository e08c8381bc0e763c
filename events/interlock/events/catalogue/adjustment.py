"""One adjustment of data, from its request to its checked result. Stream: `adjustment/ID`.

These types are the storage format: a changed shape is a new schema number and an upcaster.
"""

from __future__ import annotations

from typing import Literal

from interlock.events.catalogue.parts import AdjustmentPlan, ExecutedStatement, Identity
from interlock.events.catalogue.registry import event
from interlock.events.decision import Decision
from interlock.events.values import Count, Digest, Instant, Line, Name, Positive, PrincipalId, Text


@event()
class DataAdjustRequested:
    """Somebody wants data adjusted by exactly this plan; `reverts` names the adjustment that its undo takes back."""

    adjustment: Name
    plan: AdjustmentPlan
    bound_digest: Digest
    expires_at: Instant
    reverts: Name | None = None


@event()
class DataAdjustAmended:
    """The plan is another one: what was rehearsed, verified and authorized of the old one is void."""

    adjustment: Name
    plan: AdjustmentPlan
    bound_digest: Digest
    reason: Text


@event()
class DataAdjustRehearsed:
    """The plan ran on data restored from production, met its expectations, and was rolled back.

    `data_taken_at` is the time of the snapshot that `restore` brought; `before` and `after` are digests of the rows
    that the script touched.
    """

    adjustment: Name
    environment: Name
    bound_digest: Digest
    lease: Name
    restore: Name
    data_taken_at: Instant
    schema_digest: Digest
    statements: tuple[ExecutedStatement, ...]
    rows: Count
    before: Digest
    after: Digest
    duration_ms: Count
    report: Digest | None = None


@event()
class DataAdjustRehearsalFailed:
    """The rehearsal did not come to its end, or not to what was expected; it was rolled back too."""

    adjustment: Name
    environment: Name
    bound_digest: Digest
    lease: Name
    error: Text
    report: Digest | None = None


@event()
class DataAdjustVerified:
    """Somebody independent read all of it and stands for it; `rehearsal` is the position of the one that was read."""

    adjustment: Name
    ordinal: Positive
    method: Line
    bound_digest: Digest
    rehearsal: Positive


@event()
class DataAdjustRejected:
    """A verifier says no; it stands until the plan is amended, or the same person verifies it."""

    adjustment: Name
    bound_digest: Digest
    reason: Text


@event()
class DataAdjustAuthorized:
    """The rule authorizes it: `verifications` are positions, `decision` is why; only `operator` may execute it."""

    adjustment: Name
    bound_digest: Digest
    verifications: tuple[Positive, ...]
    operator: PrincipalId
    valid_until: Instant
    decision: Decision


@event()
class DataAdjustExpired:
    """Time is over: of the authorization, and with it the verifications; or of the whole request."""

    adjustment: Name
    what: Literal["authorization", "request"]


@event()
class DataAdjustBackupTaken:
    """The rows that the open transaction touched are kept as they were; the bytes stay with the runner, at `place`."""

    adjustment: Name
    lease: Name
    backup_digest: Digest
    place: Line
    rows: Count
    size_bytes: Count


@event()
class DataAdjustStarted:
    """From here on it may have been committed: `marker` is written by the same transaction, and tells."""

    adjustment: Name
    lease: Name
    fencing_token: Positive
    bound_digest: Digest
    identity: Identity
    marker: Line
    rows: Count
    before: Digest
    after: Digest
    decision: Decision


@event()
class DataAdjustExecuted:
    """It was committed, once. `by_marker` where the answer was lost and the marker told it afterwards."""

    adjustment: Name
    bound_digest: Digest
    statements: tuple[ExecutedStatement, ...]
    rows: Count
    before: Digest
    after: Digest
    executed_by: PrincipalId
    duration_ms: Count
    by_marker: bool = False


@event()
class DataAdjustFailed:
    """It was not committed (`rolled_back`), or nobody knows yet (`unknown`): the marker will tell."""

    adjustment: Name
    transaction: Literal["rolled_back", "unknown"]
    error: Text
    by_marker: bool = False


@event()
class DataAdjustResultVerified:
    """Somebody else than who asked for it and who executed it looked at the result, and it is right."""

    adjustment: Name
    method: Line


@event()
class DataAdjustResultDisputed:
    """Somebody looked at the result, and it is not right; `problem` was opened for it."""

    adjustment: Name
    reason: Text
    problem: Name


@event()
class DataAdjustReverted:
    """Another adjustment took it back, by its undo script, under the same rules."""

    adjustment: Name
    by: Name


@event()
class DataAdjustCancelled:
    """It will not be executed."""

    adjustment: Name
    reason: Text
