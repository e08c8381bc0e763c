"""Two answers to one question, at two moments: what is another in the second. Nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]
Change = dict[str, Any]

# The parts of an environment, in the order in which they matter, and the events that end what a part says: where the
# second answer says nothing of it any more, the newest of these says who ended it.
PARTS: Mapping[str, tuple[str, ...]] = {
    "occupancy": (),
    "data": (),
    "corrupt": ("DataMarkedClean", "DataErased", "DataRestored"),
    "feed": (),
    "adjusted": (),
    "schema": (),
    "freeze": ("EnvironmentUnfrozen",),
    "lease": ("LeaseReleased", "LeaseExpired", "LeaseBroken"),
    "run": ("TestRunFinished", "TestRunAborted"),
    "last_run": (),
    "nightly": (),
    "logs": (),
    "observed": (),
    "owner": (),
    "owner_deputy": (),
    "operator": (),
    "operator_deputy": (),
    "identity": (),
}
# What happened more than once in between, by the part that shows only the last of it.
COUNTED: Mapping[str, tuple[str, ...]] = {
    "occupancy": ("DeploySucceeded", "DeployFailed", "EnvironmentUnsure", "EnvironmentConfirmed"),
    "data": ("DataErased", "DataRestored", "DataRestoreFailed"),
    "schema": ("MigrationsApplied", "StageMigrated"),
    "logs": ("LogsChecked", "LogCheckMissed"),
    "last_run": ("TestRunFinished", "TestRunAborted"),
}
# They name the moment of reading, not what was read.
NOT_COMPARED = frozenset({"position", "now", "next", "version_now"})


def environment_changes(
    before: Facts,
    after: Facts,
    happened: Sequence[Facts],
    problems_before: Sequence[Facts],
    problems_after: Sequence[Facts],
) -> dict[str, Any]:
    """Return `changes` of an environment's parts, `problems` that came and went, and how many events lie between."""
    before, after = last_adjusted(before), last_adjusted(after)
    changes = []
    for part in [*PARTS, *sorted((before.keys() | after.keys()) - PARTS.keys() - {"last_sure"})]:
        old, new = before.get(part), after.get(part)
        if old != new and (is_said(old) or is_said(new)) and not is_same_schema(part, old, new):
            changes.append(_change(part, old, new, happened))
    return {
        "changes": changes,
        "problems": problem_changes(problems_before, problems_after),
        "events": len(happened),
    }


def last_adjusted(environment: Facts) -> Facts:
    """Return the environment with its last adjustment in the place of how often there were any."""
    return {**environment, "adjusted": (environment.get("adjusted") or {}).get("last")}


def is_same_schema(part: str, old: Any, new: Any) -> bool:
    """Whether a deploy told the schema again, and it is the one that was there."""
    return part == "schema" and bool(old and new) and old.get("schema_digest") == new.get("schema_digest")


def is_said(value: Any) -> bool:
    """Whether a part says something: a state, with the event that says so."""
    return isinstance(value, Mapping) and "state" in value and value != {"state": "empty"}


def _change(part: str, old: Any, new: Any, happened: Sequence[Facts]) -> Change:
    change: Change = {"what": part}
    if is_said(old):
        change["before"] = old
    if is_said(new):
        change |= {"after": new, "position": new["position"], "at": new["since"], "by": new["by"]}
    else:
        ended = next((event for event in reversed(happened) if event["type"] in PARTS.get(part, ())), None)
        if ended is not None:
            change |= {"position": ended["position"], "at": ended["recorded_at"], "by": ended["by"]}
    times = sum(event["type"] in COUNTED.get(part, ()) for event in happened)
    return change | ({"times": times} if times > 1 else {})


def problem_changes(before: Sequence[Facts], after: Sequence[Facts]) -> list[Change]:
    """Return the problems that are new, or stand otherwise than before, the oldest change first."""
    known = {each["problem"]: each for each in before}
    found = []
    for each in after:
        old = known.get(each["problem"])
        # A state that is another one was said at another position.
        if old is None or old["state_position"] != each["state_position"]:
            last = _said_by(each)
            found.append(
                {
                    "problem": each["problem"],
                    "title": each["title"],
                    "before": None if old is None else old["state"],
                    "after": each["state"],
                    "position": each["state_position"],
                    "at": each["state_since"],
                    "by": last,
                }
            )
    return sorted(found, key=lambda change: int(change["position"]))


def _said_by(problem: Facts) -> Any:
    """Return who gave the problem the state that it has."""
    return next(
        (line["by"] for line in problem.get("history", ()) if line["position"] == problem["state_position"]), None
    )


def plain_changes(before: Any, after: Any, path: str = "") -> list[Change]:
    """Return each value that differs, by its path; lists are compared by the name of what stands in them."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: list[Change] = []
        for key in [*before, *(key for key in after if key not in before)]:
            if path or key not in NOT_COMPARED:
                found += plain_changes(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        return found
    if isinstance(before, list) and isinstance(after, list):
        old, new = _by_name(before), _by_name(after)
        if old is not None and new is not None:
            return plain_changes(old, new, path)
    if before == after:
        return []
    return [{"path": path, "before": before, "after": after}]


def _by_name(values: Sequence[Any]) -> dict[str, Any] | None:
    """Return objects by the member that names each of them; None where one has none, or two have the same."""
    for member in ("credential", "deploy", "environment", "principal", "name", "id", "purl"):
        if all(isinstance(value, Mapping) and member in value for value in values):
            named = {str(value[member]): value for value in values}
            if len(named) == len(values):
                return named
    return None
