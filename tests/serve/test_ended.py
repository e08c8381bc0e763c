"""What runs beside the requests and has ended is told by /ready, in each process that it was a part of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from interlock.identity.sessions import Sessions
from interlock.ledger.embedded import Dsns
from interlock.projector import Rebuilder
from interlock.serve import parts
from interlock.serve.database import Database
from interlock.serve.remembering import Remembering
from interlock.serve.settings import load
from interlock.watch import Watch
from tests.fixtures.server import config_text

# Only against hangs: it is told at the next turn of the loop.
WAIT_SECONDS = 60
# Everything that runs beside the requests, where the process has nothing to do with Kafka.
BESIDE: Mapping[str, Mapping[str, tuple[type, str]]] = {
    "api": {"sessions": (Sessions, "watch"), "remembering": (Remembering, "keep")},
    "projector": {"rebuilds": (Rebuilder, "run")},
    "watch": {"watch": (Watch, "run"), "remembering": (Remembering, "keep")},
    parts.ALL: {
        "sessions": (Sessions, "watch"),
        "remembering": (Remembering, "keep"),
        "rebuilds": (Rebuilder, "run"),
        "watch": (Watch, "run"),
    },
}


async def breaks(*_asked: Any) -> None:
    raise RuntimeError("a disk of cheese")


@pytest.mark.parametrize("part", BESIDE)
async def test_a_process_in_which_something_ended_is_not_ready_and_says_what(
    part: str, dsns: Dsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, name in BESIDE[part].values():
        monkeypatch.setattr(kind, name, breaks)
    config = tmp_path / "interlock.toml"
    config.write_text(config_text(dsns=dsns), encoding="utf-8")
    asked = parts.Asked(load(config), Database(dsns.app, "a test's"), test_clock=False)
    async with parts.builder(part)(asked) as built:
        transport = httpx2.ASGITransport(built.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8787") as http:
            said = "it ended: RuntimeError: a disk of cheese; start this server again"
            states: dict[str, str] = {}
            async with asyncio.timeout(WAIT_SECONDS):
                while not BESIDE[part].keys() <= states.keys():
                    states = (await http.get("/ready")).json()["parts"]
            assert {name: states[name] for name in BESIDE[part]} == dict.fromkeys(BESIDE[part], said)
            assert (await http.get("/ready")).status_code == 503
            assert (await http.get("/health")).status_code == 200
