"""How the story is played: everybody with an own token, time by the test clock, all of it by the public API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from interlock.cli.demo.databases import NAMES, Databases
from interlock.cli.demo.places import Places
from interlock.cli.demo.repository import Repository
from interlock.client import Client, ProblemAnswer

# A routine is what happens by itself at a moment: the nightly tests, the hourly look into the logs.
Routine = tuple[datetime, Callable[["Play"], None]]


class StoryStops(Exception):
    """the story does not go on as it is told"""


def instant(text: str) -> datetime:
    """Return a moment of the story: "11-25 10:14" or "11-25 00:00:02", in 2026, GMT."""
    form = "%Y-%m-%d %H:%M:%S" if text.count(":") == 2 else "%Y-%m-%d %H:%M"
    return datetime.strptime(f"2026-{text}", form).replace(tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    """Return the moment as the API takes it."""
    return moment.isoformat().replace("+00:00", "Z")


@dataclass
class Play:
    """The story at a moment. `client_for` makes a client of a token; `refusals` and `arrivals` are for telling.

    `databases` are those of production and stage, `repository` the team's, `places` the environments: all of them real.
    `document` is the demo's interlock.toml.

    `tokens` are everybody's; `codes` the one-time codes of the founders, who begin with them.

    What is so in the world, and no answer of the server's: `logs_from`, up to where somebody read the logs.
    `pace` is told each moment, and may let the teller wait.
    """

    client_for: Callable[[str], Client]
    databases: Databases
    repository: Repository
    places: Places
    document: Mapping[str, Any]
    now: datetime
    tokens: dict[str, str]
    codes: Mapping[str, str]
    routines: list[Routine] = field(default_factory=list)
    logs_from: datetime | None = None
    pace: Callable[[datetime], None] = lambda _moment: None
    position: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list)
    arrivals: list[tuple[str, str]] = field(default_factory=list)
    _clients: dict[str, Client] = field(default_factory=dict)

    # -- time

    def at(self, moment: str | datetime) -> None:
        """Let it be `moment`; what the routine brings on the way is done first, and may take longer."""
        until = instant(moment) if isinstance(moment, str) else moment
        if until < self.now:
            raise StoryStops(f"time does not go back from {self.now} to {until}")
        while self.routines and self.routines[0][0] <= until:
            self.now, happens = self.routines.pop(0)
            self.pace(self.now)
            happens(self)
        self.now = max(self.now, until)
        self.pace(self.now)

    def later(self, *, minutes: int) -> None:
        """Let so many minutes pass."""
        self.at(self.now + timedelta(minutes=minutes))

    def schedule(self, routines: Iterable[Routine]) -> None:
        """Let this happen by itself, each at its moment."""
        self.routines = sorted([*self.routines, *routines], key=lambda routine: routine[0])

    # -- commands

    def client(self, who: str) -> Client:
        """Return the client of a member of the team, at this moment."""
        if who not in self._clients:
            self._clients[who] = self.client_for(self.tokens[who])
        client = self._clients[who]
        client.at(self.now)
        return client

    def enrol(self, founder: str, fields: Mapping[str, Any]) -> None:
        """Let a founder turn the one-time code into an own token, which the code does not survive."""
        client = self.client_for(self.codes[founder])
        client.at(self.now)
        client.command("IssueCredential", fields)

    def do(self, who: str, command: str, /, **fields: Any) -> dict[str, Any]:
        """Give a command that must be accepted, and return its answer. Raises StoryStops."""
        try:
            answer = self.client(who).command(command, fields)
        except ProblemAnswer as refused:
            raise StoryStops(f"{who}, {command} {dict(fields)}: {told(refused)}") from refused
        self.arrived(answer)
        return answer

    def arrived(self, answer: Mapping[str, Any]) -> None:
        """Note how far the record is, and which release it says arrived where."""
        self.reached(answer)
        for event in answer["events"]:
            if event["type"] == "DeploySucceeded":
                self.arrivals.append((str(event["data"]["release"]), str(event["data"]["environment"])))

    def reached(self, answer: Mapping[str, Any]) -> None:
        """Note how far the record is."""
        self.position = max(self.position, int(answer["position"]))

    def identity(self, environment: str) -> dict[str, str]:
        """Return which server and database the environment is."""
        return (self.databases if environment in NAMES else self.places).identity(environment)

    def refused(self, who: str, command: str, /, *, because: str, **fields: Any) -> None:
        """Give a command that must be refused, and by this check among others. Raises StoryStops."""
        try:
            self.client(who).command(command, fields)
        except ProblemAnswer as refused:
            missing = missing_of(refused)
            if because not in missing:
                raise StoryStops(f"{who}, {command}: not refused by {because}, but {told(refused)}") from refused
            decision = refused.decision or {}
            self.refusals.append({"who": who, "action": decision.get("action"), "checks": missing})
            return
        raise StoryStops(f"{who}, {command} {dict(fields)}: it was accepted, and should be refused by {because}")

    def both(self, first: str, second: str, command: str, /, **fields: Any) -> dict[str, Any]:
        """Let the first person ask for it, and the second, who read what was asked, confirm."""
        asked = event_of(self.do(first, command, **fields), "SecondPersonAsked")
        return self.do(second, "ConfirmAsked", ask=asked["ask"], bound_digest=asked["bound_digest"])

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Read something as anton sees it."""
        return self.client("anton").get(path, **query)


def event_of(answer: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the data of the answer's event of that type. Raises StoryStops where there is none."""
    for event in answer["events"]:
        if event["type"] == kind:
            data: dict[str, Any] = event["data"]
            return data
    raise StoryStops(f"no {kind} followed, but {[event['type'] for event in answer['events']]}")


def missing_of(refused: ProblemAnswer) -> list[str]:
    """Return the names of the checks that stood in the way."""
    checks = (refused.decision or {}).get("checks") or ()
    return [str(check["check"]) for check in checks if check["state"] not in {"passed", "not_applicable"}]


def told(refused: ProblemAnswer) -> str:
    """Return a problem in one line."""
    checks = (refused.decision or {}).get("checks") or ()
    found = {str(check["check"]): check.get("observed") for check in checks}
    return f"{refused.type}: {refused} {[(name, found[name]) for name in missing_of(refused)]}"
