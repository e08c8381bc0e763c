"""Documentation that cannot rot: what it names is there, and what is there is named."""

from __future__ import annotations

import re
import subprocess
from typing import get_args

import pytest

from interlock.events.values import Role
from tests.house.tree import REPOSITORY, texts

DECISIONS = sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "What else was considered"]
DECISION_LINES_MAX = 60
DOCUMENTS = {path: text for path, text in texts() if path.endswith(".md")}
# What people meet in `dt`, on the pages and in the record.
WORDS = """
    project release content environment identity occupant deploy rollback principal role operator owner founder author
    command event rule policy check gate decision refusal evidence window freeze hold lease rehearsal restore review
    problem obligation adjustment verification record ledger position projection relay intake desk artifact
"""
CONCEPTS_LINES_MAX = 110
TARGETS_ASKED = {"demo", "test", "check", "bench", "up", "schemas", "help", "setup", "format", "locks"}


def make(*arguments: str) -> str:
    done = subprocess.run(["make", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def targets() -> set[str]:
    """Every target that somebody may type."""
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    [phony] = re.findall(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)
    return set(phony.split())


def test_make_help_tells_of_every_target() -> None:
    told = set(re.findall(r"^  make ([a-z-]+) +\S", make("help"), flags=re.MULTILINE))
    assert told == targets()
    assert told >= TARGETS_ASKED


def test_make_alone_shows_the_help() -> None:
    assert make() == make("help")


def test_every_target_that_runs_something_sets_up_first() -> None:
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target, needs in re.findall(r"^([a-z-]+):(.*?)##", text, flags=re.MULTILINE):
        if target not in {"help", "locks"}:
            assert "$(READY)" in needs or set(needs.split()) & targets(), f"make {target} needs .venv"


def test_the_continuous_integration_runs_what_everybody_runs() -> None:
    commands = [
        line
        for line in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == ["exec make test"]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_make_target_that_a_document_names_is_there(path: str) -> None:
    code = "\n".join(re.findall(r"`[^`]+`|^ {4}.*$", DOCUMENTS[path], flags=re.MULTILINE))
    for target in re.findall(r"\bmake ([a-z-]+)", code):
        assert target in targets(), f"{path}: make {target}"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(path: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", DOCUMENTS[path]):
        if "://" not in link:
            assert ((REPOSITORY / path).parent / link).exists(), f"{path}: {link}"


def test_the_page_of_words_has_each_of_them_and_is_one_page() -> None:
    text = DOCUMENTS["docs/CONCEPTS.md"]
    told = {word.lower().rstrip("s") for word in re.findall(r"\*\*([^*]+)\*\*", text)}
    assert [word for word in WORDS.split() if word.rstrip("s") not in told] == []
    assert [role for role in get_args(Role) if role not in text] == []
    assert text.count("\n") <= CONCEPTS_LINES_MAX


def test_decisions_are_numbered_without_gap() -> None:
    numbers = [int(path.name.partition("-")[0]) for path in DECISIONS]
    assert numbers == [*range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_is_one_page_of_four_sections(path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name.partition('-')[0])}. ")
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == SECTIONS
    assert re.search(r"^(Accepted|Replaced by \[.*), \d{4}-\d{2}-\d{2}\.$", text, flags=re.MULTILINE)
    assert text.count("\n") <= DECISION_LINES_MAX
