"""An adjustment in the story: what the runner would report, told over the API, the same each time."""

from __future__ import annotations

from typing import Any

from tests.cli.story import Story, digest, event, identity, observed

PLAN_TEXTS = {
    "script": "update trades.fills set venue = 'XLON' where venue = 'XLOM';\n",
    "undo": "update trades.fills set venue = 'XLOM' where id between 7201 and 7214;\n",
    "precondition": "select count(*) = 14 from trades.fills where venue = 'XLOM';\n",
    "effect": "select count(*) = 0 from trades.fills where venue = 'XLOM';\n",
}


def ask_for_adjustment(story: Story) -> str:
    """Anton asks that 14 fills get another venue; return the adjustment's name."""
    anton = story.served["anton"]
    kept = {name: anton.put_evidence(text.encode(), "application/sql") for name, text in PLAN_TEXTS.items()}
    targets = {"environment": "production", "identity": identity("production"), "tables": ["trades.fills"]}
    plan = {
        "purpose": "fills of this morning have the wrong venue",
        "script_digest": kept["script"],
        "undo_digest": kept["undo"],
        "precondition_digest": kept["precondition"],
        "expected_effect": {"rows_min": 14, "rows_max": 14, "queries_digest": kept["effect"]},
        "targets": targets,
        "risk": "normal",
    }
    return str(event(story.by("anton", "RequestAdjustment", plan=plan), "DataAdjustRequested")["adjustment"])


def changed_rows() -> dict[str, Any]:
    return {
        "statements": [{"digest": digest(PLAN_TEXTS["script"]), "command": "UPDATE", "rows": 14}],
        "rows": 14,
        "before": digest("14 fills with XLOM"),
        "after": digest("14 fills with XLON"),
        "duration_ms": 300,
    }


def rehearse_adjustment(story: Story, name: str) -> None:
    """The runner reports that it ran in stage, and was rolled back."""
    found = observed("stage", schema_digest=digest("schema 208"))
    began = story.by("ci-1", "StartAdjustmentRehearsal", adjustment=name, environment="stage", observed=found)
    token = event(began, "LeaseGranted")["fencing_token"]
    story.later(minutes=1)
    story.by(
        "ci-1",
        "ReportAdjustmentRehearsed",
        adjustment=name,
        environment="stage",
        fencing_token=token,
        **changed_rows(),
    )


def verify_adjustment(story: Story, name: str, who: str) -> None:
    bound = story.served[who].get(f"/adjustments/{name}")["bound_digest"]
    story.by(who, "VerifyAdjustment", adjustment=name, bound_digest=bound, method="read it, counted the rows")


def execute_adjustment(story: Story, name: str) -> None:
    """The operator's runner reports its backup, asks before the commit, and reports that it was committed."""
    bound = story.served["operator-1"].get(f"/adjustments/{name}")["bound_digest"]
    found = observed("production", schema_digest=digest("schema 208"))
    began = story.by("operator-1", "StartAdjustment", adjustment=name, bound_digest=bound, observed=found)
    held = {"adjustment": name, "fencing_token": event(began, "LeaseGranted")["fencing_token"]}
    story.later(minutes=1)
    kept = {"backup_digest": digest("backup"), "place": "runner-1:/var/lib/interlock/ADJ-1-1.jsonl"}
    story.by("operator-1", "ReportAdjustmentBackup", **held, **kept, rows=14, size_bytes=2_048)
    rows = changed_rows()
    story.by(
        "operator-1",
        "CommitAdjustment",
        **held,
        observed=found,
        effect_holds=True,
        marker=f"{name}/{held['fencing_token']}",
        **{part: rows[part] for part in ("rows", "before", "after")},
    )
    story.by("operator-1", "ReportAdjustmentExecuted", **held, **rows)
