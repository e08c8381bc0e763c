"""One record, from its bytes to its outcome: understood, proved, decided. Nothing here knows where it came from."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from interlock.answers.problems import Problem, problem_of
from interlock.bus import Skipped
from interlock.desk import Desk, DeskClosed, Unavailable, UnknownEvent
from interlock.domain.errors import NotFound
from interlock.domain.situation import Situation
from interlock.events.codec import request_hash
from interlock.events.envelope import Actor
from interlock.events.fact import fact
from interlock.events.intake import KEY_HEADER, SIGNATURE_HEADER, Unsignable, signed_bytes
from interlock.events.seams import Sleep
from interlock.evidence import EvidenceStore
from interlock.identity import NotAuthenticated
from interlock.identity.signatures import authenticate_signature
from interlock.intake.outcomes import Outcome, answered, refused
from interlock.intake.requests import NotUnderstood, Reference, Request, understood
from interlock.ledger import Ledger, LedgerError
from interlock.letters import Record

T = TypeVar("T")

RETRY_SECONDS: Final = 0.5
# A signed record says when it was made: one that somebody kept back opens nothing a day later.
SIGNED_AGE_MAX: Final = timedelta(hours=24)
SIGNED_AHEAD_MAX: Final = timedelta(minutes=5)

_log = logging.getLogger(__name__)


@fact
class Handled:
    """What became of a record. `aside` says why it is put aside, where it could not be understood."""

    record: Record
    reference: Reference
    outcome: Outcome | None
    at: datetime
    aside: str | None = None


@fact
class Ready:
    """A request whose sender is known, about to be decided."""

    record: Record
    request: Request
    actor: Actor


class Handling:
    """Takes records to the desk. `own` names the principal of each topic that is one principal's own."""

    def __init__(
        self, desk: Desk, ledger: Ledger, evidence: EvidenceStore, sleep: Sleep, *, home: str, own: Mapping[str, str]
    ) -> None:
        """`home` is the project whose clock tells when a record was put aside that names no project."""
        self._desk = desk
        self._ledger = ledger
        self._evidence = evidence
        self._sleep = sleep
        self._home = home
        self._own = dict(own)

    async def ready(self, record: Record, *, vouched: bool = False) -> Ready | Handled:
        """Return what is to be decided, or at once what became of it. `vouched`: somebody asked for it again."""
        try:
            request = understood(record)
        except NotUnderstood as not_understood:
            return await self._aside(record, not_understood)
        except Exception as mistake:
            # A mistake of ours must not stop what comes behind it.
            _log.exception("%s", record.name)
            return await self._aside(record, NotUnderstood(f"an error of Interlock: {mistake!r}", Reference()))
        try:
            actor = await self._actor(record, request, vouched=vouched)
            for one in request.evidence:
                await self._patiently(lambda one=one: self._kept(request, one))  # type: ignore[misc]
        except Exception as error:
            return await self._refused(record, request.reference, error)
        return Ready(record=record, request=request, actor=actor)

    async def decided(self, ready: Ready) -> Handled:
        """Return what became of a request: decided now, or answered as it was the first time."""
        request = ready.request
        try:
            given = await self._patiently(
                lambda: self._desk.submit(
                    request.project,
                    request.command,
                    ready.actor,
                    command_id=request.command_id,
                    request_hash=request_hash(request.name, request.command, actor=ready.actor.id),
                    if_version=request.if_version,
                )
            )
        except Exception as error:
            return await self._refused(ready.record, request.reference, error)
        now = await self._now(request.project)
        return Handled(record=ready.record, reference=request.reference, outcome=answered(given, now), at=now)

    async def unreadable(self, skipped: Skipped) -> Handled:
        """Return what becomes of records that Kafka's client cannot take apart: put aside, by their place only."""
        place = skipped.place
        record = Record(
            topic=place.topic, partition=place.partition, offset=skipped.first, key=None, value=None, headers=()
        )
        behind = skipped.following - skipped.first
        why = f"Kafka's client cannot read it ({skipped.why}), so {behind} record(s) of its batch were stepped over"
        return Handled(record=record, reference=Reference(), outcome=None, at=await self._now(self._home), aside=why)

    async def _kept(self, request: Request, evidence: Any) -> str:
        return await self._evidence.put(request.project, evidence.media_type, evidence.content)

    async def _actor(self, record: Record, request: Request, *, vouched: bool) -> Actor:
        """Return who it is. Raises NotAuthenticated, NotFound, ScopeMissing."""
        situation: Situation = await self._patiently(lambda: self._desk.situation(request.project))
        if situation.position == 0:
            raise NotFound("project", request.project)
        if record.topic in self._own:
            return _owner(situation, self._own[record.topic])
        headers = dict(record.headers)
        key, signature = (headers[name].decode("latin-1") if name in headers else None for name in _PROOF)
        now = await self._now(request.project)
        try:
            signed = signed_bytes(record.headers, record.value or b"")
        except Unsignable as two_ways:
            raise NotAuthenticated(str(two_ways)) from None
        caller = authenticate_signature(situation, key, signature, signed, now)
        caller.require_command(request.name, getattr(request.command, "principal", None))
        if not vouched and not _fresh(request.time, now) and not await self._known(request):
            raise NotAuthenticated(
                "a signed record says in `time` when it was made, and is decided within a day: send it anew"
            )
        return caller.actor

    async def _known(self, request: Request) -> bool:
        """Tell whether it was decided before: then it gets its answer, however old it is."""
        found = await self._patiently(lambda: self._ledger.answers(request.project, [request.command_id]))
        return bool(found)

    async def _now(self, project: str) -> datetime:
        return await self._patiently(lambda: self._desk.now(project))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns, while the ledger is away again and again: nothing could be decided anyway."""
        while True:
            try:
                return await work()
            except (UnknownEvent, DeskClosed):
                raise  # This process will never decide it.
            except (Unavailable, LedgerError) as away:
                _log.warning("the intake waits: %s", away)
                await self._sleep(RETRY_SECONDS)

    async def _refused(self, record: Record, reference: Reference, error: Exception) -> Handled:
        if isinstance(error, DeskClosed):
            raise error
        problem = problem_of(error)
        aside = None
        if problem.kind.name == "unexpected":
            _log.error("%s", record.name, exc_info=error)
            aside = f"an error of Interlock: {type(error).__name__}: {error}"
        now = await self._now(reference.project or self._home)
        return Handled(record=record, reference=reference, outcome=refused(problem), at=now, aside=aside)

    async def _aside(self, record: Record, why: NotUnderstood) -> Handled:
        """Put aside; whoever can be answered is told too, so that it does not wait in vain."""
        outcome = None
        if why.reference.answerable:
            outcome = refused(Problem("malformed", why.why, errors=why.faults))
        now = await self._now(self._home)
        return Handled(record=record, reference=why.reference, outcome=outcome, at=now, aside=why.why)


_PROOF: Final = (KEY_HEADER, SIGNATURE_HEADER)


def _owner(situation: Situation, name: str) -> Actor:
    """Return the principal whose own topic it is. Raises NotAuthenticated."""
    principal = situation.team.principals.get(name)
    if principal is None or not principal.active:
        raise NotAuthenticated(f"the topic is {name}'s own, who is not registered, or left")
    if principal.kind == "person":
        # Who may write to a topic is the broker's affair; a person's word is proved by the person.
        raise NotAuthenticated(f"the topic is {name}'s own, who is a person, and persons sign")
    return Actor(id=principal.id, kind=principal.kind)


def _fresh(made: datetime | None, now: datetime) -> bool:
    return made is not None and now - SIGNED_AGE_MAX <= made <= now + SIGNED_AHEAD_MAX
