"""Where the server is, which project is meant, and who asks: interlock.toml, the environment, the stored logins.

A setting on the command line wins over the environment, the environment over interlock.toml.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.cli.exits import USAGE, Halt

CONFIG_NAME = "interlock.toml"
DEFAULT_PORT = 8787
DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"
PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


@dataclass(frozen=True, slots=True)
class Settings:
    """What was found; `config` is the file it came from, if any. `token` is the bearer token to send."""

    url: str
    project: str | None
    principal: str | None
    token: str | None
    config: Path | None
    document: Mapping[str, Any]


def find_config(start: Path) -> Path | None:
    """Return the nearest interlock.toml in `start` or above it."""
    for directory in (start, *start.parents):
        candidate = directory / CONFIG_NAME
        if candidate.is_file():
            return candidate
    return None


def read_config(path: Path) -> dict[str, Any]:
    """Read an interlock.toml. Raises Halt (usage) where it is no TOML."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise Halt(f"{path} cannot be read", why=str(wrong), code=USAGE) from wrong


def load(*, url: str | None, project: str | None, principal: str | None, config: Path | None = None) -> Settings:
    """Put together what the command line, the environment, interlock.toml and the stored logins say."""
    named = os.environ.get("INTERLOCK_CONFIG")
    config = config or (Path(named) if named else find_config(Path.cwd()))
    document = read_config(config) if config is not None else {}
    url = (url or os.environ.get("INTERLOCK_URL") or configured_url(document) or DEFAULT_URL).rstrip("/")
    project = project or os.environ.get("INTERLOCK_PROJECT") or configured_project(document)
    principal = principal or os.environ.get("INTERLOCK_AS")
    token = os.environ.get("INTERLOCK_TOKEN")
    if token is None or principal is not None:
        login = Logins.read().find(url, project, principal)
        if login is not None:
            return Settings(url, login["project"], login["principal"], login["token"], config, document)
        if principal is not None:
            raise Halt(
                f"no login of {principal} is stored for {url}",
                code=4,
                then=(("dt login", "stores one"), ("dt login --list", "shows which there are")),
            )
    return Settings(url, project, None, token, config, document)


def configured_url(document: Mapping[str, Any]) -> str | None:
    """Return the server's address from an interlock.toml."""
    server = document.get("server")
    if isinstance(server, Mapping):
        found = server.get("url")
        if isinstance(found, str):
            return found
        port = server.get("port", DEFAULT_PORT)
        return f"http://{server.get('host', '127.0.0.1')}:{port}"
    return server if isinstance(server, str) else None


def configured_project(document: Mapping[str, Any]) -> str | None:
    """Return the project's name from an interlock.toml."""
    project = document.get("project")
    if isinstance(project, Mapping):
        found = project.get("name")
        return found if isinstance(found, str) else None
    return project if isinstance(project, str) else None


def config_directory() -> Path:
    """Return the directory of the stored logins; INTERLOCK_HOME moves it, and the cache with it."""
    home = os.environ.get("INTERLOCK_HOME")
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "interlock"


def cache_directory() -> Path:
    """Return the directory of what may be forgotten at any time."""
    home = os.environ.get("INTERLOCK_HOME")
    if home:
        return Path(home) / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "interlock"


class Logins:
    """The stored logins: one file, readable by its owner alone; the current one of a server is used unless named."""

    def __init__(self, path: Path, entries: list[dict[str, Any]]) -> None:
        self.path = path
        self.entries = entries

    @classmethod
    def read(cls) -> Logins:
        """Read them; no file is no login."""
        path = config_directory() / "credentials.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            entries = [entry for entry in document["logins"] if isinstance(entry, dict)]
        except FileNotFoundError:
            entries = []
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise Halt(f"{path} cannot be read", why=str(wrong), then=(("dt login", "stores a new one"),)) from wrong
        return cls(path, entries)

    def find(self, url: str, project: str | None, principal: str | None) -> dict[str, Any] | None:
        """Return the login for this server (and project, and principal, where given): the current one first."""
        fitting = [
            entry
            for entry in self.entries
            if entry.get("url") == url
            and (project is None or entry.get("project") == project)
            and (principal is None or entry.get("principal") == principal)
        ]
        fitting.sort(key=lambda entry: not entry.get("current"))
        return fitting[0] if fitting else None

    def store(self, *, url: str, project: str, principal: str, token: str, credential: str | None = None) -> None:
        """Add or replace a login and make it the current one of its server and project."""
        kept = []
        for entry in self.entries:
            if (entry.get("url"), entry.get("project")) == (url, project):
                if entry.get("principal") == principal:
                    continue
                entry["current"] = False
            kept.append(entry)
        made = {"url": url, "project": project, "principal": principal, "token": token, "current": True}
        if credential is not None:
            made["credential"] = credential
        self.entries = [*kept, made]
        self.write()

    def forget(self, url: str, project: str | None, principal: str) -> bool:
        """Remove a login; whether there was one."""
        found = self.find(url, project, principal)
        if found is None:
            return False
        self.entries.remove(found)
        self.write()
        return True

    def write(self) -> None:
        """Write the file anew and put it in the old one's place: a crash leaves the old one or the new one."""
        write_private(self.path, json.dumps({"logins": self.entries}, indent=2) + "\n")


def write_private(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file that only its owner can read, whole or not at all; `durable`: on disk before it returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
    # mkstemp makes the file with mode 0600 from the start: there is no moment in which others can read it.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        # A crash before this may take the file's name away again, and nobody was told of it yet.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
