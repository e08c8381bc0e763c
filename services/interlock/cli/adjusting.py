"""What the commands of `dt adjust` share: the plan's files, its texts by digest, and the digest that a person types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from interlock.cli.exits import USAGE, VERIFICATION_FAILED, Halt
from interlock.cli.observed import registered_identity
from interlock.cli.session import Session
from interlock.cli.typed import typed

F = TypeVar("F", bound=Callable[..., Any])
SQL = "application/sql"
ROWS = re.compile(r"(\d{1,15})(?:\.\.(\d{1,15}))?")
FILES = ("script", "undo", "precondition", "effect")


def plan_options(*, required: bool, but: Sequence[str] = ()) -> Callable[[F], F]:
    """Take the parts of a plan, as files and words, except those named in `but`.

    Where they are not `required`, what is not given stays as it is.
    """
    file = click.Path(path_type=Path, exists=True, dir_okay=False)
    risk: dict[str, Any] = {"default": "normal", "show_default": True} if required else {}
    parts: dict[str, tuple[str, dict[str, Any]]] = {
        "purpose": ("TEXT", {"help": "Why data must change."}),
        "script": ("FILE", {"type": file, "help": "The SQL that runs."}),
        "undo": ("FILE", {"type": file, "help": "The SQL that takes it back."}),
        "precondition": (
            "FILE",
            {"type": file, "help": "Queries that give true before; else the script does not run."},
        ),
        "effect": ("FILE", {"type": file, "help": "Queries that give true after; else it is rolled back."}),
        "rows": ("MIN..MAX", {"help": "How many rows it touches: 14, or 10..20."}),
        "table": ("TABLE", {"multiple": True, "help": "A table that it touches, as in trades.fills; repeat."}),
        "risk": ("normal|high", {"type": click.Choice(["normal", "high"]), "help": "High: one verifier more.", **risk}),
    }

    def decorate(function: F) -> F:
        for name, (metavar, more) in reversed(parts.items()):
            if name not in but:
                needed = required and name != "risk"
                parameter = "tables" if name == "table" else name
                function = click.option(f"--{name}", parameter, required=needed, metavar=metavar, **more)(function)
        return function

    return decorate


def rows_of(text: str) -> tuple[int, int]:
    """Return "14" or "10..20" as bounds. Raises Halt (usage)."""
    found = ROWS.fullmatch(text.strip())
    if found is None:
        raise Halt(f"--rows: {text!r} is no number of rows", code=USAGE, why="write 14, or 10..20")
    low = int(found.group(1))
    return low, int(found.group(2) or low)


def frozen(session: Session, given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Put the files into the evidence and return the plan; without a file, the plan `before` has it.

    A crash after some files leaves bytes that nothing names, which do no harm.
    """
    plan: dict[str, Any] = dict(before or {})
    effect = dict(plan.get("expected_effect") or {})
    targets = dict(plan.get("targets") or {})
    for name in FILES:
        if given.get(name) is not None:
            digest = session.client.put_evidence(content_of(given[name], name), SQL)
            if name == "effect":
                effect["queries_digest"] = digest
            else:
                plan[f"{name}_digest"] = digest
    if given.get("rows") is not None:
        effect["rows_min"], effect["rows_max"] = rows_of(given["rows"])
    if given.get("tables"):
        targets["tables"] = list(given["tables"])
    environment = given.get("environment")
    if environment is not None:
        targets |= {"environment": environment, "identity": registered_identity(session, environment)}
    for name in ("purpose", "risk"):
        if given.get(name) is not None:
            plan[name] = given[name]
    return {**plan, "targets": targets, "expected_effect": effect}


def content_of(path: Path, name: str) -> bytes:
    """Return a file's bytes. Raises Halt (usage) where it is empty."""
    content = path.read_bytes()
    if not content.strip():
        raise Halt(f"--{name}: {path} is empty", code=USAGE)
    return content


def read_adjustment(session: Session, name: str, at: str | None = None) -> dict[str, Any]:
    """Return the adjustment, whose plan has the digest that it says. Raises Halt where it has another."""
    from interlock.events.codec import digest_of

    found = session.get(f"/adjustments/{name}", at=at)
    computed = digest_of(found["plan"])
    if computed != found["bound_digest"]:
        raise Halt(
            f"the plan of {name} is not the one that {found['bound_digest']} names",
            code=VERIFICATION_FAILED,
            why=f"what was shown here has the digest {computed}: trust neither, and tell an auditor",
            then=(("dt doctor", "looks at everything"),),
        )
    return found


def texts_of(session: Session, plan: Mapping[str, Any]) -> dict[str, str]:
    """Return the plan's texts by their names, from the evidence; the client compares bytes with digests."""
    from interlock.cli.render.adjustments import TEXTS, digest_of_part

    return {
        name: session.client.get_evidence(digest_of_part(plan, key)).decode("utf-8", "backslashreplace")
        for name, key, _ in TEXTS
    }


def typed_digest(session: Session, adjustment: Mapping[str, Any], prefix: str | None, question: str) -> None:
    """Let a person type the first characters of the digest, or take them from `--digest`; nothing answers for them.

    Raises Halt: refused where they are others, usage where nobody can be asked.
    """
    name = str(adjustment["adjustment"])
    show = (f"dt adjust show {name}", "shows it")
    typed(session, adjustment["bound_digest"], prefix, question, of=name, then=show, again="shows what is there now")


def refused(session: Session, name: str, fields: Mapping[str, Any], decision: Mapping[str, Any]) -> Exception:
    """Let the refusal of a command be recorded, and return it, with the decision that was asked for beforehand.

    Nobody need read first what he may not do. So `fields` say that nothing was read: what is recorded finds that
    missing too, and cannot be accepted, whatever changes meanwhile. A person is told what stands in his way.
    """
    from interlock.cli.change import submit
    from interlock.client import ProblemAnswer

    try:
        submit(session, name, fields)
    except ProblemAnswer as problem:
        if "decision" in problem.problem:
            problem.problem |= {"decision": dict(decision), "next": decision.get("next") or []}
        return problem
    raise AssertionError(f"{name} was accepted though nothing was read")


digest_option = click.option(
    "--digest",
    "prefix",
    metavar="PREFIX",
    help="The first characters of the digest, six at least, instead of typing them when asked.",
)
