"""What can be asked of an adjustment of data."""

from __future__ import annotations

from typing import Literal

from interlock.domain.commands.registry import command
from interlock.events.catalogue.parts import AdjustmentPlan, ExecutedStatement, Observed
from interlock.events.values import Count, Digest, Line, Name, Positive, Text


@command()
class RequestAdjustment:
    """Ask that data be adjusted by exactly this plan; its scripts and queries are in the evidence already.

    `reverts` names the executed adjustment that this one takes back, by its undo script.
    """

    plan: AdjustmentPlan
    reverts: Name | None = None


@command()
class AmendAdjustment:
    """Change the plan: everything that was rehearsed, verified or authorized of it begins anew."""

    adjustment: Name
    plan: AdjustmentPlan
    reason: Text


@command()
class StartAdjustmentRehearsal:
    """Begin to rehearse the plan, in `environment` (where releases are rehearsed, or the policy's scratch database).

    The runner takes the lease there, runs the plan in one transaction, and rolls it back.
    """

    adjustment: Name
    environment: Name
    observed: Observed


@command()
class ReportAdjustmentRehearsed:
    """The plan ran, met its expectations and was rolled back."""

    adjustment: Name
    environment: Name
    fencing_token: Positive
    statements: tuple[ExecutedStatement, ...]
    rows: Count
    before: Digest
    after: Digest
    duration_ms: Count
    report: Digest | None = None


@command()
class ReportAdjustmentRehearsalFailed:
    """The plan did not run to its end, or did not do what was expected; it was rolled back too."""

    adjustment: Name
    environment: Name
    fencing_token: Positive
    error: Text
    report: Digest | None = None


@command()
class VerifyAdjustment:
    """Stand for it, having read all of it: `bound_digest` proves what was read, `method` says how."""

    adjustment: Name
    bound_digest: Digest
    method: Line


@command()
class RejectAdjustment:
    """Say no; it stands until the plan is amended, or the same person verifies it."""

    adjustment: Name
    bound_digest: Digest
    reason: Text


@command()
class StartAdjustment:
    """Take production's lease to execute it: only the designated operator, only what was authorized.

    `observed` is what was read in the target just now: its identity, and its schema's digest.
    """

    adjustment: Name
    bound_digest: Digest
    observed: Observed


@command()
class ReportAdjustmentBackup:
    """The rows that the open transaction touched are kept as they were, at `place`."""

    adjustment: Name
    fencing_token: Positive
    backup_digest: Digest
    place: Line
    rows: Count
    size_bytes: Count


@command()
class CommitAdjustment:
    """Ask whether the open transaction may be committed: everything is decided again, with what it found.

    `rows` is how many rows it touched, `effect_holds` whether every effect query was true, `marker` the row that the
    same transaction wrote. Once this is accepted, it may have been committed.
    """

    adjustment: Name
    fencing_token: Positive
    observed: Observed
    rows: Count
    effect_holds: bool
    before: Digest
    after: Digest
    marker: Line


@command()
class ReportAdjustmentExecuted:
    """It was committed."""

    adjustment: Name
    fencing_token: Positive
    statements: tuple[ExecutedStatement, ...]
    rows: Count
    before: Digest
    after: Digest
    duration_ms: Count


@command()
class ReportAdjustmentFailed:
    """It was rolled back, or the answer to the commit was lost (`unknown`)."""

    adjustment: Name
    fencing_token: Positive
    transaction: Literal["rolled_back", "unknown"]
    error: Text


@command()
class ResolveAdjustment:
    """Say what the marker told of an attempt whose outcome was unknown; only the marker's word counts.

    `observed` is the identity of the database that it was read in; with `executed`, what the marker's row holds.
    """

    adjustment: Name
    marker: Line
    outcome: Literal["executed", "rolled_back"]
    observed: Observed
    statements: tuple[ExecutedStatement, ...] = ()
    rows: Count = 0
    before: Digest | None = None
    after: Digest | None = None
    duration_ms: Count = 0


@command()
class VerifyAdjustmentResult:
    """Say that the result is right, having looked at it; `method` says how."""

    adjustment: Name
    method: Line


@command()
class DisputeAdjustmentResult:
    """Say that the result is not right; this opens a problem."""

    adjustment: Name
    reason: Text


@command()
class CancelAdjustment:
    """Take the request back before it is executed."""

    adjustment: Name
    reason: Text
