"""What a form shows before it is filled in: the version its reader sees, and what the fields begin with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.web.actions.login_dt import Lent, lent_until
from interlock.web.actions.reviewing import review_of
from interlock.web.actions.table import LOGIN_DT, REVIEW, Action
from interlock.web.asked import Asked, Document, named


@dataclass(frozen=True, slots=True)
class Ready:
    """`version` is what the subject's stream was at, None where only positions tell; `about` is shown beside.

    `members` goes into the command beside the fields; `obstacle` says why there is nothing to be sent yet.
    """

    version: int | None = None
    filled: Mapping[str, str] = field(default_factory=dict)
    about: Document = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    obstacle: str | None = None


async def prepared(asked: Asked, action: Action, names: Mapping[str, str], lent: Lent | None) -> Ready:
    """Return what the form of `action` begins with. Raises NotAnswered where its subject is not there."""
    if action is LOGIN_DT:
        assert lent is not None
        who = await asked.now("/whoami")
        until = lent_until(lent, who["now"])
        filled = {"principal": str(who["principal"]), "expires_at": until}
        return Ready(filled=filled, about={"code": lent.code, "host": lent.host, "days": lent.days, "until": until})
    kind = action.subject[0]
    if kind == "release":
        return await _release(asked, action, names)
    if kind == "adjustment":
        found = await asked.now(f"/adjustments/{named(names[kind])}")
        return Ready(found["version"], {"bound_digest": found["bound_digest"]}, {"adjustment": found})
    if kind == "problem":
        found = await asked.now(f"/problems/{named(names[kind])}")
        return Ready(found["version"], about={"problem": found})
    found = await asked.now(f"/environments/{named(names[kind])}")
    return Ready(about={"environment": found})


async def _release(asked: Asked, action: Action, names: Mapping[str, str]) -> Ready:
    found, policy = await asyncio.gather(asked.now(f"/releases/{named(names['release'])}"), asked.now("/policy"))
    if action is REVIEW:
        review = await review_of(asked, found)
        filled = {"diff_digest": review.digest}
        return Ready(found["version"], filled, {"review": review.document}, review.members, review.obstacle)
    filled = {}
    if action.name == "approve":
        filled["areas"] = "\n".join(_areas(found, policy["document"], names["environment"]))
    return Ready(found["version"], filled, {"release": found})


def _areas(found: Mapping[str, Any], policy: Mapping[str, Any], environment: str) -> list[str]:
    """Return what must have been tested where everything is: the core areas and those that the release touches."""
    purposes = {each["name"]: each.get("purpose") for each in policy.get("environments", [])}
    affected = [str(area) for area in found.get("affected_areas") or ()]
    if purposes.get(environment) != "rehearsal":
        return affected
    return list(dict.fromkeys([*(str(area) for area in policy.get("core_areas", [])), *affected]))
