"""A decision: why not, who must act, when it can be. The one rendering of every refusal, gate and `why`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.answers.times import instant
from interlock.cli.render.lines import Line, Lines, Part, Span, apart, line, padded, wrapped
from interlock.cli.render.times import Scene, ago, brief, moment, until

Check = Mapping[str, Any]

WORDS = {"passed": "pass", "failed": "fail", "waiting": "wait", "needed": "need", "not_applicable": "n/a"}
STYLES = {"passed": "good", "failed": "bad", "waiting": "wait", "needed": "need", "not_applicable": "dim"}
# What stands in the way comes first: what time mends, what people mend, what is broken.
ORDER = {"waiting": 0, "needed": 1, "failed": 2, "passed": 3, "not_applicable": 4}
CHECK_COLUMN_MIN = 22
# What people ask about first when time alone is missing, in this order; the others are counted.
WORTH_TELLING = (
    "migrations-passed",
    "code-reviewed",
    "rehearsal-current",
    "core-areas-approved",
    "manual-qa-approved",
    "tests-passed",
    "hotfix-confirmed",
    "development-confirmed",
)
PASSED_SHOWN = 3
COMMAND_COLUMN = 43


def decision_lines(
    decision: Mapping[str, Any],
    scene: Scene,
    *,
    everything: bool = False,
    foot: Sequence[Part] = (),
    exit_code: int | None = None,
    more: str = "",
) -> Lines:
    """Return the decision as lines.

    `everything` shows passed checks too; otherwise a few of them, where time alone is missing, and
    the number of the others, with `more`, the command that shows them. `foot` is the last line's
    left side, `exit_code` its right side.
    """
    checks = sorted(decision.get("checks") or (), key=lambda check: ORDER.get(str(check.get("state")), 2))
    lines = [heading(decision, scene)]
    missing = [check for check in checks if not holds(check)]
    holding = [check for check in checks if holds(check)]
    shown = holding if everything else told(holding, decision)
    column = max([CHECK_COLUMN_MIN, *(len(str(check.get("check"))) for check in (*missing, *shown))])
    for check in (*missing, *shown):
        lines.extend(check_lines(check, scene, column))
    lines.extend(rest_line(holding, shown, missing, more))
    lines.extend(next_lines(decision, scene))
    if foot or exit_code is not None:
        right = [Span(f"exit {exit_code}", "dim")] if exit_code is not None else []
        lines.append(apart(list(foot), right, scene.width))
    return lines


def heading(decision: Mapping[str, Any], scene: Scene) -> Line:
    """Return "✗ not yet: 4.12.0 → production", with the policy's version at the right margin."""
    action = in_short(str(decision.get("action", "")))
    if decision.get("result") == "allowed":
        left: list[Part] = [Span("✓ ", "good"), "may go: ", Span(action, "strong")]
    else:
        left = [Span("✗ ", "bad"), f"{'not you' if role_missing(decision) else 'not yet'}: ", Span(action, "strong")]
    version = decision.get("policy_version")
    return apart(left, [Span(f"policy {version}", "dim")] if version is not None else [], scene.width)


def role_missing(decision: Mapping[str, Any]) -> bool:
    """Whether the role is what is missing: time mends nothing, another person does."""
    return any(check.get("check") == "role-held" and not holds(check) for check in decision.get("checks") or ())


def in_short(action: str) -> str:
    """Return "4.12.0 → production" for "deploy 4.12.0 to production"; other actions stay as they are."""
    verb, _, rest = action.partition(" ")
    what, to, where = rest.partition(" to ")
    return f"{what} → {where}" if verb == "deploy" and to and " " not in what else action


def holds(check: Check) -> bool:
    """Whether the check does not stand in the way."""
    return check.get("state") in {"passed", "not_applicable"}


def told(holding: Sequence[Check], decision: Mapping[str, Any]) -> list[Check]:
    """Return the passed checks worth a line: with evidence, and only where time alone is missing."""
    if decision.get("allowed_at") is None and decision.get("result") != "allowed":
        return []
    by_name = {str(check.get("check")): check for check in holding if check.get("state") == "passed"}
    return [by_name[name] for name in WORTH_TELLING if name in by_name][:PASSED_SHOWN]


def check_lines(check: Check, scene: Scene, column: int = CHECK_COLUMN_MIN) -> Lines:
    """Return one check: its state as a word, its name, what was found, who can act, its evidence."""
    state = str(check.get("state", "failed"))
    name = str(check.get("check", "?"))
    head: list[Part] = [
        "  ",
        padded(WORDS.get(state, state), 6, STYLES.get(state, "")),
        Span(f"{name:<{column}} "),
    ]
    pieces = [piece for piece in detail(check, state, scene) if piece]
    evidence = " ".join(f"@{position}" for position in check.get("evidence") or ())
    lines = wrapped(head, pieces, scene.width - (len(evidence) + 2 if evidence else 0))
    if evidence:
        lines[0] = apart(lines[0], [Span(evidence, "dim")], scene.width)
    return lines


def detail(check: Check, state: str, scene: Scene) -> list[str]:
    """Return what is known of a check, in pieces."""
    observed, required = str(check.get("observed") or ""), str(check.get("required") or "")
    match state:
        case "waiting":
            return [opening(check, scene), *rule(required, "")]
        case "needed":
            return [observed or "nobody yet", who(check, scene), *rule(required, observed)]
        case "failed":
            since = instant(check.get("since"))
            lasting = f"since {brief(since, scene)}, {ago(since, scene)}" if since is not None else ""
            end = check.get("until") or check.get("passes_at")
            over = f"until {moment(end, scene)}" if end else ""
            return [observed or "not so", lasting, over, who(check, scene), *rule(required, observed)]
        case "passed":
            found = observed or required
            by = str(check.get("by") or "")
            made = f"by {by}" if by and by not in found else ""
            since = instant(check.get("since"))
            when = brief(since, scene) if since is not None and brief(since, scene) not in found else ""
            return [", ".join(part for part in (found, made, when) if part)]
        case _:
            return [observed or required]


def opening(check: Check, scene: Scene) -> str:
    """Return "opens Sat 2026-11-28 09:00 GMT (in 1 d 18 h 55 m), closes 12:00"."""
    window = check.get("check") == "release-window"
    passes_at = check.get("passes_at")
    if passes_at is None:
        return str(check.get("observed") or "waits for time")
    text = f"{'opens' if window else 'from'} {moment(passes_at, scene)}"
    end = check.get("until")
    return f"{text}, {'closes' if window else 'until'} {until(end, passes_at, scene)}" if end else text


def rule(required: str, said: str) -> list[str]:
    """Return the rule that asks for it, unless what was found already says it."""
    return [f"rule: {required}"] if required and required not in said else []


def who(check: Check, scene: Scene) -> str:
    """Return who can act: "may act: qa-1, qa-2 (not you)"."""
    names = [str(name) for name in check.get("who") or ()]
    if not names:
        return "nobody may act yet: see dt team list" if check.get("state") == "needed" else ""
    mine = scene.me
    shown = ", ".join(f"{name} (you)" if name == mine else name for name in names)
    return f"may act: {shown}" + (" (not you)" if mine is not None and mine not in names else "")


def rest_line(holding: Sequence[Check], shown: Sequence[Check], missing: Sequence[Check], more: str) -> Lines:
    """Return "and 9 more passed", with the command that shows them."""
    passed = sum(check.get("state") == "passed" for check in holding) - sum(
        check.get("state") == "passed" for check in shown
    )
    exempt = sum(check.get("state") == "not_applicable" for check in holding if check not in shown)
    parts = []
    if passed:
        parts.append(
            f"and {passed} more passed" if shown else f"and {passed} passed" if missing else f"{passed} passed"
        )
    if exempt:
        parts.append(f"{exempt} not applicable")
    if not parts:
        return []
    return [line(" " * 8, Span(", ".join(parts) + (f"  ({more})" if more else ""), "dim"))]


def next_lines(decision: Mapping[str, Any], scene: Scene) -> Lines:
    """Return the commands that help: those of the decision, then those of the people who are needed."""
    steps = steps_of(decision)
    if decision.get("allowed_at") is not None and decision.get("result") != "allowed":
        at = moment(decision["allowed_at"], scene)
        intro = [line(f"Nothing else is missing. It can start from {at}:")] if not steps else []
        intro = intro or [line("Nothing else is missing. When it opens:")]
        return [*intro, *(row for command, why in steps for row in step_lines("  ", command, why, scene))]
    return suggestions(steps, scene)


def suggestions(steps: Sequence[tuple[str, str]], scene: Scene) -> Lines:
    """Return "  next  COMMAND   why", one step after the other."""
    lines: Lines = []
    for at, (command, why) in enumerate(steps):
        lines.extend(step_lines("        " if at else "  next  ", command, why, scene))
    return lines


def step_lines(lead: str, command: str, why: str, scene: Scene) -> Lines:
    """Return one step: its command, and why in the next column (or below, where the command is long)."""
    head: list[Part] = [Span(lead, "strong" if lead.strip() else ""), Span(command.ljust(COMMAND_COLUMN) + "  ")]
    if not why:
        return [line(Span(lead, "strong" if lead.strip() else ""), command)]
    return wrapped(head, [why], scene.width)


def steps_of(decision: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (command, why) of every next step, each command once."""
    steps: dict[str, str] = {}
    names_of_checks = {str(check.get("check")) for check in decision.get("checks") or ()}
    for step in decision.get("next") or ():
        why = str(step.get("why") or "")
        # "manual-qa-approved (qa-1 or qa-2)" names the check that the step is for.
        steps.setdefault(
            str(step.get("command", "")), f"for {why}" if why.partition(" ")[0] in names_of_checks else why
        )
    for check in decision.get("checks") or ():
        command = check.get("next")
        if command and not holds(check) and command not in steps:
            names = " or ".join(str(name) for name in check.get("who") or ())
            steps[str(command)] = f"({names})" if names else ""
    steps.pop("", None)
    return list(steps.items())
