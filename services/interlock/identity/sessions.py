"""Sessions of browsers, in PostgreSQL: begun by a sign-in, found by the digest of a cookie's secret, ended at once.

Times here are the database's real ones, also where the ledger's clock is a test clock: a session is about a browser
that stands in somebody's room. What the ledger's clock says about a credential is looked at on every request
(`authenticate_session`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from interlock.events.envelope import VOUCHED
from interlock.events.fact import fact
from interlock.events.seams import Secrets, Sleep
from interlock.identity.signed_in import Ended, SignedIn
from interlock.ledger import Ledger, LedgerError
from interlock.ledger.connections import refused_by_name

SECRET_BYTES: Final = 32
NAME_CHARACTERS: Final = 32
USER_AGENT_CHARACTERS_MAX: Final = 300
# A person has browsers, not thousands of them: the oldest makes room.
SESSIONS_OF_ONE_MAX: Final = 20
# How long a row is kept after its session's end, so that an approval given through it can be asked about.
KEPT_DAYS: Final = 400
# A look at the database for the streams of this process, whose session another process may have ended.
LOOK_SECONDS: Final = 1.0
# When somebody was seen last is written down this often, not at every page.
SEEN_SECONDS: Final = 30.0

_BEGIN: Final = """
insert into identity.session (project, session, digest, principal, credential, proof, user_agent, idle, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + $9::interval)
returning begun_at, expires_at
"""
_MAKE_ROOM: Final = """
update identity.session set ended_at = clock_timestamp(), because = 'signed in elsewhere too often'
 where project = $1 and ended_at is null and session in (
       select older.session from identity.session as older
        where older.project = $1 and older.principal = $2 and older.ended_at is null
        order by older.begun_at desc offset $3)
returning session
"""
_FORGET: Final = """
delete from identity.session
 where project = $1 and least(ended_at, expires_at) < clock_timestamp() - $2::interval
"""
_FIND: Final = "select * from identity.open_session as session where session.project = $1 and session.digest = $2"
_SEEN: Final = """
update identity.session set seen_at = clock_timestamp()
 where project = $1 and session = $2 and seen_at < clock_timestamp() - $3::interval
"""
_END: Final = """
update identity.session set ended_at = clock_timestamp(), because = $4
 where project = $1 and session = $2 and principal = $3 and ended_at is null
returning true
"""
_OF: Final = """
select * from identity.open_session as session
 where session.project = $1 and session.principal = $2 order by session.begun_at desc
"""
_STILL_OPEN: Final = """
select session.session from identity.open_session as session
 where session.project = $1 and session.session = any($2)
"""
_PROOF: Final = """
select principal, proof, begun_at, ended_at from identity.session where project = $1 and session = $2
"""


@fact
class Limits:
    """How long a session may be. `fresh` is how old a proof of who one is may be where somebody approves."""

    whole: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=1)
    fresh: timedelta = timedelta(minutes=15)


@fact
class Shown:
    """A session as its person sees it among their own."""

    session: str
    user_agent: str
    credential: str | None
    begun_at: datetime
    seen_at: datetime
    expires_at: datetime


class Sessions:
    """Beside a ledger, in the same database. `watch` runs as long as the process."""

    def __init__(self, ledger: Ledger, secrets: Secrets, limits: Limits) -> None:
        """Use the connections of `ledger`; `secrets` makes the cookies' secrets."""
        self._ledger = ledger
        self._secrets = secrets
        self.limits = limits
        self._ends: WeakValueDictionary[tuple[str, str], Ended] = WeakValueDictionary()

    def new_secret(self, size: int) -> str:
        """Return `size` unpredictable bytes in hex digits."""
        return self._secrets(size).hex()

    async def begin(
        self,
        project: str,
        principal: str,
        *,
        user_agent: str,
        credential: str | None = None,
        proof: str | None = None,
    ) -> tuple[str, SignedIn]:
        """Begin a session by a token (`credential`) or by a provider's statement (`proof`); return its secret, too.

        A crash before the cookie arrives leaves a session that nobody can use; it ends by being idle.
        """
        secret = self.new_secret(SECRET_BYTES)
        name = session_name(proof) if proof is not None else f"token-{self.new_secret(NAME_CHARACTERS // 2)}"
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            await connection.execute(_FORGET, project, timedelta(days=KEPT_DAYS))
            row = await connection.fetchrow(
                _BEGIN,
                project,
                name,
                _digest(secret),
                principal,
                credential,
                proof,
                printable(user_agent),
                self.limits.idle,
                self.limits.whole,
            )
            crowded = await connection.fetch(_MAKE_ROOM, project, principal, SESSIONS_OF_ONE_MAX)
        for each in crowded:
            self._tell(project, each["session"])
        assert row is not None
        begun: dict[str, Any] = {"session": name, "principal": principal, "credential": credential, **row}
        return secret, self._signed_in(project, begun | {"now": row["begun_at"]}, secret)

    async def find(self, project: str, secret: str, *, active: bool) -> SignedIn | None:
        """Return the session that the cookie opens, None where it opens nothing any more.

        `active` says that a person did something; what a page does by itself keeps no session alive.
        """
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            row = await connection.fetchrow(_FIND, project, _digest(secret))
            if row is None:
                return None
            if active:
                await connection.execute(_SEEN, project, row["session"], timedelta(seconds=SEEN_SECONDS))
        return self._signed_in(project, row, secret)

    async def of(self, project: str, principal: str) -> list[Shown]:
        """Return a person's open sessions, the newest first."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            rows = await connection.fetch(_OF, project, principal)
        return [
            Shown(
                session=row["session"],
                user_agent=row["user_agent"],
                credential=row["credential"],
                begun_at=row["begun_at"],
                seen_at=row["seen_at"],
                expires_at=row["ends_at"],
            )
            for row in rows
        ]

    async def end(self, project: str, session: str, principal: str, *, because: str) -> bool:
        """End one of the person's own sessions, and its open streams at once; tell whether it was open.

        Streams in other processes end within LOOK_SECONDS.
        """
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            ended = bool(await connection.fetchval(_END, project, session, principal, because))
        self._tell(project, session)
        return ended

    async def proof(self, project: str, session: str) -> dict[str, Any] | None:
        """Return what an auditor asks: who was signed in, by which signed statement, from when to when."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            row = await connection.fetchrow(_PROOF, project, session)
        return None if row is None else dict(row)

    async def watch(self, sleep: Sleep) -> None:
        """End the streams whose session ended by time or in another process, for ever.

        While the database is away nobody can be signed out, and no stream tells anything.
        """
        while True:
            await sleep(LOOK_SECONDS)
            try:
                await self.look()
            except LedgerError:
                continue

    async def look(self) -> None:
        """Look once."""
        by_project: dict[str, list[str]] = {}
        # Only those that something still holds: a request under way, or a stream.
        for project, session in list(self._ends):
            by_project.setdefault(project, []).append(session)
        for project, names in by_project.items():
            async with self._ledger.connection() as connection, refused_by_name(sent=False):
                rows = await connection.fetch(_STILL_OPEN, project, names)
            for gone in set(names) - {row["session"] for row in rows}:
                self._tell(project, gone)

    def _tell(self, project: str, session: str) -> None:
        ended = self._ends.get((project, session))
        if ended is not None:
            ended.set()

    def _signed_in(self, project: str, row: Any, secret: str) -> SignedIn:
        key = (project, row["session"])
        ended = self._ends.get(key)
        if ended is None:
            ended = self._ends[key] = asyncio.Event()
        return SignedIn(
            session=row["session"],
            project=project,
            principal=row["principal"],
            credential=row["credential"],
            signed_in_at=row["begun_at"],
            expires_at=row["expires_at"],
            fresh=row["now"] < row["begun_at"] + self.limits.fresh,
            csrf=derived(secret, "form"),
            ended=ended,
        )


def session_name(proof: str) -> str:
    """Return the name of a session that a provider's signed statement opened: it commits to the statement's bytes.

    The name stands in the record for ever, as the actor's credential, so the row's statement cannot be exchanged.
    """
    return f"{VOUCHED}{hashlib.sha256(proof.encode()).hexdigest()[:NAME_CHARACTERS]}"


def printable(user_agent: str) -> str:
    """Return what a browser says of itself, as it may be kept and shown."""
    kept = "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in user_agent)
    return kept[:USER_AGENT_CHARACTERS_MAX]


def derived(secret: str, purpose: str) -> str:
    """Return a value that only the secret's holder can know, for one purpose: 64 hex digits."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
