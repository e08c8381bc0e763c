"""Two versions of Interlock serve one ledger: nobody sees a gap, and the older one says when it can go on no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from interlock.client import Client, ProblemAnswer
from interlock.ledger.embedded import Dsns
from tests.fixtures.postgres import elsewhere
from tests.fixtures.server import FOUNDERS, Served, config_text, enrol, enrolment_of, serving, token_of
from tests.serve.newer import AUDIENCE, TRAIL, VERSION, newer_version
from tests.serve.test_starting import UNTIL, start, written

# Only against hangs.
WAIT_SECONDS = 60
REMARKS = 40
SERVING = "select version from cursor.projection_version where name = 'audit_trail' and serving"


@contextmanager
def version(home: Path, text: str, **env: str) -> Iterator[Served]:
    """A server with a real clock, and files of its own."""
    home.mkdir()
    with serving(written(home, text), env=env) as served:
        served.now = None
        yield served


def remark(by: Client, text: str, **more: Any) -> int:
    position: int = by.command("Annotate", {"target": 1, "kind": "remark", "text": text}, **more)["position"]
    return position


def ready(served: Served) -> tuple[int, dict[str, str]]:
    answer = httpx2.get(f"{served.url}/ready", timeout=10)
    return answer.status_code, answer.json()["parts"]


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asked(dsns: Dsns, question: str) -> Any:
    """What the database says, whoever serves it."""

    async def ask() -> Any:
        connection = await asyncpg.connect(dsns.owner, timeout=10)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return elsewhere(ask())


class Reader(threading.Thread):
    """Reads the trail from the older server all the while; it is never empty, and never older than before."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self.client = served.client(token_of("admin-2"))
        self.over = threading.Event()
        self.heads: list[int] = []
        self.wrong: list[BaseException] = []

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self.heads.append(int(self.client.get("/events", limit=1)["events"][0]["position"]))
        except BaseException as wrong:
            self.wrong.append(wrong)

    def ends(self) -> None:
        self.over.set()
        self.join(WAIT_SECONDS)
        assert not self.wrong, self.wrong
        assert self.heads
        assert self.heads == sorted(self.heads)


def test_an_older_server_goes_on_beside_a_newer_one_until_it_meets_what_it_does_not_know(
    dsns: Dsns, tmp_path: Path
) -> None:
    # Long: one upgrade, told in order, as docs/OPERATIONS.md says it goes.
    text = config_text(dsns=dsns)
    newer = newer_version(tmp_path / "source")
    keys = [uuid4() for _ in range(REMARKS)]
    with version(tmp_path / "old", text) as old:
        for founder in FOUNDERS:
            enrol(old, founder, enrolment_of(founder), UNTIL)
        answered = {key: remark(old["admin-1"], f"before {key}", idempotency_key=key) for key in keys}
        reader = Reader(old)
        reader.start()
        with version(tmp_path / "new", text, **newer) as new:
            assert new["admin-1"].server("/v1")["version"] == VERSION
            assert old["admin-1"].server("/v1")["version"] != VERSION
            # The read model was built beside the one that served, and took its place; who read saw nothing of it.
            until(lambda: ready(new)[0] == 200)
            assert asked(dsns, SERVING) == TRAIL + 1
            # The older one goes on by the connections that it has.
            beside = remark(old["admin-1"], "beside the newer one")
            reader.ends()

            # What is stored stays as it is, and the newer one reads it; what it records has what came new.
            first = remark(new["admin-2"], "of the newer one")
            stored = [new["admin-1"].get(f"/events/{each}")["event"]["data"] for each in (beside, first)]
            assert [each.get("audience") for each in stored] == [None, AUDIENCE]
            refused = unanswered(old["admin-1"])
            assert refused["status"] == 503
            assert f"Annotated at position {first}" in refused["detail"]
            assert "upgrade it" in refused["detail"]
            status, parts = ready(old)
            assert status == 503
            assert f"position {first}" in parts["desk"]
            # Whose token serves, and who may read, may hang on what it does not know: it answers no question, either.
            with pytest.raises(ProblemAnswer, match=f"position {first}"):
                old["admin-1"].get(f"/events/{beside}")
            assert httpx2.get(f"{old.url}/health", timeout=10).status_code == 200
            last = remark(new["admin-1"], "the newer one takes all")
            # An older one is not started any more.
            refused_start = start(tmp_path / "old" / "interlock.toml")
            assert refused_start.returncode != 0
            assert "newer version of Interlock" in refused_start.stderr

            old.process.terminate()
            assert old.process.wait(WAIT_SECONDS) == 0
            # Nothing is lost: each answer that was given is there, and stands.
            assert [remark(new["admin-1"], f"before {key}", idempotency_key=key) for key in keys] == [
                *answered.values()
            ]
            events = [each for page in new["admin-1"].pages("/events", limit=200) for each in page["events"]]
            assert sorted(each["position"] for each in events) == list(range(1, last + 1))
            assert ready(new)[0] == 200


def unanswered(by: Client) -> dict[str, Any]:
    """The problem with which a server says that it cannot decide."""
    try:
        remark(by, "is anybody there?")
    except ProblemAnswer as problem:
        return problem.problem
    raise AssertionError("it was decided")
