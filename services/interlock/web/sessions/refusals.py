"""How pages refuse whom they know: by a form of another session, or as no person."""

from __future__ import annotations

from typing import Any

from interlock.web.asked import refused
from interlock.web.asking import NotAnswered


def old_form() -> NotAnswered:
    """A form that belongs to no open session, or to another one."""
    return refused(
        403, "This form is not of your session", "it was shown before you signed in, or to somebody else; open it anew"
    )


def a_person(who: dict[str, Any]) -> dict[str, Any]:
    """Return whom the API knows as `who`, where it is a person."""
    if who["kind"] != "person":
        raise refused(403, "Pages are for people", f"{who['principal']} is a {who['kind']}: it asks the API instead")
    return who
