"""JUnit reports: what is read of them, what is none, and which tests a release's new ones are."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.runners.junit import REPORT_BYTES_MAX, NoReport, read_report, read_report_file

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites tests="8" failures="2"><testsuite name="outer">
  <testcase classname="tests.test_gap" name="test_fill[btc]"/>
  <testcase classname="tests.test_gap" name="test_fill[eth]"/>
  <testcase classname="tests.test_gap.TestLate" name="test_tick"/>
  <testsuite name="inner">
    <testcase classname="tests.test_race" name="test_cancel"><failure message="">
      assert 3 == 2
      in detail</failure></testcase>
    <testcase classname="tests.test_race" name="test_open"><error message="broke&#10;down"/></testcase>
    <testcase classname="com.x.FooTest" name="opens"/>
    <testcase name="alone" file="tests/alone.c"/>
    <testcase name="off" status="notrun"/>
    <testcase classname="tests.test_gap.TestLate" name="test_slow"><skipped/></testcase>
  </testsuite></testsuite></testsuites>"""


def wrapped(inside: str, attributes: str = "") -> bytes:
    return f"<testsuite {attributes}>{inside}</testsuite>".encode()


def test_every_test_is_counted_once_wherever_its_suite_is_nested() -> None:
    report = read_report(REPORT.encode())
    assert report.counts == {"total": 9, "passed": 5, "failed": 2, "skipped": 2}
    assert report.verdict == "failed"
    assert report.failed_told == ["tests.test_race.test_cancel", "tests.test_race.test_open"]
    assert [case.message for case in report.cases if case.state == "failed"] == ["assert 3 == 2", "broke"]


@pytest.mark.parametrize(
    "wanted, ran",
    [
        ("tests.test_gap.test_fill", True),
        ("test_fill", True),
        ("test_fill[eth]", True),
        ("tests/test_gap.py::test_fill", True),
        ("services/tests/test_gap.py::test_fill[btc]", True),
        ("tests/test_gap.py::TestLate::test_tick", True),
        ("src/test/java/com/x/FooTest.java", True),
        ("tests/alone.c", True),
        ("alone", True),
        # One of the file was not run, one failed, and these are others.
        ("tests/test_gap.py", False),
        ("tests/test_race.py", False),
        ("test_cancel", False),
        ("off", False),
        ("tests/test_race.py::test_fill", False),
        ("tests/test_gap.py::TestEarly::test_tick", False),
        ("shop/tests.py", False),
        ("gap", False),
        ("test_f", False),
    ],
)
def test_a_new_test_ran_where_all_that_go_by_its_name_passed(wanted: str, ran: bool) -> None:
    assert read_report(REPORT.encode()).ran_of([wanted]) == [wanted] * ran


BOMB = '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'
OUTSIDE = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite><testcase name="a"/></testsuite>'
DEEP = "<testsuite>" * 101 + "</testsuite>" * 101


@pytest.mark.parametrize(
    "content, why",
    [
        (BOMB.encode(), "document type"),
        (OUTSIDE.encode(), "document type"),
        # In bytes that a search for "<!DOCTYPE" does not find.
        (BOMB.encode("utf-16"), "document type"),
        (DEEP.encode(), "nested more than 100 deep"),
        (b"", "no XML"),
        (b"3 passed", "no XML"),
        (b'<testsuite><testcase name="a"/>', "no XML"),
        (b'<?xml version="1.0" encoding="klingon"?><testsuite/>', "no XML"),
        (b"<suites><case/></suites>", "its root is <suites>"),
        (b"<testsuites/>", "lists no test"),
        (wrapped("", 'tests="6" failures="1"'), "claims 6 tests and lists none"),
        (wrapped('<testcase name="a"/>', 'tests="2" errors="1"'), "claims 1 that failed and lists none"),
        (b" " * (REPORT_BYTES_MAX + 1), "larger than 16 MiB"),
    ],
    ids=["bomb", "outside", "utf-16", "deep", "empty", "text", "cut", "odd", "root", "none", "claim", "fail", "large"],
)
def test_what_is_no_report_gives_no_verdict(content: bytes, why: str) -> None:
    with pytest.raises(NoReport, match=why):
        read_report(content)


def test_a_run_that_passed_no_test_has_not_passed() -> None:
    assert read_report(wrapped('<testcase name="a"><skipped/></testcase>')).verdict == "failed"


def test_a_name_is_one_line_without_what_a_terminal_obeys() -> None:
    [case] = read_report(wrapped(f'<testcase name="a&#10;b&#x9b;31m{"x" * 400}"/>')).cases
    assert case.name.startswith("a b?31mx")
    assert len(case.name) == 300


def test_only_a_file_is_read_and_no_more_of_it_than_a_report_has(tmp_path: Path) -> None:
    with pytest.raises(NoReport, match="there is no report none\\.xml"):
        read_report_file(tmp_path / "none.xml")
    with pytest.raises(NoReport, match="is no file"):
        read_report_file(tmp_path)
    (tmp_path / "large.xml").write_bytes(b" " * (REPORT_BYTES_MAX + 1))
    with pytest.raises(NoReport, match="larger than 16 MiB"):
        read_report_file(tmp_path / "large.xml")
