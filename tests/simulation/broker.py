"""Kafka's half, in memory: topics, partitions, offsets, and groups that share partitions out. It loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from tests.simulation.weather import Server

SESSION_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BusRecord:
    """One record, as aiokafka hands it out."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int


class Member(Protocol):
    """What the broker knows of a consumer in a group: its topics, and how to tell it that all have to join again."""

    topics: Sequence[str]

    def join_again(self) -> None:
        """Say so."""

    def silent(self) -> bool:
        """Whether its process is killed or frozen."""


@dataclass
class Group:
    """Who reads together, who has what, and how far they are."""

    name: str
    members: dict[Member, None] = field(default_factory=dict)
    joined: dict[Member, asyncio.Future[list[TopicPartition]]] = field(default_factory=dict)
    stable: bool = True
    committed: dict[TopicPartition, int] = field(default_factory=dict)


class Broker(Server):
    """One cluster. `watchers` are told of each record that was appended."""

    def __init__(self, name: str = "memory") -> None:
        """It has no topics."""
        super().__init__()
        self.name = name
        self.topics: dict[str, list[list[BusRecord]]] = {}
        self.groups: dict[str, Group] = {}
        self.watchers: list[Callable[[BusRecord], None]] = []
        self.listeners: dict[Callable[[], None], None] = {}

    def create(self, name: str, partitions: int) -> bool:
        """Create a topic; whether it was not there."""
        if name in self.topics:
            return False
        self.topics[name] = [[] for _ in range(partitions)]
        for group in self.groups.values():
            self._regroup(group)
        return True

    def append(self, topic: str, partition: int, records: Sequence[tuple[Any, bytes, Any, int]]) -> int:
        """Append a batch, whole; return the offset of its last record."""
        log = self.topics[topic][partition]
        for key, value, headers, at_ms in records:
            record = BusRecord(topic, partition, len(log), key, value, tuple(headers), at_ms)
            log.append(record)
            for watcher in self.watchers:
                watcher(record)
        for tell in list(self.listeners):
            tell()
        return len(log) - 1

    def fetch(self, place: TopicPartition, offset: int, most: int) -> list[BusRecord]:
        """Records from an offset on."""
        return self.topics[place.topic][place.partition][offset : offset + most]

    def ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each."""
        return {place: len(self.topics[place.topic][place.partition]) for place in places}

    def places(self, topics: Iterable[str]) -> list[TopicPartition]:
        """All partitions of topics, in order."""
        return [TopicPartition(name, n) for name in sorted(topics) for n in range(len(self.topics.get(name, ())))]

    # -- groups ------------------------------------------------------------------------------------------

    def join(self, name: str, member: Member) -> asyncio.Future[list[TopicPartition]]:
        """Take part in the group, anew; the answer comes when all of it have joined, or were given up."""
        group = self.groups.setdefault(name, Group(name))
        answer: asyncio.Future[list[TopicPartition]] = asyncio.get_running_loop().create_future()
        group.members[member] = None
        group.joined[member] = answer
        if group.stable:
            self._regroup(group)
        self._share(group)
        return answer

    def leave(self, name: str, member: Member) -> None:
        """Take part no more."""
        group = self.groups.get(name, Group(name))
        if member in group.members:
            del group.members[member]
            if (answer := group.joined.pop(member, None)) is not None:
                answer.cancel()
            self._regroup(group)
            self._share(group)

    def look_for_silent(self) -> None:
        """After their session's time, give up members whose process says nothing."""
        for name in self.groups:
            self._sweep_later(name)

    def _sweep_later(self, name: str) -> None:
        asyncio.get_running_loop().call_later(SESSION_SECONDS, self._sweep, name, context=Context())

    def _sweep(self, name: str) -> None:
        for member in [one for one in self.groups[name].members if one.silent()]:
            self.leave(name, member)
            # One that was frozen finds out when it is thawed.
            member.join_again()

    def _regroup(self, group: Group) -> None:
        group.stable = False
        self._sweep_later(group.name)
        for member in group.members:
            if member not in group.joined:
                member.join_again()

    def _share(self, group: Group) -> None:
        """Share the partitions out, when all are there that have to be."""
        if group.stable or set(group.members) != set(group.joined):
            return
        group.stable = True
        members = list(group.members)
        shares: dict[Member, list[TopicPartition]] = {member: [] for member in members}
        for number, place in enumerate(self.places({name for member in members for name in member.topics})):
            readers = [member for member in members if place.topic in member.topics]
            shares[readers[number % len(readers)]].append(place)
        joined, group.joined = group.joined, {}
        for member, answer in joined.items():
            if not answer.done():
                answer.set_result(shares[member])

    def commit(self, name: str, member: Member, offsets: Mapping[TopicPartition, int]) -> None:
        """Keep how far a group is. Raises CommitFailedError for who is none of it any more."""
        group = self.groups.get(name, Group(name))
        if member not in group.members:
            raise CommitFailedError("the group has moved on without this member")
        group.committed.update(offsets)

    def committed(self, name: str, place: TopicPartition) -> int | None:
        """How far the group is."""
        return self.groups[name].committed.get(place) if name in self.groups else None
