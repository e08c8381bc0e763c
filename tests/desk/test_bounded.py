"""What the desk keeps is bounded: closed things leave it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from bench.story import digest, sha
from interlock.domain.evolve import evolve
from interlock.domain.policy import shipped
from interlock.domain.situation import Situation
from interlock.domain.snapshot import dump
from interlock.events.catalogue import environment, policy, problem, refusals, release, team
from interlock.events.catalogue.parts import Artifact, Commit, Observed, RepositoryHead
from interlock.events.codec import digest_of
from interlock.events.decision import Decision
from interlock.events.envelope import Actor, Recorded

BEGIN = datetime(2026, 1, 3, 9, tzinfo=UTC)
ANTON = Actor(id="anton", kind="person")
FEW, MANY = 100, 10_000
PRODUCTION = "production"


class Fold:
    """Folds events as the ledger would hold them, one release every three hours."""

    def __init__(self) -> None:
        self.situation = Situation()
        self.at = BEGIN
        self._positions = count(1)
        self._versions: dict[str, int] = {}

    def take(self, stream: str, event: Any) -> None:
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        self.situation = evolve(
            self.situation,
            Recorded(
                project="shop", position=next(self._positions), id=UUID(int=0), type=type(event).__name__, schema=1,
                stream=stream, version=version, recorded_at=self.at, occurred_at=self.at, actor=ANTON,
                command_id=UUID(int=0), ordinal=0, request_hash="sha256:", causation=None, correlation=None,
                policy_version=1, event=event,
            ),
        )  # fmt: skip


def opening() -> Iterator[tuple[str, Any]]:
    document = shipped()
    yield "team", team.ProjectOpened(founders=("ada", "bob"))
    yield (
        "policy",
        policy.PolicyActivated(version=1, effective_from=BEGIN, document=document, document_digest=digest_of(document)),
    )


def life(number: int, at: datetime) -> Iterator[tuple[str, Any]]:
    """One release from its opening into production, with a problem, a refusal and a failed test run on the way."""
    name, content = f"4.{number}.0", digest(f"content {number}")
    stream, place, trouble = f"release/{name}", f"environment/{PRODUCTION}", f"P-{number}"
    deploy, lease = f"D-{number}", f"L-{number}"
    decision = Decision(action=f"deploy {name}", result="allowed", position=1, policy_version=1)
    yield stream, release.ReleaseOpened(name=name, kind="normal", title=name, author="anton")
    yield (
        stream,
        release.ReleaseContentSet(
            content_digest=content,
            artifacts=(Artifact(purl=f"pkg:oci/trader@{name}", digest=content),),
            commits=(Commit(repository="trader", sha=sha(name), author="anton", time=at),),
            head=(RepositoryHead(repository="trader", sha=sha(name)),),
        ),
    )
    fingerprint = digest_of({"refused": number})
    yield (
        "refusals/anton",
        refusals.ActionRefused(action="deploy", subject=stream, fingerprint=fingerprint, decision=decision),
    )
    yield f"problem/{trouble}", problem.ProblemReported(
        problem=trouble, environment="sandbox", title="quotes freeze", severity="high", source="person", react_by=at,
        release=name,
    )  # fmt: skip
    yield f"problem/{trouble}", problem.ProblemResolved(problem=trouble, how="mended")
    shared: dict[str, Any] = {"deploy": deploy, "release": name, "environment": PRODUCTION}
    shared |= {"content_digest": content, "intent": "promote"}
    yield (
        stream,
        release.DeployRequested(**shared, at_window=False, expires_at=at + timedelta(hours=24), decision=decision),
    )
    yield place, environment.LeaseGranted(
        environment=PRODUCTION, lease=lease, kind="deploy", holder="ci", subject=f"deploy {deploy}",
        fencing_token=number,
        expires_at=at + timedelta(minutes=15), observed=Observed(), release=name,
    )  # fmt: skip
    yield (
        stream,
        release.DeployStarted(
            **shared, lease=lease, fencing_token=number, executor="ci", decision=decision, purpose="production"
        ),
    )
    yield stream, release.DeploySucceeded(**shared, observed_digest=content, finished_outside_window=False)
    yield place, environment.LeaseReleased(environment=PRODUCTION, lease=lease)
    yield stream, release.ReleaseCompleted(deploy=deploy)


def withdrawn(number: int) -> Iterator[tuple[str, Any]]:
    """One release that was given up."""
    name = f"5.{number}.0"
    yield f"release/{name}", release.ReleaseOpened(name=name, kind="normal", title=name, author="anton")
    yield f"release/{name}", release.ReleaseWithdrawn(reason="enough")


def size(situation: Situation) -> int:
    """The snapshot's size, whatever the length of the numbers and names in it."""
    return len(re.sub(rb"[0-9]+", b"0", re.sub(rb"[0-9a-f]{40,}", b"0", dump(situation))))


def test_after_ten_thousand_closed_releases_a_snapshot_is_no_larger_than_after_a_hundred():
    fold = Fold()
    for stream, event in opening():
        fold.take(stream, event)
    sizes = {}
    for number in range(1, MANY + 1):
        for stream, event in (*life(number, fold.at), *withdrawn(number)):
            fold.take(stream, event)
        fold.at += timedelta(hours=3)
        if number in {FEW, MANY}:
            sizes[number] = size(fold.situation)
    assert sizes[MANY] <= sizes[FEW]
    # The last one is what production runs; all others are gone.
    assert list(fold.situation.releases) == [f"4.{MANY}.0"]
    assert fold.situation.problems == {}


def test_a_late_word_on_a_closed_release_leaves_nothing_behind():
    fold = Fold()
    for stream, event in (*opening(), *withdrawn(1)):
        fold.take(stream, event)
    before = size(fold.situation)
    for number in range(2, 50):
        for stream, event in (
            *withdrawn(number),
            (f"release/5.{number}.0", release.EvidenceInvalidated(evidence=("TestsPassed tests",), cause="late")),
        ):
            fold.take(stream, event)
    assert size(fold.situation) <= before
