"""Environments that are deployed to for real: small scripts put what runs into a file, and read it there."""

from __future__ import annotations

import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.cli import story as stories
from tests.cli.story import FEEDS, Story
from tests.cli.terminal import DT, Done, Terminal
from tests.fixtures.server import Served

DEPLOY = """#!/bin/sh
# The deploy: what `before` says comes first, then what is deployed runs, then what `after` says.
set -e
cd "$(dirname "$0")"
env | grep ^INTERLOCK_ > facts
. ./before
echo "switching to $INTERLOCK_RELEASE"
echo "$INTERLOCK_CONTENT_DIGEST" > runs
. ./after
"""
RUNNING = """#!/bin/sh
cat "$(dirname "$0")/runs"
"""
IDENTITY = """#!/bin/sh
echo "the {name} of this test"
"""
FEED = """#!/bin/sh
cat "$(dirname "$0")/feed"
"""
HOSTS = {"IEX Sandbox": "sandbox.iexapis.com token=sandbox", "IEX Production": "cloud.iexapis.com token=production"}
DEVELOPERS = "sandbox-anton"
_names = count(1)


def identity(environment: str) -> dict[str, str]:
    """What the environment's identity command prints, as it is registered."""
    return {"system_identifier": "command", "database": f"the {environment} of this test"}


@dataclass
class Place:
    """One environment on this machine."""

    folder: Path

    def make(self, name: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        scripts = {"deploy": DEPLOY, "running": RUNNING, "identity": IDENTITY.format(name=name), "feed": FEED}
        for script, text in scripts.items():
            path = self.folder / f"{script}.sh"
            path.write_text(text, encoding="utf-8")
            path.chmod(stat.S_IRWXU)
        (self.folder / "feed").write_text(f"host={HOSTS.get(FEEDS.get(name, ''), '')}\n", encoding="utf-8")
        self.does()

    def does(self, before: str = "", after: str = "") -> None:
        """Let the next deploy do this before and after it puts the content there."""
        (self.folder / "before").write_text(before + "\n", encoding="utf-8")
        (self.folder / "after").write_text(after + "\n", encoding="utf-8")

    @property
    def runs(self) -> str | None:
        path = self.folder / "runs"
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    @runs.setter
    def runs(self, digest: str) -> None:
        (self.folder / "runs").write_text(digest + "\n", encoding="utf-8")

    @property
    def facts(self) -> dict[str, str]:
        """What the last deploy was told."""
        text = (self.folder / "facts").read_text(encoding="utf-8")
        return dict(line.split("=", 1) for line in text.splitlines())

    def table(self, name: str, **more: str) -> str:
        """The environment's table in interlock.toml."""
        feed = [f'feed = ["{self.folder}/feed.sh"]'] if name in FEEDS else []
        where = [f"{key} = {value}" for key, value in more.items()] or [f'identity = ["{self.folder}/identity.sh"]']
        commands = [f'deploy = ["{self.folder}/deploy.sh"]', f'observed = ["{self.folder}/running.sh"]']
        return "\n".join([f'[environments."{name}"]', *where, *commands, *feed, ""])


@dataclass
class Places:
    """A project whose environments are on this machine, a `dt` beside them, and the story of its releases."""

    served: Served
    story: Story
    terminal: Terminal
    places: dict[str, Place] = field(default_factory=dict)

    def __getitem__(self, environment: str) -> Place:
        return self.places[environment]

    def developed(self) -> str:
        """A new release with its content, not deployed anywhere."""
        name = f"7.0.{next(_names)}"
        self.story.open(name, f"Quotes {name}")
        self.story.content(name, contains=["4.11.2"])
        return name

    def content(self, release: str) -> str:
        return self.story.contents[release]

    def asked(self, environment: str = "sandbox-anton") -> str:
        """A release whose deploy was asked for by its developer."""
        name = self.developed()
        self.served["anton"].command("RequestDeploy", {"release": name, "environment": environment})
        return name

    def dt(
        self, words: str, who: str = "ci-1", pause: Callable[[float], None] = lambda seconds: None, **env: str
    ) -> Done:
        """Call `dt` in this process, beside interlock.toml."""
        self.terminal.now = self.served.now
        return self.terminal.inside(*shlex.split(words), who=who, env=env, pause=pause)

    def begun(self, words: str, who: str = "ci-1") -> subprocess.Popen[str]:
        """Call `dt` as a process of its own that can be killed."""
        self.terminal.now = self.served.now
        return subprocess.Popen(
            [*DT, *shlex.split(words)], cwd=self.terminal.home, env=self.terminal.environment(who), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def events(self, release: str, kind: str) -> list[Mapping[str, Any]]:
        """The release's recorded events of that type, with their data, the oldest first."""
        found = self.served["anton"].get("/events", type=kind, release=release, data="true")["events"]
        return list(reversed(found))

    def happened(self, release: str) -> list[str]:
        """What is recorded of a release's deploys, the oldest first."""
        found = self.served["anton"].get("/events", release=release, limit=100)["events"]
        kinds = [event["type"] for event in reversed(found)]
        return [kind for kind in kinds if kind.startswith(("Deploy", "Lease", "Environment", "Fact"))]

    def state(self, environment: str = "sandbox-anton") -> dict[str, Any]:
        return self.served["anton"].get(f"/environments/{environment}")

    def position(self) -> int:
        return int(self.served["anton"].get("/whoami")["position"])

    def mended(self, environment: str = "sandbox-anton") -> None:
        """Let two persons say that nothing is there, where nobody knows."""
        self.places[environment].does()
        if self.state(environment)["occupancy"]["state"] == "unsure":
            fields = {"environment": environment, "state": "empty", "reason": "looked"}
            self.served.by_two("StateContent", fields, asks="rm-1", confirms="qa-1")


@contextmanager
def placed(
    served: Served,
    home: Path,
    *,
    production: Mapping[str, str] | None = None,
    tables: Mapping[str, str] | None = None,
    digests: Mapping[str, str] | None = None,
) -> Iterator[Places]:
    """Make every environment here. `production` is its identity where it has a database, `tables` what stands in its
    table then; `digests` are the real ones of what the story has a word for.
    """

    def digest(text: str) -> str:
        return (digests or {}).get(text) or stories.digest(text)

    def named(environment: str) -> dict[str, str]:
        return dict(production) if production is not None and environment == "production" else identity(environment)

    story = Story(served, identity=named, digest=digest)
    story.begin()
    places = Places(served, story, Terminal(home, served.url, served.project, served.now))
    for name in stories.ENVIRONMENTS:
        places.places[name] = Place(home / name)
        places[name].make(name)
    made = [
        places[name].table(name, **((tables or {}) if name == "production" else {})) for name in stories.ENVIRONMENTS
    ]
    (home / "interlock.toml").write_text("\n".join(made), encoding="utf-8")
    yield places
