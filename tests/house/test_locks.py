"""The locks name versions and hashes of everything, agree with each other, and cover what is asked for."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.house.tree import REPOSITORY

LOCKS = ("requirements.lock", "requirements-dev.lock")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: str) -> dict[str, str]:
    """Name -> version with its environment marker, of everything in `lock`."""
    found: dict[str, str] = {}
    for line in (REPOSITORY / lock).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)", line):
            found[normal(match[1])] = match[2]
    return found


def asked_for() -> tuple[set[str], set[str]]:
    """What the product needs, and what its development needs besides."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    names = [
        {normal(re.split(r"[\[ <>=~!;]", line)[0]) for line in lines}
        for lines in (project["project"]["dependencies"], project["dependency-groups"]["dev"])
    ]
    return names[0], names[1]


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_in_a_lock_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", (REPOSITORY / lock).read_text(encoding="utf-8"))
    for entry in entries:
        if "==" in entry.partition("\n")[0]:
            assert "--hash=sha256:" in entry, entry


def test_the_locks_cover_what_is_asked_for() -> None:
    product, development = asked_for()
    assert product <= locked(LOCKS[0]).keys(), "make locks"
    assert product | development <= locked(LOCKS[1]).keys(), "make locks"


def test_the_development_lock_holds_the_product_at_the_same_versions() -> None:
    development = locked(LOCKS[1])
    for name, version in locked(LOCKS[0]).items():
        assert development.get(name) == version, f"{name}: make locks"


def test_dependencies_stand_in_alphabetical_order() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    for lines in (project["project"]["dependencies"], project["dependency-groups"]["dev"]):
        assert lines == sorted(lines)
