"""What went wrong, in words: refusals, other problems, a server that is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.cli.render.decision import decision_lines, suggestions
from interlock.cli.render.lines import Lines, Part, Span, apart, folded, line
from interlock.cli.render.times import Scene

Steps = Sequence[tuple[str, str]]


def halt_lines(what: str, why: str, then: Steps, width: int, code: int) -> Lines:
    """Return "✗ what", why, and the next commands."""
    lines: Lines = [line(Span("✗ ", "bad"), what)]
    lines.extend(line("  ", row) for row in folded(why, width - 2) if row)
    lines.extend(suggestions(then, timeless(width)))
    return with_exit(lines, code, width)


def away_lines(gone: Any, waiting: int, sync: tuple[str, str], width: int) -> Lines:
    """Return what to know while the server is away (ServerAway): nothing can start; how many reports wait."""
    what = f"server {gone.url} not reachable ({gone.cause}, {gone.tries} tries in {gone.seconds:.0f} s)"
    lines: Lines = [
        line(Span("✗ ", "bad"), what),
        line("  gates stay closed · nothing was started, and nothing that was recorded is lost"),
    ]
    steps = [("dt doctor", "looks at everything")]
    if waiting:
        lines.append(line(f"  {counted_reports(waiting)} in the spool"))
        steps.append(sync)
    if gone.sent is not None:
        lines[1] = line("  gates stay closed · the command was sent and not answered: it may have been recorded")
        again = f"… --idempotency-key {gone.sent}"
        steps.insert(0, (again, "the same command again: it has one effect, whatever happened"))
    lines.extend(suggestions(steps, timeless(width)))
    return with_exit(lines, gone.exit_code, width)


def counted_reports(number: int) -> str:
    """Return "2 reports of facts wait"."""
    return f"{number} report{'' if number == 1 else 's'} of facts wait{'s' if number == 1 else ''}"


def waiting_lines(why: str, report: str, number: int, sync: tuple[str, str], width: int, code: int) -> Lines:
    """Return that a report was kept for later, and how many wait."""
    lines: Lines = [line(Span("✗ ", "bad"), f"{report} is not recorded yet: it waits here")]
    lines.extend(line("  ", row) for row in folded(why, width - 2) if row)
    lines.append(line(f"  gates stay closed · {counted_reports(number)} in the spool"))
    lines.extend(suggestions((sync, ("dt doctor", "looks at everything")), timeless(width)))
    return with_exit(lines, code, width)


def problem_lines(problem: Mapping[str, Any], kind: str, scene: Scene, code: int) -> Lines:
    """Return a problem document as lines; where it has a decision, that is the answer."""
    decision = problem.get("decision")
    steps = [(str(step.get("command")), str(step.get("why") or "")) for step in problem.get("next") or ()]
    if isinstance(decision, Mapping):
        whole = dict(decision)
        if steps and not whole.get("next"):
            whole["next"] = list(problem.get("next") or ())
        return decision_lines(whole, scene, foot=refusal_foot(problem, scene), exit_code=code, more=show_all(whole))
    lines: Lines = [line(Span("✗ ", "bad"), str(problem.get("title") or kind or "the server said no"))]
    detail = str(problem.get("detail") or "")
    lines.extend(line("  ", row) for row in folded(detail, scene.width - 2) if row)
    for error in problem.get("errors") or ():
        field, what = error.get("field") or "body", str(error.get("what") or "")
        # The detail often says it already.
        if f"{field}: {what}" not in detail:
            lines.append(line("  ", Span(f"{field}: ", "strong"), what))
    key = problem.get("idempotency_key")
    if key:
        steps = [(f"… --idempotency-key {key}", "the same command again: it has one effect, whatever happened")]
    lines.extend(suggestions(steps or usual_steps(kind), scene))
    return with_exit(lines, code, scene.width)


def refusal_foot(problem: Mapping[str, Any], scene: Scene) -> list[Part]:
    """Return "refused @18204 · the page" of a recorded refusal."""
    parts: list[Part] = [Span("refused", "dim")]
    if problem.get("recorded") is not None:
        parts.append(Span(f" @{problem['recorded']}", "dim"))
        page = page_of_refusal(problem, scene.pages)
        if page:
            parts.extend([" · ", Span(page, "link")])
    return parts


def page_of_refusal(problem: Mapping[str, Any], base: str) -> str:
    """Return where it can be read: the gate of a deploy, otherwise the refusal itself."""
    if not base:
        return ""
    deploy = deploy_in(problem.get("decision") or {})
    return f"{base}/releases/{deploy[0]}#{deploy[1]}" if deploy else f"{base}/events/{problem['recorded']}"


def deploy_in(decision: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return release and environment, where the action is a deploy."""
    verb, _, rest = str(decision.get("action", "")).partition(" ")
    what, to, where = rest.partition(" to ")
    return (what, where) if verb == "deploy" and to and " " not in what else None


def show_all(decision: Mapping[str, Any]) -> str:
    """Return the command that shows every check, where the action is a deploy."""
    deploy = deploy_in(decision)
    return f"dt release why {deploy[0]} {deploy[1]} --all" if deploy else ""


def usual_steps(kind: str) -> Steps:
    """Return what helps with a kind of problem where the server named nothing."""
    return {
        "not-authenticated": [("dt login", "your token is not known, has expired, or was revoked")],
        "not-found": [("dt status", "shows what there is")],
        "unavailable": [("dt doctor", "shows what is red")],
        "not-ready": [("dt doctor", "shows what is red")],
        "role-missing": [("dt team list", "shows who holds the role")],
    }.get(kind, [])


def with_exit(lines: Lines, code: int, width: int) -> Lines:
    """Put the exit code at the right margin of the last line, or below it where there is no room."""
    mark = [Span(f"exit {code}", "dim")]
    last = lines[-1]
    if sum(len(span.text.rstrip()) for span in last) + 10 > width:
        return [*lines, apart([], mark, width)]
    return [*lines[:-1], apart(last, mark, width)]


def timeless(width: int) -> Scene:
    """Return a scene for lines that tell no time."""
    from datetime import UTC, datetime

    return Scene(datetime.fromtimestamp(0, UTC), width)
