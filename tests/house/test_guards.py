"""Each guard finds the offence it is there for, and leaves its lawful neighbour alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.house import guards
from tests.house.tree import Source

Guard = Callable[[Source], Iterator[str]]
Planted = Callable[..., Source]

PLANTED = "services/interlock/desk/planted.py"

READS_OUTSIDE = [
    "import time\nnow = time.time()",
    "from time import monotonic",
    "from time import perf_counter as tick",
    "import time as clock\ndef f(tick=clock.monotonic): ...",
    "import datetime\nnow = datetime.datetime.now(datetime.UTC)",
    "from datetime import datetime, UTC\nnow = datetime.now(UTC)",
    "from datetime import datetime as moment\nnow = moment.utcnow()",
    "from datetime import date\nday = date.today()",
    "import asyncio\nasync def f(): await asyncio.sleep(1)",
    "from asyncio import sleep",
    "import asyncio\nnow = asyncio.get_running_loop().time()",
    "import random",
    "from random import choice",
    "def f():\n    import secrets",
    "from uuid import uuid4",
    "import uuid\nfrom dataclasses import field\nid = field(default_factory=uuid.uuid4)",
    "import os\nraw = os.urandom(8)",
    "from time import *",
]
STAYS_INSIDE = [
    "from datetime import datetime, timedelta\ndef later(now: datetime) -> datetime: return now + timedelta(hours=1)",
    "from uuid import UUID\nid = UUID(int=0)",
    "import asyncio\nasync def f(): await asyncio.wait([], timeout=1)",
    "from interlock.events.seams import Sleep\nasync def f(sleep: Sleep): await sleep(1)",
    "class Row:\n    time = 0\nrow = Row()\nx = row.time",
    "from datetime import datetime\nx = datetime.fromisoformat('2026-11-26T14:05:00Z')",
]


@pytest.mark.parametrize("text", READS_OUTSIDE)
def test_whatever_reads_a_clock_sleeps_or_draws_is_found(text: str) -> None:
    [*found] = guards.clocks_and_dice(Source(PLANTED, text))
    assert found
    assert "interlock.events.seams" in found[0]


@pytest.mark.parametrize("text", STAYS_INSIDE)
def test_time_that_comes_in_as_an_argument_is_left_alone(text: str) -> None:
    assert not [*guards.clocks_and_dice(Source(PLANTED, text))]


@pytest.mark.parametrize("seams", sorted(guards.SEAMS))
def test_the_seams_themselves_may_touch_the_real_ones(seams: str) -> None:
    assert not [*guards.clocks_and_dice(Source(seams, READS_OUTSIDE[0]))]


def test_a_module_without_a_docstring_is_found() -> None:
    assert [*guards.without_docstring(Source(PLANTED, "x = 1\n"))]
    assert not [*guards.without_docstring(Source(PLANTED, '"""What it is."""\n'))]


@pytest.mark.parametrize("name", sorted(guards.BANNED_NAMES))
def test_a_name_that_says_nothing_is_found(name: str) -> None:
    assert [*guards.badly_named(Source(f"services/interlock/desk/{name}.py", ""))]
    assert [*guards.badly_named(Source(f"services/interlock/{name}/__init__.py", ""))]
    assert not [*guards.badly_named(Source("services/interlock/desk/batch.py", ""))]


WHY = "# Long: one table, read from top to bottom"


def function(lines: int, *head: str) -> Source:
    """A function of that many lines, those of `head` not counted."""
    return Source(PLANTED, "def f():\n" + "".join(f"    {line}\n" for line in head) + "    x = 1\n" * (lines - 1))


def module(lines: int, *head: str) -> Source:
    """A module of that many lines, those of `head` not counted."""
    return Source(PLANTED, "".join(f"{line}\n" for line in head) + "x = 1\n" * lines)


LONG = [
    (guards.long_functions, function, guards.FUNCTION_LINES_ASKED, guards.FUNCTION_LINES_MAX),
    (guards.long_file, module, guards.FILE_LINES_ASKED, guards.FILE_LINES_MAX),
]


@pytest.mark.parametrize("guard, planted, asked, most", LONG)
def test_what_is_long_says_why_right_below_its_head(guard: Guard, planted: Planted, asked: int, most: int) -> None:
    assert not [*guard(planted(asked))]
    assert "say why not" in str([*guard(planted(asked + 1))])
    assert not [*guard(planted(asked + 1, WHY))]
    assert not [*guard(planted(asked + 1, '"""What it is."""', WHY))]
    assert "say why not" in str([*guard(planted(asked + 1, "x = 1", WHY))])
    assert [*guards.misplaced_reason(planted(asked + 1, "x = 1", WHY))]
    assert not [*guards.misplaced_reason(planted(asked + 1, WHY))]


@pytest.mark.parametrize("guard, planted, asked, most", LONG)
def test_a_reason_is_one_and_says_something(guard: Guard, planted: Planted, asked: int, most: int) -> None:
    assert "one reason" in str([*guard(planted(asked + 1, "# Long: it is"))])
    assert "one reason" in str([*guard(planted(asked + 1, WHY, WHY))])


@pytest.mark.parametrize("guard, planted, asked, most", LONG)
def test_what_is_not_long_has_no_reason_for_it(guard: Guard, planted: Planted, asked: int, most: int) -> None:
    assert "remove" in str([*guard(planted(asked, WHY))])


@pytest.mark.parametrize("guard, planted, asked, most", LONG)
def test_no_reason_is_good_enough_beyond_the_most(guard: Guard, planted: Planted, asked: int, most: int) -> None:
    assert not [*guard(planted(most - 1, WHY))]
    assert "which" in str([*guard(planted(most, WHY))])


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME"])
def test_a_remark_about_work_left_over_is_found(word: str) -> None:
    assert [*guards.left_over("a.py", f"x = 1  # {word}: later\n")]
    assert not [*guards.left_over("a.py", "x = 1  # dt todo shows it\n")]


@pytest.mark.parametrize(
    "line",
    ["https://py" + "pi.org/simple", "--index" + "-url https://example.org", "files.python" + "hosted.org/packages"],
)
def test_a_registry_address_is_found(line: str) -> None:
    assert [*guards.registry_address("requirements.lock", f"# from {line}\n")]


@pytest.mark.parametrize("path", ["/ho" + "me/anton/x", "/wo" + "rk/main", "/ro" + "ot/x", "/Us" + "ers/anton"])
def test_a_path_of_somebodys_machine_is_found(path: str) -> None:
    assert [*guards.machine_path("a.md", f"see {path}\n")]
    assert not [*guards.machine_path("a.md", f"see docs{path}, GET http://example.org{path}\n")]
