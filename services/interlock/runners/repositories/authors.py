"""Who wrote a commit, as a principal: the rules compare persons, and the record holds no names of theirs.

[authors]
"anna@example.com" = "anna"      # the address that git knows, and the principal who it is
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.runners.commands import table_of
from interlock.runners.connections import NotConfigured

# No principal's id holds a colon: this never becomes somebody.
STRANGER: Final = "git:"
STRANGER_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, order=True)
class Author:
    """An author as git names him."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


@dataclass(frozen=True, slots=True)
class People:
    """The principals that are registered, and what the configuration says of addresses."""

    principals: Collection[str]
    addresses: Mapping[str, str]

    def principal(self, author: Author) -> str | None:
        """Return who that is, None where nobody is known to be.

        What is configured comes before what an id looks like: two persons may share a first name.
        """
        named = self.addresses.get(author.address.lower())
        if named is not None:
            return named
        name = author.name.lower()
        looks = (author.address, author.address.partition("@")[0], author.name, name, name.replace(" ", "-"))
        return next((each for each in looks if each in self.principals), None)

    def recorded(self, author: Author) -> str:
        """Return what is recorded: the principal, otherwise a mark of the address that names nobody."""
        found = self.principal(author)
        if found is not None:
            return found
        digest = hashlib.sha256(author.address.lower().encode("utf-8", "surrogateescape")).hexdigest()
        return f"{STRANGER}{digest[:STRANGER_DIGITS]}"


def people_of(document: Mapping[str, Any], principals: Collection[str]) -> People:
    """Return the people that authors may be. Raises NotConfigured, also for a principal that nobody is."""
    addresses: dict[str, str] = {}
    for address, who in table_of(document, "authors").items():
        if not isinstance(who, str) or who not in principals:
            there = "it names no principal" if isinstance(who, str) else "it is no name"
            raise NotConfigured(f'authors."{address}"', there, "dt team list shows who is registered")
        addresses[address.lower()] = who
    return People(principals, addresses)
