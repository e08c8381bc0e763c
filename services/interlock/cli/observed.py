"""What was read in an environment before work began there, as options of the commands that start work."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from interlock.cli.exits import USAGE, Halt
from interlock.cli.session import Session

F = TypeVar("F", bound=Callable[..., Any])


def observed_options(function: F) -> F:
    """Take what was read in the environment: its identity, its schema, its feed, its content."""
    for option in reversed(
        (
            click.option(
                "--observed",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                metavar="FILE",
                help="JSON of what was read there: identity, schema_digest, feed, content_digest.",
            ),
            click.option("--system-identifier", metavar="TEXT", help="The database server's identity as read there."),
            click.option("--database", metavar="NAME", help="The database's name as read there."),
            click.option("--address", metavar="TEXT", help="The server's address as read there."),
            click.option(
                "--as-registered",
                is_flag=True,
                help="What was read is exactly the registered server and database: you looked.",
            ),
            click.option("--found-schema", metavar="DIGEST", help="The schema's digest as read there."),
            click.option("--found-feed", metavar="TEXT", help="The market data feed as read there."),
            click.option("--found-content", metavar="DIGEST", help="The content's digest as read there."),
        )
    ):
        function = option(function)
    return function


def observed_of(session: Session, environment: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command's `observed`, from the file and the options. What nobody read is absent."""
    observed: dict[str, Any] = {}
    path = found.get("observed")
    if path is not None:
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as wrong:
            raise Halt(f"{path} is no JSON", why=str(wrong), code=USAGE) from wrong
        if not isinstance(document, dict):
            raise Halt(f"{path} holds no object", code=USAGE)
        observed.update(document)
    identity = {
        "system_identifier": found.get("system_identifier"),
        "database": found.get("database"),
        "address": found.get("address"),
    }
    identity = {name: value for name, value in identity.items() if value is not None}
    if identity:
        if not {"system_identifier", "database"} <= set(identity):
            raise Halt("an identity is --system-identifier and --database", code=USAGE)
        observed["identity"] = identity
    elif found.get("as_registered"):
        observed["identity"] = registered_identity(session, environment)
    for option, name in (
        ("found_schema", "schema_digest"),
        ("found_feed", "feed"),
        ("found_content", "content_digest"),
    ):
        if found.get(option) is not None:
            observed[name] = found[option]
    return observed


def registered_identity(session: Session, environment: str) -> dict[str, Any]:
    """Return the identity that was registered for the environment. Raises Halt where there is none."""
    state = session.get(f"/environments/{environment}")
    identity = state.get("identity")
    if not isinstance(identity, dict):
        raise Halt(
            f"nobody registered which server and database {environment} is",
            then=((f"dt env register {environment} --system-identifier … --database …", "says so"),),
        )
    parts = {name: identity.get(name) for name in ("system_identifier", "database", "address")}
    return {name: value for name, value in parts.items() if value is not None}


def applied(text: str) -> dict[str, Any]:
    """Return "ID=DIGEST=MS" as a migration that ran. Raises Halt (usage)."""
    parts = text.rsplit("=", 2)
    if len(parts) != 3 or not parts[2].isdigit():
        raise Halt(f"{text!r} is no migration that ran", code=USAGE, why="write it as ID=sha256:…=MILLISECONDS")
    digest = parts[1] if parts[1].startswith("sha256:") else f"sha256:{parts[1]}"
    return {"id": parts[0], "digest": digest, "duration_ms": int(parts[2])}
