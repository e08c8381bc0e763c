"""The figures that the rules follow: environments and their order, windows, grace periods, counts.

A policy is data with a closed grammar. It may add checks and tighten figures; the floor below is
code, and a document that goes under it is no policy.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from interlock.events.values import Line, Name, Purpose

VERIFICATIONS_MIN = 2
VERIFICATIONS_HIGH_RISK_MIN = 3

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
DAYS: tuple[Day, ...] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HandReport = Literal["deploy", "restore", "migration", "erase"]


class NotAPolicy(ValueError):
    """the document is no valid policy"""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WindowRule(_Closed):
    """On these days deploys may start from `opens` up to, but not at, `closes` (UTC, "HH:MM")."""

    days: tuple[Day, ...] = Field(min_length=1)
    opens: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    closes: str = Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> WindowRule:
        if self.closes_minute <= self.opens_minute:
            raise ValueError("closes: a window closes after it opens, on the same day")
        return self

    @property
    def opens_minute(self) -> int:
        """Minutes after midnight."""
        return _minute(self.opens)

    @property
    def closes_minute(self) -> int:
        """Minutes after midnight, up to 1440."""
        return _minute(self.closes)


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


WEEKEND = WindowRule(days=("Sat", "Sun"), opens="09:00", closes="12:00")
FREE_WEEKDAYS = WindowRule(days=("Mon", "Tue", "Wed", "Thu", "Fri"), opens="00:00", closes="24:00")


class EnvironmentPolicy(_Closed):
    """One environment: what its rules need to know."""

    name: Name
    purpose: Purpose
    owned: bool = False
    feed: Line | None = None
    windows: tuple[WindowRule, ...] = ()
    restore_sources: tuple[Name, ...] = ()
    by_hand: tuple[HandReport, ...] = ()
    react_minutes: int = Field(default=240, ge=1, le=240)


class Policy(_Closed):
    """The whole of it. Durations in minutes, as each name says."""

    name: Name
    environments: tuple[EnvironmentPolicy, ...]
    core_areas: tuple[Line, ...] = Field(min_length=1)
    additional_checks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    nightly_at: str = Field(default="00:00", pattern=r"^00:00$")
    nightly_grace_minutes: int = Field(default=120, ge=1, le=120)
    log_check_every_minutes: int = Field(default=60, ge=1, le=60)
    log_check_grace_minutes: int = Field(default=15, ge=0, le=15)
    lease_minutes: int = Field(default=15, ge=3, le=15)
    snapshot_age_hours: int = Field(default=168, ge=1, le=168)
    request_life_minutes: int = Field(default=1440, ge=1, le=1440)
    second_person_hours: int = Field(default=168, ge=1, le=168)
    scratch: Name | None = None
    adjustment_life_hours: int = Field(default=168, ge=1, le=168)
    authorization_minutes: int = Field(default=1440, ge=1, le=1440)
    verifications: int = Field(default=2, ge=VERIFICATIONS_MIN, le=10)
    verifications_high_risk: int = Field(default=3, ge=VERIFICATIONS_HIGH_RISK_MIN, le=10)

    @field_validator("additional_checks")
    @classmethod
    def _known_checks(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for environment, checks in value.items():
            unknown = [check for check in checks if check not in ADDABLE_CHECKS]
            if unknown:
                message = f"{environment}: {unknown[0]!r} is no check that can be added; there are {ADDABLE_CHECKS}"
                raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _floor(self) -> Policy:
        purposes = tuple(environment.purpose for environment in self.environments)
        if purposes != PURPOSES:
            message = f"environments: must be, in this order, one each for {', '.join(PURPOSES)}"
            raise ValueError(message)
        names = [environment.name for environment in self.environments]
        if len(set(names)) != len(names):
            raise ValueError("environments: two have the same name")
        if self.scratch in names:
            raise ValueError(f"scratch: {self.scratch} is an environment; name a database that is none")
        unknown = set(self.additional_checks) - set(names)
        if unknown:
            message = f"additional_checks: there is no environment {min(unknown)!r}"
            raise ValueError(message)
        development, tests, qa, rehearsal, production = self.environments
        if not development.owned:
            raise ValueError(f"{development.name}: must be owned by one person")
        if any(environment.by_hand for environment in (tests, rehearsal, production)):
            raise ValueError("by_hand: must be empty in tests, rehearsal and production")
        if production.restore_sources:
            raise ValueError(f"{production.name}: nothing is ever restored into production")
        for environment in self.environments:
            _check_restores(environment, names, development.name)
        if rehearsal.restore_sources != (production.name,):
            raise ValueError(f"{rehearsal.name}: is restored from {production.name}, and from nothing else")
        if production.windows not in ((WEEKEND,), (WEEKEND, FREE_WEEKDAYS)):
            raise ValueError(f"{production.name}: windows must be one of the two shipped readings")
        if production.react_minutes > PRODUCTION_REACTION_MINUTES_MAX:
            raise ValueError(f"{production.name}: react_minutes is at most {PRODUCTION_REACTION_MINUTES_MAX}")
        if development.feed is None or qa.feed is None:
            raise ValueError("feed: development and manual-qa name the feed they must have")
        return self

    def environment(self, name: str) -> EnvironmentPolicy | None:
        """The environment of that name, or None."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        return None

    def place(self, name: str) -> EnvironmentPolicy | None:
        """The environment of that name, or the scratch database; None where there is neither.

        Scratch is no environment of the flow: adjustments are rehearsed there, on production's data, and nothing
        is ever deployed there.
        """
        if self.scratch is not None and name == self.scratch:
            return EnvironmentPolicy(name=name, purpose="rehearsal", restore_sources=(self.production,))
        return self.environment(name)

    def index(self, name: str) -> int:
        """The environment's place in the order, from 0; -1 where there is none of that name."""
        for place, environment in enumerate(self.environments):
            if environment.name == name:
                return place
        return -1

    def named(self, purpose: Purpose) -> str:
        """The name of the one environment with that purpose."""
        return self.environments[PURPOSES.index(purpose)].name

    @property
    def production(self) -> str:
        """The name of production."""
        return self.environments[-1].name

    @property
    def lease(self) -> timedelta:
        """How long a lease lasts without a sign of life."""
        return timedelta(minutes=self.lease_minutes)

    @property
    def log_check_due(self) -> timedelta:
        """From one log check to the last moment of the next, grace included."""
        return timedelta(minutes=self.log_check_every_minutes + self.log_check_grace_minutes)


PURPOSES: tuple[Purpose, ...] = ("development", "tests", "manual-qa", "rehearsal", "production")
PRODUCTION_REACTION_MINUTES_MAX = 15
ADDABLE_CHECKS = ("no-open-problem", "log-watch-current", "release-window", "includes-production")


def _check_restores(environment: EnvironmentPolicy, names: list[str], development: str) -> None:
    for source in environment.restore_sources:
        if source not in names:
            raise ValueError(f"{environment.name}: there is no environment {source!r} to restore from")
        if source in {development, environment.name}:
            raise ValueError(f"{environment.name}: nothing is ever restored out of {source}")


def parse(document: dict[str, Any]) -> Policy:
    """Read and check a policy's document. Raises NotAPolicy, which says what and where."""
    return _parse(orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


DOCUMENTS_MAX = 64
_FOLLOWED: dict[int, tuple[dict[str, Any], Policy]] = {}


def followed(document: dict[str, Any]) -> Policy:
    """The policy of a document that stands in an event and so never changes: known again without a look into it."""
    known = _FOLLOWED.get(id(document))
    if known is None or known[0] is not document:
        if len(_FOLLOWED) >= DOCUMENTS_MAX:
            _FOLLOWED.clear()
        known = _FOLLOWED[id(document)] = (document, parse(document))
    return known[1]


@lru_cache(maxsize=64)
def _parse(document: bytes) -> Policy:
    try:
        return Policy.model_validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "policy"
        raise NotAPolicy(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


def shipped(reading: Literal["weekend", "weekdays-free"] = "weekend") -> dict[str, Any]:
    """The policy `release-flow`, version 1, in one of its two readings of the production window."""
    windows = (WEEKEND,) if reading == "weekend" else (WEEKEND, FREE_WEEKDAYS)
    policy = Policy(
        name="release-flow",
        core_areas=("orders", "quotes", "positions"),
        environments=(
            EnvironmentPolicy(
                name="sandbox-anton",
                purpose="development",
                owned=True,
                feed="IEX Sandbox",
                restore_sources=("tests", "sandbox", "stage", "production"),
                by_hand=("deploy", "restore", "migration", "erase"),
            ),
            EnvironmentPolicy(name="tests", purpose="tests"),
            EnvironmentPolicy(
                name="sandbox",
                purpose="manual-qa",
                feed="IEX Production",
                restore_sources=("stage", "production"),
                by_hand=("deploy", "restore"),
            ),
            EnvironmentPolicy(name="stage", purpose="rehearsal", restore_sources=("production",)),
            EnvironmentPolicy(name="production", purpose="production", windows=windows, react_minutes=15),
        ),
    )
    return policy.model_dump(mode="json", exclude_none=True, exclude_defaults=False)


def diff(old: dict[str, Any], new: dict[str, Any], path: str = "") -> list[tuple[str, Any, Any]]:
    """What differs between two documents: (path, old value, new value), in the order of the paths."""
    changes: list[tuple[str, Any, Any]] = []
    for key in sorted(set(old) | set(new)):
        here = f"{path}.{key}" if path else key
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            changes.extend(diff(before, after, here))
        elif before != after:
            changes.append((here, before, after))
    return changes
