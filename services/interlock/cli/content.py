"""What a release is made of, put together from a file, from options and from git."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.cli.exits import USAGE, Halt
from interlock.cli.session import Session

FILE_BYTES_READ_AT_ONCE = 1 << 20
DIGEST = re.compile(r"^(?:sha256:)?([0-9a-f]{64})$")
LISTS = ("artifacts", "commits", "head", "contains", "migrations", "new_tests", "fixes")
FIELDS = {*LISTS, "adds_functionality"}


def gather(session: Session, release: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of SetReleaseContent but for the release. Raises Halt (usage) where they cannot be had."""
    fields: dict[str, Any] = {name: [] for name in LISTS}
    fields["adds_functionality"] = False
    if given["file"] is not None:
        fields.update(of_file(given["file"]))
    for name, found in of_git(session, release, given, in_file=bool(fields["commits"] or fields["head"])).items():
        fields[name] = [*fields[name], *(item for item in found if item not in fields[name])]
    fields["artifacts"] += [pair(text, "purl", "--artifact") for text in given["artifacts"]]
    fields["artifacts"] += [of_path(text, "purl", "--artifact-file") for text in given["artifact_files"]]
    for option, compatible in (("migrations", False), ("compatible", True)):
        for text in given[option]:
            migration = of_path(text, "id", "--migration")
            # What is said here counts instead of what git says of the same one.
            fields["migrations"] = [each for each in fields["migrations"] if each.get("id") != migration["id"]]
            fields["migrations"].append({**migration, "backward_compatible": compatible})
    fields["contains"] += [name for name in given["contains"] if name not in fields["contains"]]
    fields["new_tests"] += [name for name in given["new_tests"] if name not in fields["new_tests"]]
    fields["fixes"] += list(given["fixes"])
    fields["adds_functionality"] = bool(fields["adds_functionality"] or given["adds_functionality"])
    if not fields["artifacts"] and not fields["commits"]:
        raise Halt(
            "the content has neither artifacts nor commits",
            code=USAGE,
            then=(
                ("dt release content --help", "--from-file, --from-git, --artifact"),
                ("dt help config", "or name your clones in [repositories], and git is read by itself"),
            ),
        )
    return fields


def of_git(session: Session, release: str, given: Mapping[str, Any], *, in_file: bool) -> dict[str, Any]:
    """Return what git knows: of the repository that is named, else of all that interlock.toml names.

    What a file says of commits was computed somewhere else: then git is not asked.
    """
    from interlock.cli import repositories

    if given["from_git"]:
        path, span = given["from_git"]
        made = repositories.content_of_range(session, release, Path(path), span, given["repository"])
        return repositories.recorded_fields(session, made, strangers=given["unknown_authors"])
    places = () if in_file else repositories.configured_places(session)
    if not places:
        for option in ("bases", "heads", "declared"):
            if given[option]:
                raise Halt("no repository is read", code=USAGE, why="interlock.toml has no [repositories]")
        return {}
    made = repositories.configured_content(session, release, given, places)
    return repositories.recorded_fields(session, made, strangers=given["unknown_authors"])


def of_file(path: Path) -> dict[str, Any]:
    """Read a JSON or TOML file of the command's fields; a field that there is not is named."""
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix == ".toml":
            import tomllib

            document: Any = tomllib.loads(text)
        else:
            document = json.loads(text)
    except ValueError as wrong:
        raise Halt(f"{path} cannot be read", why=str(wrong), code=USAGE) from wrong
    if not isinstance(document, dict):
        raise Halt(f"{path} holds no fields", why="it must be one object (JSON) or table (TOML)", code=USAGE)
    unknown = sorted(set(document) - FIELDS - {"release"})
    if unknown:
        raise Halt(
            f"{path}: there is no field {unknown[0]!r}", why=f"there are {', '.join(sorted(FIELDS))}", code=USAGE
        )
    document.pop("release", None)
    for name in ("contains", "new_tests", "fixes", "artifacts", "commits", "head", "migrations"):
        if name in document and not isinstance(document[name], list):
            raise Halt(f"{path}: {name} must be a list", code=USAGE)
    return document


def pair(text: str, key: str, option: str) -> dict[str, Any]:
    """Return "PURL=SHA256" as an artifact. A purl may hold `=` itself: the last one separates."""
    name, _, digest = text.rpartition("=")
    found = DIGEST.match(digest)
    if not name or found is None:
        raise Halt(f"{option}: {text!r} has no digest", why="write it as NAME=sha256:… (64 hex digits)", code=USAGE)
    return {key: name, "digest": f"sha256:{found.group(1)}"}


def of_path(text: str, key: str, option: str) -> dict[str, Any]:
    """Return "NAME=FILE" with the digest of the file's bytes."""
    name, _, where = text.rpartition("=")
    path = Path(where)
    if not name or not path.is_file():
        raise Halt(f"{option}: {text!r} names no file", why="write it as NAME=FILE", code=USAGE)
    return {key: name, "digest": digest_of_file(path)}


def digest_of_file(path: Path) -> str:
    """Return "sha256:" and the digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(FILE_BYTES_READ_AT_ONCE):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"
