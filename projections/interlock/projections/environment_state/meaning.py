"""What each event means for the environments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interlock.events.catalogue import adjustment as adj
from interlock.events.catalogue import environment as env
from interlock.events.catalogue import release as rel
from interlock.events.catalogue import team
from interlock.events.envelope import Recorded
from interlock.projections import mentions
from interlock.projections.environment_state.tables import (
    ADJUSTED,
    FACETS,
    LOSE,
    NOT_ADJUSTED,
    RECOVER,
    SET_WHERE_DEPLOYED,
)
from interlock.projections.facets import compact, data, instant, late
from interlock.projections.parts import Parts
from interlock.projections.projection import Write

# What a lease says when it is granted, and not when it is renewed.
LEASED = ("kind", "holder", "subject", "fencing_token", "observed", "release", "granted_at", "granted_position")

PARTS = Parts()
# Say what one event changes in the environments.
project = PARTS.project


@PARTS.about(
    rel.DeployStarted,
    rel.DeploySucceeded,
    rel.DeployFailed,
    env.EnvironmentUnsure,
    env.EnvironmentConfirmed,
    env.EnvironmentBaselined,
)
def _occupancy(recorded: Recorded[Any]) -> Iterator[Write]:
    event = recorded.event
    match event:
        case rel.DeployStarted():
            detail = {**data(event, "environment", "lease", "fencing_token"), "during": event.deploy}
            yield FACETS.set(recorded, event.environment, "occupancy", "deploying", detail)
        case rel.DeploySucceeded():
            # Only work begun after an uncertainty ends it: one that arose during the deploy stays.
            yield FACETS.mark(
                recorded,
                "occupancy",
                ("deploying",),
                "occupied",
                data(event, "environment", "fixes"),
                subject=event.environment,
                during=event.deploy,
            )
            yield FACETS.close(recorded, event.environment, "lost")
            yield from _schema(recorded, event.environment, event.schema_digest)
        case rel.DeployFailed(environment_left="unchanged"):
            yield FACETS.give_back(recorded, "occupancy", ("deploying",), event.deploy, subject=event.environment)
        case rel.DeployFailed():
            cause = f"{event.deploy} of {event.release} failed and left it {event.environment_left}"
            yield FACETS.set(recorded, event.environment, "occupancy", "unsure", {"cause": cause})
            yield FACETS.set(recorded, event.environment, "lost", "deploy", {})
        case env.EnvironmentUnsure():
            yield FACETS.set(recorded, event.environment, "occupancy", "unsure", {"cause": event.cause})
        case env.EnvironmentConfirmed():
            label = "occupied" if event.state == "content" else event.state
            yield FACETS.set(recorded, event.environment, "occupancy", label, data(event, "environment", "state"))
            yield FACETS.close(recorded, event.environment, "lost")
            yield from _schema(recorded, event.environment, event.schema_digest)
        case env.EnvironmentBaselined():
            label = "empty" if event.empty else "occupied"
            yield FACETS.set(recorded, event.environment, "occupancy", label, data(event, "environment", "empty"))
            yield from _schema(recorded, event.environment, event.schema_digest)


def _schema(recorded: Recorded[Any], environment: str, digest: str | None) -> Iterator[Write]:
    if digest is not None:
        yield FACETS.set(recorded, environment, "schema", "known", {"schema_digest": digest})


@PARTS.about(env.LeaseGranted, env.LeaseRenewed, env.LeaseReleased, env.LeaseExpired, env.LeaseBroken)
def _lease(recorded: Recorded[Any]) -> Iterator[Write]:
    event = recorded.event
    match event:
        case env.LeaseGranted():
            detail = {
                **data(event, "environment"),
                "granted_at": instant(recorded.recorded_at),
                "granted_position": recorded.position,
            }
            yield FACETS.set(recorded, event.environment, "lease", "held", detail)
        case env.LeaseRenewed():
            yield FACETS.set(
                recorded,
                event.environment,
                "lease",
                "held",
                data(event, "environment"),
                keep=LEASED,
            )
        case env.LeaseReleased():
            yield FACETS.close(recorded, event.environment, "lease")
        case env.LeaseExpired() | env.LeaseBroken():
            # What a lost activity did is not known; a lost test run only gave no verdict.
            yield _lost(recorded, "lost", ("deploy", "restore", "migration"), None)
            yield _lost(recorded, "occupancy", ("deploy", "restore", "migration"), "unsure")
            yield _lost(recorded, "data", ("restore", "migration"), "unknown")
            yield FACETS.close(recorded, event.environment, "lease")


@PARTS.about(env.TestRunStarted, env.TestRunFinished, env.TestRunAborted, env.TestRunMissed)
def _run(recorded: Recorded[Any]) -> Iterator[Write]:
    event = recorded.event
    match event:
        case env.TestRunStarted():
            yield FACETS.set(recorded, event.environment, "run", "running", data(event, "environment"))
            if event.fulfils is not None:
                yield FACETS.set(
                    recorded,
                    event.environment,
                    "nightly",
                    "late" if event.late else "started",
                    {"day": event.fulfils, "run": event.run},
                )
        case env.TestRunFinished():
            yield FACETS.close(recorded, event.environment, "run")
            yield FACETS.set(recorded, event.environment, "last_run", event.verdict, data(event, "environment"))
        case env.TestRunAborted():
            yield FACETS.close(recorded, event.environment, "run")
            yield FACETS.set(recorded, event.environment, "last_run", "aborted", data(event, "environment"))
        case env.TestRunMissed():
            yield FACETS.set(recorded, event.environment, "nightly", "missed", data(event, "environment"))


def _lost(recorded: Recorded[Any], facet: str, kinds: tuple[str, ...], label: str | None) -> Write:
    return Write(
        LOSE,
        (
            recorded.project,
            recorded.event.environment,
            facet,
            recorded.position,
            list(kinds),
            label,
            recorded.recorded_at,
            recorded.actor.id,
        ),
    )


def _where_deployed(recorded: Recorded[Any], deploy: str, facet: str, label: str, detail: dict[str, Any]) -> Write:
    return Write(
        SET_WHERE_DEPLOYED,
        (
            recorded.project,
            deploy,
            facet,
            recorded.position,
            label,
            recorded.recorded_at,
            recorded.actor.id,
            compact(detail),
        ),
    )


@PARTS.about(
    env.DataErased,
    env.DataRestored,
    env.DataRestoreFailed,
    env.DataMarkedCorrupt,
    env.DataMarkedClean,
    env.DataFeedSet,
    env.MigrationsApplied,
    rel.StageMigrated,
    rel.StageMigrationFailed,
)
def _data(recorded: Recorded[Any]) -> Iterator[Write]:
    event = recorded.event
    match event:
        case env.DataErased():
            yield FACETS.set(recorded, event.environment, "data", "erased", data(event, "environment"))
            yield FACETS.close(recorded, event.environment, "corrupt")
        case env.DataRestored():
            yield FACETS.set(recorded, event.environment, "data", "restored", data(event, "environment"))
            yield FACETS.close(recorded, event.environment, "corrupt")
            yield from _schema(recorded, event.environment, event.schema_digest)
            yield Write(
                RECOVER,
                (recorded.project, event.environment, recorded.position, recorded.recorded_at),
            )
        case env.DataRestoreFailed():
            yield FACETS.set(recorded, event.environment, "data", "restore-failed", data(event, "environment"))
        case env.DataMarkedCorrupt():
            yield FACETS.set(recorded, event.environment, "corrupt", "corrupt", data(event, "environment"))
        case env.DataMarkedClean():
            yield FACETS.close(recorded, event.environment, "corrupt")
        case env.DataFeedSet():
            yield FACETS.set(recorded, event.environment, "feed", "set", data(event, "environment"))
        case env.MigrationsApplied():
            detail = {**data(event, "environment", "schema_after"), "schema_digest": event.schema_after}
            yield FACETS.set(recorded, event.environment, "schema", "migrated", detail)
        case rel.StageMigrated():
            detail = {
                **data(event, "content_digest", "schema_before", "schema_after", "base_release"),
                "schema_digest": event.schema_after,
            }
            yield _where_deployed(recorded, event.deploy, "schema", "migrated", detail)
        case rel.StageMigrationFailed():
            detail = {"cause": event.error, "restore": event.restore, "deploy": event.deploy}
            yield _where_deployed(recorded, event.deploy, "data", "unknown", detail)


@PARTS.about(env.LeaseGranted, adj.DataAdjustExecuted, adj.DataAdjustFailed)
def _adjusted(recorded: Recorded[Any]) -> Iterator[Write]:
    """How often its data was adjusted: an execution names its adjustment, whose lease named the environment."""
    event = recorded.event
    match event:
        case env.LeaseGranted() if event.subject.startswith("adjustment "):
            name = mentions.leased_for(recorded)
            if name is not None:
                yield FACETS.set(recorded, event.environment, f"adjusting/{name}", "begun", {})
        case adj.DataAdjustExecuted():
            detail = data(event, "statements")
            yield Write(
                ADJUSTED,
                (
                    recorded.project,
                    f"adjusting/{event.adjustment}",
                    recorded.position,
                    recorded.recorded_at,
                    recorded.actor.id,
                    compact(detail),
                ),
            )
        case adj.DataAdjustFailed(transaction="rolled_back"):
            yield Write(
                NOT_ADJUSTED,
                (recorded.project, f"adjusting/{event.adjustment}", recorded.position, recorded.recorded_at),
            )


@PARTS.about(
    env.EnvironmentRegistered,
    env.EnvironmentFrozen,
    env.EnvironmentUnfrozen,
    env.LogsChecked,
    env.LogCheckMissed,
    env.FactObserved,
    env.DriftDetected,
    env.MisbehaviourDetected,
    team.OwnerAssigned,
    team.OperatorDesignated,
)
def _care(recorded: Recorded[Any]) -> Iterator[Write]:
    event = recorded.event
    match event:
        case env.EnvironmentRegistered():
            yield FACETS.set(recorded, event.environment, "identity", "registered", data(event.identity))
        case env.EnvironmentFrozen():
            detail = {"reason": event.reason, "from": instant(event.since), "until": instant(event.until)}
            yield FACETS.set(recorded, event.environment, "freeze", "frozen", detail)
        case env.EnvironmentUnfrozen():
            yield FACETS.close(recorded, event.environment, "freeze")
        case env.LogsChecked():
            detail = {
                **data(event, "environment", "result", "since", "until"),
                "read_from": instant(event.since),
                "read_until": instant(event.until),
            }
            yield FACETS.set(recorded, event.environment, "logs", event.result, detail)
        case env.LogCheckMissed():
            yield FACETS.set(
                recorded,
                event.environment,
                "logs",
                "missed",
                {"due_at": instant(event.due_at)},
                keep=("read_from", "read_until"),
            )
        case env.FactObserved() | env.DriftDetected() | env.MisbehaviourDetected():
            detail = {**data(event, "environment"), **late(recorded)}
            yield FACETS.set(recorded, event.environment, "observed", recorded.type, detail)
        case team.OwnerAssigned():
            facet = "owner" if event.until is None else "owner_deputy"
            yield FACETS.set(recorded, event.environment, facet, "assigned", data(event, "environment"))
        case team.OperatorDesignated():
            facet = "operator" if event.until is None else "operator_deputy"
            yield FACETS.set(recorded, event.environment, facet, "designated", data(event, "environment"))
