"""Endpoints are told what happens: signed, at least once, whatever they or the sender do; and nobody waits for them."""
# Long: one suite over one office and its endpoints, case by case.

from __future__ import annotations

import asyncio
import base64
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from interlock.desk import Desk
from interlock.domain.commands.environment import FreezeEnvironment
from interlock.domain.commands.problem import ReportProblem
from interlock.endpoints import KINDS, Endpoint, Endpoints, Messages, Rules, Waiting
from interlock.events.codec import request_hash
from interlock.events.envelope import Actor
from interlock.ledger import Ledger
from interlock.webhooks import Standing, Webhooks, state_of
from interlock.webhooks.webhooks import PAUSE_SECONDS_MAX, TRIES_MAX, pause_after
from tests.fixtures.server import PROJECT
from tests.webhooks.receiver import SECRET, WAIT_SECONDS, Receiver, receiving
from tests.webhooks.sender import ANSWER_SECONDS, HASTY_SECONDS, running, sender

pytestmark = pytest.mark.server


@dataclass
class Outside:
    """A project, a sender that runs, and endpoints."""

    webhooks: Webhooks
    ledger: Ledger
    desk: Desk
    names: list[str] = field(default_factory=list)

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.ledger)

    @property
    def messages(self) -> Messages:
        return Messages(self.ledger)

    async def add(self, url: str, *kinds: str) -> str:
        name = f"chat-{uuid4().hex[:8]}"
        self.names.append(name)
        secret = base64.b64decode(SECRET.removeprefix("whsec_"))
        await self.endpoints.add(PROJECT, name, url, secret, kinds or KINDS, by="rm-1")
        return name

    async def of(self, name: str) -> Endpoint:
        return await self.endpoints.get(PROJECT, name)

    async def do(self, who: str, command: Any) -> Any:
        actor = Actor(id=who, kind="person")
        digest = request_hash(type(command).__name__, command, actor=who)
        return await self.desk.submit(PROJECT, command, actor, command_id=uuid4(), request_hash=digest)

    async def problem(self, title: str = "quotes freeze") -> None:
        await self.do("qa-1", ReportProblem(environment="sandbox", title=f"{title} {uuid4().hex[:6]}", severity="high"))

    async def until(self, name: str, holds: Callable[[Endpoint], bool]) -> Endpoint:
        async with asyncio.timeout(WAIT_SECONDS):
            while not holds(found := await self.of(name)):  # noqa: ASYNC110 - it is a row that changes
                await asyncio.sleep(0.02)
        return found

    async def given_up(self, name: str) -> Waiting:
        await self.until(name, lambda each: each.failed > 0)
        [found] = [each for each in await self.messages.listed(PROJECT, "failed") if each.endpoint == name]
        return found


@asynccontextmanager
async def outside(dsn: str, **more: Any) -> AsyncIterator[Outside]:
    async with sender(dsn, **more) as (webhooks, ledger, desk), running(webhooks):
        made = Outside(webhooks, ledger, desk)
        try:
            yield made
        finally:
            for name in made.names:
                await made.endpoints.remove(PROJECT, name)


async def came(receiver: Receiver, count: int) -> None:
    await asyncio.to_thread(receiver.wait, count)


async def test_what_happens_is_told_in_words_and_signed(told_dsn: str) -> None:
    async with outside(told_dsn) as here:
        with receiving() as receiver:
            name = await here.add(receiver.url)
            await here.do("qa-1", ReportProblem(environment="sandbox", title="<quotes> & more", severity="high"))
            await came(receiver, 2)
            await here.until(name, lambda each: each.delivered == 2)
        problem, act = sorted(receiver.texts, key=lambda text: "must act" in text)
        assert problem.startswith("Problem in demo: ")
        # What people write calls nobody and is no link.
        assert "&lt;quotes&gt; &amp; more" in problem
        assert act.startswith("Somebody must act in demo: ")
        assert "rm-1" in act
        assert "react to" in act
        headers, body = receiver.came[0]
        assert headers["content-type"] == "application/json"
        assert b'"blocks":[{"type":"section"' in body
        assert b"dt problem ack P-" in body


async def test_only_the_kinds_that_were_asked_for_are_told(told_dsn: str) -> None:
    async with outside(told_dsn) as here:
        with receiving() as refusals, receiving() as problems:
            await here.add(refusals.url, "refused")
            await here.add(problems.url, "problem")
            await here.do("anton", FreezeEnvironment(environment="production", reason=f"because {uuid4()}"))
            await here.problem()
            await came(refusals, 1)
            await came(problems, 1)
        assert "role-held" in refusals.texts[0]
        assert [text.partition(" in ")[0] for text in refusals.texts + problems.texts] == ["Refused", "Problem"]


async def test_what_was_before_an_endpoint_was_added_is_not_told(told_dsn: str) -> None:
    async with outside(told_dsn) as here:
        await here.problem("before")
        with receiving() as receiver:
            await here.add(receiver.url, "problem")
            await here.problem("after")
            await came(receiver, 1)
        assert ["after" in text for text in receiver.texts] == [True]


@pytest.mark.parametrize("answer", [500, 404, 302, "cut", "hang"])
async def test_what_does_not_arrive_is_sent_again_under_the_same_id(told_dsn: str, answer: Any) -> None:
    async with outside(told_dsn, seconds=HASTY_SECONDS if answer == "hang" else ANSWER_SECONDS) as here:
        redirect = (302, {"location": "http://169.254.169.254/latest/meta-data"})
        with receiving(redirect if answer == 302 else answer, answer if answer != 302 else redirect) as receiver:
            name = await here.add(receiver.url, "problem")
            await here.problem()
            await came(receiver, 3)
            found = await here.until(name, lambda each: each.delivered == 1)
        assert len(set(receiver.ids)) == 1
        assert (found.waiting, found.failed, found.last_error) == (0, 0, None)


async def test_an_endpoint_that_hangs_keeps_no_other_waiting(told_dsn: str) -> None:
    async with outside(told_dsn) as here:
        with receiving(*["hang"] * 50) as slow, receiving() as quick:
            await here.add(slow.url, "problem")
            await here.add(quick.url, "problem")
            for _ in range(5):
                await here.problem()
            await came(quick, 5)


async def test_after_enough_tries_it_is_given_up_shown_and_tried_again_when_asked(told_dsn: str) -> None:
    async with outside(told_dsn) as here:
        with receiving(*[503] * TRIES_MAX) as receiver:
            name = await here.add(receiver.url, "problem")
            await here.problem()
            found = await here.given_up(name)
            assert (found.tries, found.last_error) == (TRIES_MAX, "it answered 503")
            assert f"1 given up (dt notify failed): {PROJECT}/{name}" in state_of(await here.webhooks.standing())
            # The next one arrives all the same.
            await here.problem()
            await here.until(name, lambda each: each.delivered == 1)
            await here.messages.retry(PROJECT, found.id)
            await here.until(name, lambda each: each.delivered == 2)
        assert receiver.ids[0] == receiver.ids[-1] == found.id
        assert state_of(await here.webhooks.standing()) == "ok"


async def test_one_that_is_gone_for_good_is_told_nothing_until_somebody_asks(told_dsn: str) -> None:
    async with outside(told_dsn) as here:
        with receiving(410) as receiver:
            name = await here.add(receiver.url, "problem", "must-act")
            # Two messages: what is on its way already stays, too.
            await here.problem()
            found = await here.given_up(name)
            await here.until(name, lambda each: each.gone)
            await here.problem("meanwhile")
            await asyncio.sleep(0.3)
            assert len(receiver.came) == 1
            await here.messages.retry(PROJECT, found.id)
            # Nothing is lost of what was recorded meanwhile.
            await came(receiver, 5)
            await here.until(name, lambda each: each.delivered == 4)
        assert "meanwhile" in " ".join(receiver.texts)


@pytest.mark.parametrize("value", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"])
async def test_one_that_asks_for_time_gets_it(told_dsn: str, value: str) -> None:
    async with outside(told_dsn) as here:
        with receiving((429, {"retry-after": value})) as receiver:
            name = await here.add(receiver.url, "problem")
            await here.problem()
            await came(receiver, 1)
            await here.until(name, lambda each: each.last_error == "it answered 429")
            await asyncio.sleep(0.3)
            assert len(receiver.came) == 1
            [waiting] = [each for each in await here.messages.listed(PROJECT, "waiting") if each.endpoint == name]
            assert (waiting.next_at - waiting.made_at).total_seconds() > 3_500


async def test_this_machine_is_told_nothing_unless_the_settings_say_so(told_dsn: str) -> None:
    async with outside(told_dsn, rules=Rules()) as here:
        with receiving() as receiver:
            name = await here.add(receiver.url, "problem")
            await here.problem()
            found = await here.until(name, lambda each: each.last_error is not None)
            assert "is this machine itself" in (found.last_error or "")
            assert receiver.came == []


async def test_a_name_that_leads_into_the_cloud_s_own_affairs_is_told_nothing(told_dsn: str) -> None:
    async def leads(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1", "169.254.169.254"]

    async with outside(told_dsn, resolve=leads) as here:
        with receiving() as receiver:
            name = await here.add(receiver.url.replace("127.0.0.1", "hooks.example.test"), "problem")
            await here.problem()
            found = await here.until(name, lambda each: each.last_error is not None)
            assert "169.254.169.254 is no address of an endpoint" in (found.last_error or "")
            assert receiver.came == []


async def test_a_name_that_nobody_can_look_up_keeps_no_other_endpoint_waiting(told_dsn: str) -> None:
    async with outside(told_dsn, seconds=HASTY_SECONDS) as here:
        with receiving() as receiver:
            # A label of a name has at most 63 characters: looking it up is an error of another kind.
            broken = await here.add(f"https://{'x' * 70}.example.test/", "problem")
            nowhere = await here.add("https://nowhere.invalid/", "problem")
            await here.add(receiver.url, "problem")
            await here.problem()
            await came(receiver, 1)
            for name in (broken, nowhere):
                await here.until(name, lambda each: each.last_error is not None)


async def test_killed_after_it_was_sent_and_before_that_was_stored_it_is_sent_once_more(told_dsn: str) -> None:
    async with sender(told_dsn) as (webhooks, ledger, desk):
        here = Outside(webhooks, ledger, desk)
        with receiving() as receiver:
            name = await here.add(receiver.url, "problem")
            await here.problem()
            command = [sys.executable, "-m", "tests.webhooks.sender", told_dsn, "--die"]
            process = await asyncio.to_thread(subprocess.run, command, timeout=60, check=False)
            assert process.returncode == -signal.SIGKILL
            assert len(receiver.came) == 1
            assert (await here.of(name)).waiting == 1
            async with running(webhooks):
                await here.until(name, lambda each: each.delivered == 1)
        assert len(receiver.ids) == 2
        assert len(set(receiver.ids)) == 1
        await here.endpoints.remove(PROJECT, name)


async def test_of_two_senders_one_sends_and_when_it_is_gone_the_other(told_dsn: str) -> None:
    async with outside(told_dsn) as here, sender(told_dsn) as (other, _, _desk):
        with receiving() as receiver:
            name = await here.add(receiver.url, "problem")
            await here.problem()
            await here.until(name, lambda each: each.delivered == 1)
            async with running(other):
                await here.problem()
                await here.until(name, lambda each: each.delivered == 2)
                assert [(await each.standing()).active for each in (here.webhooks, other)] == [True, False]
        assert len(receiver.came) == 2


async def test_when_the_connection_of_the_office_is_cut_it_is_taken_again(told_dsn: str) -> None:
    async with outside(told_dsn) as here:
        with receiving() as receiver:
            name = await here.add(receiver.url, "problem")
            await here.problem()
            await here.until(name, lambda each: each.delivered == 1)
            async with here.ledger.connection() as connection:
                cut = await connection.fetchval(
                    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
                    " and database = (select oid from pg_database where datname = current_database())"
                )
            assert cut
            await here.problem()
            await here.until(name, lambda each: each.delivered == 2)


def test_pauses_grow_up_to_a_bound_and_are_spread() -> None:
    assert [pause_after(tries, 0.5) for tries in (1, 2, 3)] == [5, 15, 45]
    assert pause_after(50, 0.5) == PAUSE_SECONDS_MAX
    assert (pause_after(1, 0.0), round(pause_after(1, 0.999_999), 3)) == (4, 6)


@pytest.mark.parametrize("more, said", [
    ({}, "ok"),
    ({"waiting": 3, "oldest_seconds": 5.0}, "ok"),
    ({"waiting": 3, "oldest_seconds": 90.0, "behind": ("demo/chat",)}, "behind: 3 messages, 90 s: demo/chat"),
    ({"failed": 2, "behind": ("demo/chat",)}, "2 given up (dt notify failed): demo/chat"),
    ({"trouble": "the database is away"}, "the database is away"),
])  # fmt: skip
def test_whoever_is_behind_says_so(more: dict[str, Any], said: str) -> None:
    standing = {"active": True, "told": 0, "waiting": 0, "failed": 0, "oldest_seconds": 0.0, "behind": ()}
    assert state_of(Standing(**{**standing, "trouble": None, **more})) == said
