"""Several people at once, over the real API: whatever they do, the ledger is one that the rules allow.

What may be done is the alphabet of the exhaustive search; who does what at once is drawn from a seed; what was recorded
is judged by the oracle that reads events only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import reduce
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from interlock.client import ProblemAnswer
from interlock.domain.evolve import evolve
from interlock.domain.situation import EMPTY
from interlock.events.codec import decode, plain
from interlock.events.envelope import Actor, Recorded
from tests.fixtures.postgres import elsewhere
from tests.fixtures.server import BEGINS, Served, digest, token_of
from tests.proof.ghost import ORDER, PRODUCTION
from tests.proof.lazy import LazyGate
from tests.proof.moves import Move, Moves, Scope
from tests.proof.oracle import NOTHING
from tests.proof.parts import ANYTHING
from tests.proof.people import BASE, FEEDS, JUDGES, NORMAL, WRITES, content, identity
from tests.proof.people import digest as of
from tests.proof.world import KEPT, State

SEED = 4
WALKS, ROUNDS, AT_ONCE = 4, 7, 4
TEAM = {"dora": WRITES, "vera": JUDGES, "rosa": JUDGES}
REFUSALS = {403, 404, 409, 422}
EVERYWHERE = Scope("anything", 9, frozenset(ORDER), ANYTHING - {"a lease runs out", "the window closes on it"})


class Offered(Moves):
    """The same alphabet, as commands to be sent; what takes several commands is not offered."""

    def one(self, label: str, actor: Actor, command: Any, cost: int = 0) -> Move:
        """One command: to be sent, not to be decided here."""
        if actor.kind != "system":
            self.offered.append((actor, command))
        return label, cost, lambda: None

    def commands(self) -> list[tuple[Actor, Any]]:
        """What somebody may send now; what a gate refuses for certain is left out."""
        self.offered: list[tuple[Actor, Any]] = []
        for _ in self.all():
            pass
        return self.offered


def let_in(server: Served) -> None:
    """The people of the search, with their keys; the environments; production's base; a release."""
    until = (BEGINS + timedelta(days=365)).isoformat()
    for name, roles in TEAM.items():
        server.by_two("RegisterPrincipal", {"principal": name, "kind": "person"})
        for role in roles:
            server.by_two("GrantRole", {"principal": name, "role": role})
        secret = digest(token_of(name))
        server.by_two("IssueCredential", {"principal": name, "secret_digest": secret, "expires_at": until})
    for place in ORDER:
        registered = {"environment": place, "identity": plain(identity(place))}
        server["admin-1"].command("RegisterEnvironment", registered)
    for place, feed in FEEDS.items():
        server["rm-1"].command("SetDataFeed", {"environment": place, "feed": feed})
    base = {
        "environment": PRODUCTION, "release": BASE, "content_digest": of(BASE), "schema_digest": of("schema"),
        "artifacts": [{"purl": "pkg:oci/trading@base", "digest": of(BASE)}],
        "head": [{"repository": "trading", "sha": "a" * 40}],
    }  # fmt: skip
    server.by_two("BaselineEnvironment", base, confirms="rm-1")
    server["anton"].command("OpenRelease", {"name": NORMAL, "kind": "normal", "title": "Quotes"})
    server["anton"].command("SetReleaseContent", plain(content(NORMAL, "a", (BASE,), ())))


async def _read(dsn: str) -> list[bytes]:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return [row["body"] for row in await connection.fetch("select body from ledger.event order by position")]
    finally:
        await connection.close()


def recorded_in(server: Served) -> list[Recorded[Any]]:
    """Everything that is in the ledger, in its order."""
    settings_told = tomllib.loads(server.config.read_text(encoding="utf-8"))
    return [decode(bytes(body)) for body in elsewhere(_read(settings_told["database"]["owner"]))]


def judged(events: list[Recorded[Any]], server: Served) -> State:
    """The state that the ledger tells of; the oracle reads every event. Raises Wrong."""
    streams: dict[str, tuple[Recorded[Any], ...]] = {}
    for recorded in events:
        if recorded.stream.split("/")[0] in KEPT:
            streams[recorded.stream] = (*streams.get(recorded.stream, ()), recorded)
    ghost = reduce(lambda known, recorded: known.read(recorded), events, NOTHING)
    assert server.now is not None
    return State(reduce(evolve, events, EMPTY), ghost, server.now, EVERYWHERE.disturbances, streams)


def given_at_once(server: Served, chosen: list[tuple[Actor, Any]]) -> Iterator[dict[str, Any]]:
    """The answers to those that were accepted; each is sent by its own client, at once."""

    def send(one: tuple[Actor, Any]) -> dict[str, Any] | None:
        actor, command = one
        client = server.client(token_of(actor.id))
        try:
            return client.command(type(command).__name__, plain(command))
        except ProblemAnswer as problem:
            if problem.status not in REFUSALS:
                raise
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from (answer for answer in pool.map(send, chosen) if answer is not None)


@pytest.mark.timeout(300)
def test_whatever_many_people_do_at_once_the_ledger_is_one_that_the_rules_allow(server: Served) -> None:
    print(f"seed {SEED}")
    let_in(server)
    acknowledged: list[dict[str, Any]] = []

    @seed(SEED)
    @settings(
        max_examples=WALKS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(st.lists(st.integers(0, 10**6), min_size=AT_ONCE, max_size=AT_ONCE), min_size=ROUNDS, max_size=ROUNDS)
    )
    def walk(rounds: list[list[int]]) -> None:
        for drawn in rounds:
            offered = Offered(judged(recorded_in(server), server), EVERYWHERE, LazyGate()).commands()
            chosen = [offered[number % len(offered)] for number in drawn]
            acknowledged.extend(given_at_once(server, chosen))
            server.later(minutes=drawn[0] % 3)

    walk()
    events = recorded_in(server)
    judged(events, server)
    assert [recorded.position for recorded in events] == list(range(1, len(events) + 1))
    told = [event["position"] for answer in acknowledged if not answer["repeated"] for event in answer["events"]]
    assert len(told) == len(set(told)), "two commands were acknowledged with the same events"
    known = {recorded.position: recorded.type for recorded in events}
    for answer in acknowledged:
        assert all(known[event["position"]] == event["type"] for event in answer["events"]), answer
    assert len(told) > WALKS * ROUNDS, "the walks came too little far to say something"
