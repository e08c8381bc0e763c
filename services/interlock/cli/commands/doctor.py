"""`dt doctor`: is everything in order, from here to the database? A red line is exit 1."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from interlock.answers.times import instant
from interlock.cli import seams
from interlock.cli.exits import UNEXPECTED, Ended, Halt
from interlock.cli.lazy import Command
from interlock.cli.session import Session

# Decisions use the ledger's clock, so a wrong clock here only makes what is shown wrong.
SKEW_SECONDS_MAX = 5
PRIVATE_BITS = 0o077
# A message that is on its way for longer is late.
BEHIND_SECONDS_MAX = 60
EXPIRES_SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `state` is green, red or grey (not looked at); `then` mends it."""

    name: str
    state: str
    detail: str
    then: tuple[str, str] | None = None


@click.command("doctor", cls=Command)
@click.pass_obj
def doctor(session: Session) -> None:
    """Is everything in order: settings, server, clock, login, readiness, lag, window, people, database?
    Red is exit 1.

    People: whether those who are registered could take each step of the flow, with the present policy, and whether
    somebody independent is left for each open release. Database: where interlock.toml says how production's is reached,
    who else may write there, and which writes nobody would see.
    """
    findings = list(examine(session))
    steps = [each.then for each in findings if each.then is not None and each.state == "red"]
    red = any(each.state == "red" for each in findings)
    if session.options.json:
        checks = [{"check": each.name, "state": each.state, "detail": each.detail} for each in findings]
        session.give_json({"healthy": not red, "checks": checks}, steps)
    else:
        show(session, findings, steps)
    if red:
        raise Ended(UNEXPECTED)


def show(session: Session, findings: list[Finding], steps: list[tuple[str, str]]) -> None:
    """Show a line for each finding."""
    from interlock.cli.render.decision import suggestions
    from interlock.cli.render.lines import Span, line, padded, wrapped

    signs = {"green": Span("✓ ", "good"), "red": Span("✗ ", "bad"), "grey": Span("– ", "dim")}
    lines = []
    for each in findings:
        lines.extend(wrapped([signs[each.state], padded(each.name, 14)], [each.detail], session.width))
    session.show(lines or [line("nothing to look at")])
    session.talk(suggestions(steps, session.scene_without_server(seams.now())))


def examine(session: Session) -> Iterator[Finding]:
    """Yield what is found, from near to far; what cannot be looked at is grey."""
    try:
        settings = session.settings
    except Halt as halt:
        yield Finding(
            "settings", "red", halt.what + (f": {halt.why}" if halt.why else ""), halt.then[0] if halt.then else None
        )
        return
    if settings.config is not None:
        yield Finding("settings", "green", f"{settings.config}, project {settings.project}")
    elif settings.project is not None:
        yield Finding("settings", "green", f"project {settings.project}, no interlock.toml here or above")
    else:
        yield Finding("settings", "red", "no project is named", ("dt init", "makes an interlock.toml here"))
    yield from private_file()
    yield from spool_findings(session)
    served = attempt(lambda: session.client_with(None).server("/v1"))
    if isinstance(served, str):
        yield Finding("server", "red", f"{settings.url}: {served}", ("dt up", "starts a server here"))
        for name in ("readiness", "clock", "login", "lag", "window", "people"):
            yield Finding(name, "grey", "not looked at: the server is away; gates stay closed")
        return
    clock = ", test clock" if served.get("test_clock") else ""
    yield Finding("server", "green", f"{settings.url}, version {served.get('version')}{clock}")
    yield from readiness(session)
    yield from with_login(session, bool(served.get("test_clock")))


def private_file() -> Iterator[Finding]:
    """Look whether others can read the stored logins."""
    from interlock.cli.settings import Logins

    try:
        path = Logins.read().path
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except (Halt, OSError) as wrong:
        yield Finding("logins", "red", str(wrong))
        return
    if mode & PRIVATE_BITS:
        yield Finding(
            "logins",
            "red",
            f"{path} can be read by others ({stat.filemode(mode)})",
            (f"chmod 600 {path}", "keeps it to you"),
        )
    else:
        yield Finding("logins", "green", f"{path}, readable by you alone")


def spool_findings(session: Session) -> Iterator[Finding]:
    """Look whether reports of facts wait here, and which were refused; nothing where neither is so."""
    from interlock.cli import spool
    from interlock.cli.render.trouble import counted_reports

    try:
        waiting = spool.waiting(session.settings.url, session.settings.project)
        refused = spool.refused(session.settings.url, session.settings.project)
    except (spool.BrokenReport, OSError) as wrong:
        yield Finding("spool", "red", str(wrong))
        return
    if waiting:
        since = min(each.happened_at for each in waiting)
        text = f"{counted_reports(len(waiting))}, the first since {since}"
        yield Finding("spool", "red", text, ("dt sync", "sends them, in their order"))
    for each in refused:
        yield Finding("spool", "grey", f"refused: {each.sentence()}, kept with the answer in {each.path}")


def attempt(question: Callable[[], dict[str, Any]]) -> dict[str, Any] | str:
    """Return the answer, or in words why there is none."""
    from interlock.client import OddAnswer, ProblemAnswer, ServerAway

    try:
        return question()
    except ServerAway as away:
        return away.cause
    except (ProblemAnswer, OddAnswer) as problem:
        return str(problem)
    except Halt as halt:
        return halt.what


def readiness(session: Session) -> Iterator[Finding]:
    """Look at the server's parts."""
    ready = attempt(lambda: session.client_with(None).server("/ready"))
    if isinstance(ready, str):
        yield Finding("readiness", "red", ready)
    else:
        yield Finding(
            "readiness", "green", ", ".join(f"{part} {state}" for part, state in (ready.get("parts") or {}).items())
        )


def with_login(session: Session, test_clock: bool) -> Iterator[Finding]:
    """Look at what takes a login: who one is, the clocks, how far the read models are, the window."""
    before = seams.now()
    who = attempt(lambda: session.client.get("/whoami"))
    after = seams.now()
    if isinstance(who, str):
        yield Finding("login", "red", who, ("dt login --code CODE", "proves who you are"))
        for name in ("clock", "lag", "window", "people"):
            yield Finding(name, "grey", "not looked at: it takes a login")
        return
    server_now = instant(who.get("now"))
    yield login_finding(who, server_now or after)
    if server_now is not None:
        yield clock_finding(server_now, before, after, test_clock=test_clock)
    picture = attempt(lambda: session.client.get("/status"))
    if isinstance(picture, str):
        yield Finding("lag", "red", picture)
        yield from people_findings(session)
        yield from database_findings(session)
        return
    here, there = int(picture.get("position") or 0), int(who.get("position") or 0)
    if here < there:
        yield Finding("lag", "red", f"read models stand at @{here:,}, the record at @{there:,}")
    else:
        yield Finding("lag", "green", f"none: read models and record stand at @{here:,}")
    yield window_finding(session, picture, server_now or after)
    yield from people_findings(session)
    yield from told_findings(session)
    yield from database_findings(session)


def told_findings(session: Session) -> Iterator[Finding]:
    """Look whether those outside who are to be told what happens are told; where nobody is, there is no line."""
    from interlock.cli.render.notices import standing

    found = attempt(lambda: session.client.get("/notify/endpoints"))
    if isinstance(found, str):
        yield Finding("notify", "red", found)
        return
    for each in found.get("endpoints") or ():
        name, said = each["name"], standing(each, session.scene())
        if each["state"] == "gone" or each["failed"]:
            what = "says that it is gone; " if each["state"] == "gone" else ""
            then = (f"dt notify retry {name}", "tries again; dt notify remove gives it up")
            yield Finding("notify", "red", f"{name} {what}{said}", then)
        elif each["waiting"] and each["oldest_seconds"] > BEHIND_SECONDS_MAX:
            then = (f"dt notify failed {name} --waiting", "shows what waits")
            yield Finding("notify", "red", f"{name} is behind by {each['oldest_seconds']} s: {said}", then)
        else:
            yield Finding("notify", "green", f"{name}: {said}")


def database_findings(session: Session) -> Iterator[Finding]:
    """Look who may write in production around Interlock, where interlock.toml says how its database is reached."""
    from interlock.cli.around import configured_here, look_around, production_in

    if not configured_here(session):
        return
    policy = attempt(lambda: session.client.get("/policy"))
    production = production_in(policy) if isinstance(policy, dict) else None
    if production is None:
        yield Finding("database", "grey", "not looked at: which environment is production is not known")
        return
    for state, detail, then in look_around(session, production):
        yield Finding("database", state, detail, then)


def people_findings(session: Session) -> Iterator[Finding]:
    """Look whether the registered people could pass each gate: a step that nobody could take is red."""
    found = attempt(lambda: session.client.get("/staffing"))
    if isinstance(found, str):
        yield Finding("people", "red", found)
        return
    lacks = found.get("lacks") or ()
    for lack in lacks:
        could = " or ".join(str(each) for each in lack.get("could") or ())
        mends = f"for {lack.get('subject') or lack.get('step')}" + (f"; {could} could" if could else "")
        yield Finding(
            "people",
            "red",
            f"no set of people can {lack.get('step')}: {lack.get('because')}",
            (str(lack.get("command")), mends),
        )
    if not lacks:
        number = len(found.get("possible") or ())
        yield Finding("people", "green", f"each of {number} steps can be taken by people who are registered")
    for lack in found.get("authors_alone") or ():
        yield Finding("people", "grey", f"not for a release of {lack.get('subject')} alone: {lack.get('because')}")


def login_finding(who: dict[str, Any], now: datetime) -> Finding:
    """Return who one is, and whether the credential ends soon."""
    roles = ", ".join(who.get("roles") or ()) or "no role"
    ends = instant(who.get("expires_at"))
    text = f"{who.get('principal')} ({roles}), credential {who.get('credential')}"
    if ends is None:
        return Finding("login", "green", text)
    text += f" until {ends:%Y-%m-%d}"
    return Finding("login", "green", text + (", which is soon" if ends - now < EXPIRES_SOON else ""))


def clock_finding(server: datetime, before: datetime, after: datetime, *, test_clock: bool) -> Finding:
    """Return how far the clocks are apart; the question's own duration is no skew."""
    if test_clock:
        return Finding("clock", "green", f"a test clock, at {server:%Y-%m-%d %H:%M:%S} GMT")
    skew = max((before - server).total_seconds(), (server - after).total_seconds(), 0.0)
    if skew > SKEW_SECONDS_MAX:
        return Finding(
            "clock",
            "red",
            f"this machine is {skew:.0f} s off the ledger's clock, by which all is decided",
            ("timedatectl", "shows whether this machine's clock is kept"),
        )
    return Finding("clock", "green", f"within {max(1, round(skew + 0.5))} s of the ledger's clock")


def window_finding(session: Session, picture: dict[str, Any], now: datetime) -> Finding:
    """Return when production opens; it is never red: a closed window is how it should be."""
    from interlock.cli.render.lines import plain
    from interlock.cli.render.status import window_line

    return Finding("window", "green", plain([window_line(picture.get("window") or {}, session.scene(now))]))
