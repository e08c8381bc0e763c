"""A server that is told to stop ends soon, with streams open, and loses nothing that it took."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import pytest

from interlock.client import ServerAway
from tests.fixtures.server import Served, serving, token_of

# Streams end at once and requests get 5 s of grace; the fixture's own limit is against hangs only.
RELEASE = {"kind": "normal", "title": "Quotes"}


def frames(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    frame: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            frame[name] = value.strip()
        elif frame:
            yield frame
            frame = {}


def headers(server: Served, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of('anton')}", **{key.replace("_", "-"): v for key, v in more.items()}}


def test_events_come_as_they_happen_and_after_the_last_one_that_was_seen(server: Served) -> None:
    url = f"{server.url}/v1/demo/events/stream"
    first = server["anton"].command("OpenRelease", {"name": "1.0", **RELEASE})["position"]
    with httpx2.stream("GET", url, headers=headers(server, Last_Event_ID=str(first - 1)), timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = (frame for frame in frames(response.iter_lines()) if "data" in frame)
        seen = next(events)
        assert (seen["id"], seen["event"]) == (str(first), "ReleaseOpened")
        second = server["anton"].command("OpenRelease", {"name": "1.1", **RELEASE})["position"]
        live = next(events)
        assert (live["id"], json.loads(live["data"])["data"]["name"]) == (str(second), "1.1")


def test_a_stream_may_be_of_one_release_or_one_type_and_still_moves_on(server: Served) -> None:
    url = f"{server.url}/v1/demo/events/stream"
    server["anton"].command("OpenRelease", {"name": "1.0", **RELEASE})
    query = {"after": "0", "release": "1.0"}
    with httpx2.stream("GET", url, params=query, headers=headers(server), timeout=30) as response:
        frame = next(frame for frame in frames(response.iter_lines()) if "data" in frame)
        assert json.loads(frame["data"])["stream"] == "release/1.0"


def test_sigterm_ends_open_streams_and_the_process(server: Served) -> None:
    url = f"{server.url}/v1/demo/events/stream"
    opened, ended = threading.Barrier(9), []

    def follow() -> None:
        with httpx2.stream("GET", url, headers=headers(server), timeout=30) as response:
            lines = response.iter_lines()
            next(lines)
            opened.wait(30)
            for _ in lines:
                pass
            ended.append(response.status_code)

    with ThreadPoolExecutor(8) as threads:
        following = [threads.submit(follow) for _ in range(8)]
        opened.wait(30)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        for each in following:
            each.result(30)
    assert ended == [200] * 8
    assert "Cancel" not in server.config.with_name("server.log").read_text(encoding="utf-8")


def test_what_was_acknowledged_before_a_kill_is_there_after_it_and_the_rest_can_be_asked_again(server: Served) -> None:
    stop, acknowledged, unknown = threading.Event(), [], []

    def give() -> None:
        for number in range(1000):
            key, name = str(uuid4()), f"{threading.get_ident()}.{number}"
            try:
                server["anton"].command("OpenRelease", {"name": name, **RELEASE}, idempotency_key=key)
            except ServerAway:
                unknown.append((key, name))
                return
            acknowledged.append(name)
            if len(acknowledged) >= 20:
                stop.set()

    with ThreadPoolExecutor(4) as threads:
        giving = [threads.submit(give) for _ in range(4)]
        assert stop.wait(60)
        server.process.kill()
        server.process.wait()
        for each in giving:
            each.result(60)
    with serving(server.config, "--test-clock") as again:
        for key, name in unknown:
            again["anton"].command("OpenRelease", {"name": name, **RELEASE}, idempotency_key=key)
        found = [row["release"] for page in again["anton"].pages("/releases", limit=100) for row in page["releases"]]
    names = [*acknowledged, *(name for _, name in unknown)]
    assert sorted(found) == sorted(names)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_server_ends_cleanly_at_either_signal(server: Served, number: signal.Signals) -> None:
    server.process.send_signal(number)
    assert server.process.wait(30) == 0
