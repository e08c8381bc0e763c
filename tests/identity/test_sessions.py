"""Sessions of browsers: what a cookie opens, for how long, and that an end is an end at once and everywhere."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import timedelta

import pytest

from interlock.identity.sessions import SESSIONS_OF_ONE_MAX, Limits, Sessions, derived, printable, session_name
from interlock.ledger import Ledger


def unpredictable(size: int) -> bytes:
    return os.urandom(size)


QA: dict[str, str] = {"credential": "K-3", "user_agent": "Firefox"}


@pytest.fixture
def sessions(ledger: Ledger) -> Sessions:
    return Sessions(ledger, unpredictable, Limits())


async def sql(ledger: Ledger, statement: str, *values: object) -> None:
    async with ledger.connection() as connection:
        await connection.execute(statement, *values)


async def test_a_cookie_opens_the_session_it_was_made_for_in_its_project(sessions: Sessions) -> None:
    secret, begun = await sessions.begin("demo", "qa-1", **QA)
    found = await sessions.find("demo", secret, active=True)
    assert found is not None
    assert (found.principal, found.credential, found.session, found.fresh) == ("qa-1", "K-3", begun.session, True)
    assert await sessions.find("other", secret, active=True) is None
    assert await sessions.find("demo", secret[:-1] + ("1" if secret.endswith("0") else "0"), active=True) is None
    assert await sessions.find("demo", "", active=True) is None


async def test_of_a_cookie_s_secret_nothing_but_its_digest_is_kept(ledger: Ledger, sessions: Sessions) -> None:
    secret, _ = await sessions.begin("demo", "qa-1", **QA)
    async with ledger.connection() as connection:
        rows = await connection.fetch("select s::text as said from identity.session as s")
    assert len(rows) == 1
    assert secret not in rows[0]["said"]
    assert secret.encode().hex() not in rows[0]["said"]


@pytest.mark.parametrize(
    "aged",
    [
        "expires_at = clock_timestamp()",
        "seen_at = clock_timestamp() - interval '61 minutes'",
        "ended_at = clock_timestamp(), because = 'a test'",
    ],
)
async def test_a_session_that_is_over_opens_nothing(ledger: Ledger, sessions: Sessions, aged: str) -> None:
    secret, begun = await sessions.begin("demo", "qa-1", **QA)
    await sessions.look()
    assert not begun.ended.is_set()
    await sql(ledger, f"update identity.session set {aged}")
    assert await sessions.find("demo", secret, active=True) is None
    assert await sessions.of("demo", "qa-1") == []
    await sessions.look()
    assert begun.ended.is_set()


async def test_what_a_page_does_by_itself_keeps_no_session_alive(ledger: Ledger, sessions: Sessions) -> None:
    secret, _ = await sessions.begin("demo", "qa-1", **QA)
    ago = "update identity.session set seen_at = clock_timestamp() - interval '50 minutes'"
    for active, kept in ((False, 0), (True, 1)):
        await sql(ledger, ago)
        assert await sessions.find("demo", secret, active=active) is not None
        async with ledger.connection() as connection:
            now = "select count(*) from identity.session where seen_at > clock_timestamp() - interval '1 minute'"
            assert await connection.fetchval(now) == kept


async def test_a_proof_of_who_one_is_grows_old(ledger: Ledger, sessions: Sessions) -> None:
    secret, begun = await sessions.begin("demo", "qa-1", **QA)
    assert begun.fresh
    await sql(ledger, "update identity.session set begun_at = begun_at - interval '16 minutes'")
    found = await sessions.find("demo", secret, active=True)
    assert found is not None
    assert not found.fresh


async def test_a_session_ends_for_its_own_person_alone_and_its_streams_with_it(sessions: Sessions) -> None:
    secret, begun = await sessions.begin("demo", "qa-1", **QA)
    assert not await sessions.end("demo", begun.session, "qa-2", because="no")
    assert await sessions.find("demo", secret, active=True) is not None
    assert await sessions.end("demo", begun.session, "qa-1", because="signed out")
    assert begun.ended.is_set()
    assert await sessions.find("demo", secret, active=True) is None
    assert not await sessions.end("demo", begun.session, "qa-1", because="again")


async def test_what_another_process_ends_ends_the_streams_of_this_one(ledger: Ledger, sessions: Sessions) -> None:
    elsewhere = Sessions(ledger, unpredictable, Limits())
    secret, _ = await sessions.begin("demo", "qa-1", **QA)
    here = await sessions.find("demo", secret, active=True)
    assert here is not None
    watching = asyncio.create_task(sessions.watch(lambda _seconds: asyncio.sleep(0.01)))
    try:
        await elsewhere.end("demo", here.session, "qa-1", because="signed out")
        await asyncio.wait_for(here.ended.wait(), 20)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def test_a_person_has_so_many_sessions_and_the_oldest_makes_room(sessions: Sessions) -> None:
    first, begun = await sessions.begin("demo", "qa-1", **QA)
    for _ in range(SESSIONS_OF_ONE_MAX):
        await sessions.begin("demo", "qa-1", **QA)
    assert begun.ended.is_set()
    assert len(await sessions.of("demo", "qa-1")) == SESSIONS_OF_ONE_MAX
    assert await sessions.find("demo", first, active=True) is None


async def test_an_event_s_actor_leads_to_what_the_provider_signed(ledger: Ledger, sessions: Sessions) -> None:
    _, begun = await sessions.begin("demo", "qa-1", proof="the.signed.statement", user_agent="x")
    assert begun.session == session_name("the.signed.statement")
    found = await sessions.proof("demo", begun.session)
    assert found is not None
    assert session_name(found["proof"]) == begun.session
    await sql(ledger, "update identity.session set ended_at = clock_timestamp() - interval '401 days', because = 'old'")
    await sessions.begin("demo", "qa-2", **QA)
    assert await sessions.proof("demo", begun.session) is None


async def test_the_same_statement_opens_one_session(sessions: Sessions) -> None:
    await sessions.begin("demo", "qa-1", proof="the.signed.statement", user_agent="x")
    with pytest.raises(Exception, match="session_name"):
        await sessions.begin("demo", "qa-1", proof="the.signed.statement", user_agent="x")


async def test_a_session_is_shown_to_its_person_without_what_opens_it(sessions: Sessions) -> None:
    secret, _ = await sessions.begin("demo", "qa-1", credential="K-3", user_agent="Fire\x1bfox\u202e" + "x" * 500)
    [shown] = await sessions.of("demo", "qa-1")
    assert secret not in repr(shown)
    assert shown.user_agent.startswith("Fire?fox?xxx")
    assert len(shown.user_agent) == 300
    assert shown.expires_at - shown.seen_at == timedelta(hours=1)


def test_what_is_derived_from_a_secret_is_another_thing_for_each_purpose() -> None:
    assert derived("s", "nonce") != derived("s", "verifier")
    assert derived("s", "nonce") != derived("t", "nonce")
    assert printable("a\nb") == "a?b"
