"""What the story came to, read through the API: its refusals and its final state, compared with expected.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.client import Client

EXPECTED = Path(__file__).with_name("expected.json")
GATES = (("4.12.0", "production"), ("4.13.0", "stage"))


def found(client: Client) -> dict[str, Any]:
    """Return what the API says: every refusal, oldest first, and how things stand."""
    return {"refusals": [*refusals(client)], "state": state(client)}


def refusals(client: Client) -> Iterator[dict[str, Any]]:
    """Give who was refused what, and by which checks."""
    rows = [row for page in client.pages("/events", type="ActionRefused", data="true") for row in page["events"]]
    for row in sorted(rows, key=lambda row: int(row["position"])):
        data = row["data"]
        yield {
            "at": row["recorded_at"],
            "who": row["by"],
            "action": data["action"],
            "checks": missing(data["decision"]),
        }


def missing(decision: dict[str, Any]) -> list[str]:
    """Return the names of the checks that stand in the way."""
    return [str(check["check"]) for check in decision["checks"] if check["state"] not in {"passed", "not_applicable"}]


def state(client: Client) -> dict[str, Any]:
    """Return what runs where, how the releases and problems stand, who must act, and what the two gates say."""
    picture = client.get("/status")
    releases = [row for page in client.pages("/releases", state="all") for row in page["releases"]]
    problems = [row for page in client.pages("/problems", state="all") for row in page["problems"]]
    return {
        "now": instant_in_words(picture["now"]),
        "policy": f"{picture['policy']['name']} {picture['policy']['version']}",
        "environments": {place["environment"]: in_words(place) for place in picture["environments"]},
        "releases": {row["release"]: f"{row['kind']}, {row['state']}" for row in by_name(releases, "release")},
        "problems": {row["problem"]: f"{row['title']}: {row['state']}" for row in by_name(problems, "problem")},
        "obligations": {each["what"]: sorted(each["who"]) for each in picture["obligations"]["first"]},
        "gates": {
            f"{release} to {environment}": missing(client.get(f"/releases/{release}/gates/{environment}"))
            for release, environment in GATES
        },
    }


def by_name(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Return the rows in the order of their names."""
    return sorted(rows, key=lambda row: str(row[key]))


def in_words(place: dict[str, Any]) -> str:
    """Return what runs in an environment, since when, and what goes on there."""
    occupancy, lease = place["occupancy"] or {}, place["lease"]
    words = f"{occupancy.get('release')} since {instant_in_words(str(occupancy.get('since')))}"
    return f"{words}, {lease['subject']} runs" if lease else words


def instant_in_words(text: str) -> str:
    """Return an answer's instant as in "Thu 11-26 14:05"."""
    return datetime.fromisoformat(text).strftime("%a %m-%d %H:%M")


def expected() -> dict[str, Any]:
    """Return what the story is to come to."""
    document: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return document


def accept(findings: dict[str, Any], write: Callable[[str], Any] = EXPECTED.write_text) -> None:
    """Make what was found what is expected: for whoever changed the story, or a rule, and looked at the difference."""
    write(json.dumps(findings, indent=2, ensure_ascii=False) + "\n")


def differences(wanted: Any, actual: Any, where: str = "") -> list[str]:
    """Return in one line each where the two differ."""
    if isinstance(wanted, dict) and isinstance(actual, dict):
        keys = [*wanted, *(key for key in actual if key not in wanted)]
        return [
            line
            for key in keys
            for line in differences(wanted.get(key), actual.get(key), f"{where} · {key}" if where else str(key))
        ]
    if isinstance(wanted, list) and isinstance(actual, list) and any(isinstance(one, dict) for one in wanted):
        longest = max(len(wanted), len(actual))
        pairs = [(one(wanted, at), one(actual, at)) for at in range(longest)]
        return [line for at, (left, right) in enumerate(pairs, 1) for line in differences(left, right, f"{where} {at}")]
    return [] if wanted == actual else [f"{where}: expected {shown(wanted)}, found {shown(actual)}"]


def one(items: list[Any], at: int) -> Any:
    """Return the item there, or None."""
    return items[at] if at < len(items) else None


def shown(value: Any) -> str:
    """Return a value for a person."""
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
