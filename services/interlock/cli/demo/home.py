"""The demo's directory: settings, data, everybody's logins, and what another shell reads to speak to it."""

from __future__ import annotations

import json
import shlex
import socket
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.cli.demo.cast import EVERYBODY, FOUNDERS, ME, PROJECT
from interlock.cli.demo.databases import Databases
from interlock.cli.demo.places import Places, settings
from interlock.cli.demo.repository import NAME, Repository
from interlock.cli.exits import USAGE, Halt
from interlock.cli.settings import CONFIG_NAME, DEFAULT_PORT, Logins, write_private
from interlock.cli.tokens import digest_of

HOST = "127.0.0.1"
LOG_LINES_SHOWN = 12

SETTINGS = """\
# The demo's project. Its clock is a test clock: it stands at the story's end until dt --now sets it.
project = "{project}"
policy = "weekend"
data = "data"

[server]
host = "{host}"
port = {port}

# Environments, repository and databases are real, and small: the runners of `dt` work on them.
"""
FOUNDER = """
[[founders]]
principal = "{principal}"
enrolment = "{digest}"
"""
ACTIVATE = """\
# Read by a shell (. {path}): from then on its `dt` speaks to the demo, as {me}; dt --as qa-1 as somebody else.
unset INTERLOCK_URL INTERLOCK_PROJECT INTERLOCK_AS INTERLOCK_TOKEN INTERLOCK_NOW
export INTERLOCK_CONFIG={config}
export INTERLOCK_HOME={home}
export PATH={programs}:"$PATH"
"""


class Home:
    """A directory of the demo. What is written last is that the story was played whole: `played`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.config = self.directory / CONFIG_NAME
        self.log = self.directory / "server.log"
        self.activate = self.directory / "activate"
        self.logins = self.directory / "home"
        self._credentials = self.logins / "credentials.json"
        self._played = self.directory / "played"

    @property
    def played(self) -> bool:
        """Whether the whole story is in the data. Raises Halt where something else is in the directory."""
        if self._played.exists():
            return True
        if self.directory.exists() and any(self.directory.iterdir()):
            raise Halt(
                f"{self.directory} is not empty, and holds no whole demo",
                code=USAGE,
                why="the demo begins in an empty directory; one that was interrupted is not gone on with",
            )
        return False

    def begin(self, codes: Mapping[str, str]) -> None:
        """Write the settings of a new project with the founders' codes, of which only digests are kept."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write(DEFAULT_PORT, {founder: digest_of(codes[founder]) for founder in FOUNDERS})

    def listens(self, port: int) -> None:
        """Let the settings say at which port it is served this time."""
        founders = tomllib.loads(self.config.read_text(encoding="utf-8"))["founders"]
        self._write(port, {founder["principal"]: founder["enrolment"] for founder in founders})

    def databases(self) -> Databases:
        """Return production's and stage's databases, in the PostgreSQL that the demo's server starts."""
        return Databases(self.directory / "data", self.directory / "backups")

    def repository(self) -> Repository:
        """Return the team's repository."""
        return Repository(self.directory / NAME)

    def places(self) -> Places:
        """Return the environments' directories."""
        return Places(self.directory)

    def document(self) -> dict[str, Any]:
        """Return the settings as they are read."""
        return tomllib.loads(self.config.read_text(encoding="utf-8"))

    def tokens(self) -> dict[str, str]:
        """Return the tokens of the last time."""
        stored: dict[str, Any] = json.loads(self._credentials.read_text(encoding="utf-8"))
        return {entry["principal"]: entry["token"] for entry in stored["logins"]}

    def _write(self, port: int, founders: Mapping[str, str]) -> None:
        text = SETTINGS.format(project=PROJECT, host=HOST, port=port)
        text += settings(self.databases().settings())
        for principal, digest in founders.items():
            text += FOUNDER.format(principal=principal, digest=digest)
        self.config.write_text(text, encoding="utf-8")

    def let_in(self, tokens: Mapping[str, str], url: str) -> None:
        """Store everybody's login, ours as the current one, and write what another shell reads."""
        logins = Logins(self._credentials, [])
        for who in (*(name for name in EVERYBODY if name != ME), ME):
            logins.store(url=url, project=PROJECT, principal=who, token=tokens[who])
        text = ACTIVATE.format(
            path=self.activate,
            me=ME,
            config=shlex.quote(str(self.config)),
            home=shlex.quote(str(self.logins)),
            programs=shlex.quote(str(Path(sys.argv[0]).resolve().parent)),
        )
        write_private(self.activate, text)

    def finish(self) -> None:
        """Note that the story was played whole. A crash before it leaves a directory that is not served again."""
        self._played.write_text("The whole story is in the data.\n", encoding="utf-8")

    def last_words(self) -> str:
        """Return the end of the server's log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-LOG_LINES_SHOWN:])
        except OSError:
            return ""


def port_for(wanted: int | None, *, stays: bool) -> int:
    """Return the port to ask for: the one that is wanted; else, where somebody stays, the usual one if it is free.

    0 is any: nobody visits a demo that ends at once, and many of them may run beside each other.
    """
    if wanted is not None or not stays:
        return wanted or 0
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, DEFAULT_PORT))
    except OSError:
        return 0
    return DEFAULT_PORT
