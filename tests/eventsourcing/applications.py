"""What the tests here share: an environment over a fresh database, and names that nobody else has."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from urllib.parse import parse_qs, urlsplit

from eventsourcing.utils import EnvType

from interlock.ledger.embedded import Dsns

MODULE = "interlock.eventsourcing"
_NUMBERS = count(1)


def environment(dsns: Dsns, project: str | None = None, **more: str) -> dict[str, str]:
    """The settings of an application over `dsns`, in a project of its own unless one is named."""
    parts = urlsplit(dsns.app)
    where = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "PERSISTENCE_MODULE": MODULE,
        "POSTGRES_DBNAME": parts.path[1:],
        "POSTGRES_HOST": where["host"],
        "POSTGRES_PORT": where.get("port", "5432"),
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": "",
        "INTERLOCK_PROJECT": project or a_name(),
        **more,
    }


def a_name() -> str:
    """A project's name that no other test has."""
    return f"app-{next(_NUMBERS)}"


@contextmanager
def in_environment(settings: EnvType) -> Iterator[None]:
    """Let the process's environment hold the settings meanwhile."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def without(settings: Mapping[str, str], name: str) -> dict[str, str]:
    """The settings but one."""
    return {each: value for each, value in settings.items() if each != name}
