"""`dt notify`: a chat is told what happens, and whoever set it up sees what did not arrive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.client import ProblemAnswer
from tests.cli.terminal import Terminal
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import Served, on_a_copy
from tests.webhooks import receiver
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def told(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """All in one process, as by default; endpoints may be on this machine."""
    home, more = tmp_path_factory.mktemp("told"), "[notify]\nloopback = true\n"
    with on_a_copy(postgres_server, team_template, home, "told_by_dt", more=more) as served:
        yield served


@pytest.fixture
def terminal(told: Served, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, told.url, told.project, told.now)


def test_an_endpoint_is_added_tried_told_and_removed(
    told: Served, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as chat:
        added = terminal.dt("notify", "add", "chat", "-", "--on", "problem", who="rm-1", given=f"{chat.url}\n")
        assert added.code == 0, added.stderr
        secret = added.stdout.split()[-1]
        monkeypatch.setattr(receiver, "SECRET", secret)
        tried = terminal.dt("notify", "test", "chat", who="rm-1")
        assert tried.code == 0, tried.stderr
        assert chat.texts == ["Test from demo: rm-1 tries whether messages arrive here (chat)"]
        told["qa-1"].command("ReportProblem", {"environment": "sandbox", "title": "slow", "severity": "low"})
        chat.wait(2)
        assert "slow" in chat.texts[1]
        shown = terminal.dt("notify", "list", "--json", who="qa-1")
        [endpoint] = shown.json["endpoints"]
        assert (endpoint["url"], endpoint["kinds"]) == (f"http://127.0.0.1:{chat.port}/…", ["problem"])
        for hidden in (secret, "token-of-a-chat"):
            assert hidden not in shown.stdout + terminal.dt("notify", "list", who="qa-1").stdout
        # The same name for something else is refused, and nobody but who answers for releases changes anything.
        assert terminal.dt("notify", "add", "chat", chat.url, who="rm-1").code == 3
        assert terminal.dt("notify", "remove", "chat", "--yes", who="anton").code == 4
        assert terminal.dt("notify", "add", "x", chat.url, who="ci-1").code == 4
        assert terminal.dt("notify", "remove", "chat", "--yes", who="admin-1").code == 0
        assert terminal.dt("notify", "list", "--json").json["endpoints"] == []
        assert terminal.dt("notify", "test", "chat", who="rm-1").code == 5


def test_what_does_not_arrive_is_shown_by_list_failed_and_doctor_and_tried_again(
    told: Served, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However often it is tried, it does not arrive.
    with receiving(410, *[500] * 50) as chat:
        added = terminal.dt("notify", "add", "chat", chat.url, "--json", who="rm-1").json
        monkeypatch.setattr(receiver, "SECRET", added["secret"])
        tried = terminal.dt("notify", "test", "chat", who="rm-1")
        assert tried.code == 11
        assert "it answered 410: it is gone for good" in tried.stderr
        listed = terminal.dt("notify", "list")
        assert "gone" in listed.stdout
        [message] = terminal.dt("notify", "failed", "--json").json["messages"]
        assert (message["endpoint"], message["state"]) == ("chat", "failed")
        doctor = terminal.dt("doctor", "--json", who="rm-1").json
        [line] = [each for each in doctor["checks"] if each["check"] == "notify"]
        assert line["state"] == "red"
        assert "gone" in line["detail"]
        # Decisions are made all the same, and the server is ready.
        assert told["rm-1"].server("/ready")["status"] == "ready"
        assert terminal.dt("notify", "retry", message["message"], who="rm-1").code == 0
        chat.wait(2)
        assert set(chat.ids) == {message["message"]}
        # It is stored after it came; the test's deadline bounds this.
        while "it answered 500" not in terminal.dt("notify", "failed", "--waiting", "chat").stdout:
            pass
        assert terminal.dt("notify", "retry", "chat", who="rm-1").code == 0
        assert terminal.dt("notify", "remove", "chat", "--yes", who="rm-1").code == 0


@pytest.mark.parametrize("changed, field", [
    ({"url": "http://169.254.169.254/x"}, "url"), ({"url": "file:///etc/passwd"}, "url"),
    ({"secret": "whsec_c2hvcnQ="}, "secret"), ({"secret": "x" * 40}, "secret"), ({"kinds": []}, "kinds"),
    ({"kinds": ["problem", "problem"]}, "kinds"), ({"name": "../x"}, "name"),
])  # fmt: skip
def test_a_wrong_endpoint_is_refused_by_its_field(told: Served, changed: dict[str, object], field: str) -> None:
    good = {"name": "chat", "url": "https://hooks.example.com/x", "secret": receiver.SECRET, "kinds": ["problem"]}
    with pytest.raises(ProblemAnswer) as refused:
        told["rm-1"].settle("/notify/endpoints", {**good, **changed})
    assert refused.value.problem["errors"][0]["field"].startswith(field)
    assert told["rm-1"].get("/notify/endpoints")["endpoints"] == []


def test_what_is_no_name_asks_no_other_question(terminal: Terminal) -> None:
    assert terminal.dt("notify", "remove", "../../x", "--yes", who="rm-1").code == 2
    assert terminal.dt("notify", "retry", "msg_../x", who="rm-1").code == 2
