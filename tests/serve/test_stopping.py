"""Event streams while a server runs, and a server that is told to stop; under load, tests/fire shows it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import httpx2
import pytest

from tests.fixtures.server import Served, token_of

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_server_ends_cleanly_at_either_signal(server: Served, number: signal.Signals) -> None:
    server.process.send_signal(number)
    assert server.process.wait(30) == 0
