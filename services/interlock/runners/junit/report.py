"""What a report says, once it is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final, Literal

from interlock.events.values import LINE_CHARACTERS_MAX

FAILED_TOLD_MAX: Final = 100
# What ends a test's name where more is said of it: its parameters ("test_gap[btc-3]"), its signature ("gap()",
# "adds(int, int)[2]", as JUnit 5 has it), or a test within it ("TestGap/empty", as Go has it).
MORE: Final = re.compile(r"[\[(/]")


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a report; its name is "classname.name", or the name alone where there is no class."""

    name: str
    bare: str
    classname: str
    file: str
    state: Literal["passed", "failed", "skipped"]
    message: str = ""

    @property
    def called(self) -> Iterator[str]:
        """Every name that stands for it: with all of its class, the end of it, or none; with what follows or without.

        "com.shop.OrdersTest.totals()" goes by "OrdersTest.totals", and by "totals".
        """
        for name in (self.bare, shortened(self.bare)):
            yield name
            for place in _ends(self.classname):
                yield f"{place}.{name}"

    def is_in(self, path: str, parts: tuple[str, ...]) -> bool:
        """Whether it is the test `parts` of a file (pytest's "path::Class::test"), or any of the file without parts."""
        classname = self.classname
        if not parts:
            return self.file == path or any(_names_file(prefix, path, classname) for prefix in _prefixes(classname))
        *classes, name = parts
        if name not in {self.bare, shortened(self.bare)}:
            return False
        inner = "".join(f".{each}" for each in classes)
        if inner and not classname.endswith(inner):
            return False
        module = classname[: len(classname) - len(inner)] if inner else classname
        return self.file == path or _names_file(module, path, module)


def shortened(name: str) -> str:
    """Return a test's own name, without its parameters, its signature or a test within it."""
    more = MORE.search(name)
    return name[: more.start()] if more is not None and more.start() else name


def _ends(dotted: str) -> Iterator[str]:
    """Yield "com.shop.OrdersTest", "shop.OrdersTest", "OrdersTest"."""
    while dotted:
        yield dotted
        _, _, dotted = dotted.partition(".")


def _prefixes(dotted: str) -> Iterator[str]:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length])


def _names_file(module: str, path: str, whole: str) -> bool:
    """Whether a dotted name is a file's: "tests.test_a" of "tests/test_a.py", "com.x.ATest" of "src/com/x/ATest.java".

    One word that is not the `whole` class name proves nothing: "tests" would name every app's tests.py.
    """
    dotted = PurePosixPath(path).with_suffix("").as_posix().replace("/", ".").strip(".")
    if not module:
        return False
    return module == dotted or (("." in module or module == whole) and dotted.endswith(f".{module}"))


@dataclass(frozen=True)
class Report:
    """All the tests of a report, in its order."""

    cases: tuple[Case, ...]

    @cached_property
    def passed(self) -> tuple[str, ...]:
        """The names of those that passed."""
        return self._in("passed")

    @cached_property
    def failed(self) -> tuple[str, ...]:
        """The names of those that failed, or broke down."""
        return self._in("failed")

    @cached_property
    def skipped(self) -> tuple[str, ...]:
        """The names of those that were not run."""
        return self._in("skipped")

    @property
    def verdict(self) -> Literal["passed", "failed"]:
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
        names = sorted({case.name for case in self.cases})
        return f"sha256:{hashlib.sha256(chr(10).join(names).encode()).hexdigest()}"

    def called(self, wanted: str) -> list[Case]:
        """Return the tests that go by a name: with class or without, "path::test", or the path of their file."""
        path, *parts = wanted.split("::")
        if parts or "/" in path or any(case.file == path for case in self.cases):
            return [case for case in self.cases if case.is_in(path, tuple(parts))]
        return self._by_name.get(wanted, [])

    def ran_of(self, wanted: Iterable[str]) -> list[str]:
        """Return those of the wanted names under which tests ran and all of them passed."""
        found = ((name, self.called(name)) for name in wanted)
        return [name for name, cases in found if cases and all(case.state == "passed" for case in cases)]

    @cached_property
    def _by_name(self) -> dict[str, list[Case]]:
        found: dict[str, list[Case]] = {}
        for case in self.cases:
            for name in {*case.called}:
                found.setdefault(name, []).append(case)
        return found

    def _in(self, state: str) -> tuple[str, ...]:
        return tuple(case.name for case in self.cases if case.state == state)
