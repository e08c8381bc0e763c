"""How pages refuse whom they know: by a form of another session, or as no person."""

from __future__ import annotations

import hmac
from typing import Any

from interlock.identity import SignedIn
from interlock.web.asked import refused
from interlock.web.asking import NotAnswered
from interlock.web.forms import Form


def old_form() -> NotAnswered:
    """A form that belongs to no open session, or to another one."""
    return refused(
        403, "This form is not of your session", "it was shown before you signed in, or to somebody else; open it anew"
    )


def of_this_session(form: Form, session: SignedIn) -> None:
    """Raise NotAnswered unless the form was shown to this very session."""
    if not hmac.compare_digest(form.one("csrf").encode(), session.csrf.encode()):
        raise old_form()


def a_person(who: dict[str, Any]) -> dict[str, Any]:
    """Return whom the API knows as `who`, where it is a person."""
    if who["kind"] != "person":
        raise refused(403, "Pages are for people", f"{who['principal']} is a {who['kind']}: it asks the API instead")
    return who
