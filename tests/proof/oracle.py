"""What must hold of each event, read from the events alone, and from none of the rules.

The flow is told here a second time, in other words and as a fold. Where it and the rules disagree, one is wrong.
"""
# Long: one fold over all event types that tells the flow a second time, read from top to bottom.

from __future__ import annotations

from typing import Any

from interlock.events.envelope import Recorded
from tests.proof import oracle_of_deploys as deploys
from tests.proof.ghost import (
    AREAS,
    DEVELOPMENT,
    MANAGERS,
    ORDER,
    OWNER,
    PRODUCTION,
    READERS,
    RUNNER,
    SANDBOX,
    STAGE,
    TESTS,
    Ghost,
    Held,
    Place,
    Rel,
    Thing,
    Trouble,
    blocked,
    is_frozen,
    must,
    must_be_in_time,
    must_have_migrated,
    name_of,
    with_place,
    with_release,
)

# -- releases -----------------------------------------------------------------------------------------------


def _opened(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    must(event.name not in ghost.releases, "a release's name was used twice")
    if event.kind == "hotfix":
        problem = ghost.problems.get(event.problem)
        holds = problem is not None and problem.place == PRODUCTION
        must(holds, "a hotfix was opened without an open problem in production")
    rel = Rel(event.kind, frozenset({recorded.actor.id}), event.problem)
    return ghost._replace(releases={**ghost.releases, event.name: rel})


def _content(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name = recorded.event, name_of(recorded)
    rel = ghost.releases[name]
    must(rel.state == "open", "a release that is over was given content")
    runs = any(p.running is not None and p.running.thing[0] == name for p in ghost.places.values())
    must(not runs, "content was changed under a running deploy")
    must(not rel.fixed, "content was changed after it started in production")
    authors = rel.authors | {recorded.actor.id} | {commit.author for commit in event.commits}
    rel = rel._replace(
        authors=authors,
        contains=frozenset(event.contains),
        fixes=event.fixes,
        migrations=frozenset((m.id, m.digest) for m in event.migrations),
        incompatible=any(not m.backward_compatible for m in event.migrations),
        adds=event.adds_functionality,
        named=frozenset(event.new_tests),
        developed=False,
        hotfix=None,
    )
    if rel.content != event.content_digest:
        rel = rel._replace(content=event.content_digest, tests=None, qa=None, reached=frozenset())
        if ghost.rehearsal is not None and ghost.rehearsal.thing[0] == name:
            ghost = ghost._replace(rehearsal=None)
    return ghost._replace(releases={**ghost.releases, name: rel})


def _rests(ghost: Ghost, place: str, name: str, content: str, what: str) -> None:
    """The release is there with this content, brought by a deploy, and nothing runs there."""
    here = ghost.places[place]
    must(here.at == (name, content) and here.brought and not here.unsure, f"{what} where it is not: {place}")
    must(here.lease is None, f"{what} while something runs in {place}")
    must(ghost.releases[name].content == content, f"{what} of an old content")


def _developed(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    name, content = name_of(recorded), recorded.event.content_digest
    _rests(ghost, DEVELOPMENT, name, content, "development was confirmed")
    must(recorded.actor.id == OWNER, "development was confirmed by somebody else than the owner")
    return with_release(ghost, name, developed=True)


def _hotfix(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name = recorded.event, name_of(recorded)
    rel, problem = ghost.releases[name], ghost.problems.get(event.problem)
    must(rel.content == event.content_digest, "an old content was confirmed as a hotfix")
    must(recorded.actor.id not in rel.authors, "an author confirmed his own hotfix")
    must(problem is not None and problem.place == PRODUCTION, "a hotfix was confirmed for no problem")
    return with_release(ghost, name, hotfix=(event.problem, recorded.actor.id), problem=event.problem)


def _tested(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name = recorded.event, name_of(recorded)
    must(ghost.places[TESTS].judged == (name, event.content_digest), "a run was a verdict on what was not there")
    must_be_in_time(ghost, TESTS, recorded, "test-run")
    if ghost.releases[name].content != event.content_digest:
        return ghost
    return with_release(ghost, name, tests=frozenset(event.ran) if recorded.type == "TestsPassed" else None)


def _qa(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name = recorded.event, name_of(recorded)
    by, content = recorded.actor.id, event.content_digest
    good = recorded.type == "ManualQAApproved"
    if good:
        _rests(ghost, event.environment, name, content, "it was approved")
        must(by not in ghost.releases[name].authors, "an author approved his own release")
        must(ghost.releases[name].state in {"open", "completed"}, "a release that is over was approved")
        must(not blocked(ghost, name, event.environment, approves=True), "it was approved with an open problem")
    if event.scope == "team":
        if recorded.type == "ManualQAWithdrawn":
            own = by in MANAGERS or by == ghost.releases[name].qa
            must(own, "somebody took back what another one approved")
        if ghost.releases[name].content != content:
            return ghost
        return with_release(ghost, name, qa=by if good else None)
    rehearsal = ghost.rehearsal
    if rehearsal is None or rehearsal.thing != (name, content):
        must(not good, "it was approved in stage without a rehearsal")
        return ghost
    if not good:
        return ghost._replace(rehearsal=rehearsal._replace(core=None))
    must(set(event.areas) >= AREAS, "areas are missing")
    must(rehearsal.restore is not None, "the core test was made on other data than production's")
    must_have_migrated(ghost.releases[name], rehearsal)
    return ghost._replace(rehearsal=rehearsal._replace(core=(by, recorded.position)))


def _review(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name, rehearsal = recorded.event, name_of(recorded), ghost.rehearsal
    good = recorded.type == "CodeReviewApproved"
    if good:
        _rests(ghost, STAGE, name, event.content_digest, "it was reviewed")
        must(recorded.actor.id not in ghost.releases[name].authors, "an author reviewed his own release")
        must(rehearsal is not None, "it was reviewed without a rehearsal")
        must(not blocked(ghost, name, STAGE, approves=True), "it was reviewed with an open problem")
        base = ghost.running[0] if ghost.running is not None else None
        must(event.base_release == base, "the review did not cover all changes since production")
    if rehearsal is None or rehearsal.thing != (name, event.content_digest):
        return ghost
    review = (recorded.actor.id, recorded.position) if good else None
    return ghost._replace(rehearsal=rehearsal._replace(review=review))


def _held(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    return with_release(ghost, name_of(recorded), held=recorded.type == "ReleaseHeld")


def _ended(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    name = name_of(recorded)
    state = {"ReleaseCompleted": "completed", "ReleaseWithdrawn": "withdrawn"}.get(recorded.type, "superseded")
    if state == "withdrawn":
        must(ghost.releases[name].state == "open", "what is over was withdrawn")
        for place, here in ghost.places.items():
            runs = here.running is not None and here.running.thing[0] == name
            must(not runs, f"a release was withdrawn while a deploy of it runs in {place}")
        attempt = ghost.places[PRODUCTION].attempt
        must(attempt is None or attempt.thing[0] != name, "withdrawn while its production deploy is not settled")
    return with_release(ghost, name, state=state)


# -- leases -------------------------------------------------------------------------------------------------


def _granted(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    here = ghost.places[event.environment]
    must(here.lease is None, f"two activities hold {event.environment}")
    must(event.fencing_token > here.token, "a fencing token was given twice")
    by_hand = event.kind == "deploy" and event.environment in {DEVELOPMENT, SANDBOX} and event.release in ghost.releases
    independent = by_hand and recorded.actor.id not in ghost.releases[event.release].authors
    must(recorded.actor.id == RUNNER or independent, f"a person began a {event.kind}, or an author")
    found = event.observed.identity
    must(dict(ghost.identities).get(event.environment) == found, f"a {event.kind} began on another server")
    kind, subject = event.kind, event.subject.split()
    if kind != "deploy":
        must(not is_frozen(here, recorded.recorded_at), f"a {kind} began in a frozen environment")
        if here.at is not None:
            there = ghost.releases.get(here.at[0])
            must(there is None or not there.held, f"a {kind} began for a release that is held")
            must(there is None or there.state in {"open", "completed"}, f"a {kind} began for a release that is over")
    if kind == "test-run":
        must(not here.unsure, "a test run began where nobody knows what is there")
    if kind == "restore":
        source = subject[-1]
        must(event.environment != STAGE or source == PRODUCTION, "stage was restored from elsewhere")
        retries = here.lost is not None and here.lost[0] == source and not here.shaken
        must(not here.unsure or retries, "a restore began where nobody knows what is there")
        if event.environment == STAGE:
            there_or_retried = here.unsure or (here.at is not None and here.brought)
            must(bool(there_or_retried), "stage was restored for nobody")
    if kind == "migration":
        rehearsal = ghost.rehearsal
        must(not here.unsure and here.brought, "a migration began where nobody knows what is there")
        must(rehearsal is not None and rehearsal.thing == here.at, "a migration began without a rehearsal")
        fresh = rehearsal is not None and rehearsal.restore is not None and rehearsal.migrated is None
        must(fresh, "a migration began on data that was not restored for it")
    lease = Held(event.lease, kind, event.holder, subject[1], event.expires_at, event.observed.feed)
    judged = here.at if kind == "test-run" else here.judged
    lost = here.lost
    if kind == "restore" and not here.unsure:
        lost = None
    return with_place(ghost, event.environment, lease=lease, token=event.fencing_token, judged=judged, lost=lost)


def _renewed(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    lease = ghost.places[event.environment].lease
    must(lease is not None, "a lease was renewed that was over")
    assert lease is not None
    must(recorded.recorded_at < lease.until, "a lease was renewed that was over")
    return with_place(ghost, event.environment, lease=lease._replace(until=event.expires_at))


def _released(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    here = ghost.places[recorded.event.environment]
    must(
        here.lease is not None and here.lease.lease == recorded.event.lease, "a lease was given back that was not held"
    )
    return with_place(ghost, recorded.event.environment, lease=None, judged=None)


def _lease_lost(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    name = recorded.event.environment
    here = ghost.places[name]
    must(here.lease is not None and here.lease.lease == recorded.event.lease, "a lease ended that was not held")
    assert here.lease is not None
    kind = here.lease.kind
    if kind == "test-run":
        return with_place(ghost, name, lease=None, judged=None)
    if kind == "deploy":
        return deploys.broke(with_place(ghost, name, lease=None), name, recorded)
    ghost = with_place(
        ghost,
        name,
        lease=None,
        unsure=recorded.position,
        lost=(PRODUCTION, *_there(here)) if kind == "restore" and not here.shaken else None,
        at=None,
        brought=False,
        shaken=here.shaken or kind == "migration",
        gone=(*here.gone, (here.lease.activity, None)),
    )
    return _unrestored(ghost, name)


def _there(here: Place) -> tuple[Thing | None, bool]:
    """What was there before the doubt, where it can come back."""
    if here.at is None and here.lost is not None:
        return here.lost[1], here.lost[2]
    return here.at, here.brought


def _unrestored(ghost: Ghost, place: str) -> Ghost:
    if place != STAGE or ghost.rehearsal is None:
        return ghost
    return ghost._replace(rehearsal=ghost.rehearsal._replace(restore=None, migrated=None, core=None))


# -- what else happens there --------------------------------------------------------------------------------


def _freeze(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    must(recorded.actor.id in MANAGERS, "an environment was frozen, or unfrozen, by whom nobody let")
    frozen = (recorded.event.until,) if recorded.type == "EnvironmentFrozen" else None
    return with_place(ghost, recorded.event.environment, frozen=frozen)


def _logs(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    must(ghost.logs is None or recorded.event.since <= ghost.logs, "the logs were read with a gap")
    return ghost._replace(logs=recorded.event.until)


def _restored(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    here = ghost.places[event.environment]
    must_be_in_time(ghost, event.environment, recorded, "restore")
    if event.environment == STAGE and ghost.rehearsal is not None:
        restore = (event.taken_at, recorded.position)
        ghost = ghost._replace(rehearsal=ghost.rehearsal._replace(restore=restore, migrated=None, core=None))
    if here.unsure and here.lost is not None:
        # What was lost is done now: the code there never changed.
        ghost = with_place(ghost, event.environment, unsure=0, at=here.lost[1], brought=here.lost[2], lost=None)
    return ghost


def _erased(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    must(recorded.event.environment not in {STAGE, PRODUCTION}, "what others rely on was erased")
    return ghost


def _aborted(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    lease = ghost.places[TESTS].lease
    waits = any(rel.kind == "hotfix" and rel.state == "open" for rel in ghost.releases.values())
    must(lease is None or recorded.actor.id == lease.holder or waits, "a test run was aborted for no hotfix")
    return ghost


def _data_void(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    if recorded.type == "DataRestoreFailed":
        must_be_in_time(ghost, recorded.event.environment, recorded, "restore")
    return _unrestored(ghost, recorded.event.environment)


def _migration(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, rehearsal = recorded.event, ghost.rehearsal
    must_be_in_time(ghost, STAGE, recorded, "migration")
    if recorded.type == "StageMigrationFailed":
        return _unrestored(ghost, STAGE)
    if rehearsal is None or rehearsal.thing[1] != event.content_digest:
        return ghost
    ids = frozenset((migration.id, migration.digest) for migration in event.migrations)
    return ghost._replace(rehearsal=rehearsal._replace(migrated=(ids, recorded.position), core=None))


# -- problems -----------------------------------------------------------------------------------------------


def _trouble(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    trouble = Trouble(event.environment, event.release, event.failed_deploy is not None)
    return ghost._replace(problems={**ghost.problems, event.problem: trouble})


def _over(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, by = recorded.event, recorded.actor.id
    trouble = ghost.problems[event.problem]
    for name, rel in ghost.releases.items():
        blocked = trouble.place == PRODUCTION and rel.kind == "normal" and rel.state == "open"
        fixes = rel.state in {"open", "completed"} and (event.problem in rel.fixes or event.problem == rel.problem)
        if blocked or fixes or name in {trouble.release, getattr(event, "fixed_by_release", None)}:
            must(by not in rel.authors, "an author closed what his release is judged by")
    if trouble.failed:
        here = ghost.places[PRODUCTION]
        must(not here.unsure and here.running is None, "the problem of a failed deploy was closed before all is known")
    return ghost._replace(problems={name: one for name, one in ghost.problems.items() if name != event.problem})


# Before anything happened.
NOTHING = Ghost({}, {place: Place() for place in ORDER}, {})
READERS.update(
    {
        "ReleaseOpened": _opened,
        "ReleaseContentSet": _content,
        "DevelopmentConfirmed": _developed,
        "HotfixConfirmed": _hotfix,
        "TestsPassed": _tested,
        "TestsFailed": _tested,
        "ManualQAApproved": _qa,
        "ManualQARejected": _qa,
        "ManualQAWithdrawn": _qa,
        "CodeReviewApproved": _review,
        "CodeReviewRejected": _review,
        "CodeReviewWithdrawn": _review,
        "ReleaseHeld": _held,
        "ReleaseHoldLifted": _held,
        "ReleaseCompleted": _ended,
        "ReleaseWithdrawn": _ended,
        "ReleaseSuperseded": _ended,
        "LeaseGranted": _granted,
        "LeaseRenewed": _renewed,
        "LeaseReleased": _released,
        "LeaseExpired": _lease_lost,
        "LeaseBroken": _lease_lost,
        "EnvironmentRegistered": deploys.on_registered,
        "DeployRequested": deploys.on_requested,
        "DeployCancelled": deploys.on_request_over,
        "DeployExpired": deploys.on_request_over,
        "DeployStarted": deploys.on_started,
        "DeploySucceeded": deploys.on_succeeded,
        "DeployFailed": deploys.on_failed,
        "EnvironmentUnsure": deploys.on_doubt,
        "DriftDetected": deploys.on_seen,
        "FactObserved": deploys.on_seen,
        "EnvironmentConfirmed": deploys.on_stated,
        "EnvironmentBaselined": deploys.on_stated,
        "EnvironmentFrozen": _freeze,
        "EnvironmentUnfrozen": _freeze,
        "LogsChecked": _logs,
        "DataRestored": _restored,
        "DataErased": _erased,
        "TestRunAborted": _aborted,
        "DataRestoreFailed": _data_void,
        "DataMarkedCorrupt": _data_void,
        "StageMigrated": _migration,
        "StageMigrationFailed": _migration,
        "ProblemReported": _trouble,
        "ProblemReopened": _trouble,
        "ProblemResolved": _over,
        "ProblemDismissed": _over,
    }
)
