"""Adjustments as tests ask for them over HTTP: texts in the evidence, a plan of their digests, a rehearsed one."""

from __future__ import annotations

import hashlib
from typing import Any

from interlock.domain.policy import shipped
from tests.api.conftest import Caller, Here

PRODUCTION = {"system_identifier": "7315", "database": "production"}
SCRATCH = {"system_identifier": "7315", "database": "scratch"}
SCHEMA = "sha256:" + "5" * 64
SCRIPT = b"update trades.fills set venue = 'XLON' where venue = 'XLOM';"
UNDO = b"update trades.fills set venue = 'XLOM' where id in (1, 2);"
BEFORE = b"select count(*) = 14 from trades.fills where venue = 'XLOM';"
EFFECT = b"select count(*) = 0 from trades.fills where venue = 'XLOM';"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def plan(**changes: Any) -> dict[str, Any]:
    return {
        "purpose": "fills have the wrong venue",
        "script_digest": digest(SCRIPT),
        "targets": {"environment": "production", "identity": PRODUCTION, "tables": ["trades.fills"]},
        "precondition_digest": digest(BEFORE),
        "expected_effect": {"rows_min": 14, "rows_max": 14, "queries_digest": digest(EFFECT)},
        "undo_digest": digest(UNDO),
        "risk": "normal",
        **changes,
    }


async def keep(caller: Caller, *contents: bytes) -> None:
    for content in contents:
        kept = await caller.post("/evidence", content, headers={"Content-Type": "application/sql"})
        assert kept.status_code == 200, kept.text


async def kept(caller: Caller) -> None:
    """Put what the plan names into the evidence."""
    await keep(caller, SCRIPT, UNDO, BEFORE, EFFECT)


async def given(caller: Caller, command: str, **fields: Any) -> dict[str, Any]:
    answer = await caller.command(command, fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def event(answer: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each["data"] for each in answer["events"] if each["type"] == name]
    assert isinstance(found, dict)
    return found


async def places(here: Here) -> Caller:
    """Register production and a scratch database, baseline production, restore it into scratch; return the runner."""
    document = {**shipped(), "scratch": "scratch"}
    proposed = await given(here.admin, "ProposePolicy", document=document, reason="rehearse apart from stage")
    version = event(proposed, "PolicyProposed")["version"]
    digest_of_it = event(proposed, "PolicyProposed")["document_digest"]
    await given(here.second, "ApprovePolicy", version=version, document_digest=digest_of_it)
    for environment, identity in (("production", PRODUCTION), ("scratch", SCRATCH)):
        await given(here.admin, "RegisterEnvironment", environment=environment, identity=identity)
    await here.by_two("BaselineEnvironment", {"environment": "production", "empty": True, "schema_digest": SCHEMA})
    runner = await here.somebody("ci-1", "runner", kind="service")
    restore = await given(
        runner, "StartRestore", environment="scratch", source="production", observed={"identity": SCRATCH}
    )
    lease = event(restore, "LeaseGranted")
    await given(
        runner,
        "ReportRestored",
        environment="scratch",
        restore=lease["subject"].split()[1],
        fencing_token=lease["fencing_token"],
        snapshot="nightly",
        taken_at="2026-11-16T07:00:00Z",
        schema_digest=SCHEMA,
    )
    return runner


async def rehearsed(runner: Caller, adjustment: str) -> None:
    begun = await given(
        runner,
        "StartAdjustmentRehearsal",
        adjustment=adjustment,
        environment="scratch",
        observed={"identity": SCRATCH, "schema_digest": SCHEMA},
    )
    await given(
        runner,
        "ReportAdjustmentRehearsed",
        adjustment=adjustment,
        environment="scratch",
        fencing_token=event(begun, "LeaseGranted")["fencing_token"],
        statements=[{"digest": digest(SCRIPT), "command": "UPDATE 14", "rows": 14}],
        rows=14,
        before=digest(b"old"),
        after=digest(b"new"),
        duration_ms=300,
    )
