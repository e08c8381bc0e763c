"""What the commands share that do work themselves: how they ask Interlock, and where the work is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.cli import seams
from interlock.cli.exits import USAGE, Halt
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.events.catalogue.parts import Identity
    from interlock.runners.asking import Asker
    from interlock.runners.connections import Connection
    from interlock.runners.targets import Target

CONFIG_HELP = ("dt help config", "says what interlock.toml holds")


def asker_of(session: Session, progress: Mapping[str, str] | None = None) -> Asker:
    """Return how a runner asks Interlock, as who is logged in; steps that `progress` has words for are told."""
    from interlock.cli.reporting import keeper_of
    from interlock.runners.asking import Asker

    words = progress or {}

    async def told(step: str) -> None:
        if step in words:
            session.say(f"  ✓ {words[step]}")

    return Asker(session.client, clock=seams.monotonic, sleep=seams.pause, reached=told, keeper=keeper_of(session))


def home_of(session: Session) -> Path:
    """Return the directory of interlock.toml, where its relative paths are meant and its commands run."""
    config = session.settings.config
    return config.parent if config is not None else Path.cwd()


def document_of(session: Session) -> Mapping[str, Any]:
    """Return interlock.toml as it was read."""
    return session.settings.document


def connection_to(session: Session, environment: str) -> Connection:
    """Return where the environment's database is, as interlock.toml says. Raises Halt (usage)."""
    from interlock.runners.connections import NotConfigured

    try:
        return configured(session, environment)
    except NotConfigured as why:
        raise Halt(f"{environment} cannot be reached from here", code=USAGE, why=str(why), then=(CONFIG_HELP,)) from why


def configured(session: Session, environment: str) -> Connection:
    """Return the same. Raises NotConfigured."""
    from interlock.runners.connections import connection_of

    return connection_of(document_of(session), environment, home=home_of(session), environ=os.environ)


def target_to(session: Session, environment: str) -> Target:
    """Return the environment as the runners reach it. Raises Halt (usage) where interlock.toml does not say how."""
    from interlock.runners.connections import NotConfigured
    from interlock.runners.targets import target_of

    try:
        return target_of(document_of(session), environment, home=home_of(session), environ=os.environ)
    except NotConfigured as why:
        raise Halt(f"{environment} cannot be reached from here", code=USAGE, why=str(why), then=(CONFIG_HELP,)) from why


def registered_of(session: Session, environment: str) -> Identity:
    """Return the identity that is registered for the environment. Raises Halt where there is none."""
    from interlock.cli.observed import registered_identity
    from interlock.events.catalogue.parts import Identity
    from interlock.events.strict import read

    return read(Identity, registered_identity(session, environment))
