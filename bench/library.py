"""The `eventsourcing` library's own application on PostgreSQL, as its documentation writes one: the other side."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from bench.story import STEPS, Content, content_of
from bench.timing import Timing


class Release(Aggregate):
    """A release with the story's changes, and of the rules only what it can see of itself."""

    @event("Opened")
    def __init__(self, name: str, kind: str, title: str, author: str) -> None:
        """Open it."""
        self.name = name
        self.kind = kind
        self.title = title
        self.author = author
        self.held = False
        self.withdrawn = False
        self.reason = ""
        self.content: Content = {}
        self.requests: dict[str, str] = {}

    @event("ContentSet")
    def set_content(self, content: Content) -> None:
        """Say what it is made of."""
        self.content = content

    @event("Held")
    def hold(self, reason: str) -> None:
        """Hold it."""
        self.reason = reason
        if self.held:
            raise ValueError("held already")
        self.held = True

    @event("HoldLifted")
    def lift(self, reason: str) -> None:
        """End the hold."""
        self.reason = reason
        self.held = False

    @event("DeployRequested")
    def request_deploy(self, environment: str, content: str) -> None:
        """Ask for a deploy."""
        if self.held or self.withdrawn:
            raise ValueError("not now")
        self.requests[environment] = content

    @event("Withdrawn")
    def withdraw(self, reason: str) -> None:
        """Give it up."""
        self.reason = reason
        self.withdrawn = True


class Releases(Application[UUID]):
    """Each command reads its aggregate (from the library's cache), changes it, and saves it."""

    def step(self, known: UUID | None, step: str, name: str) -> UUID:
        """Give one command of the story; `known` is the release's id once it is open."""
        if known is None:
            release = Release(name=name, kind="normal", title=name, author="anton")
        else:
            release = self.repository.get(known)
            change(release, step)
        self.save(release)
        return release.id


def change(release: Release, step: str) -> None:
    match step:
        case "content":
            release.set_content(content=content_of(release.name))
        case "hold":
            release.hold(reason="the exchange is closed")
        case "lift":
            release.lift(reason="the exchange is open")
        case "deploy":
            release.request_deploy(environment="sandbox-anton", content=str(release.content["head"]))
        case "withdraw":
            release.withdraw(reason="it is not wanted any more")


def environment_of(address: Mapping[str, str], callers: int) -> dict[str, str]:
    """Return the settings: as many connections as callers, and the aggregates' cache on."""
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": address["dbname"],
        "POSTGRES_HOST": address["host"],
        "POSTGRES_PORT": address["port"],
        "POSTGRES_USER": address["user"],
        "POSTGRES_PASSWORD": "",
        "POSTGRES_POOL_SIZE": str(min(callers, 32)),
        "POSTGRES_MAX_OVERFLOW": "8",
        "AGGREGATE_CACHE_MAXSIZE": "10000",
    }


def run(address: Mapping[str, str], *, callers: int, seconds: float, label: str) -> Timing:
    """Let `callers` threads tell the story again and again for `seconds`."""
    application = Releases(env=environment_of(address, callers))
    timing, lock = Timing(), threading.Lock()
    until = perf_counter() + seconds

    def call(number: int) -> None:
        taken: list[float] = []
        told = 0
        while perf_counter() < until:
            known: Any = None
            for step in STEPS:
                began = perf_counter()
                known = application.step(known, step, f"{label}-{number}.{told}")
                taken.append(perf_counter() - began)
            told += 1
        with lock:
            timing.add(taken)

    began = perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        for done in [pool.submit(call, number) for number in range(callers)]:
            done.result()
    timing.seconds = perf_counter() - began
    application.close()
    return timing
