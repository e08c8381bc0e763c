"""JUnit reports of other tools, and the counts that another reader gives for each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interlock.runners.junit import NoReport, read_report
from tests.fixtures.conformance import real_data

REPORTS = 29
# Where the two differ, and why ours is meant.
OTHERWISE: dict[str, dict[str, int] | str] = {
    # It claims six tests in its attributes and lists none: nobody can say which. It is no pass.
    "no-cases-but-tests.xml": "it claims 6 tests and lists none",
    # The other reader calls a run of no tests a success.
    "no-cases.xml": "it lists no test",
    # Its root is <suites>: the other reader counts an error in reading and no tests.
    "non-junit.xml": "its root is <suites>, and a JUnit report's <testsuites> or <testsuite>",
    # It lists 109 tests, as its attributes say; eight names stand in it twice, and the other reader counts names.
    "latex-utensils.xml": {"total": 109, "passed": 109, "failed": 0, "skipped": 0},
    # It ends in the middle; the other reader gives no counts at all.
    "corrupt-xml.xml": "it is no XML: no element found: line 11, column 21",
}


def said(path: Path) -> dict[str, int] | str:
    try:
        return read_report(path.read_bytes()).counts
    except NoReport as why:
        return str(why)


def test_real_reports_count_as_elsewhere(pytestconfig: pytest.Config) -> None:
    folder = real_data(pytestconfig, "junit", f"{REPORTS} JUnit reports of other tools were not read")
    if folder is None:
        return
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    found = sorted(folder.rglob("*.xml"))
    assert len(found) >= REPORTS
    differing = {}
    for path in found:
        counted = expected.get(str(path.relative_to(folder)))
        told = counted and {
            "total": counted["tests"],
            "passed": counted["tests_succ"],
            "failed": counted["tests_fail"] + counted["tests_error"],
            "skipped": counted["tests_skip"],
        }
        if said(path) != told:
            differing[path.name] = said(path)
    assert differing == OTHERWISE
