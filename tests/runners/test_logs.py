"""Logs are read without a gap, through every rotation; what cannot be read is said and never counts as read."""
# Long: one reader, tried with every way of rotating, cutting and losing a log.

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from interlock.runners.connections import NotConfigured
from interlock.runners.expressions import NoPattern, compiled
from interlock.runners.logs.families import base_of
from interlock.runners.logs.following import read_files
from interlock.runners.logs.parts import Part, Period
from interlock.runners.logs.patterns import SAMPLES_MAX, Findings, Pattern
from interlock.runners.logs.queries import Machine, read_command, read_journal
from interlock.runners.logs.settings import Logs, logs_of
from interlock.runners.logs.stamps import Stamps

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def line(minutes: float, text: str) -> str:
    return f"{at(minutes):%Y-%m-%dT%H:%M:%SZ} {text}\n"


@dataclass
class Shop:
    """A log in a directory, as an application writes it; `check` is what one check reads, and where it stopped."""

    folder: Path
    now: float = 0.0
    cursors: dict[str, Any] = field(default_factory=dict)
    since: float = 0.0
    goes_on: bool = False
    most: int = 1 << 30

    @property
    def log(self) -> Path:
        return self.folder / "shop.log"

    def write(self, minutes: float, *texts: str, to: Path | None = None) -> None:
        self.now = minutes
        with (to or self.log).open("a", encoding="utf-8") as file:
            file.writelines(line(minutes, text) for text in texts)
        os.utime(to or self.log, (at(minutes).timestamp(), at(minutes).timestamp()))

    def check(self, minutes: float, *globs: str) -> tuple[list[str], list[Part]]:
        seen: list[str] = []
        logs = Logs("production", (), Stamps(), files=tuple(globs) or (str(self.folder / "*.log"),))
        period = Period(at(self.since), at(minutes), self.goes_on)
        parts = read_files(logs, period, self.cursors, lambda _, raw: seen.append(raw[21:].decode()), most=self.most)
        if all(part.until is not None for part in parts):
            self.cursors = {part.source: part.cursor for part in parts if part.cursor is not None}
            self.since, self.goes_on = minutes, True
        return seen, parts


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.write(-5, "before")
    made.write(1, "one")
    assert made.check(2)[0] == ["one"]
    return made


def whole(parts: list[Part]) -> bool:
    return all(part.until is not None and not part.missing for part in parts)


def test_the_first_time_the_lines_own_times_say_where_to_begin(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.write(-5, "before", "also before")
    shop.write(1, "one")
    seen, [part] = shop.check(2)
    assert (seen, part.until, part.skipped, part.missing) == (["one"], at(2), 2, [])


def test_each_line_is_read_once_whatever_its_time_says(shop: Shop) -> None:
    shop.write(3, "two", "three")
    # Written after the last check, about a moment before it.
    with shop.log.open("a", encoding="utf-8") as file:
        file.write(line(1.99, "late"))
    assert shop.check(4)[0] == ["two", "three", "late"]
    assert shop.check(5)[0] == []


def test_a_line_that_is_not_finished_is_read_when_it_is(shop: Shop) -> None:
    with shop.log.open("a", encoding="utf-8") as file:
        file.write(line(3, "half of a li").rstrip("\n"))
    assert shop.check(4)[0] == []
    with shop.log.open("a", encoding="utf-8") as file:
        file.write("ne\n")
    assert shop.check(5)[0] == ["half of a line"]


def renamed(log: Path) -> None:
    log.rename(log.with_name("shop.log.1"))


def renamed_by_date(log: Path) -> None:
    log.rename(log.with_name("shop.log-20261126"))


def compressed(log: Path) -> None:
    renamed(log)
    with (log.with_name("shop.log.1")).open("rb") as old, gzip.open(log.with_name("shop.log.1.gz"), "wb") as new:
        shutil.copyfileobj(old, new)
    shutil.copystat(log.with_name("shop.log.1"), log.with_name("shop.log.1.gz"))
    log.with_name("shop.log.1").unlink()


def being_compressed(log: Path) -> None:
    renamed(log)
    log.with_name("shop.log.1.gz").write_bytes(gzip.compress(log.with_name("shop.log.1").read_bytes())[:40])


def copied_and_truncated(log: Path) -> None:
    shutil.copy2(log, log.with_name("shop.log.1"))
    os.truncate(log, 0)


ROTATIONS = [renamed, renamed_by_date, compressed, being_compressed, copied_and_truncated]


@pytest.mark.parametrize("rotated", ROTATIONS)
def test_a_rotation_loses_no_line_and_repeats_none(shop: Shop, rotated: Callable[[Path], None]) -> None:
    shop.write(3, "two")
    rotated(shop.log)
    shop.write(4, "three")
    seen, parts = shop.check(5)
    assert (seen, whole(parts)) == (["two", "three"], True)
    shop.write(6, "four")
    assert shop.check(7)[0] == ["four"]


def test_two_rotations_between_two_checks_lose_nothing(shop: Shop) -> None:
    shop.write(3, "two")
    renamed(shop.log)
    shop.write(4, "three")
    (shop.folder / "shop.log.1").rename(shop.folder / "shop.log.2")
    renamed(shop.log)
    shop.write(5, "four")
    seen, parts = shop.check(6)
    assert (seen, whole(parts)) == (["two", "three", "four"], True)


def test_what_is_written_into_a_file_after_it_was_rotated_away_is_read_too(shop: Shop) -> None:
    renamed(shop.log)
    shop.write(3, "into the new one")
    assert shop.check(4)[0] == ["into the new one"]
    shop.write(5, "still into the old one", to=shop.folder / "shop.log.1")
    shop.write(6, "new again")
    assert shop.check(7)[0] == ["still into the old one", "new again"]


def test_a_file_that_was_rotated_out_of_sight_is_a_gap(shop: Shop) -> None:
    shop.write(3, "nobody will ever read this")
    shop.log.unlink()
    shop.write(4, "orders are lost")
    seen, [part] = shop.check(5)
    assert part.until is None
    assert "is in none of its files" in part.missing[0]
    # What is there is looked at all the same.
    assert seen == ["orders are lost"]
    assert shop.since == 2


def test_a_truncated_file_is_a_gap(shop: Shop) -> None:
    shop.write(3, "nobody will ever read this, either, whatever it says")
    shop.check(4)
    os.truncate(shop.log, 0)
    shop.write(5, "x")
    assert shop.check(6)[1][0].until is None


def test_a_whole_log_that_is_gone_is_a_gap_unless_nobody_wrote_into_it_for_a_day(shop: Shop) -> None:
    other = shop.folder / "old.log"
    shop.write(-3_000, "long ago", to=other)
    shop.check(3)
    other.unlink()
    assert whole(shop.check(4)[1])
    shop.log.unlink()
    shop.write(5, "another", to=other)
    [gone] = [part for part in shop.check(6)[1] if part.source == str(shop.log)]
    assert "it is gone, with what was written after" in gone.missing[0]


def test_the_first_time_rotated_files_that_do_not_reach_back_are_a_gap(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.write(5, "one")
    renamed(shop.log)
    shop.write(6, "two")
    seen, [part] = shop.check(7)
    assert seen == ["one", "two"]
    assert part.until is None
    assert "begins at 2026-11-26 12:05:00 GMT; what was before is gone" in part.missing[0]


def test_the_first_time_a_log_that_only_begins_says_so(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.write(1, "one")
    (tmp_path / "empty.log").touch()
    _, parts = shop.check(2)
    assert whole(parts)
    assert [part.notes for part in parts] == [["it is empty"], ["it begins at 2026-11-26 12:01:00 GMT"]]


def test_lines_without_a_time_cannot_show_where_the_period_begins(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text("no time\nat all\n", encoding="utf-8")
    _, [part] = Shop(tmp_path).check(2)
    assert part.until is None
    assert "none of its first lines has a time" in part.missing[0]


@pytest.mark.parametrize("what", ["nothing", "a pipe", "nowhere", "broken gz", "not ours"])
def test_what_cannot_be_read_is_said_and_never_counts(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path)
    match what:
        case "nothing":
            parts = shop.check(2, str(tmp_path / "no-such*.log"))[1]
        case "a pipe":
            os.mkfifo(shop.log)
            parts = shop.check(2)[1]
        case "nowhere":
            shop.log.symlink_to("/dev/null")
            parts = shop.check(2)[1]
        case "broken gz":
            shop.write(1, "one")
            compressed(shop.log)
            whole_file = (tmp_path / "shop.log.1.gz").read_bytes()
            (tmp_path / "shop.log.1.gz").write_bytes(whole_file[:-9])
            shop.write(2, "two")
            parts = shop.check(3)[1]
        case _:
            shop.write(1, "one")

            def refused(*_: object, **__: object) -> int:
                raise PermissionError(13, "Permission denied", str(shop.log))

            monkeypatch.setattr(os, "open", refused)
            parts = shop.check(2)[1]
    assert [part.until for part in parts] == [None]
    assert parts[0].missing


def test_what_is_too_much_for_one_check_is_read_up_to_a_moment_and_the_next_goes_on_there(shop: Shop) -> None:
    for minute in range(3, 9):
        shop.write(minute, f"line {minute}")
    shop.most = 70
    seen, [part] = shop.check(10)
    assert seen == ["line 3", "line 4", "line 5"]
    assert part.until == at(5)
    assert "too much for one check" in part.missing[0]
    shop.most = 1 << 30
    assert shop.check(11)[0] == ["line 6", "line 7", "line 8"]


def test_a_deploy_since_the_last_check_leaves_the_older_lines_to_the_release_before(shop: Shop) -> None:
    shop.write(3, "of the release before")
    shop.write(5, "of this one")
    shop.since, shop.goes_on = 4, False
    assert shop.check(6)[0] == ["of this one"]


def test_what_was_read_is_told_with_sizes_and_digests(shop: Shop) -> None:
    shop.write(3, "two")
    _, [part] = shop.check(4)
    [read] = part.document()["read"]
    assert (read["path"], read["size"], read["to"]) == (str(shop.log), shop.log.stat().st_size, read["size"])
    assert len(read["sha256"]) == 64


@pytest.mark.parametrize("name, base", [
    ("shop.log", "shop.log"), ("shop.log.1", "shop.log"), ("shop.log.12.gz", "shop.log"),
    ("shop.log-20261126", "shop.log"), ("shop.log-20261126-1732600000.gz", "shop.log"),
    ("shop-2.log", "shop-2.log"), ("shop.2026-11-26.log", "shop.2026-11-26.log"), ("shop.log.gz", "shop.log"),
])  # fmt: skip
def test_rotated_files_belong_to_the_log_they_were(name: str, base: str) -> None:
    assert base_of(Path("/var/log") / name) == Path("/var/log") / base


def test_logs_that_only_have_numbers_in_their_names_are_logs_of_their_own(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.write(1, "of the first", to=tmp_path / "worker-1")
    shop.write(1, "of the second", to=tmp_path / "worker-2")
    assert shop.check(2, str(tmp_path / "worker-*"))[0] == ["of the first", "of the second"]
    shop.write(3, "more of the first", to=tmp_path / "worker-1")
    assert shop.check(4, str(tmp_path / "worker-*"))[0] == ["more of the first"]


@pytest.mark.parametrize("text, expected", [
    ("2026-11-26T12:03:04.5Z x", datetime(2026, 11, 26, 12, 3, 4, 500_000, tzinfo=UTC)),
    ('{"level":"info","time":"2026-11-26T13:03:04+01:00"}', datetime(2026, 11, 26, 12, 3, 4, tzinfo=UTC)),
    ("2026-11-26 12:03:04,123 ERROR x", datetime(2026, 11, 26, 12, 3, 4, 123_000, tzinfo=UTC)),
    ("Nov 26 12:03:04 host shop[1]: x", datetime(2026, 11, 26, 12, 3, 4, tzinfo=UTC)),
    ("<14>Dec  9 12:03:04 host x", datetime(2025, 12, 9, 12, 3, 4, tzinfo=UTC)),
    ('::1 - - [26/Nov/2026:12:03:04 +0000] "GET /"', datetime(2026, 11, 26, 12, 3, 4, tzinfo=UTC)),
    ("Feb 30 12:03:04 x", None), ("no time", None), ("9999-12-31T23:59:59-23:00 x", None),
])  # fmt: skip
def test_the_usual_forms_of_time_are_known(text: str, expected: datetime | None) -> None:
    assert Stamps().of(text.encode(), NOON) == expected


def test_another_form_of_time_and_another_zone_can_be_configured() -> None:
    stamps = Stamps(ZoneInfo("Europe/London"), compiled(r"^([0-9.]+ [0-9:]+)", groups=True), "%d.%m.%Y %H:%M:%S")
    assert stamps.of(b"01.07.2026 13:00:00 x", NOON) == datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert stamps.of(b"2026-11-26T12:03:04Z x", NOON) is None


def pattern(name: str, match: str) -> Pattern:
    return Pattern(name, match, "high", compiled(match))


def test_patterns_count_lines_and_keep_some_of_them_as_text() -> None:
    findings = Findings([pattern("lost", "(?i)order .* lost"), pattern("panic", "panic$"), pattern("never", "zzz")])
    for number in range(SAMPLES_MAX + 5):
        findings.look("shop.log", b"Order \x1b[31m%d lost\xff" % number)
    findings.look("shop.log", b"order 7 lost: panic")
    findings.look("shop.log", b"all is well")
    assert [(match.pattern, match.lines) for match in findings.matches] == [("lost", SAMPLES_MAX + 6), ("panic", 1)]
    lost = findings.document()[0]["samples"]
    assert len(lost) == SAMPLES_MAX
    assert lost[0] == {"source": "shop.log", "line": "Order  [31m0 lost\ufffd"}


def test_no_pattern_takes_more_time_than_the_line_is_long() -> None:
    """With a backtracking engine this would not end within the life of the machine."""
    findings = Findings([pattern("bad", "(a+)+b"), pattern("worse", "(a|aa)+$")])
    findings.look("x", b"a" * 100_000 + b"!")
    assert findings.matches == ()


@pytest.mark.parametrize("match", ["(a", r"(a)\1", "a(?=b)"])
def test_what_cannot_be_matched_in_linear_time_is_no_pattern(match: str) -> None:
    with pytest.raises(NoPattern):
        compiled(match)


GOOD: dict[str, Any] = {"files": ["*.log"], "patterns": [{"name": "lost", "match": "lost"}]}


@pytest.mark.parametrize("changed, setting", [
    ({"files": None, "command": None}, "logs.production"), ({"command": "x"}, "logs.production"),
    ({"file": ["x"]}, "logs.production.file"), ({"files": []}, "logs.production.files"),
    ({"patterns": []}, "logs.production.patterns"),
    ({"patterns": [{"name": "x", "match": "("}]}, "logs.production.patterns[1].match"),
    ({"patterns": [{"name": "x", "match": "a", "severity": "bad"}]}, "logs.production.patterns[1].severity"),
    ({"patterns": [{"name": "x\ny", "match": "a"}]}, "logs.production.patterns[1].name"),
    ({"patterns": [{"name": "x", "match": "a"}, {"name": "x", "match": "b"}]}, "logs.production.patterns"),
    ({"zone": "Nowhere/There"}, "logs.production.zone"), ({"seconds": 0}, "logs.production.seconds"),
    ({"time": {"match": "x", "format": "%H"}}, "logs.production.time.match"),
    ({"files": None, "journald": "--root"}, "logs.production.journald"),
    ({"journal": "."}, "logs.production.journal"),
    ({"files": None, "journald": "shop", "journal": "nowhere"}, "logs.production.journal"),
])  # fmt: skip
def test_a_slip_of_the_pen_is_named(tmp_path: Path, changed: dict[str, Any], setting: str) -> None:
    table = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(NotConfigured) as wrong:
        logs_of({"logs": {"production": table}}, "production", tmp_path)
    assert wrong.value.setting == setting


def test_without_settings_it_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"add \[logs.production\] with files"):
        logs_of({}, "production", tmp_path)


def by(tmp_path: Path, seconds: float = 30, **table: Any) -> Logs:
    found = logs_of({"logs": {"production": {"patterns": GOOD["patterns"], **table}}}, "production", tmp_path)
    return Logs(
        found.environment, found.patterns, found.stamps, found.files, found.journald, found.command, seconds,
        found.journal,
    )  # fmt: skip


def machine(tmp_path: Path, path: str | None = None) -> Machine:
    environ = {"PATH": path or os.environ["PATH"], "INTERLOCK_TOKEN": "il_secret"}
    return Machine(tmp_path, environ, monotonic)


async def test_a_command_is_told_the_period_and_not_our_token(tmp_path: Path) -> None:
    seen: list[bytes] = []
    script = "echo $INTERLOCK_ENVIRONMENT $INTERLOCK_SINCE $INTERLOCK_UNTIL ${INTERLOCK_TOKEN:-none}"
    logs = by(tmp_path, command=["/bin/sh", "-c", script])
    part = await read_command(logs, Period(at(0), at(60), False), machine(tmp_path), lambda _, raw: seen.append(raw))
    assert seen == [b"production 2026-11-26T12:00:00Z 2026-11-26T13:00:00Z none"]
    assert (part.until, part.lines) == (at(60), 1)


@pytest.mark.parametrize("script, what", [
    ("echo half; exit 3", "it ended with 3"), ("exec sleep 60", "took longer than"), ("exec no-such", "127"),
])  # fmt: skip
async def test_a_command_that_does_not_end_well_read_nothing(tmp_path: Path, script: str, what: str) -> None:
    logs = by(tmp_path, 0.3 if "sleep" in script else 30, command=["/bin/sh", "-c", script])
    part = await read_command(logs, Period(at(0), at(60), False), machine(tmp_path), lambda *_: None)
    assert part.until is None
    assert what in part.missing[0]


JOURNAL = """#!/bin/sh
echo "$*" >> asked
case "$*" in
*--reverse*) {before} ;;
*) {entries} ;;
esac
"""
ENTRY = """echo '{"MESSAGE": "orders are lost", "__REALTIME_TIMESTAMP": "1"}'"""
BINARY = """echo '{"MESSAGE": [111, 107, 255]}'"""


def journal(tmp_path: Path, before: str, entries: str) -> Machine:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "journalctl"
    script.write_text(JOURNAL.format(before=before, entries=entries), encoding="utf-8")
    script.chmod(0o755)
    return machine(tmp_path, f"{tmp_path / 'bin'}:/usr/bin:/bin")


async def test_the_journal_is_asked_for_the_unit_and_the_period(tmp_path: Path) -> None:
    seen: list[bytes] = []
    here = journal(tmp_path, ENTRY, f"{ENTRY}; {BINARY}")
    period = Period(at(0), at(60), False)
    part = await read_journal(by(tmp_path, journald="shop.service"), period, here, lambda _, raw: seen.append(raw))
    assert (seen, part.until, part.lines) == ([b"orders are lost", b"ok\xff"], at(60), 2)
    asked = (tmp_path / "asked").read_text(encoding="utf-8")
    assert f"--unit=shop.service --since=@{at(0).timestamp():.6f} --until=@{at(60).timestamp():.6f}" in asked


@pytest.mark.parametrize("before, entries, what", [
    ("echo '-- No entries --'", ENTRY, "does not reach back"),
    (ENTRY, "echo 'Hint: You are currently not seeing messages from other users'", "not seeing messages"),
    (ENTRY, f"{ENTRY}; exit 1", "it ended with 1"),
])  # fmt: skip
async def test_a_journal_that_is_not_all_there_does_not_count(
    tmp_path: Path, before: str, entries: str, what: str
) -> None:
    here = journal(tmp_path, before, entries)
    part = await read_journal(
        by(tmp_path, journald="shop.service"), Period(at(0), at(60), False), here, lambda *_: None
    )
    assert part.until is None
    assert what in part.missing[0]


async def test_where_there_is_no_journal_it_says_what_to_do(tmp_path: Path) -> None:
    here = machine(tmp_path, str(tmp_path))
    part = await read_journal(
        by(tmp_path, journald="shop.service"), Period(at(0), at(60), False), here, lambda *_: None
    )
    assert part.until is None
    assert "there is no journalctl on this machine" in part.missing[0]
