"""The demo plays its two weeks, comes to what is expected, and is somebody's to try."""
# Long: one play of the two weeks, which takes most of a minute, serves every test here.

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shlex
import signal
import socket
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from interlock.cli.demo import findings
from interlock.cli.demo.cast import ME, PROJECT
from interlock.cli.demo.command import Demo, clients
from interlock.cli.demo.databases import Databases
from interlock.cli.demo.home import Home, port_for
from interlock.cli.demo.showing import TRY
from interlock.cli.exits import UNEXPECTED, Ended, Halt
from interlock.cli.session import Session
from interlock.cli.settings import DEFAULT_PORT
from tests.acceptance.on_terminal import DemoOnTerminal, dt, processes_of
from tests.fixtures.browser import chromium
from tests.house.tree import REPOSITORY
from tests.web.visible import lines_about

server = pytest.mark.server
# A play of two weeks on a busy machine; only against hangs.
patient = pytest.mark.timeout(400)
README_COMMAND = "dt deploy 4.12.0 production"
ENDING = "Stop with Ctrl-C."
# `INTERLOCK_GOLDEN=write` writes the README's refusal anew; the difference is then read in git.
WRITE = os.environ.get("INTERLOCK_GOLDEN") == "write"


class Watched:
    """A demo that was played on a terminal into a directory that is kept: played once, for every test here.

    What it came to is compared and the first refusal is met before any test types something; Ctrl-C comes last.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.demo = DemoOnTerminal("--keep", str(directory))
        self.demo.until(ENDING)
        self.compared = self._compares(wanted=findings.EXPECTED)
        (directory.parent / "other.json").write_text('{"refusals": [], "state": {}}', encoding="utf-8")
        self.compared_with_another = self._compares(wanted=directory.parent / "other.json")
        self.board = self._read_board()
        self.first_refusal = self.demo.typed_elsewhere(README_COMMAND)

    @property
    def home(self) -> Home:
        return Home(self.directory)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.home.document()['server']['port']}"

    def _read_board(self) -> str:
        """What somebody reads who signed in with the token that the demo names, and clicked on nothing."""
        with chromium() as browser:
            page = browser.new_page(base_url=self.url, viewport={"width": 1440, "height": 900})
            page.goto(f"/p/{PROJECT}/")
            page.get_by_label("Personal token").fill(self.home.tokens()[ME])
            page.get_by_role("button", name="Sign in").click()
            page.get_by_text("What blocks what").wait_for()
            return page.locator("main").inner_text()

    def _compares(self, wanted: Path) -> tuple[int, dict[str, Any]]:
        """The exit code and the document with which a demo ends that nobody watches."""
        session, said = Session(), io.StringIO()
        session.set_option("json", True)
        nobody_stays = Demo(session, self.home, None, accept=False, stays=False, keeps=True, watched=False)
        code = 0
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), clients(self.url) as client_for:
            patch.setattr(findings, "EXPECTED", wanted)
            try:
                nobody_stays.compare(client_for(self.home.tokens()[ME]), 0)
            except Ended as ended:
                code = ended.code
        return code, json.loads(said.getvalue())


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    made = Watched(tmp_path_factory.mktemp("demo") / "kept")
    yield made
    if made.demo.process.returncode is None:
        made.demo.interrupt()
    assert not processes_of(made.directory)


BLOCK = re.compile(rf"(?<=^    \$ {re.escape(README_COMMAND)}\n)(?: {{4}}.*\n|\n)+(?=\S)", flags=re.MULTILINE)


def at_the_usual_port(printed: str) -> str:
    """What was printed, as from port 8787: a port of another length leaves more or less room to the right-hand side."""
    address = re.compile(r"http://127\.0\.0\.1:\d+(?P<path>\S*)(?P<room> *)")

    def moved(found: re.Match[str]) -> str:
        usual = f"http://127.0.0.1:{DEFAULT_PORT}{found['path']}"
        return usual.ljust(len(found[0])) if found["room"] else usual

    return address.sub(moved, printed)


def test_a_port_of_another_length_moves_nothing_else() -> None:
    for port in (80, DEFAULT_PORT, 47113):
        line = f"refused @603 · http://127.0.0.1:{port}/p/demo".ljust(90) + "exit 3"
        assert at_the_usual_port(line) == f"refused @603 · http://127.0.0.1:{DEFAULT_PORT}/p/demo".ljust(90) + "exit 3"
    assert at_the_usual_port("at http://127.0.0.1:47113/x\n") == f"at http://127.0.0.1:{DEFAULT_PORT}/x\n"


@server
@patient
def test_the_readme_shows_the_refusal_that_dt_prints(watched: Watched) -> None:
    assert watched.first_refusal.returncode == 3
    printed = at_the_usual_port(watched.first_refusal.stderr)
    indented = "".join(f"    {line}".rstrip() + "\n" for line in printed.rstrip().splitlines()) + "\n"
    readme = REPOSITORY / "README.md"
    text = readme.read_text(encoding="utf-8")
    if WRITE:
        readme.write_text(BLOCK.sub(lambda _: indented, text), encoding="utf-8")
    assert BLOCK.findall(readme.read_text(encoding="utf-8")) == [indented], f"README.md should show:\n{indented}"


@server
@patient
@pytest.mark.parametrize("command", [command for command, _ in TRY])
def test_what_it_says_to_try_works_as_typed(watched: Watched, command: str) -> None:
    assert command in watched.demo.shown
    done = watched.demo.typed_elsewhere(command)
    # An answer, or a refusal by a check; never a usage error, a missing login or a server that is not found.
    assert done.returncode in {0, 3}, done.stderr
    assert done.stdout or done.stderr


@server
@patient
def test_every_chapter_is_shown_and_came_out_as_expected(watched: Watched) -> None:
    for words in ("two founders", "4.11.2 production ✓", "4.11.3 sandbox-anton ✓", "a hotfix overtakes 4.12.0"):
        assert words in re.sub(r" +", " ", watched.demo.shown)
    assert "otherwise than expected" not in watched.demo.shown


@server
@patient
def test_there_are_as_many_events_as_two_weeks_have_and_no_more(watched: Watched) -> None:
    status = json.loads(watched.demo.typed_elsewhere("dt status --json").stdout)
    assert 400 <= status["position"] <= 650


@server
@patient
def test_each_decision_of_the_two_weeks_is_decided_again_the_same(watched: Watched) -> None:
    told = json.loads(watched.demo.typed_elsewhere("dt audit recheck --json").stdout)
    assert told["differences"] == []
    assert told["unknown"] == {}
    assert told["decided_again"] == told["commands"] > 200
    # The digest of the command stands beside its events; few commands said something that nobody looked at.
    assert told["proved"] > 0.95 * told["commands"]


@server
@patient
def test_the_adjustment_of_the_story_really_changed_productions_data(watched: Watched) -> None:
    there = Databases(watched.directory / "data", watched.directory / "backups")

    async def states(environment: str) -> dict[str, int]:
        connection = await asyncpg.connect(there.connection(environment).dsn, timeout=10)
        try:
            rows = await connection.fetch(
                "select state, count(*) as n from trades.orders where id > 9000 group by state"
            )
            return {row["state"]: row["n"] for row in rows}
        finally:
            await connection.close()

    assert asyncio.run(states("production")) == {"rejected": 17}
    [backup] = (watched.directory / "backups").iterdir()
    report = json.loads(watched.demo.typed_elsewhere("dt adjust report ADJ-1 --json").stdout)
    assert report["backup"]["place"].endswith(str(backup))
    assert [each["says"] for each in report["findings"] if not each["holds"]] == []
    assert report["persons"]["verified"] == ["qa-1", "qa-2"]


@server
@patient
def test_the_boards_text_alone_tells_check_persons_and_time_of_three_blocked_releases(watched: Watched) -> None:
    for_a_machine = lines_about(watched.board, "4.14.0")
    assert "tests-passed" in for_a_machine
    assert "by ci-1" in for_a_machine
    assert "until 14:14" in for_a_machine
    for_people = lines_about(watched.board, "4.13.0")
    assert "no-open-problem" in for_people
    assert "qa-1, qa-2, reviewer-1, rm-1" in for_people
    assert "12:05" in for_people
    assert "manual-qa-approved" in for_people
    assert "may act: qa-1, qa-2" in " ".join(for_people.split())
    for_the_window = lines_about(watched.board, "4.12.0")
    assert "release-window" in for_the_window
    assert "opens Sat 2026-11-28 09:00 GMT" in for_the_window
    assert "in 1 d 18 h" in for_the_window


@server
@patient
def test_anton_is_who_asks_and_everybody_else_can(watched: Watched) -> None:
    mine = watched.demo.typed_elsewhere("dt login --list --json")
    logins = json.loads(mine.stdout)["logins"]
    assert [entry["principal"] for entry in logins if entry["current"]] == ["anton"]
    assert {"admin-1", "admin-2", "qa-1", "reviewer-1", "ci-1"} <= {entry["principal"] for entry in logins}


@server
@patient
def test_it_compares_what_it_came_to_with_what_is_expected(watched: Watched) -> None:
    code, told = watched.compared
    assert code == 0
    assert told["differences"] == []
    assert told["found"] == findings.expected()


@server
@patient
def test_where_it_came_to_something_else_it_says_so_and_ends_unlike_others(watched: Watched) -> None:
    code, told = watched.compared_with_another
    assert code == UNEXPECTED
    wrong = {difference.partition(":")[0] for difference in told["differences"]}
    assert wrong == {"refusals", *(f"state · {part}" for part in findings.expected()["state"])}


@server
@patient
def test_kept_data_is_served_again_and_not_played_again(watched: Watched) -> None:
    assert watched.demo.interrupt() == 0
    assert not processes_of(watched.directory)
    again = DemoOnTerminal("--keep", str(watched.directory))
    again.until(ENDING)
    assert "as it was left" in again.shown
    assert "founders" not in again.shown
    shown = again.typed_elsewhere("dt release show 4.12.0")
    assert shown.returncode == 0
    assert "Bracket orders" in shown.stdout
    assert again.interrupt() == 0
    assert "stopping" in again.shown
    assert not processes_of(watched.directory)


@server
@patient
def test_without_a_terminal_it_ends_by_itself(watched: Watched) -> None:
    done = dt("demo", "--keep", str(watched.directory))
    assert done.returncode == 0, done.stderr
    assert "as it was left" in done.stdout
    assert not processes_of(watched.directory)


@server
@patient
# By SIGINT, which is Ctrl-C, every other demo of this file ends.
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_interrupted_in_the_middle_it_leaves_nothing_running(number: signal.Signals, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    demo = DemoOnTerminal("--keep", str(kept))
    demo.until("two founders")
    assert processes_of(kept)
    assert demo.tell(number) == 130
    assert not processes_of(kept)
    # Half a story is not served as if it were whole.
    refused = dt("demo", "--once", "--keep", str(kept))
    assert refused.returncode == 2
    assert "holds no whole demo" in refused.stderr


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(Halt, match="holds no whole demo"):
        _ = Home(tmp_path).played


def test_only_where_somebody_stays_the_usual_port_is_asked_for_and_only_if_it_is_free() -> None:
    assert port_for(None, stays=False) == 0
    assert port_for(8788, stays=False) == 8788
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", DEFAULT_PORT))
            taken.listen()
        except OSError:
            pass  # Somebody else has it: as good.
        assert port_for(None, stays=True) == 0


def test_a_difference_names_the_place_and_both_sides() -> None:
    wanted: dict[str, Any] = {
        "refusals": [{"who": "anton", "checks": ["release-window"]}, {"who": "dora", "checks": []}],
        "state": {"production": "4.11.3", "tests": "4.14.0"},
    }
    actual: dict[str, Any] = {
        "refusals": [{"who": "anton", "checks": ["no-hold"]}],
        "state": {"production": "4.11.3", "tests": "4.13.0", "stage": "4.12.0"},
    }
    assert findings.differences(wanted, actual) == [
        'refusals 1 · checks: expected ["release-window"], found ["no-hold"]',
        'refusals 2: expected {"who": "dora", "checks": []}, found nothing',
        'state · tests: expected "4.14.0", found "4.13.0"',
        'state · stage: expected nothing, found "4.12.0"',
    ]
    assert findings.differences(wanted, wanted) == []


def test_what_was_found_can_be_made_what_is_expected() -> None:
    written: list[str] = []
    findings.accept({"refusals": [], "state": {"production": "4.11.3 since –"}}, write=written.append)
    assert json.loads(written[0])["state"]["production"] == "4.11.3 since –"


def test_every_line_to_try_is_one_that_a_shell_understands() -> None:
    for command, why in TRY:
        assert shlex.split(command)[0] == "dt"
        assert why
