"""The house rules hold for every file; test_guards.py shows that each rule can fail."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.house import guards
from tests.house.tree import REPOSITORY, ROOTS, Source, packages, product, sources, texts

PURE = {"domain", "events", "projections", "transparency"}
# Which root a package belongs to; what is not named here belongs to `services`.
ROOT_OF = {"events": "events", "projections": "projections"}
PYTHON = (
    guards.without_docstring,
    guards.badly_named,
    guards.long_functions,
    guards.long_file,
    guards.misplaced_reason,
)
SHIPPED = (guards.clocks_and_dice,)


def settings() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def contract(name: str) -> dict[str, Any]:
    found: dict[str, Any]
    [found] = [one for one in settings()["tool"]["importlinter"]["contracts"] if one["name"] == name]
    return found


@pytest.mark.parametrize("root", ROOTS)
def test_no_root_claims_the_namespace_for_itself(root: str) -> None:
    claim = REPOSITORY / root / "interlock" / "__init__.py"
    assert not claim.exists(), f"{claim}: an __init__.py here hides the two other roots: remove it"


def test_every_root_is_there_and_holds_what_belongs_to_it() -> None:
    for package, root in packages().items():
        assert root == ROOT_OF.get(package, "services"), f"`interlock.{package}` stands in {root}/"
    assert {source.path.split("/")[1] for source in product()} == {"interlock"}


def test_every_directory_with_modules_is_a_package() -> None:
    for source in product():
        if "/interlock/" in source.path:
            directory = (REPOSITORY / source.path).parent
            assert (directory / "__init__.py").exists(), (
                f"{directory}: import-linter and mypy pass it by: add __init__.py"
            )


def test_every_python_file_keeps() -> None:
    # All in one pass: parsing every file takes much longer than looking at it.
    assert_nothing(finding for source in sources() for guard in guards_for(source) for finding in guard(source))


def test_what_is_shipped_keeps_more() -> None:
    assert guards.clocks_and_dice in guards_for(Source("services/interlock/desk/batch.py", ""))
    assert guards.clocks_and_dice not in guards_for(Source("tests/desk/test_batch.py", ""))


def guards_for(source: Source) -> tuple[Callable[[Source], Iterator[str]], ...]:
    return (*PYTHON, *SHIPPED) if source.path.startswith(tuple(f"{root}/" for root in ROOTS)) else PYTHON


@pytest.mark.parametrize("guard", [guards.left_over, guards.registry_address, guards.machine_path])
def test_every_file_keeps(guard: Callable[[str, str], Iterator[str]]) -> None:
    assert_nothing(finding for path, text in texts() for finding in guard(path, text))


def test_every_package_has_its_place_in_the_layers() -> None:
    layers = " ".join(contract("Arrows point down")["layers"])
    known = set(layers.replace("|", " ").replace("(", " ").replace(")", " ").split())
    assert contract("Arrows point down")["exhaustive"]
    assert packages().keys() <= known, "a package stands in no layer: pyproject.toml, [[tool.importlinter.contracts]]"


def test_the_architecture_tells_the_layers_as_they_are_checked() -> None:
    text = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    told = text.partition("## Who may import whom")[2].strip().partition("\n\n")[0]
    levels = [level.replace("`", "").split(" | ") for level in " ".join(told.split()).replace("`/", "/").split(" / ")]
    checked = [
        layer.replace("(", "").replace(")", "").split(" | ") for layer in contract("Arrows point down")["layers"]
    ]
    assert [name.strip() for level in levels for name in level] == [name for level in checked for name in level]
    assert [len(level) for level in levels] == [len(level) for level in checked]


def test_the_architecture_tells_of_each_package_on_the_data_s_way_and_says_which_are_not_there_yet() -> None:
    text = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    way, _, layers = text.partition("## Who may import whom")
    told = set(re.findall(r"`([a-z]+)(?:\.[a-z_]+)*`", way))
    assert packages().keys() - told == set(), "docs/ARCHITECTURE.md does not say what it is there for"
    [absent] = re.findall(r"((?:`\w+`(?: and )?)+) have their place and nothing in it yet", layers)
    levels = set(re.findall(r"[a-z]+", layers.strip().partition("\n\n")[0]))
    assert levels - packages().keys() == set(re.findall(r"\w+", absent.replace(" and ", " ")))


def test_every_pure_package_is_kept_pure() -> None:
    listed = contract("What is pure imports no I/O, no clock and no randomness")
    expected = {f"interlock.{package}" for package in PURE & packages().keys()}
    assert set(listed["source_modules"]) == expected
    assert not listed.get("ignore_imports")


def test_no_contract_has_an_exception() -> None:
    for one in settings()["tool"]["importlinter"]["contracts"]:
        assert not one.get("ignore_imports"), one["name"]


def test_every_exception_from_lint_has_its_reason_beside_it() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    lint = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
    codes = [line for line in lint.splitlines() if line.startswith('    "')]
    assert codes
    for line in codes:
        assert "#" in line, f"{line.strip()}: why?"


def assert_nothing(findings: Iterator[str]) -> None:
    found = [*findings]
    assert not found, "\n".join(["", *found])
