"""Questions about policies: every version with what it changed, and what another figure would change now."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field

from interlock.api.asked import Reader, rules_moment
from interlock.api.documents import answer
from interlock.api.governance import POLICY_EVENTS_MAX, gate_document
from interlock.api.openapi import Documented
from interlock.api.policies import document_of
from interlock.api.problems import invalid, not_found
from interlock.api.query import Number, Reading
from interlock.domain.policy import NotAPolicy, diff, parse
from interlock.domain.policy_effects import effects
from interlock.events.catalogue import policy as happened
from interlock.events.codec import decode, digest_of
from interlock.events.strict import BadInput, strict_json

CHANGE_BYTES_MAX: Final = 8_000

router = APIRouter(prefix="/v1/{project}")


class EffectsQuery(Reading):
    """Of which policy: a version that was ever proposed, or the one in force with members replaced."""

    version: Number | None = None
    change: (
        Annotated[
            str,
            Field(
                max_length=CHANGE_BYTES_MAX,
                description='members to replace in the policy in force, as JSON: {"verifications": 3}',
            ),
        ]
        | None
    ) = None


@router.get("/policy/versions", tags=["policy"], **Documented.of())
async def which_versions(asked: Reader, query: Annotated[Reading, Query()]) -> Response:
    """Every version of the policy, the newest first: what became of it, and what it changes of the one before it."""
    situation, _ = await rules_moment(asked, query)
    found: dict[int, dict[str, Any]] = {}
    documents: dict[int, dict[str, Any]] = {}
    in_force = 0
    for each in await _history(asked, situation.position):
        event = each.event
        line = {"type": each.type, "position": each.position, "at": each.recorded_at, "by": each.actor.id}
        if event.version not in found:
            documents[event.version] = event.document
            base = documents.get(in_force, {})
            found[event.version] = {
                "version": event.version,
                "state": "proposed",
                "document_digest": event.document_digest,
                "compared_with": in_force or None,
                "changes": [{"path": path, "from": old, "to": new} for path, old, new in diff(base, event.document)]
                if base
                else [],
                "history": [],
            }
        row = found[event.version]
        row["history"].append(line)
        match event:
            case happened.PolicyRejected():
                row["state"] = "rejected"
            case happened.PolicyActivated():
                if in_force:
                    found[in_force]["state"] = "superseded"
                row["state"], in_force = "active", event.version
            case _:
                pass
    rows = [found[version] for version in sorted(found, reverse=True)]
    return answer({"versions": rows, "active": situation.policy_version}, position=situation.position)


@router.get("/policy/effects", tags=["policy"], **Documented.of())
async def what_would_change(asked: Reader, query: Annotated[EffectsQuery, Query()]) -> Response:
    """What another policy would change now, for each open release and adjustment; nothing is proposed by asking."""
    situation, now = await rules_moment(asked, query)
    active = document_of(situation)
    if (query.version is None) == (query.change is None):
        raise invalid("change", "say either `version` or `change`")
    if query.version is not None:
        document = await _document(asked, situation.position, query.version)
    else:
        document = {**active, **_members(query.change or "")}
    try:
        parse(document)
    except NotAPolicy as wrong:
        raise invalid("change" if query.change is not None else "version", str(wrong)) from wrong
    following = max((situation.policy_version, *situation.policies, *situation.proposals)) + 1
    affects = [gate_document(each) for each in effects(situation, following, document, now)]
    found = {
        "changes": [{"path": path, "from": old, "to": new} for path, old, new in diff(active, document)],
        "document_digest": digest_of(document),
        "affects": affects,
        "flips": sum(each["flips"] for each in affects),
        "open_releases": sorted(each.name for each in situation.releases.values() if each.open),
        "open_adjustments": sorted(n for n, each in situation.adjustments.items() if each.state == "open"),
        "now": now,
    }
    return answer(found, position=situation.position)


async def _history(asked: Any, position: int) -> list[Any]:
    stored = await asked.parts.ledger.read_stream(asked.project, "policy", limit=POLICY_EVENTS_MAX)
    return [decode(each.body) for each in stored if each.position <= position]


async def _document(asked: Any, position: int, version: int) -> dict[str, Any]:
    for each in await _history(asked, position):
        if each.event.version == version and hasattr(each.event, "document"):
            document: dict[str, Any] = each.event.document
            return document
    raise not_found("policy version", str(version))


def _members(text: str) -> dict[str, Any]:
    try:
        members = strict_json(text.encode("utf-8"), bytes_max=CHANGE_BYTES_MAX, depth_max=8)
    except (BadInput, UnicodeEncodeError) as wrong:
        raise invalid("change", f"it is no JSON: {wrong}") from wrong
    if not isinstance(members, dict):
        raise invalid("change", 'it is a JSON object, as in {"verifications": 3}')
    return members
