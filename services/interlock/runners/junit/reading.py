"""Reading a JUnit report, which a stranger's tests wrote: no document type, no entities, bounded in size and depth."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, TestCase, TestSuite

from interlock.events.values import LINE_CHARACTERS_MAX, NOT_PRINTABLE
from interlock.runners.junit.report import Case, Report

REPORT_BYTES_MAX: Final = 16 * 1024 * 1024
DEPTH_MAX: Final = 100
# Frameworks that list a test they did not run say so by its status alone.
NOT_RUN: Final = frozenset({"disabled", "notrun", "skipped", "ignored"})


class NoReport(ValueError):
    """it is no report that a verdict can be read from"""


def read_report_file(path: Path) -> bytes:
    """Return a report's bytes. Raises NoReport where there is no such file, or it is too large."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise NoReport(f"{path.name} is no file")
        with path.open("rb") as file:
            # It may still grow: what counts is what was read.
            content = file.read(REPORT_BYTES_MAX + 1)
    except OSError as missing:
        raise NoReport(f"there is no report {path.name} ({missing.strerror})") from missing
    if len(content) > REPORT_BYTES_MAX:
        raise NoReport(f"{path.name} is larger than {REPORT_BYTES_MAX >> 20} MiB")
    return content


def read_report(content: bytes) -> Report:
    """Read a report. Raises NoReport where it is none, or claims what it does not list."""
    if len(content) > REPORT_BYTES_MAX:
        raise NoReport(f"it is larger than {REPORT_BYTES_MAX >> 20} MiB")
    root = _root(content)
    try:
        report = JUnitXml.fromroot(root)  # type: ignore[arg-type]
    except JUnitXmlError as wrong:
        raise NoReport(f"its root is <{root.tag}>, and a JUnit report's <testsuites> or <testsuite>") from wrong
    found = Report(tuple(_case(case) for suite in report for case in suite))
    tests, failures = _claims(root)
    if not found.cases:
        raise NoReport(f"it claims {tests} tests and lists none" if tests else "it lists no test")
    if failures and not found.failed:
        raise NoReport(f"it claims {failures} that failed and lists none that did")
    return found


def _root(content: bytes) -> Element:
    """Parse it with expat, which knows every encoding that could hide a document type."""
    builder, parser, depth = TreeBuilder(), expat.ParserCreate(), 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH_MAX:
            raise NoReport(f"its elements are nested more than {DEPTH_MAX} deep")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: Any) -> None:
        raise NoReport("it declares a document type, and a JUnit report has none")

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = builder.data
    # Without a document type there are no entities: nothing is expanded, and nothing outside is read.
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except NoReport:
        raise
    except (expat.ExpatError, LookupError, ValueError) as wrong:
        raise NoReport(f"it is no XML: {wrong}") from wrong
    return builder.close()


def _case(case: TestCase) -> Case:
    def said(name: str) -> str:
        return _one_line(case._elem.get(name) or "")  # noqa: SLF001 - the library gives its own fields only

    classname, bare = said("classname"), said("name")
    name = ".".join(part for part in (classname, bare) if part) or "unnamed"
    if case.is_failure or case.is_error:
        first = next(result for result in case.result if isinstance(result, Failure | Error))
        message = next(_lines(first.message or ""), None) or next(_lines(first.text or ""), "")
        return Case(name, bare, classname, said("file"), "failed", message)
    not_run = case.is_skipped or said("status").lower() in NOT_RUN or said("result").lower() in NOT_RUN
    return Case(name, bare, classname, said("file"), "skipped" if not_run else "passed")


def _claims(root: Element) -> tuple[int, int]:
    """How many tests, and how many failed ones, its attributes speak of."""
    outer = [root] if root.tag == TestSuite._tag or _number(root, "tests") else root.findall(TestSuite._tag)  # noqa: SLF001
    tests = sum(_number(suite, "tests") for suite in outer)
    return tests, sum(_number(suite, "failures") + _number(suite, "errors") for suite in outer)


def _number(element: Element, name: str) -> int:
    text = element.get(name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _one_line(text: str) -> str:
    """What is recorded and shown of a name: no control characters, and no more than a line."""
    return NOT_PRINTABLE.sub("?", " ".join(text.split()))[:LINE_CHARACTERS_MAX]


def _lines(text: str) -> Iterator[str]:
    return (_one_line(row) for row in text.splitlines() if row.strip())
