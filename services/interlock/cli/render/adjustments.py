"""Adjustments of data: a list, one with its chain, and what a verifier must read before standing for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.answers.visible import visible
from interlock.cli.render.happenings import short
from interlock.cli.render.lines import Lines, Part, Span, line, table, wrapped
from interlock.cli.render.times import Scene, ago, brief, moment

Facts = Mapping[str, Any]
LABEL_COLUMN = 13
# The evidence that a plan names: the text's heading, and its digest.
TEXTS = (
    ("precondition", "precondition_digest", "queries that must be true before"),
    ("script", "script_digest", "what runs"),
    ("effect", "queries_digest", "queries that must be true after"),
    ("undo", "undo_digest", "what takes it back"),
)
FAILED = ("rehearsal failed", "refused", "rejected", "failed", "lease lost", "result disputed", "expired")
# Leases tell who worked at it; in the short chain the work itself says that.
ASIDE = ("lease", "lease over")
STAGES = {
    "requested": "waits for its rehearsal",
    "rehearsing": "is being rehearsed",
    "rehearsed": "waits for its verifiers",
    "rejected": "a verifier said no",
    "verified": "waits for more verifiers",
    "executing": "is being executed",
    "started": "may be committed at this moment",
    "unknown": "nobody knows yet whether it was committed: its marker will tell",
    "executed": "waits for somebody to check its result",
}


def digest_of_part(plan: Facts, name: str) -> str:
    """Return the digest that the plan has under that name."""
    return str(plan["expected_effect"][name] if name == "queries_digest" else plan[name])


def rows_expected(plan: Facts) -> str:
    """Return "14 rows", "10 to 20 rows"."""
    low, high = plan["expected_effect"]["rows_min"], plan["expected_effect"]["rows_max"]
    return f"{low} row{'' if low == 1 else 's'}" if low == high else f"{low} to {high} rows"


def list_lines(adjustments: Sequence[Facts], scene: Scene) -> Lines:
    """Return `dt adjust list`."""
    rows: list[tuple[Part, ...]] = []
    for each in adjustments:
        rows.append(
            (
                Span(str(each.get("adjustment")), "strong"),
                Span(str(each.get("stage")), "bad" if each.get("stage") in {"unknown", "rejected", "disputed"} else ""),
                f"{', '.join(each.get('tables') or ())} of {each.get('environment')}",
                str(each.get("purpose")),
                Span(f"by {each.get('requested_by')}, {ago(each.get('requested_at'), scene)}", "dim"),
            )
        )
    return table(rows) if rows else [line(Span("no adjustment is open (dt adjust list --all)", "dim"))]


def adjustment_lines(adjustment: Facts, scene: Scene) -> Lines:
    """Return `dt adjust show`: what is asked for, where it stands, and its chain."""
    lines: Lines = [
        line(
            Span(str(adjustment.get("adjustment")), "strong"),
            f"   {adjustment.get('environment')} · {rows_expected(adjustment['plan'])} · ",
            Span(short(adjustment.get("bound_digest")), "strong"),
        )
    ]
    lines.extend(fact_lines([("stands", standing(adjustment, scene)), *plan_facts(adjustment)], scene))
    lines.append(line("  ", Span("chain", "dim")))
    lines.extend(chain_lines(adjustment.get("chain") or (), scene))
    return lines


def frozen_lines(made: Facts, scene: Scene) -> Lines:
    """Return what was frozen: each part's digest, and the one that everybody else is bound to."""
    plan = made["plan"]
    facts = [(name, [digest_of_part(plan, key)]) for name, key, _ in TEXTS]
    facts += [
        ("tables", [", ".join(plan["targets"]["tables"]), rows_expected(plan)]),
        ("all of it", [str(made["bound_digest"])]),
    ]
    return [line("  ", Span("frozen", "dim")), *fact_lines(facts, scene)]


def fact_lines(facts: Sequence[tuple[str, list[str]]], scene: Scene) -> Lines:
    """Return labelled facts, those that say something."""
    lines: Lines = []
    for label, pieces in facts:
        told = [piece for piece in pieces if piece]
        if told:
            lines.extend(wrapped(["  ", Span(label.ljust(LABEL_COLUMN), "dim")], told, scene.width))
    return lines


def standing(adjustment: Facts, scene: Scene) -> list[str]:
    """Return how far it came, and what it waits for."""
    stage = str(adjustment.get("stage"))
    pieces = [stage, STAGES.get(stage, "")]
    if stage == "authorized":
        pieces[1] = (
            f"only {adjustment.get('operator')} may execute it, until {moment(adjustment['valid_until'], scene)}"
        )
    elif stage in {"executed", "disputed", "checked", "reverted"}:
        pieces.append(f"executed by {adjustment.get('executed_by')}")
    if adjustment.get("reverted_by"):
        pieces.append(f"taken back by {adjustment['reverted_by']}")
    if adjustment.get("problem"):
        pieces.append(f"see {adjustment['problem']}")
    if adjustment.get("state") == "open":
        pieces.append(f"open until {brief(adjustment.get('expires_at'), scene)}")
    return pieces


def plan_facts(adjustment: Facts) -> list[tuple[str, list[str]]]:
    """Return what the plan says, in its verifiers' order of questions."""
    plan = adjustment["plan"]
    targets = plan["targets"]
    identity = targets["identity"]
    database = f"{identity.get('database')} on {identity.get('system_identifier')}"
    reverts = adjustment.get("reverts")
    return [
        ("purpose", [str(plan["purpose"]), f"takes {reverts} back" if reverts else ""]),
        ("targets", [", ".join(targets["tables"]), f"of {targets['environment']} ({database})"]),
        ("expects", [rows_expected(plan), f"{plan['risk']} risk"]),
        ("digests", [f"{name} {short(digest_of_part(plan, key))}" for name, key, _ in TEXTS]),
    ]


def chain_lines(chain: Sequence[Facts], scene: Scene) -> Lines:
    """Return each step: a sign, its position, when, who, what; a void one with what voided it."""
    shown = [step for step in chain if step.get("step") not in ASIDE]
    heads = table([step_head(step, scene) for step in shown], indent=4)
    widest = max((sum(len(span.text) for span in head) for head in heads), default=0)
    lines: Lines = []
    for step, head in zip(shown, heads, strict=True):
        filled: list[Part] = [*head, " " * (widest - sum(len(span.text) for span in head) + 2)]
        lines.extend(wrapped(filled, [str(step.get("sentence"))], scene.width, style="dim" if step.get("void") else ""))
        void = step.get("void")
        if void:
            said = f"void since @{void['position']}, {brief(void['at'], scene)}: {void['sentence']}"
            lines.extend(wrapped([" " * (widest + 2)], [said], scene.width, style="wait"))
    return lines


def step_head(step: Facts, scene: Scene) -> tuple[Part, ...]:
    """Return a step's sign, position, time, person and word."""
    bad = step.get("step") in FAILED
    style = "dim" if step.get("void") else "bad" if bad else ""
    sign = "–" if step.get("void") else "✗" if bad else "✓"
    return (
        Span(sign, style or "good"),
        Span(f"@{step.get('position')}", "dim"),
        brief(step.get("at"), scene),
        str(step.get("by")),
        Span(str(step.get("step")), style or "strong"),
    )


def reading_lines(adjustment: Facts, texts: Mapping[str, str], scene: Scene) -> Lines:
    """Return all that a verifier stands for: the plan, every text as it is, and the rehearsal."""
    lines: Lines = [line(Span(f"{adjustment.get('adjustment')}: read all of it", "strong"))]
    lines.extend(fact_lines(plan_facts(adjustment), scene))
    lines.extend(text_lines(adjustment["plan"], texts))
    rehearsal = adjustment.get("rehearsal")
    lines.append(line(Span("rehearsal", "strong")))
    lines.extend(rehearsal_lines(rehearsal, scene) if rehearsal else [line("  none yet")])
    return lines


def executing_lines(adjustment: Facts, decision: Facts, scene: Scene) -> Lines:
    """Return what will be done now, and that nothing stands in the way."""
    checks = decision.get("checks") or ()
    passed = ", ".join(str(check["check"]) for check in checks if check.get("state") == "passed")
    rehearsal = adjustment.get("rehearsal") or {}
    facts = [
        *plan_facts(adjustment),
        (
            "rehearsed",
            [f"{rehearsal.get('rows')} rows", f"in {rehearsal.get('environment')}, @{rehearsal.get('position')}"],
        ),
        ("verified", [", ".join(adjustment.get("verified_by") or ())]),
        ("passed", [passed]),
    ]
    return [
        line(Span("✓ ", "good"), "may go: ", Span(f"execute {adjustment.get('adjustment')}", "strong")),
        *fact_lines(facts, scene),
    ]


def text_lines(plan: Facts, texts: Mapping[str, str]) -> Lines:
    """Return each text as it stands, under its name and its digest."""
    lines: Lines = []
    for name, key, what in TEXTS:
        lines.append(line(Span(name, "strong"), f": {what}"))
        lines.append(line("  ", Span(digest_of_part(plan, key), "dim")))
        lines.extend(line("  ", row) for row in shown_rows(texts[name]))
    return lines


def shown_rows(text: str) -> list[str]:
    """Return a text's rows, which a line feed alone ends: any other sign that might end one is made visible."""
    return [visible(row) for row in text.removesuffix("\n").split("\n")]


def rehearsal_lines(rehearsal: Facts, scene: Scene) -> Lines:
    """Return what the rehearsal found: rows, statements, on which data, by whom."""
    if rehearsal.get("state") != "rehearsed":
        return fact_lines([("failed", [str(rehearsal.get("error")), f"@{rehearsal.get('position')}"])], scene)
    rows = rehearsal["rows"]
    facts = [
        (
            "rows",
            [
                f"{rows} row{'' if rows == 1 else 's'}, rolled back",
                f"{rehearsal['duration_ms'] / 1000:.1f} s",
                f"by {rehearsal.get('by')}, {brief(rehearsal.get('since'), scene)}, @{rehearsal.get('position')}",
            ],
        ),
        (
            "data",
            [
                f"in {rehearsal['environment']}, production's of {moment(rehearsal['data_taken_at'], scene)}",
                f"restore {rehearsal['restore']}",
                f"schema {short(rehearsal['schema_digest'])}",
            ],
        ),
        ("changed", [f"before {short(rehearsal['before'])}", f"after {short(rehearsal['after'])}"]),
    ]
    lines = fact_lines(facts, scene)
    statements = [
        (f"{number}", str(each["command"]), Span(short(each["digest"]), "dim"), f"{each['rows']} rows")
        for number, each in enumerate(rehearsal.get("statements") or (), start=1)
    ]
    return [*lines, *table(statements, indent=4)]
