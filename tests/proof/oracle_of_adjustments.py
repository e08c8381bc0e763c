"""What must hold of each event of an adjustment, read from the events alone, and from none of the rules."""
# Long: one fold that tells an adjustment's flow a second time, read from top to bottom.

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from interlock.events.envelope import Recorded
from tests.proof.ghost import MANAGERS, PRODUCTION, RUNNER, must

SNAPSHOT_AGE = timedelta(days=7)
OVER = frozenset({"checked", "reverted", "cancelled", "expired"})


class Adj(NamedTuple):
    """One adjustment, and what was found out about exactly this plan."""

    requesters: frozenset[str]
    digest: str
    rows: tuple[int, int]
    identity: Any
    until: datetime
    wanted: int
    reverts: str | None = None
    rehearsed: tuple[datetime, str] | None = None
    words: frozenset[tuple[str, bool]] = frozenset()
    authorized: tuple[str, datetime] | None = None
    state: str = "open"
    times: int = 0
    lease: str | None = None
    backup: bool = False
    started: bool = False
    unknown: bool = False
    executed_by: str | None = None


class Told(NamedTuple):
    """Everything that the oracle remembers. `leases` are who holds an environment, and until when.

    `deputy` is who stands in for the operator, and until when.
    """

    operator: str
    identity: Any
    schema: str
    verifiers: frozenset[str] = frozenset()
    wanted: int = 2
    adjustments: tuple[tuple[str, Adj], ...] = ()
    leases: tuple[tuple[str, tuple[str, str, datetime]], ...] = ()
    deputy: tuple[str, datetime] | None = None
    # Only between a proposal and its approval, which are one move: so it is in no key.
    proposer: str | None = None

    def executes(self, now: datetime) -> str:
        """Who adjusts data at that moment."""
        return self.deputy[0] if self.deputy is not None and now < self.deputy[1] else self.operator

    def read(self, recorded: Recorded[Any]) -> Told:
        """The oracle after this event. Raises Wrong."""
        reader = _READERS.get(recorded.type)
        return self if reader is None else reader(self, recorded)

    def of(self, name: str) -> Adj:
        """The adjustment of that name."""
        return dict(self.adjustments)[name]

    def having(self, name: str, **changes: Any) -> Told:
        """The same with a changed adjustment."""
        known = dict(self.adjustments)
        return self._replace(adjustments=tuple({**known, name: known[name]._replace(**changes)}.items()))


def _requested(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    if event.reverts is not None:
        reverted = told.of(event.reverts)
        must(reverted.times == 1, "what was never executed was to be taken back")
    plan = event.plan
    adj = Adj(
        frozenset({recorded.actor.id}), event.bound_digest,
        (plan.expected_effect.rows_min, plan.expected_effect.rows_max), plan.targets.identity, event.expires_at,
        told.wanted, event.reverts,
    )  # fmt: skip
    return told._replace(adjustments=(*told.adjustments, (event.adjustment, adj)))


def _amended(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    adj = told.of(event.adjustment)
    must(adj.state == "open", "what is over was amended")
    must(adj.lease is None and not adj.unknown, "it was amended while it is executed")
    plan = event.plan
    return told.having(
        event.adjustment, requesters=adj.requesters | {recorded.actor.id}, digest=event.bound_digest,
        rows=(plan.expected_effect.rows_min, plan.expected_effect.rows_max), identity=plan.targets.identity,
        rehearsed=None, words=frozenset(), authorized=None,
    )  # fmt: skip


def _rehearsed(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    adj = told.of(event.adjustment)
    _in_time(told, event.environment, recorded)
    must(event.bound_digest == adj.digest, "another plan was rehearsed")
    must(adj.rows[0] <= event.rows <= adj.rows[1], "a rehearsal that touched other rows counts")
    must(recorded.recorded_at - event.data_taken_at <= SNAPSHOT_AGE, "it was rehearsed on old data")
    must(event.schema_digest == told.schema, "it was rehearsed on another schema than production's")
    return told.having(event.adjustment, rehearsed=(event.data_taken_at, event.schema_digest))


def _not_rehearsed(told: Told, recorded: Recorded[Any]) -> Told:
    return told.having(recorded.event.adjustment, rehearsed=None)


def _in_time(told: Told, place: str, recorded: Recorded[Any]) -> None:
    lease = dict(told.leases).get(place)
    must(lease is not None, "it was reported after the lease was over")
    assert lease is not None
    must(lease[1] == recorded.actor.id, "it was reported by another than holds the lease")
    must(recorded.recorded_at < lease[2], "it was reported too late")


def _verified(told: Told, recorded: Recorded[Any]) -> Told:
    event, by = recorded.event, recorded.actor.id
    adj = told.of(event.adjustment)
    must(by in told.verifiers, "somebody verified who is no verifier")
    must(by not in adj.requesters, "somebody verified what he asked for")
    must(by != told.executes(recorded.recorded_at), "the operator verified what he executes")
    must(event.bound_digest == adj.digest, "another plan was verified")
    must(adj.rehearsed is not None, "it was verified before it was rehearsed")
    must(adj.state == "open", "what is over was verified")
    must((by, True) not in adj.words, "one person counts twice")
    return told.having(event.adjustment, words=_with(adj, by, good=True))


def _with(adj: Adj, by: str, *, good: bool) -> frozenset[tuple[str, bool]]:
    return frozenset(word for word in adj.words if word[0] != by) | {(by, good)}


def _rejected(told: Told, recorded: Recorded[Any]) -> Told:
    adj = _as_time_left_it(told.of(recorded.event.adjustment), recorded.recorded_at)
    words = _with(adj, recorded.actor.id, good=False)
    return told.having(recorded.event.adjustment, words=words, authorized=None)


def _may(told: Told, name: str, now: datetime) -> None:
    """It is rehearsed, and enough independent verifiers stand for it, and nobody says no."""
    adj = told.of(name)
    must(adj.state == "open" and adj.times == 0 and not adj.unknown, "what is over, or executed, goes on")
    must(now < adj.until, "its week is over")
    must(adj.rehearsed is not None, "it was never rehearsed")
    assert adj.rehearsed is not None
    must(now - adj.rehearsed[0] <= SNAPSHOT_AGE, "it was rehearsed on data that is too old now")
    must(adj.rehearsed[1] == told.schema, "production has another schema than it was rehearsed with")
    must(all(good for _, good in adj.words), "somebody says no")
    standing = {by for by, good in adj.words if good and by in told.verifiers}
    standing -= {*adj.requesters, told.executes(now)}
    wanted = max(told.wanted, adj.wanted)
    must(len(standing) >= wanted, f"{len(standing)} of {wanted} independent verifiers stand for it")


def _authorized(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    _may(told, event.adjustment, recorded.recorded_at)
    operator = told.executes(recorded.recorded_at)
    must(event.operator == operator, "it was authorized for another than the operator")
    must(event.bound_digest == told.of(event.adjustment).digest, "another plan was authorized")
    return told.having(event.adjustment, authorized=(event.operator, event.valid_until))


def _expired(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    adj = told.of(event.adjustment)
    must(adj.lease is None, "it expired while it is executed")
    if event.what == "request":
        must(adj.state == "open" and not adj.unknown, "what is over, or unknown, expired")
        return told.having(event.adjustment, state="expired")
    words = frozenset(word for word in adj.words if not word[1])
    return told.having(event.adjustment, authorized=None, words=words)


def _granted(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    leases = dict(told.leases)
    must(event.environment not in leases, f"two activities hold {event.environment}")
    leases[event.environment] = (event.lease, event.holder, event.expires_at)
    told = told._replace(leases=tuple(leases.items()))
    activity, _, name = event.subject.partition(" ")
    if event.kind != "adjustment" or activity != "adjustment":
        return told
    _may(told, name, recorded.recorded_at)
    must(recorded.actor.id == told.executes(recorded.recorded_at), "another than the operator began it")
    must(event.environment == PRODUCTION, "it was begun elsewhere")
    must(event.observed.identity == told.identity == told.of(name).identity, "it was begun in another database")
    must(event.observed.schema_digest == told.schema, "it was begun on another schema")
    _authorization_stands(told, name, recorded)
    return told.having(name, lease=event.lease, backup=False, started=False)


def _authorization_stands(told: Told, name: str, recorded: Recorded[Any]) -> None:
    authorized = told.of(name).authorized
    must(authorized is not None, "it was not authorized")
    assert authorized is not None
    must(authorized[0] == told.executes(recorded.recorded_at), "it was authorized for another operator")
    must(recorded.recorded_at < authorized[1], "its authorization was over")


def _renewed(told: Told, recorded: Recorded[Any]) -> Told:
    leases = dict(told.leases)
    lease, holder, _ = leases[recorded.event.environment]
    return told._replace(
        leases=tuple({**leases, recorded.event.environment: (lease, holder, recorded.event.expires_at)}.items())
    )


def _lease_over(told: Told, recorded: Recorded[Any]) -> Told:
    leases = {name: lease for name, lease in told.leases if name != recorded.event.environment}
    told = told._replace(leases=tuple(leases.items()))
    for name, adj in told.adjustments:
        if adj.lease == recorded.event.lease and not adj.started:
            told = told.having(name, lease=None, backup=False)
    return told


def _backup(told: Told, recorded: Recorded[Any]) -> Told:
    _in_time(told, PRODUCTION, recorded)
    must(told.of(recorded.event.adjustment).lease == recorded.event.lease, "a backup of another attempt")
    return told.having(recorded.event.adjustment, backup=True)


def _started(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    name, adj = event.adjustment, told.of(event.adjustment)
    _in_time(told, PRODUCTION, recorded)
    _may(told, name, recorded.recorded_at)
    must(recorded.actor.id == told.executes(recorded.recorded_at), "another than the operator commits it")
    must(adj.lease == event.lease, "it is committed without its lease")
    must(adj.backup, "it is committed without a backup")
    must(event.bound_digest == adj.digest, "another plan is committed")
    must(adj.rows[0] <= event.rows <= adj.rows[1], "it touched more or fewer rows than expected")
    must(event.identity == told.identity == adj.identity, "it is committed in another database")
    must(adj.reverts is None or told.of(adj.reverts).state != "reverted", "it was taken back before")
    _authorization_stands(told, name, recorded)
    return told.having(name, started=True)


def _executed(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    adj = told.of(event.adjustment)
    must(adj.started, "it was executed without a decision to commit it")
    must(adj.times == 0, "it was executed twice")
    if event.by_marker:
        must(adj.unknown, "the marker was asked about what is known")
        reads = {RUNNER, told.executes(recorded.recorded_at)}
        must(recorded.actor.id in reads, "somebody told what the marker says who is no runner")
    else:
        _in_time(told, PRODUCTION, recorded)
    return told.having(
        event.adjustment, times=1, state="executed", executed_by=event.executed_by, started=False, unknown=False,
        lease=None,
    )  # fmt: skip


def _failed(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    adj = told.of(event.adjustment)
    if event.transaction == "unknown":
        must(adj.started, "what was never committed is unknown")
        return told.having(event.adjustment, unknown=True, lease=None)
    # That a runner rolled back what it was allowed to commit, it may say itself; nobody may conclude it.
    system = recorded.actor.kind == "system"
    must(not (adj.started and system), "what may have been committed was counted as rolled back")
    return told.having(event.adjustment, started=False, unknown=False, lease=None, backup=False)


def _found_right(told: Told, recorded: Recorded[Any]) -> Told:
    adj, by = told.of(recorded.event.adjustment), recorded.actor.id
    must(adj.state in {"executed", "disputed"}, "the result of nothing was found right")
    must(by not in adj.requesters and by != adj.executed_by, "somebody found his own result right")
    return told.having(recorded.event.adjustment, state="checked")


def _ends(state: str) -> Any:
    def ended(told: Told, recorded: Recorded[Any]) -> Told:
        adj = told.of(recorded.event.adjustment)
        if state == "cancelled":
            must(adj.state == "open" and adj.lease is None and not adj.unknown, "it was cancelled under its execution")
            own = recorded.actor.id in adj.requesters | MANAGERS
            must(own, "somebody took back what another one asked for")
        if state == "reverted":
            must(adj.times == 1 and adj.state != "reverted", "it was taken back twice, or before it was executed")
        return told.having(recorded.event.adjustment, state=state)

    return ended


def _role(told: Told, recorded: Recorded[Any]) -> Told:
    event = recorded.event
    if event.role != "verifier":
        return told
    who = {event.principal}
    granted = recorded.type == "RoleGranted"
    return told._replace(verifiers=told.verifiers | who if granted else told.verifiers - who)


def _as_time_left_it(adj: Adj, now: datetime) -> Adj:
    """When an authorization's time is over, who stood for it does so no more."""
    if adj.authorized is None or now < adj.authorized[1]:
        return adj
    return adj._replace(words=frozenset(word for word in adj.words if not word[1]))


def _operator(told: Told, recorded: Recorded[Any]) -> Told:
    who = recorded.event.principal
    for name, known in told.adjustments:
        adj = _as_time_left_it(known, recorded.recorded_at)
        if adj.state == "open":
            words = frozenset(word for word in adj.words if word != (who, True))
            told = told.having(name, authorized=None, words=words)
    if recorded.event.until is not None:
        return told._replace(deputy=(who, recorded.event.until))
    return told._replace(operator=who, deputy=None)


def _registered(told: Told, recorded: Recorded[Any]) -> Told:
    return told._replace(identity=recorded.event.identity) if recorded.event.environment == PRODUCTION else told


def _proposed(told: Told, recorded: Recorded[Any]) -> Told:
    return told._replace(proposer=recorded.actor.id)


def _approved(told: Told, recorded: Recorded[Any]) -> Told:
    must(recorded.actor.id != told.proposer, "somebody approved the policy that he proposed")
    return told._replace(proposer=None)


def _policy(told: Told, recorded: Recorded[Any]) -> Told:
    return told._replace(wanted=recorded.event.document.get("verifications", 2))


_READERS: dict[str, Any] = {
    "DataAdjustRequested": _requested,
    "DataAdjustAmended": _amended,
    "DataAdjustRehearsed": _rehearsed,
    "DataAdjustRehearsalFailed": _not_rehearsed,
    "DataAdjustVerified": _verified,
    "DataAdjustRejected": _rejected,
    "DataAdjustAuthorized": _authorized,
    "DataAdjustExpired": _expired,
    "DataAdjustBackupTaken": _backup,
    "DataAdjustStarted": _started,
    "DataAdjustExecuted": _executed,
    "DataAdjustFailed": _failed,
    "DataAdjustResultVerified": _found_right,
    "DataAdjustResultDisputed": _ends("disputed"),
    "DataAdjustReverted": _ends("reverted"),
    "DataAdjustCancelled": _ends("cancelled"),
    "LeaseGranted": _granted,
    "LeaseRenewed": _renewed,
    "LeaseReleased": _lease_over,
    "LeaseExpired": _lease_over,
    "LeaseBroken": _lease_over,
    "RoleGranted": _role,
    "RoleRevoked": _role,
    "OperatorDesignated": _operator,
    "EnvironmentRegistered": _registered,
    "PolicyActivated": _policy,
    "PolicyProposed": _proposed,
    "PolicyApproved": _approved,
}
