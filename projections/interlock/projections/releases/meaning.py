"""What each event means for the releases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from interlock.events.catalogue import environment as env
from interlock.events.catalogue import problem as prob
from interlock.events.catalogue import release as rel
from interlock.events.envelope import Recorded
from interlock.projections import mentions
from interlock.projections.facets import data, instant
from interlock.projections.parts import Parts
from interlock.projections.projection import Write
from interlock.projections.releases.tables import ADD_LINE, ADD_LINE_WHERE, FACETS
from interlock.projections.sentences import sentence

STREAM = "release/"
# What a release's own events say of it, and what any event may.
OWN, ANY = Parts(), Parts()
HERE = ("occupant", "deploying", "failed", "unsure")
ASKED = (
    "deploy",
    "release",
    "environment",
    "content_digest",
    "intent",
    "at_window",
    "problem",
    "second_person",
    "requested_at",
    "requested_by",
    "expires_at",
    "ready_at",
    "started_at",
)
# What is long stands apart, so that lists of releases need not read it.
LONG = ("artifacts", "commits", "migrations", "new_tests")
# "ManualQAApproved in sandbox" and the like: the type of what is void, and perhaps where.
_VOID = re.compile(r"^(\w+)(?:\W+(?:in\W+)?(\S+))?")
_FACET_OF = {
    "DevelopmentConfirmed": "development",
    "HotfixConfirmed": "hotfix",
    "TestsPassed": "tests",
    "TestsFailed": "tests",
    "CodeReviewApproved": "review",
    "StageMigrated": "migration",
}


def project(recorded: Recorded[Any]) -> Iterator[Write]:
    """Say what one event changes in the releases, and in whose timeline it stands."""
    if recorded.stream.startswith(STREAM):
        yield from OWN.project(recorded)
    yield from ANY.project(recorded)
    yield from _lines(recorded)


@OWN.about(
    rel.ReleaseOpened,
    rel.ReleaseContentSet,
    rel.ReleaseHeld,
    rel.ReleaseHoldLifted,
    rel.ReleaseSuperseded,
    rel.ReleaseWithdrawn,
    rel.ReleaseCompleted,
)
def _standing(recorded: Recorded[Any]) -> Iterator[Write]:
    event, name = recorded.event, recorded.stream.removeprefix(STREAM)
    match event:
        case rel.ReleaseOpened():
            yield FACETS.set(recorded, name, "opened", "opened", data(event, "name"))
            yield FACETS.set(recorded, name, "state", "open", {})
        case rel.ReleaseContentSet():
            content = data(event)
            made_of = {part: content.pop(part) for part in LONG if part in content}
            yield FACETS.set(recorded, name, "content", "set", content)
            yield FACETS.set(recorded, name, "made_of", "set", made_of)
            # Who confirmed the content confirmed also what it is said to contain and to fix.
            yield FACETS.close(recorded, name, "development")
            yield FACETS.close(recorded, name, "hotfix")
        case rel.ReleaseHeld():
            yield FACETS.set(recorded, name, "hold", "held", data(event))
        case rel.ReleaseHoldLifted():
            yield FACETS.close(recorded, name, "hold")
        case rel.ReleaseSuperseded():
            yield FACETS.set(recorded, name, "state", "superseded", data(event, "by") | {"superseded_by": event.by})
        case rel.ReleaseWithdrawn():
            yield FACETS.set(recorded, name, "state", "withdrawn", data(event))
        case rel.ReleaseCompleted():
            yield FACETS.set(recorded, name, "state", "completed", data(event))


@OWN.about(
    rel.DevelopmentConfirmed,
    rel.HotfixConfirmed,
    rel.TestsPassed,
    rel.TestsFailed,
    rel.ManualQAApproved,
    rel.ManualQARejected,
    rel.ManualQAWithdrawn,
    rel.CodeReviewApproved,
    rel.CodeReviewRejected,
    rel.CodeReviewWithdrawn,
    rel.StageMigrated,
    rel.StageMigrationFailed,
    rel.EvidenceInvalidated,
)
def _evidence(recorded: Recorded[Any]) -> Iterator[Write]:
    event, name = recorded.event, recorded.stream.removeprefix(STREAM)
    match event:
        case rel.DevelopmentConfirmed():
            yield FACETS.set(recorded, name, "development", "confirmed", data(event))
        case rel.HotfixConfirmed():
            yield FACETS.set(recorded, name, "hotfix", "confirmed", data(event))
        case rel.TestsPassed() | rel.TestsFailed():
            label = "passed" if isinstance(event, rel.TestsPassed) else "failed"
            yield FACETS.set(recorded, name, "tests", label, data(event))
        case rel.ManualQAApproved() | rel.ManualQARejected() | rel.ManualQAWithdrawn():
            label = recorded.type.removeprefix("ManualQA").lower()
            yield FACETS.set(recorded, name, f"qa/{event.environment}", label, data(event, "environment"))
        case rel.CodeReviewApproved() | rel.CodeReviewRejected() | rel.CodeReviewWithdrawn():
            label = recorded.type.removeprefix("CodeReview").lower()
            yield FACETS.set(recorded, name, "review", label, data(event))
        case rel.StageMigrated() | rel.StageMigrationFailed():
            label = "passed" if isinstance(event, rel.StageMigrated) else "failed"
            yield FACETS.set(recorded, name, "migration", label, data(event))
        case rel.EvidenceInvalidated():
            for facet in dict.fromkeys(_void_facet(item) for item in event.evidence):
                if facet is not None:
                    yield FACETS.mark(
                        recorded,
                        facet,
                        ("confirmed", "passed", "failed", "approved", "rejected"),
                        "void",
                        {"cause": event.cause},
                        subject=name,
                    )


def _void_facet(item: str) -> str | None:
    found = _VOID.match(item)
    if found is None:
        return None
    kind, where = found.groups()
    if kind == "ManualQAApproved":
        return f"qa/{where}" if where else None
    return _FACET_OF.get(kind)


@OWN.about(
    rel.DeployRequested,
    rel.DeployReady,
    rel.DeployStarted,
    rel.DeploySucceeded,
    rel.DeployFailed,
    rel.DeployCancelled,
    rel.DeployExpired,
)
def _deploy(recorded: Recorded[Any]) -> Iterator[Write]:
    """The deploys that were asked for, by their own names."""
    event, at = recorded.event, instant(recorded.recorded_at)
    name = recorded.stream.removeprefix(STREAM)
    match event:
        case rel.DeployRequested():
            detail = {**data(event), "requested_at": at, "requested_by": recorded.actor.id}
            yield FACETS.set(recorded, name, f"deploy/{event.deploy}", "requested", detail)
        case rel.DeployReady():
            yield FACETS.set(recorded, name, f"deploy/{event.deploy}", "ready", {"ready_at": at}, keep=ASKED)
        case rel.DeployStarted():
            yield FACETS.set(
                recorded, name, f"deploy/{event.deploy}", "started", {**data(event), "started_at": at}, keep=ASKED
            )
        case rel.DeploySucceeded() | rel.DeployFailed() | rel.DeployCancelled() | rel.DeployExpired():
            label = recorded.type.removeprefix("Deploy").lower()
            yield FACETS.set(
                recorded, name, f"deploy/{event.deploy}", label, {**data(event), "ended_at": at}, keep=ASKED
            )


@ANY.about(
    rel.DeployStarted,
    rel.DeploySucceeded,
    rel.DeployFailed,
    env.EnvironmentUnsure,
    env.EnvironmentConfirmed,
    env.EnvironmentBaselined,
)
def _whereabouts(recorded: Recorded[Any]) -> Iterator[Write]:
    """Where each release is: the occupant, on its way in, or there once."""
    event = recorded.event
    match event:
        case rel.DeployStarted():
            there = f"in/{event.environment}"
            detail = {"deploy": event.deploy, "content_digest": event.content_digest, "during": event.deploy}
            yield FACETS.mark(
                recorded,
                there,
                HERE,
                "replaced",
                {"during": event.deploy, "replaced_by": event.release},
                but=event.release,
            )
            yield FACETS.set(recorded, event.release, there, "deploying", detail)
        case rel.DeploySucceeded():
            yield FACETS.mark(
                recorded,
                f"in/{event.environment}",
                ("deploying",),
                "occupant",
                {},
                subject=event.release,
                during=event.deploy,
            )
        case rel.DeployFailed(environment_left="unchanged"):
            yield FACETS.give_back(recorded, f"in/{event.environment}", ("deploying", "replaced"), event.deploy)
        case rel.DeployFailed():
            yield FACETS.mark(
                recorded,
                f"in/{event.environment}",
                ("deploying",),
                "failed",
                {"environment_left": event.environment_left},
                subject=event.release,
            )
        case env.EnvironmentUnsure():
            yield FACETS.mark(
                recorded, f"in/{event.environment}", ("occupant", "deploying"), "unsure", {"cause": event.cause}
            )
        case env.EnvironmentConfirmed() | env.EnvironmentBaselined():
            there, stays = f"in/{event.environment}", event.release or ""
            yield FACETS.mark(recorded, there, HERE, "replaced", {"cause": recorded.type}, but=stays)
            if event.release is not None:
                yield FACETS.set(recorded, event.release, there, "occupant", {"content_digest": event.content_digest})


@ANY.about(prob.ProblemReported, prob.ProblemReopened, prob.ProblemResolved, prob.ProblemDismissed)
def _problem(recorded: Recorded[Any]) -> Iterator[Write]:
    """The problems that concern a release."""
    event = recorded.event
    match event:
        case prob.ProblemReported() | prob.ProblemReopened() if event.release is not None:
            detail = data(event, "release", "description", "reporter", "react_by")
            yield FACETS.set(recorded, event.release, f"problem/{event.problem}", "open", detail)
        case prob.ProblemResolved() | prob.ProblemDismissed():
            label = recorded.type.removeprefix("Problem").lower()
            yield FACETS.mark(recorded, f"problem/{event.problem}", ("open",), label, {})


def _lines(recorded: Recorded[Any]) -> Iterator[Write]:
    """The timelines it stands in: of the releases it names, and of those it happens to."""
    event = recorded.event
    named = list(mentions.releases(recorded))
    environment = getattr(event, "environment", None)
    line = (
        recorded.project,
        named,
        recorded.position,
        recorded.recorded_at,
        recorded.actor.id,
        recorded.type,
        recorded.stream,
        recorded.version,
        environment,
        sentence(recorded),
    )
    if named:
        yield Write(ADD_LINE, line)
    if recorded.stream.startswith("environment/") and not isinstance(event, env.LeaseRenewed):
        yield Write(ADD_LINE_WHERE, (*line, f"in/{environment}", list(HERE)))
    if recorded.stream.startswith("problem/"):
        yield Write(ADD_LINE_WHERE, (*line, f"problem/{event.problem}", ["open", "resolved", "dismissed"]))
