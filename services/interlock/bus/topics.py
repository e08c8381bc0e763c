"""The topics: their names and settings as topics.toml has them, created so or compared, never changed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from interlock.bus.bounded import Graveyard, refused_by_name, within
from interlock.bus.connection import KafkaAddress
from interlock.bus.errors import TopicDiffers, TopicMissing
from interlock.events.seams import Sleep

PREFIX: Final = "interlock"
CLIENT: Final = "interlock-topics"
ANSWER_SECONDS: Final = 10.0
LEAVE_SECONDS: Final = 2.0
# What was just created is known everywhere after a moment.
LOOKS_MAX: Final = 50
LOOK_SECONDS: Final = 0.1
# With three replicas two must have a record before it counts, so that one may be away.
REPLICAS_MUST_HAVE_MAX: Final = 2

_FILE: Final = "topics.toml"
_ALREADY_THERE: Final = 36
_UNKNOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must be."""

    name: str
    about: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one deployment."""

    events: Topic
    intake: Topic
    outcomes: Topic
    dead_letter: Topic

    @property
    def all(self) -> tuple[Topic, ...]:
        """Each of them."""
        return (self.events, self.intake, self.outcomes, self.dead_letter)


def topics(prefix: str = PREFIX, *, replicas: int = 1, partitions: int | None = None) -> Topics:
    """Return the topics of a deployment; `partitions` is for those that have several."""
    document = tomllib.loads((files("interlock.bus") / _FILE).read_text(encoding="utf-8"))

    def topic(part: str) -> Topic:
        written = document[part]
        must_have = {"min.insync.replicas": str(min(replicas, REPLICAS_MUST_HAVE_MAX))}
        number = written["partitions"] if partitions is None or written["partitions"] == 1 else partitions
        return Topic(
            f"{prefix}.{part}", written["about"], number, replicas, MappingProxyType(written["settings"] | must_have)
        )

    return Topics(topic("events"), topic("intake"), topic("outcomes"), topic("dead-letter"))


class Administration:
    """Looks at a cluster's topics, and creates them where it is asked to; every wait is bounded."""

    def __init__(self, address: KafkaAddress) -> None:
        """Ask the cluster at `address`."""
        options = address.options(CLIENT)
        self._admin = AIOKafkaAdminClient(**options)
        self._graveyard = Graveyard()

    async def __aenter__(self) -> Self:
        """Connect. Raises KafkaAway, KafkaRefuses."""
        try:
            await self._graveyard.start(ANSWER_SECONDS, self._admin)
        except BaseException:
            await self._graveyard.close(LEAVE_SECONDS)
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Let it go; whoever does not answer is not waited for."""
        self._graveyard.bury(self._admin)
        await self._graveyard.close(LEAVE_SECONDS)

    async def cluster(self) -> str:
        """Return the cluster's id. Raises KafkaAway."""
        described = await within(ANSWER_SECONDS, self._admin.describe_cluster())
        return str(described["cluster_id"])

    async def create(self, wanted: Iterable[Topic]) -> list[str]:
        """Create those that are missing, and return their names; the others stay as they are. Raises BusError."""
        asked = [
            NewTopic(
                topic.name,
                num_partitions=topic.partitions,
                replication_factor=topic.replicas,
                topic_configs=dict(topic.settings),
            )
            for topic in wanted
        ]
        answer = await within(ANSWER_SECONDS, self._admin.create_topics(asked))
        created = []
        for name, code, *said in answer.topic_errors:
            if code == 0:
                created.append(name)
            elif code != _ALREADY_THERE:
                with refused_by_name():
                    raise for_code(code)(f"{name}: {said}")
        return created

    async def check(self, wanted: Iterable[Topic]) -> None:
        """Return where all are there as they must be. Raises TopicMissing, TopicDiffers with all differences."""
        expected = {topic.name: topic for topic in wanted}
        shapes = await self._shapes(list(expected))
        found = await self._settings(list(expected))
        differences = []
        for name, topic in expected.items():
            actual = {**found[name], **shapes[name]}
            must = {**topic.settings, "partitions": str(topic.partitions), "replicas": str(topic.replicas)}
            differences += [
                f"{name}: {setting} is {actual.get(setting)} and must be {value}"
                for setting, value in sorted(must.items())
                if actual.get(setting) != value
            ]
        if differences:
            raise TopicDiffers("; ".join(differences))

    async def _shapes(self, names: list[str]) -> dict[str, dict[str, str]]:
        shapes = {}
        for described in await within(ANSWER_SECONDS, self._admin.describe_topics(names)):
            if described["error_code"] == _UNKNOWN:
                raise TopicMissing(described["topic"])
            if described["error_code"]:
                with refused_by_name():
                    raise for_code(described["error_code"])(described["topic"])
            parts = described["partitions"]
            shapes[described["topic"]] = {
                "partitions": str(len(parts)),
                "replicas": str(len(parts[0]["replicas"])),
            }
        for name in names:
            if name not in shapes:
                raise TopicMissing(name)
        return shapes

    async def _settings(self, names: list[str]) -> dict[str, dict[str, str]]:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        settings: dict[str, dict[str, str]] = {}
        for answer in await within(ANSWER_SECONDS, self._admin.describe_configs(asked)):
            for code, said, _kind, name, entries in answer.resources:
                if code:
                    with refused_by_name():
                        raise for_code(code)(f"{name}: {said}")
                settings[name] = {entry[0]: _text(entry[1]) for entry in entries}
        return settings


def _text(value: Any) -> str:
    return "" if value is None else str(value)


async def ensure(address: KafkaAddress, wanted: Iterable[Topic], *, sleep: Sleep, create: bool = True) -> list[str]:
    """Create what is missing (if `create`), compare everything, and return what was created.

    Raises TopicMissing, TopicDiffers, KafkaAway, KafkaRefuses. Two that create at once see each other's as there.
    """
    wanted = tuple(wanted)
    async with Administration(address) as administration:
        created = await administration.create(wanted) if create else []
        for left in range(LOOKS_MAX if created else 0, -1, -1):
            try:
                await administration.check(wanted)
                break
            except TopicMissing:
                if not left:
                    raise
                await sleep(LOOK_SECONDS)
        return created
