"""`dt login` and `dt logout`: prove who you are, once; the proof stays on this machine."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import click

from interlock.cli import seams
from interlock.cli.exits import NOT_ALLOWED, NOT_FOUND, USAGE, Halt
from interlock.cli.lazy import Command
from interlock.cli.session import Session


@click.command("login", cls=Command)
@click.option("--code", metavar="CODE", help="A one-time enrolment code; - reads it from stdin.")
@click.option("--token", is_flag=True, help="A token that you have: read from stdin, or asked for.")
@click.option(
    "--request",
    "requesting",
    is_flag=True,
    help="Make a secret here, and say what two administrators must type so that it serves.",
)
@click.option("--principal", metavar="WHO", help="With --request: who you are to be.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=90,
    show_default=True,
    metavar="DAYS",
    help="How long the new login serves.",
)
@click.option("--show", is_flag=True, help="Print the new token on stdout instead of storing it (for INTERLOCK_TOKEN).")
@click.option("--no-browser", is_flag=True, help="Print the address of the page, and open no browser.")
@click.option(
    "--print",
    "printing",
    is_flag=True,
    help="Print the token of the stored login, with which one signs in to the pages.",
)
@click.option("--list", "listing", is_flag=True, help="Which logins are stored here.")
@click.pass_obj
def login(
    session: Session,
    code: str | None,
    token: bool,
    requesting: bool,
    principal: str | None,
    days: int,
    show: bool,
    no_browser: bool,
    printing: bool,
    listing: bool,
) -> None:
    """Prove who you are, once.

    Whoever can sign in to the pages says there that it was them: dt login opens that page. The two founders begin with
    a code: dt login --code CODE. Everybody else can also make a secret here and have its digest accepted by two
    administrators: dt login --request --principal qa-1.

    The token is made on this machine, and only its digest is ever sent. dt login --as qa-1 takes a stored login.
    """
    if listing:
        list_logins(session)
    elif printing:
        print_token(session)
    elif requesting:
        request(session, principal, days, show=show)
    elif token:
        with_token(session)
    elif code is not None:
        with_code(session, read_secret("Code: ") if code == "-" else code, days, show=show)
    elif session.options.principal is not None:
        take(session)
    else:
        by_browser(session, days, show=show, open_browser=not no_browser)


def read_secret(prompt: str) -> str:
    """Return a secret from the terminal, unseen, or from stdin."""
    if sys.stdin.isatty():
        return str(click.prompt(prompt.removesuffix(": "), hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


def project_of(session: Session) -> str:
    """Return the project: the configured one, or the server's only one. Raises Halt (usage)."""
    if session.settings.project is not None:
        return session.settings.project
    projects = session.client_with(None).server("/v1").get("projects") or []
    if len(projects) == 1:
        return str(projects[0])
    raise Halt(
        f"the server has {len(projects)} projects", code=USAGE, why=f"--project says which: {', '.join(projects)}"
    )


def by_browser(session: Session, days: int, *, show: bool, open_browser: bool) -> None:
    """Store a token that was accepted in the browser, or print it."""
    from interlock.cli.browser_login import signed_in

    project = project_of(session)
    token, who = signed_in(session, project, days, open_browser=open_browser)
    if show:
        click.echo(token)
        return
    keep(session, project, token, who)
    told(session, who, project)


def print_token(session: Session) -> None:
    """Print the stored login's token. Raises Halt where none is stored."""
    if session.settings.token is None:
        raise Halt(
            f"you are not logged in at {session.settings.url}", code=NOT_ALLOWED, then=(("dt login", "stores one"),)
        )
    click.echo(session.settings.token)


def with_token(session: Session) -> None:
    """Store a token that the caller has, after the server said whose it is."""
    secret = read_secret("Token: ")
    project = project_of(session)
    who = session.client_with(secret, project).get("/whoami")
    keep(session, project, secret, who)
    told(session, who, project)


def with_code(session: Session, code: str, days: int, *, show: bool) -> None:
    """Make a token here, let the code vouch for it, and store it.

    It is stored before it is sent: a crash in between leaves a login that opens nothing and a code that still
    serves; the other way round it would leave a used-up code and no login.
    """
    from interlock.cli.instants import rfc3339
    from interlock.cli.tokens import digest_of, new_token

    project = project_of(session)
    client = session.client_with(code, project)
    who = client.get("/whoami")
    if who.get("purpose") != "enrolment":
        raise Halt("this is no enrolment code", code=USAGE, then=(("dt login --token", "if it is a token"),))
    token = new_token()
    if not show:
        keep(session, project, token, who)
    now = session.test_now or as_instant(who.get("now")) or seams.now()
    fields = {
        "principal": who["principal"],
        "secret_digest": digest_of(token),
        "scopes": ["read", "write"],
        "expires_at": rfc3339((now + timedelta(days=days)).replace(microsecond=0)),
    }
    from interlock.client import ProblemAnswer

    try:
        client.command("IssueCredential", fields)
    except ProblemAnswer:
        if not show:
            forget(session, project, str(who["principal"]))
        raise
    if show:
        click.echo(token)
        return
    told(session, session.client_with(token, project).get("/whoami"), project)


def request(session: Session, principal: str | None, days: int, *, show: bool) -> None:
    """Make a token, store it, and say what has to be typed by others before it opens anything."""
    from interlock.cli.tokens import digest_of, new_token

    if principal is None:
        raise click.UsageError("say who you are to be: --principal WHO")
    token = new_token()
    if show:
        click.echo(token)
    else:
        keep(session, project_of(session), token, {"principal": principal})
    digest = digest_of(token)
    steps = (
        (f"dt team credential issue {principal} --digest {digest} --days {days}", "by one administrator"),
        ("dt confirm C-…", "by another one"),
        ("dt doctor", "by you: whether it serves"),
    )
    if session.options.json:
        session.give_json({"principal": principal, "secret_digest": digest}, steps)
        return
    from interlock.cli.render.decision import suggestions

    session.say(f"A secret for {principal} was made here. It serves when two administrators have typed:")
    session.talk(suggestions(steps, session.scene_without_server(seams.now())))


def as_instant(value: Any) -> Any:
    """Return an answer's instant."""
    from interlock.answers.times import instant

    return instant(value)


def keep(session: Session, project: str, token: str, who: dict[str, Any]) -> None:
    """Store the login as the current one of its server and project."""
    from interlock.cli.settings import Logins

    Logins.read().store(url=session.settings.url, project=project, principal=str(who["principal"]), token=token)


def forget(session: Session, project: str, principal: str) -> bool:
    """Remove a stored login."""
    from interlock.cli.settings import Logins

    return Logins.read().forget(session.settings.url, project, principal)


def take(session: Session) -> None:
    """Make a stored login the current one."""
    from interlock.cli.settings import Logins

    logins = Logins.read()
    found = logins.find(session.settings.url, session.options.project, session.options.principal)
    if found is None:
        raise Halt(f"no login of {session.options.principal} is stored", code=NOT_FOUND)
    logins.store(url=found["url"], project=found["project"], principal=found["principal"], token=found["token"])
    told(session, session.client_with(found["token"], found["project"]).get("/whoami"), found["project"])


def told(session: Session, who: dict[str, Any], project: str) -> None:
    """Say who one is now."""
    if session.options.json:
        session.give_json(who, (("dt todo --mine", "what waits for you"),))
        return
    from interlock.cli.render.decision import suggestions
    from interlock.cli.render.lines import Span, line

    roles = ", ".join(who.get("roles") or ()) or "no role yet"
    owned = [f"owner of {name}" for name in who.get("owner_of") or ()]
    operated = [f"operator of {name}" for name in who.get("operator_of") or ()]
    session.show(
        [
            line(
                Span("✓ ", "good"),
                f"you are {who['principal']} ({', '.join([roles, *owned, *operated])}) in {project} at "
                f"{session.settings.url}",
            )
        ]
    )
    session.talk(suggestions((("dt todo --mine", "what waits for you"),), session.scene(seams.now())))


def list_logins(session: Session) -> None:
    """Show which logins are stored, never their tokens."""
    from interlock.cli.render.lines import Span, line, table
    from interlock.cli.settings import Logins

    entries = Logins.read().entries
    told_entries = [{key: entry.get(key) for key in ("principal", "project", "url", "current")} for entry in entries]
    rows = [
        (Span(str(e["principal"]), "strong"), str(e["project"]), str(e["url"]), "current" if e["current"] else "")
        for e in told_entries
    ]
    session.answer({"logins": told_entries}, table(rows) or [line("no login is stored here")])


@click.command("logout", cls=Command)
@click.option("--revoke", is_flag=True, help="Let its credential open nothing any more, too.")
@click.pass_obj
def logout(session: Session, revoke: bool) -> None:
    """Forget a stored login (--as WHO: that one)."""
    settings = session.settings
    if settings.principal is None or settings.project is None:
        raise Halt(f"no login is stored for {settings.url}", code=NOT_ALLOWED)
    if revoke:
        who = session.client.get("/whoami")
        session.client.command("RevokeCredential", {"credential": who["credential"], "reason": "logged out"})
    forget(session, settings.project, settings.principal)
    session.say(f"the login of {settings.principal} is forgotten" + (" and revoked" if revoke else ""))
