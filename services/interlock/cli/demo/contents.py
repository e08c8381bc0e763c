"""What the demo's releases are made of: commits in a repository that the demo makes. Data, and nothing else."""
# Long: the texts of the demo's own small program, commit by commit, and hardly any code.

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final


def digest(of: str) -> str:
    """Return the digest that stands for something: the same at every play."""
    return f"sha256:{hashlib.sha256(of.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Written:
    """One commit: who wrote it, when, and what it says.

    `files` are whole texts by their paths; `more` is what is added at the end of files; `merges` is a release.
    """

    author: str
    time: str
    message: str
    files: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)
    merges: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """One content of a release: the commits that make it, upon the release `upon`. A later revision has more."""

    release: str
    upon: str
    commits: tuple[Written, ...]

    @property
    def revision(self) -> int:
        """How many commits there are: another number is another content."""
        return len(self.commits)

    def with_more(self, *written: Written) -> Content:
        """Return the next revision."""
        return replace(self, commits=(*self.commits, *written))


def migration(statement: str) -> str:
    """Return a migration's text: each of them may be followed by a rollback, and says so."""
    return f"-- backward-compatible\n{statement};\n"


BASE: Final = "4.11.0"
RUNNER = '''\
"""Runs every test under tests/ and writes a JUnit report: python run_tests.py REPORT"""

import importlib.util
import pathlib
import sys
import traceback
from xml.sax.saxutils import escape, quoteattr

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here))
cases, failed = [], 0
for path in sorted(here.glob("tests/test_*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in sorted(name for name in vars(module) if name.startswith("test_")):
        what = ""
        try:
            getattr(module, name)()
            print("passed", path.stem, name)
        except Exception as wrong:
            failed += 1
            text = escape(traceback.format_exc())
            what = f"<failure message={quoteattr(type(wrong).__name__)}>{text}</failure>"
            print("FAILED", path.stem, name)
        cases.append(f'<testcase classname="tests.{path.stem}" name="{name}" time="0">{what}</testcase>')
body = "".join(cases)
report = f'<testsuite name="trading" tests="{len(cases)}" failures="{failed}" errors="0" skipped="0">{body}</testsuite>'
pathlib.Path(sys.argv[1]).write_text(report, encoding="utf-8")
sys.exit(1 if failed else 0)
'''
FIRST = Written(
    "anton",
    "2026-11-10T16:00:00Z",
    "Trade: orders, quotes, positions, reports",
    files={
        "run_tests.py": RUNNER,
        "trading/orders.py": (
            "def sequence_after(logon, last):\n"
            '    """The number of the first order after a logon."""\n'
            "    return 0 if logon else last + 1\n"
        ),
        "trading/quotes.py": "def spread(bid, ask):\n    return ask - bid\n",
        "trading/positions.py": "def net(fills):\n    return sum(quantity for _, quantity in fills)\n",
        "trading/reports.py": "def total(fills):\n    return sum(abs(quantity) for _, quantity in fills)\n",
        "tests/test_orders.py": (
            "from trading import orders\n\n\n"
            "def test_orders_are_numbered_on():\n    assert orders.sequence_after(False, 7) == 8\n"
        ),
        "tests/test_quotes.py": (
            "from trading import quotes\n\n\ndef test_spread():\n    assert quotes.spread(99, 101) == 2\n"
        ),
        "tests/test_positions.py": (
            "from trading import positions\n\n\n"
            'def test_net():\n    assert positions.net([("2026-11-10T10:00", 5), ("2026-11-10T11:00", -3)]) == 2\n'
        ),
        "tests/test_reports.py": (
            "from trading import positions, reports\n\n\n"
            'def test_total():\n    assert reports.total([("2026-11-10T10:00", 5), ("2026-11-10T11:00", -3)]) == 8\n'
        ),
        "migrations/.keep": "",
    },
)

R4_11_1 = Content(
    release="4.11.1",
    upon=BASE,
    commits=(
        Written(
            "anton",
            "2026-11-11T14:20:00Z",
            "Group quotes",
            files={
                "migrations/212-quote-groups.sql": migration(
                    "create table trades.quote_groups (id int primary key, symbol text not null)"
                )
            },
            more={"trading/quotes.py": "\n\ndef group(symbol, groups):\n    return groups.get(symbol, 0)\n"},
        ),
        Written(
            "dora",
            "2026-11-12T08:55:00Z",
            "Test that a symbol without a group is in group 0",
            more={"tests/test_quotes.py": '\n\ndef test_group_of_none():\n    assert quotes.group("ABC", {}) == 0\n'},
        ),
    ),
)
R4_11_2 = Content(
    release="4.11.2",
    upon="4.11.1",
    commits=(
        Written(
            "dora",
            "2026-11-13T15:05:00Z",
            "Keep fills by day",
            files={
                "migrations/213-fills-by-day.sql": migration(
                    "set local lock_timeout = '200ms';\nalter table trades.orders add column day date"
                ),
                "migrations/214-fills-index.sql": migration("create index orders_by_day on trades.orders (day)"),
            },
            more={
                "trading/positions.py": (
                    "\n\ndef by_day(fills):\n"
                    "    days = {}\n"
                    "    for at, quantity in fills:\n"
                    "        days[at[:7]] = days.get(at[:7], 0) + quantity\n"
                    "    return days\n"
                ),
            },
        ),
        Written(
            "dora",
            "2026-11-16T09:10:00Z",
            "Report each day's total",
            more={
                "trading/reports.py": (
                    "\n\nfrom trading.positions import by_day\n\n\n"
                    "def day_totals(fills):\n    return sorted(by_day(fills))\n"
                ),
                "tests/test_positions.py": (
                    "\n\ndef test_fills_across_midnight():\n"
                    '    fills = [("2026-11-12T23:59", 5), ("2026-11-13T00:01", 7)]\n'
                    '    assert positions.by_day(fills) == {"2026-11-12": 5, "2026-11-13": 7}\n'
                ),
                "tests/test_reports.py": (
                    "\n\ndef test_day_totals():\n"
                    '    fills = [("2026-11-12T23:59", 5), ("2026-11-13T00:01", 7)]\n'
                    '    assert reports.day_totals(fills) == ["2026-11-12", "2026-11-13"]\n'
                ),
            },
        ),
    ),
)
R4_11_2_MENDED = R4_11_2.with_more(
    Written(
        "dora",
        "2026-11-17T08:40:00Z",
        "Cut the day where it ends, not the month",
        files={
            "trading/positions.py": (
                "def net(fills):\n    return sum(quantity for _, quantity in fills)\n"
                "\n\ndef by_day(fills):\n"
                "    days = {}\n"
                "    for at, quantity in fills:\n"
                "        days[at[:10]] = days.get(at[:10], 0) + quantity\n"
                "    return days\n"
            )
        },
    )
)
HOTFIX_4_11_3 = Content(
    release="4.11.3",
    upon="4.11.2",
    commits=(
        Written(
            "dora",
            "2026-11-25T10:38:00Z",
            "Go on with the last number after a reconnect",
            files={
                "trading/orders.py": (
                    "def sequence_after(logon, last):\n"
                    '    """The number of the first order after a logon: the one after the last, as ever."""\n'
                    "    return last + 1\n"
                )
            },
            more={
                "tests/test_orders.py": (
                    "\n\ndef test_sequence_goes_on_after_a_logon():\n    assert orders.sequence_after(True, 7) == 8\n"
                )
            },
        ),
    ),
)
R4_12_0 = Content(
    release="4.12.0",
    upon="4.11.2",
    commits=(
        Written(
            "anton",
            "2026-11-20T16:30:00Z",
            "Bracket orders: their tables",
            files={
                "migrations/215-brackets.sql": migration(
                    "create table trades.brackets (id bigint primary key, parent bigint not null)"
                ),
                "migrations/216-bracket-legs.sql": migration(
                    "alter table trades.brackets add column leg int not null default 1"
                ),
                "migrations/217-bracket-index.sql": migration(
                    "create index brackets_by_parent on trades.brackets (parent)"
                ),
                "migrations/218-orders-parent.sql": migration("alter table trades.orders add column parent bigint"),
            },
        ),
        Written(
            "anton",
            "2026-11-23T17:45:00Z",
            "Bracket orders: fill once, cancel the legs",
            files={
                "trading/brackets.py": (
                    "def after_fill(legs, filled):\n"
                    '    """One leg is filled: the others are cancelled."""\n'
                    '    return {leg: "filled" if leg == filled else "cancelled" for leg in legs}\n'
                ),
                "tests/test_brackets.py": (
                    "from trading import brackets\n\n\n"
                    "def test_bracket_fills_once():\n"
                    '    assert list(brackets.after_fill([1, 2], 1).values()).count("filled") == 1\n\n\n'
                    "def test_bracket_cancels_its_legs():\n"
                    '    assert brackets.after_fill([1, 2], 1)[2] == "cancelled"\n'
                ),
            },
        ),
    ),
)
R4_12_0_WITH_HOTFIX = R4_12_0.with_more(
    Written("anton", "2026-11-25T15:24:00Z", "Take 4.11.3 in", merges="4.11.3"),
)
R4_13_0 = Content(
    release="4.13.0",
    upon="4.11.2",
    commits=(
        Written(
            "anton",
            "2026-11-24T14:40:00Z",
            "Fill gaps in quotes",
            more={
                "trading/quotes.py": (
                    "\n\ndef filled(quotes):\n"
                    '    """The last quote stands where one is missing."""\n'
                    "    last, out = None, []\n"
                    "    for quote in quotes:\n"
                    "        last = quote if quote is not None else last\n"
                    "        out.append(last)\n"
                    "    return out\n"
                ),
                "tests/test_quotes.py": (
                    "\n\ndef test_gap_fill():\n    assert quotes.filled([1, None, 3]) == [1, 1, 3]\n"
                ),
            },
        ),
    ),
)
R4_13_0_WITH_HOTFIX = R4_13_0.with_more(
    Written("anton", "2026-11-25T17:50:00Z", "Take 4.11.3 in", merges="4.11.3"),
)
R4_14_0 = Content(
    release="4.14.0",
    upon="4.11.3",
    commits=(
        Written(
            "dora",
            "2026-11-26T11:15:00Z",
            "Depth of book",
            files={"trading/depth.py": "def depth(book):\n    return sum(size for _, size in book)\n"},
        ),
        Written(
            "anton",
            "2026-11-26T12:40:00Z",
            "Show the depth in the order ticket",
            more={"trading/depth.py": '\n\ndef shown(book):\n    return f"{depth(book):,}"\n'},
        ),
    ),
)
