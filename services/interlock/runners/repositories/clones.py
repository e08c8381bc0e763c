"""The clones that git is asked in: the table `[repositories]` of interlock.toml.

[repositories]
shop = "../shop"          # its name, as it is recorded, and where a clone of it is
desk = "../desk"
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from interlock.runners.commands import table_of
from interlock.runners.connections import NotConfigured
from interlock.runners.failures import Stopped

ANSWER_SECONDS: Final = 300
NAME: Final = re.compile(r"[^\s=:]{1,200}")
SHA: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# git's own variables would let it look somewhere else, as they do within a hook.
GITS_OWN: Final = "GIT_"
ALONE: Final = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
}


class GitFailed(Stopped):
    """git did not answer; its own words follow"""


class UnknownCommit(Stopped):
    """a clone does not have a commit that it is asked about"""


class HistoryCut(Stopped):
    """a clone is shallow: it does not have the history that must be looked at"""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository by its recorded name, and where a clone of it is."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone that is being read.

    What it holds is read through an empty repository beside it that borrows its objects: so neither the settings of
    whoever asks, nor attributes, replaced commits or grafts in the clone, change what git says.
    """

    name: str
    path: Path
    _beside: Path
    _objects: Path

    def git(self, *arguments: str) -> str:
        """Ask about what the clone holds. Raises GitFailed."""
        return self.raw(*arguments).decode("utf-8", "replace")

    def raw(self, *arguments: str) -> bytes:
        """Return the same as bytes. Raises GitFailed."""
        done = self._ask(*arguments)
        if done.returncode != 0:
            raise GitFailed(f"git {arguments[0]} failed in {self.path}: {_words(done)}")
        return done.stdout

    def stream(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start git, its output to be read as it comes."""
        return subprocess.Popen(
            ["git", *arguments], cwd=self._beside, env=self._environ(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def commit(self, revision: str) -> str:
        """Return the full name of a commit: a branch or a tag of the clone, or a commit. Raises UnknownCommit."""
        done = _git(self.path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = done.stdout.decode().strip().splitlines()
        if done.returncode != 0 or not found or not SHA.fullmatch(found[-1]):
            raise UnknownCommit(
                f"the clone of {self.name} in {self.path} has no commit {revision}: git fetch brings it"
            )
        return found[-1]

    def is_ancestor(self, sha: str, head: str) -> bool:
        """Whether `sha` is in the history of `head`. What a whole clone does not have is not."""
        return self._ask("merge-base", "--is-ancestor", sha, head).returncode == 0

    def uncommitted(self) -> list[str]:
        """Return what differs in the work tree from its last commit, as git lists it; new files too."""
        if _git(self.path, "rev-parse", "--is-inside-work-tree").stdout.strip() != b"true":
            return []
        done = _git(self.path, "status", "--porcelain", "--no-renames", "--untracked-files=normal")
        if done.returncode != 0:
            raise GitFailed(f"git status failed in {self.path}: {_words(done)}")
        return done.stdout.decode("utf-8", "replace").splitlines()

    def _ask(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return _run(["git", *arguments], self._beside, self._environ())

    def _environ(self) -> dict[str, str]:
        return {**_environ(), **ALONE, "GIT_DIR": str(self._beside), "GIT_OBJECT_DIRECTORY": str(self._objects)}


def places_of(document: Mapping[str, Any], *, home: Path) -> tuple[Place, ...]:
    """Return the configured repositories in the order of their names. Raises NotConfigured."""
    table = table_of(document, "repositories")
    for name, value in table.items():
        if not NAME.fullmatch(name):
            raise NotConfigured("repositories", f"{name!r} is no name", 'write it as shop = "../shop"')
        if not isinstance(value, str) or not value:
            raise NotConfigured(f"repositories.{name}", "it is no path", f'write it as {name} = "../{name}"')
    return tuple(Place(name, (home / table[name]).resolve()) for name in sorted(table))


@contextmanager
def opened(places: tuple[Place, ...]) -> Iterator[tuple[Clone, ...]]:
    """Lend the clones. Raises GitFailed, HistoryCut."""
    with ExitStack() as stack:
        yield tuple(_open(place, stack) for place in places)


def name_of(path: Path) -> str:
    """Return the address of the clone's origin without user, password and ".git", or else the directory's name."""
    done = _git(path, "remote", "get-url", "origin")
    address = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0 or not address:
        return path.resolve().name
    _, scheme, rest = address.rpartition("://")
    rest = rest.rpartition("@")[2] if "@" in rest.split("/", 1)[0] else rest
    return (rest if scheme else rest.replace(":", "/", 1)).removesuffix(".git").rstrip("/") or path.resolve().name


def _open(place: Place, stack: ExitStack) -> Clone:
    if not place.path.is_dir():
        raise GitFailed(f"there is no clone of {place.name} in {place.path}")
    asked = ("rev-parse", "--is-shallow-repository", "--show-object-format", "--git-path", "objects")
    done = _git(place.path, *asked)
    if done.returncode != 0:
        raise GitFailed(f"{place.path} cannot be read as a clone of {place.name}: {_words(done)}")
    shallow, form, objects = done.stdout.decode().splitlines()
    if shallow == "true":
        raise HistoryCut(f"the clone of {place.name} in {place.path} is shallow: git fetch --unshallow completes it")
    beside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interlock-git-")))
    made = _run(
        ["git", "init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(beside)],
        beside,
        {**_environ(), **ALONE},
    )
    if made.returncode != 0:
        raise GitFailed(f"git init failed: {_words(made)}")
    return Clone(place.name, place.path, beside, (place.path / objects).resolve())


def _git(path: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return _run(["git", *arguments], path, {**_environ(), "GIT_OPTIONAL_LOCKS": "0"})


def _run(words: list[str], where: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            words, cwd=where, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=ANSWER_SECONDS,
        )  # fmt: skip
    except FileNotFoundError as missing:
        there = "is not on PATH" if missing.filename == words[0] else f"cannot run in {where}"
        raise GitFailed(f"git {there}") from None
    except subprocess.TimeoutExpired:
        raise GitFailed(f"git {words[1]} did not end within {ANSWER_SECONDS} s") from None


def _environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(GITS_OWN)}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode("utf-8", "replace").strip() or f"it ended with {done.returncode}"
