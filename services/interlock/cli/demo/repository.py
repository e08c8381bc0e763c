"""The team's git repository, which is real: made as the story goes, with the dates and authors that it tells of."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from interlock.cli.demo.cast import EVERYBODY
from interlock.cli.demo.contents import BASE, FIRST, Content, Written

if TYPE_CHECKING:
    from interlock.runners.repositories.diff import Diff

NAME: Final = "trading"
MAIL: Final = "demo.invalid"
GIT_SECONDS: Final = 60


class Repository:
    """The repository in `directory`; each release is a branch, and each content that was declared a tag."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._written: dict[str, int] = {}
        self._heads: dict[str, str] = {}

    def begin(self) -> str:
        """Make it, with what production runs before the story begins; return that commit."""
        self.directory.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch", BASE)
        self._commit(FIRST)
        self._heads[BASE] = self._git("rev-parse", "HEAD")
        return self._heads[BASE]

    def write(self, content: Content) -> str:
        """Commit what the content has and the repository has not yet; return its head."""
        if content.release not in self._written:
            self._git("checkout", "--quiet", "-b", content.release, self._heads[content.upon])
        else:
            self._git("checkout", "--quiet", content.release)
        for written in content.commits[self._written.get(content.release, 0) :]:
            self._commit(written)
        self._written[content.release] = content.revision
        self._heads[content.release] = self._git("rev-parse", "HEAD")
        return self._heads[content.release]

    def declared(self, release: str, content_digest: str) -> None:
        """Keep which commit a content is, so that it can be deployed by its digest."""
        self._git("tag", "--force", tag_of(content_digest), self._heads[release])

    def at(self, release: str) -> None:
        """Let the work tree be the release's: its migrations run from there."""
        self._git("checkout", "--quiet", release)

    def fields(self, content: Content, document: Mapping[str, Any], production: str) -> dict[str, Any]:
        """Return the fields of SetReleaseContent as git knows them, since what `production` runs."""
        from interlock.events.canonical import digest_of_bytes
        from interlock.runners.repositories.authors import people_of
        from interlock.runners.repositories.clones import opened, places_of
        from interlock.runners.repositories.content import Asked, content_of
        from interlock.runners.repositories.patterns import wanted_of

        self.write(content)
        with opened(places_of(document, home=self.directory.parent)) as clones:
            made = content_of(
                clones,
                Asked(
                    bases={NAME: self._heads[production]},
                    heads={NAME: content.release},
                    wanted=wanted_of(document),
                    releases={name: {NAME: head} for name, head in self._heads.items() if name != content.release},
                ),
            )
            found = made.fields(people_of(document, EVERYBODY))
            image = digest_of_bytes(clones[0].raw("archive", "--format=tar", made.spans[0].head))
        return {
            "release": content.release,
            "artifacts": [{"purl": f"pkg:oci/{NAME}@{content.release}", "digest": image}],
            **found,
            "adds_functionality": bool(found["new_tests"]),
        }

    def diff(self, release: str, base: str, document: Mapping[str, Any]) -> tuple[str, Diff]:
        """Return the range since `base`, and the diff over it, as dt stage review has it."""
        from interlock.runners.repositories.clones import opened, places_of
        from interlock.runners.repositories.content import spans_of
        from interlock.runners.repositories.diff import diff_of

        with opened(places_of(document, home=self.directory.parent)) as clones:
            spans = spans_of(clones, {NAME: self._heads[base]}, {NAME: release})
            return f"{str(spans[0].base)[:12]}..{spans[0].head[:12]}", diff_of(spans)

    def _commit(self, written: Written) -> None:
        if written.merges is not None:
            self._git("merge", "--quiet", "--no-ff", "-m", written.message, written.merges, by=written)
            return
        for path, text in written.files.items():
            place = self.directory / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        for path, text in written.more.items():
            with (self.directory / path).open("a", encoding="utf-8") as file:
                file.write(text)
        self._git("add", "--all")
        self._git("commit", "--quiet", "-m", written.message, by=written)

    def _git(self, *arguments: str, by: Written | None = None) -> str:
        """Run git there, with nobody's settings. Raises CalledProcessError."""
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.directory.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        if by is not None:
            at = str(int(datetime.fromisoformat(by.time).timestamp())) + " +0000"
            for who in ("AUTHOR", "COMMITTER"):
                named = {"NAME": by.author, "EMAIL": f"{by.author}@{MAIL}", "DATE": at}
                environ |= {f"GIT_{who}_{part}": value for part, value in named.items()}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=GIT_SECONDS,
        )
        return done.stdout.strip()


def tag_of(content_digest: str) -> str:
    """Return the tag of a declared content: what the deploy command asks git for."""
    return f"content/{content_digest.removeprefix('sha256:')}"
