"""What the demo's releases are made of: commits, artifacts, migrations, tests. Data, and how it becomes a command."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any


def digest(of: str) -> str:
    """Return the digest that stands for something: the same at every play."""
    return f"sha256:{hashlib.sha256(of.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Content:
    """One content of a release; `revision` tells it from the release's earlier ones.

    `commits` are (author, time) since production's release, `migrations` ids, `contains` the releases that its head
    has as ancestors.
    """

    release: str
    commits: tuple[tuple[str, str], ...]
    contains: tuple[str, ...]
    migrations: tuple[str, ...] = ()
    new_tests: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    revision: int = 1

    @property
    def head(self) -> str:
        """The commit at which the release stands."""
        return self.sha(len(self.commits))

    def sha(self, number: int) -> str:
        """Return the hash of the commit with this number, from 1; a later revision keeps the earlier commits."""
        author, time = self.commits[number - 1]
        return digest(f"commit {number} of {self.release} by {author} at {time}")[7:47]

    def migration(self, name: str) -> dict[str, Any]:
        """Return a migration by its id."""
        return {"id": name, "digest": digest(f"migration {name}"), "backward_compatible": True}

    def fields(self) -> dict[str, Any]:
        """Return the fields of SetReleaseContent."""
        return {
            "release": self.release,
            "artifacts": [
                {
                    "purl": f"pkg:oci/trading@{self.release}",
                    "digest": digest(f"image of {self.release}, revision {self.revision}"),
                }
            ],
            "commits": [
                {"repository": "trading", "sha": self.sha(number), "author": author, "time": time}
                for number, (author, time) in enumerate(self.commits, start=1)
            ],
            "head": [{"repository": "trading", "sha": self.head}],
            "contains": list(self.contains),
            "migrations": [self.migration(name) for name in self.migrations],
            "adds_functionality": bool(self.new_tests),
            "new_tests": list(self.new_tests),
            "fixes": list(self.fixes),
        }

    def with_more(self, author: str, time: str, **changed: Any) -> Content:
        """Return the next revision: one more commit, and what else is `changed`."""
        return replace(self, commits=(*self.commits, (author, time)), revision=self.revision + 1, **changed)


R4_11_1 = Content(
    release="4.11.1",
    commits=(("anton", "2026-11-11T14:20:00Z"), ("dora", "2026-11-12T08:55:00Z")),
    contains=("4.11.0",),
    migrations=("212-quote-groups",),
)
R4_11_2 = Content(
    release="4.11.2",
    commits=(("dora", "2026-11-13T15:05:00Z"), ("dora", "2026-11-16T09:10:00Z")),
    contains=("4.11.0", "4.11.1"),
    migrations=("213-fills-by-day", "214-fills-index"),
)
R4_11_2_MENDED = R4_11_2.with_more("dora", "2026-11-17T08:40:00Z")
HOTFIX_4_11_3 = Content(
    release="4.11.3",
    commits=(("dora", "2026-11-25T10:38:00Z"),),
    contains=("4.11.0", "4.11.1", "4.11.2"),
)
R4_12_0 = Content(
    release="4.12.0",
    commits=(("anton", "2026-11-20T16:30:00Z"), ("anton", "2026-11-23T17:45:00Z")),
    contains=("4.11.0", "4.11.1", "4.11.2"),
    migrations=("215-brackets", "216-bracket-legs", "217-bracket-index", "218-orders-parent"),
    new_tests=("orders.test_bracket_fills_once", "orders.test_bracket_cancels_its_legs"),
)
R4_12_0_WITH_HOTFIX = R4_12_0.with_more("anton", "2026-11-25T15:24:00Z", contains=(*R4_12_0.contains, "4.11.3"))
R4_13_0 = Content(
    release="4.13.0",
    commits=(("anton", "2026-11-24T14:40:00Z"),),
    contains=("4.11.0", "4.11.1", "4.11.2"),
    new_tests=("quotes.test_gap_fill",),
)
R4_13_0_WITH_HOTFIX = R4_13_0.with_more("anton", "2026-11-25T17:50:00Z", contains=(*R4_13_0.contains, "4.11.3"))
R4_14_0 = Content(
    release="4.14.0",
    commits=(("dora", "2026-11-26T11:15:00Z"), ("anton", "2026-11-26T12:40:00Z")),
    contains=("4.11.0", "4.11.1", "4.11.2", "4.11.3"),
)
