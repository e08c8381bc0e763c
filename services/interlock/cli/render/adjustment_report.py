"""`dt adjust report`: plain text, complete, to be printed and signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.answers.times import instant
from interlock.answers.visible import visible
from interlock.cli.render.adjustments import TEXTS, digest_of_part, fact_lines, rows_expected, shown_rows
from interlock.cli.render.lines import Lines, Part, Span, folded, line, table, wrapped
from interlock.cli.render.times import Scene, day

Facts = Mapping[str, Any]
SIGNS = {True: ("✓", "good"), False: ("✗", "bad"), None: ("·", "dim")}
WHO = (
    ("asked", "asked for it, or amended it"),
    ("rehearsed", "rehearsed it"),
    ("verified", "stands for it as verifier"),
    ("executed", "executed it"),
    ("checked", "looked at its result"),
)


def report_lines(report: Facts, scene: Scene) -> Lines:
    """Return the whole report."""
    title = f"Data adjustment {report['adjustment']}: {report['stage']}"
    seen = f"project {report['project']} at {report['server']}, as recorded up to position {report['position']}"
    return [
        line(Span(title, "strong")),
        line(seen),
        line(),
        *asked_lines(report, scene),
        line(),
        *chain_lines(report, scene),
        line(),
        *people_lines(report, scene),
        line(),
        *said_lines("4. What this proves", report["proves"], scene),
        line(),
        *said_lines("5. What it does not prove", report["does_not_prove"], scene),
        line(),
        *said_lines("6. How to see it for yourself", checking(report), scene),
    ]


def exact(value: object) -> str:
    """Return an instant to the second, as a report needs it."""
    at = instant(value)
    return "at an unknown time" if at is None else f"{day(at)} {at:%H:%M:%S} GMT"


def asked_lines(report: Facts, scene: Scene) -> Lines:
    """Return what was asked for, down to the bytes."""
    plan = report["plan"]
    targets = plan["targets"]
    identity = " · ".join(f"{key} {value}" for key, value in targets["identity"].items() if value is not None)
    reverts, by = report.get("reverts"), report.get("reverted_by")
    facts = [
        ("purpose", [str(plan["purpose"])]),
        ("takes back", [str(reverts or "")]),
        ("taken back", [f"by {by}" if by else ""]),
        ("where", [targets["environment"], identity]),
        ("tables", [", ".join(targets["tables"])]),
        ("expects", [rows_expected(plan), f"{plan['risk']} risk"]),
        (
            "asked for",
            [f"by {report['requested_by']}", exact(report["requested_at"]), f"@{report['requested_position']}"],
        ),
        ("digest", [str(report["bound_digest"]), "of the whole plan, as canonical JSON"]),
    ]
    lines = [line(Span("1. What was asked for", "strong")), *fact_lines(facts, scene)]
    for name, key, what in TEXTS:
        lines.append(line("  ", Span(name, "strong"), f": {what}"))
        lines.append(line("    ", Span(digest_of_part(plan, key), "dim")))
        lines.extend(line("    ", row) for row in shown_rows(report["texts"][name]))
    said = "Each digest above was computed again here, of the plan and of the bytes that are shown: it is the same."
    return [*lines, *wrapped(["  "], [said], scene.width)]


def chain_lines(report: Facts, scene: Scene) -> Lines:
    """Return every step with all that is known of it."""
    chain = report["chain"]
    void = sum(bool(step["void"]) for step in chain)
    title = f"2. What happened: {len(chain)} steps, {void} of them void"
    lines: Lines = [line(Span(title, "strong"))]
    for number, step in enumerate(chain, start=1):
        lines.extend(step_lines(number, step, scene))
    return lines


def step_lines(number: int, step: Facts, scene: Scene) -> Lines:
    """Return one step: what, when, who with which credential, its digests, its decision, what voided it."""
    head: list[Part] = [f"  {number:>3}  ", Span(str(step["step"]), "strong"), f"  @{step['position']}  "]
    credential = f", credential {step['credential']}" if step.get("credential") else ""
    who = f"{exact(step['at'])}  by {step['by']} ({step['by_kind']}{credential})"
    lines: Lines = [line(*head, who), *indented(str(step["sentence"]), scene)]
    for name, digest in digests(step["data"]):
        lines.extend(indented(f"{name.ljust(12)} {digest}", scene))
    plan = step["data"].get("plan")
    if plan:
        said = f"{', '.join(plan['targets']['tables'])}, {rows_expected(plan)}, {plan['risk']} risk: {plan['purpose']}"
        lines.extend(indented(said, scene))
    decision = step.get("decision")
    if decision:
        lines.extend(decision_lines(decision, scene))
    for key in ("reason", "method", "error"):
        text = step["data"].get(key)
        # A sentence that was cut does not hold all of it.
        if text and " ".join(str(text).split()) not in str(step["sentence"]):
            lines.extend(indented(f"{key}: {visible(' '.join(str(text).split()))}", scene))
    if step["void"]:
        void = step["void"]
        said = f"VOID since @{void['position']}, {exact(void['at'])}, by {void['by']}: {void['sentence']}"
        lines.extend(indented(said, scene, style="wait"))
    return lines


def indented(text: str, scene: Scene, style: str = "") -> Lines:
    """Return text below a step."""
    return wrapped([" " * 7], [text], scene.width, style=style)


def digests(data: Facts) -> list[tuple[str, str]]:
    """Return the digests that the event itself names."""
    names = {
        "bound_digest": "plan",
        "schema_digest": "schema",
        "before": "rows before",
        "after": "rows after",
        "backup_digest": "backup",
        "report": "report",
    }
    found = [(word, str(data[key])) for key, word in names.items() if data.get(key)]
    plan = data.get("plan")
    if plan:
        found += [(name, digest_of_part(plan, key)) for name, key, _ in TEXTS]
    return found


def decision_lines(decision: Facts, scene: Scene) -> Lines:
    """Return a decision: its result, on what it was made, and each check with what it found."""
    result, position, policy = decision["result"], decision["position"], decision["policy_version"]
    lines = indented(f"decision: {result}, on the situation at @{position}, under policy {policy}", scene)
    rows: list[tuple[Part, ...]] = []
    for check in decision.get("checks") or ():
        found = str(check.get("observed") or check.get("required") or "")
        evidence = " ".join(f"@{each}" for each in check.get("evidence") or ())
        rows.append((str(check["state"]), str(check["check"]), f"{found}  {evidence}".strip()))
    return [*lines, *table(rows, indent=9)]


def people_lines(report: Facts, scene: Scene) -> Lines:
    """Return who did what, that they are different persons, and the other things an auditor looks for."""
    rows = [(what, ", ".join(report["persons"][key]) or "nobody yet") for key, what in WHO]
    different = sorted({name for key, _ in WHO if key != "rehearsed" for name in report["persons"][key]})
    lines = [line(Span("3. Who did what, and whether it is as it must be", "strong")), *table(rows, indent=2)]
    lines.extend(
        wrapped(["  "], [f"These are {len(different)} different persons: {', '.join(different)}."], scene.width)
    )
    for each in report["findings"]:
        sign, style = SIGNS[each["holds"]]
        where = " ".join(f"@{position}" for position in each["positions"])
        says = each["says"] if each["holds"] is not None else f"not yet: {each['says']}"
        lines.extend(wrapped(["  ", Span(sign, style), " "], [f"{says} {where}".strip()], scene.width))
    return lines


def said_lines(title: str, sentences: Sequence[str], scene: Scene) -> Lines:
    """Return sentences below a title."""
    lines: Lines = [line(Span(title, "strong"))]
    for sentence in sentences:
        first, *rest = folded(sentence, scene.width - 4)
        lines.append(line("  - ", first))
        lines.extend(line("    ", row) for row in rest)
    return lines


def checking(report: Facts) -> list[str]:
    """Return how each thing can be looked at again."""
    name, position = report["adjustment"], report["position"]
    return [
        f"dt adjust report {name} --at {position}   prints this again, whatever happened since",
        "dt audit show POSITION --bytes   the bytes of one step, as they were recorded",
        f"dt audit log --adjustment {name} --at {position}   every event that names it",
        f"dt adjust show {name} --texts   the texts, compared with their digests",
    ]
