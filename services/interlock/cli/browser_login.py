"""`dt login` by the browser: the secret is made here, and whoever is signed in at the pages accepts its digest."""

from __future__ import annotations

import platform
import re
import webbrowser
from typing import Any, Final
from urllib.parse import quote, urlencode

from interlock.cli import seams
from interlock.cli.exits import PENDING, Halt
from interlock.cli.session import Session

ASK_EVERY_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 600.0
HOST_CHARACTERS_MAX: Final = 60


def signed_in(session: Session, project: str, days: int, *, open_browser: bool) -> tuple[str, dict[str, Any]]:
    """Return a new token and whose it is, once somebody accepted it in the browser. Raises Halt (pending).

    Ended before that, it leaves nothing: a secret that nobody accepted opens nothing. Ended after that and before the
    token was stored, it leaves a credential whose secret is lost; `dt team` shows it, and its person may revoke it.
    """
    from interlock.cli.tokens import digest_of, new_token
    from interlock.events.login_code import login_code

    token = new_token()
    digest = digest_of(token)
    address = address_of(session.settings.url, project, digest, days)
    session.say(f"Code {login_code(digest)}: the page in the browser must show the same one.")
    if not (open_browser and session.interactive and opened(address)):
        session.say("Open this address in a browser:")
    session.say(f"  {address}")
    session.say("waiting for you to say there that it was you … (Ctrl-C ends it)")
    return token, accepted(session, token, project)


def accepted(session: Session, token: str, project: str) -> dict[str, Any]:
    """Ask until the token opens something, and return whose it is. Raises Halt (pending) when patience is over."""
    from interlock.client import ProblemAnswer

    client = session.client_with(token, project)
    began = seams.monotonic()
    while True:
        try:
            return client.get("/whoami")
        except ProblemAnswer as problem:
            if problem.type != "not-authenticated":
                raise
        if seams.monotonic() - began > PATIENCE_SECONDS:
            raise Halt(
                "nobody accepted it in the browser",
                code=PENDING,
                why=f"it was waited for {PATIENCE_SECONDS / 60:g} minutes",
                then=(("dt login", "begins anew"), ("dt login --code CODE", "with an enrolment code")),
            )
        seams.sleep(ASK_EVERY_SECONDS)


def address_of(url: str, project: str, digest: str, days: int) -> str:
    """Return the page that asks whether it was you."""
    host = re.sub(r"[^A-Za-z0-9._-]", "-", platform.node())[:HOST_CHARACTERS_MAX] or "this machine"
    asked = urlencode({"digest": digest, "days": days, "host": host})
    return f"{url}/p/{quote(project, safe='')}/login-dt?{asked}"


def opened(address: str) -> bool:
    """Tell whether a browser was asked to open the address."""
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False
