"""How a deploy is done in an environment, as interlock.toml says.

[environments.production]
deploy = ["./deploy.sh"]       # without it somebody else deploys, and reports: dt deploy start, finish, fail
observed = ["./running.sh"]    # prints the digest of the content that runs there, on one line

Its `migrations` (`migrating.configured`) run before the command, but where they are rehearsed: there dt stage migrate
lets them run, on restored data.

`observed` prints a digest only where all of the environment runs it, and fails, or prints nothing, where it is not so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.runners.commands import Configured, command_of, table_of
from interlock.runners.connections import Connection, NotConfigured, connection_of
from interlock.runners.feeds import Feed, feed_configured
from interlock.runners.migrating import MIGRATE_ADDRESSES, Migrations, migrations_of
from interlock.runners.targets import Target, target_of


@dataclass(frozen=True, slots=True)
class Executor:
    """What is run to deploy, what says afterwards what runs, and how the environment is looked at."""

    environment: str
    deploy: Configured
    observed: Configured
    target: Target
    feed: Feed | None = None
    migrations: Migrations | None = None
    # As whom they run.
    migrating: Connection | None = None


def executor_of(
    document: Mapping[str, Any], environment: str, *, home: Path, environ: Mapping[str, str], rehearses: bool = False
) -> Executor | None:
    """Return the environment's executor; None where interlock.toml names none. Raises NotConfigured.

    `rehearses`: it is the one in which migrations are rehearsed.
    """
    table = table_of(document, "environments", environment)
    place = f"environments.{environment}"
    if "deploy" not in table:
        return None
    if "observed" not in table:
        raise NotConfigured(
            f"{place}.observed",
            "it is missing: nobody could say what runs there",
            'write observed = ["./running.sh"], which prints the digest of the content that runs',
        )
    deploy = command_of(table["deploy"], f"{place}.deploy", home)
    observed = command_of(table["observed"], f"{place}.observed", home)
    for setting, command in (("deploy", deploy), ("observed", observed)):
        _there(command, f"{place}.{setting}", environ)
    migrations = migrating = None
    if "migrations" in table and not rehearses:
        migrations = migrations_of(document, environment, home=home)
        addresses = MIGRATE_ADDRESSES
        migrating = connection_of(document, environment, home=home, environ=environ, addresses=addresses)
    target = target_of(document, environment, home=home, environ=environ)
    feed = feed_configured(document, environment, home=home)
    return Executor(environment, deploy, observed, target, feed, migrations, migrating)


def _there(command: Configured, setting: str, environ: Mapping[str, str]) -> None:
    """Raise NotConfigured where there is no such command: found out before anything is begun."""
    word = command.words[0]
    path = str(command.directory / word) if os.sep in word else word
    if shutil.which(path, path=environ.get("PATH")) is None:
        raise NotConfigured(setting, f"{word} is not there, or cannot be run", "write it as seen from interlock.toml")
