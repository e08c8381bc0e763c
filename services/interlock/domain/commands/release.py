"""What can be asked of a release."""

from __future__ import annotations

from interlock.domain.commands.registry import command
from interlock.events.catalogue.parts import Artifact, Commit, Migration, RepositoryHead
from interlock.events.values import Line, Name, ReleaseKind, Text


@command()
class OpenRelease:
    """Open a release; a hotfix names the problem in production that it is for."""

    name: Name
    kind: ReleaseKind
    title: Line
    affected_areas: tuple[Line, ...] = ()
    problem: Name | None = None
    reason: Text | None = None


@command()
class SetReleaseContent:
    """Say what the release is made of; the content's digest is computed from artifacts, commits and migrations."""

    release: Name
    artifacts: tuple[Artifact, ...]
    commits: tuple[Commit, ...]
    head: tuple[RepositoryHead, ...]
    contains: tuple[Name, ...] = ()
    migrations: tuple[Migration, ...] = ()
    adds_functionality: bool = False
    new_tests: tuple[Line, ...] = ()
    fixes: tuple[Name, ...] = ()


@command()
class ConfirmDevelopment:
    """The owner of the developer's sandbox confirms that the release is developed."""

    release: Name


@command()
class ConfirmHotfix:
    """Confirm that this content belongs to the linked problem, or link another open one."""

    release: Name
    problem: Name | None = None


@command()
class HoldRelease:
    """Let nothing of this release start."""

    release: Name
    reason: Text


@command()
class LiftReleaseHold:
    """End the hold."""

    release: Name
    reason: Text


@command()
class WithdrawRelease:
    """Give the release up."""

    release: Name
    reason: Text
