"""Which market data an environment gets, as its configured command says: the host and the kind of the token.

[environments.sandbox]
feed = ["./feed.sh"]      # prints, on a line of its own: host=cloud.iexapis.com token=production

[feeds]                   # hosts of your own that pass IEX on, each with the kind of data that it gives
"iex.shop.internal" = "production"

Host and token must be of one kind, and that kind is the feed: "IEX Sandbox" or "IEX Production". The kind is printed,
never the token. What the command prints is neither shown nor kept; where a token is in it, nothing is read from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from interlock.events.seams import MonotonicClock
from interlock.runners.commands import Configured, asked, command_of, table_of
from interlock.runners.connections import NotConfigured
from interlock.runners.failures import Stopped

ANSWER_SECONDS: Final = 60.0
SANDBOX: Final = "sandbox"
PRODUCTION: Final = "production"
# The names that policies know, and that are recorded as `observed.feed`.
NAMES: Final = {SANDBOX: "IEX Sandbox", PRODUCTION: "IEX Production"}
HOSTS: Final = {
    "sandbox.iexapis.com": SANDBOX,
    "sandbox-sse.iexapis.com": SANDBOX,
    "cloud.iexapis.com": PRODUCTION,
    "cloud-sse.iexapis.com": PRODUCTION,
    "api.iex.cloud": PRODUCTION,
}
# IEX's tokens: publishable and secret ones, of production and (with a T) of the sandbox.
TOKEN: Final = re.compile(r"T?[ps]k_[0-9A-Za-z]", re.IGNORECASE)
HOST: Final = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
FACT: Final = re.compile(r"(host|token)=(\S*)")
PRINTED: Final = "host=HOST token=sandbox|production"


class NoFeed(Stopped):
    """the environment's feed command did not say which market data it gets"""


class TokenShown(Stopped):
    """the feed command printed a token: it must print the token's kind, never the token"""


class FeedsDiffer(Stopped):
    """host and token are of different kinds"""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed command says, and the hosts that it may name with the kind that each gives."""

    command: Configured
    hosts: Mapping[str, str]


def feed_configured(document: Mapping[str, Any], environment: str, *, home: Path) -> Feed | None:
    """Return an environment's feed command, None where it has none. Raises NotConfigured."""
    value = table_of(document, "environments", environment).get("feed")
    if value is None:
        return None
    own = table_of(document, "feeds")
    for host, kind in own.items():
        if not HOST.fullmatch(host):
            raise NotConfigured("feeds", "a name in it is no host", 'write "iex.example.com" = "sandbox"')
        if kind not in NAMES:
            raise NotConfigured(f"feeds.{host}", "it is no kind", 'write "sandbox" or "production"')
        if HOSTS.get(host, kind) != kind:
            raise NotConfigured(f"feeds.{host}", f"it is IEX's own, and gives {HOSTS[host]} data", "leave it out")
    return Feed(command_of(value, f"environments.{environment}.feed", home), {**own, **HOSTS})


async def feed_of(feed: Feed, *, clock: MonotonicClock, environ: Mapping[str, str]) -> str:
    """Run the command and return the feed's name. Raises NoFeed, TokenShown, FeedsDiffer: none holds its output."""
    name = feed.command.words[0]
    ended, lines = await asked(feed.command, seconds=ANSWER_SECONDS, failing=NoFeed, clock=clock, environ=environ)
    if ended.code != 0:
        raise NoFeed(f"{name} did not say which market data there is: {ended.how}")
    return read_feed(lines, feed.hosts, name)


def read_feed(lines: list[str], hosts: Mapping[str, str], name: str) -> str:
    """Return the feed's name from what the command `name` printed. Raises NoFeed, TokenShown, FeedsDiffer."""
    # A token may also stand in a line that says nothing else of use: who prints it there, prints it into logs.
    if any(TOKEN.search(line) for line in lines):
        raise TokenShown(f"{name} printed a token: let it print its kind, as in {PRINTED}, and never the token")
    said = [found for line in lines if (found := FACT.findall(line))]
    if len(said) != 1 or sorted(key for key, _ in said[0]) != ["host", "token"]:
        raise NoFeed(f"{name} must print one line {PRINTED}; it printed {len(said)} that name a host or a token")
    facts = dict(said[0])
    host, kind = facts["host"].lower().removesuffix("."), facts["token"].lower()
    if kind not in NAMES:
        # Whatever stands there instead may be the token itself.
        raise TokenShown(f"{name}: what stands after token= is no kind of token: it must be sandbox or production")
    if host not in hosts:
        shown = f"the host {host}" if HOST.fullmatch(host) else "what stands after host="
        raise NoFeed(
            f'{name}: {shown} is none of IEX\'s; where it passes IEX on, name it in [feeds], as in "H" = "{kind}"'
        )
    if hosts[host] != kind:
        raise FeedsDiffer(f"{name}: the host {host} gives {hosts[host]} data, and the token is one of {kind}")
    return NAMES[kind]
