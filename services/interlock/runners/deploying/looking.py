"""What an environment is, and what runs in it, read there: before a deploy, and after it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.events.catalogue.parts import Identity
from interlock.events.seams import MonotonicClock
from interlock.runners.commands import asked
from interlock.runners.deploying.configured import Executor
from interlock.runners.failures import Stopped
from interlock.runners.feeds import feed_of
from interlock.runners.targets import Found, look

# Well within the margin that a lease leaves, since it is asked once more when the lease is nearly over.
OBSERVE_SECONDS: Final = 10.0
DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class NotSaid(Stopped):
    """the environment's observed command did not say what runs there"""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read before a deploy; `content` is None where nothing runs, or where nobody could say what."""

    found: Found
    content: str | None
    feed: str | None

    def fields(self) -> dict[str, Any]:
        """Return it as a command's `observed`."""
        observed = self.found.fields()
        if self.content is not None:
            observed["content_digest"] = self.content
        if self.feed is not None:
            observed["feed"] = self.feed
        return observed


async def look_around(
    executor: Executor, registered: Identity | None, *, clock: MonotonicClock, environ: Mapping[str, str]
) -> Looked:
    """Read identity, schema, content and feed. Raises Stopped: nothing was begun."""
    found = await look(executor.target, registered, clock=clock, environ=environ)
    try:
        content: str | None = await what_runs(executor, clock=clock, environ=environ)
    except NotSaid:
        content = None
    feed = await feed_of(executor.feed, clock=clock, environ=environ) if executor.feed is not None else None
    return Looked(found, content, feed)


async def what_runs(executor: Executor, *, clock: MonotonicClock, environ: Mapping[str, str]) -> str:
    """Return the digest of the content that runs there, as its command prints it. Raises NotSaid."""
    command = executor.observed
    ended, lines = await asked(command, seconds=OBSERVE_SECONDS, failing=NotSaid, clock=clock, environ=environ)
    if ended.code != 0:
        raise NotSaid(f"{command.words[0]} did not say what runs: {ended.how}")
    said = [line.strip() for line in lines if line.strip()]
    digest = DIGEST.fullmatch(said[0]) if len(said) == 1 else None
    if digest is None:
        raise NotSaid(f"{command.words[0]} must print one line, the content's digest: it printed {len(said)}")
    return f"sha256:{digest[1]}"
