"""A JUnit report: which tests there were, which passed, which failed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from interlock.cli.exits import USAGE, Halt

REPORT_BYTES_MAX = 16 * 1024 * 1024
FAILED_TOLD_MAX = 100
LINE_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says; names are "classname.name", or the name alone where there is no class."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Passed where nothing failed and something passed: a run of no tests proves nothing."""
        return "passed" if self.passed and not self.failed else "failed"

    @property
    def counts(self) -> dict[str, int]:
        """How many, by verdict."""
        passed, failed, skipped = len(self.passed), len(self.failed), len(self.skipped)
        return {"total": passed + failed + skipped, "passed": passed, "failed": failed, "skipped": skipped}

    @property
    def failed_told(self) -> list[str]:
        """The names of those that failed, as many as an event holds."""
        return [name[:LINE_CHARACTERS_MAX] for name in self.failed[:FAILED_TOLD_MAX]]

    @property
    def suite_digest(self) -> str:
        """The digest of all the tests' names: another set of tests is another suite."""
        names = sorted({*self.passed, *self.failed, *self.skipped})
        return f"sha256:{hashlib.sha256(chr(10).join(names).encode()).hexdigest()}"

    def ran_of(self, wanted: Iterable[str]) -> list[str]:
        """Return those of the wanted names that ran and passed, whether with their class or without."""
        names = {*self.passed, *(name.rpartition(".")[2] for name in self.passed)}
        return [name for name in wanted if name in names]


def read_report(path: Path) -> Report:
    """Read a report. Raises Halt (usage) where it is none."""
    content = path.read_bytes()
    if len(content) > REPORT_BYTES_MAX:
        raise Halt(f"{path} is larger than {REPORT_BYTES_MAX >> 20} MiB", code=USAGE)
    # A report declares no entities; one that does would have them expanded without end.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Halt(f"{path} declares a document type", why="a JUnit report has none", code=USAGE)
    try:
        root = ET.fromstring(content)  # noqa: S314 - entities are refused above
    except ET.ParseError as wrong:
        raise Halt(f"{path} is no XML", why=str(wrong), code=USAGE) from wrong
    passed, failed, skipped = [], [], []
    for case in root.iter("testcase"):
        name = ".".join(part for part in (case.get("classname"), case.get("name")) if part) or "unnamed"
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is not None:
            skipped.append(name)
        else:
            passed.append(name)
    if not passed and not failed and not skipped:
        raise Halt(f"{path} holds no test case", why="is it a JUnit report?", code=USAGE)
    return Report(tuple(passed), tuple(failed), tuple(skipped))
