"""What stands in the way of a release, with who can mend it and what is being done about it at this moment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from interlock.web.asked import Document

# Which activity answers which check.
ACTIVITIES: Final = {
    "tests-passed": "test-run",
    "new-tests-ran": "test-run",
    "production-data-restored": "restore",
    "migrations-passed": "migration",
}
HOLDS: Final = frozenset({"passed", "not_applicable"})

_NAMED_PROBLEM: Final = re.compile(r"\((P-\d+)\)")


def helped(release: str, checks: Iterable[Document], status: Document) -> list[Document]:
    """Return the checks; those that stand in the way with who can mend them, where only an obligation says that.

    What a machine does about it at this moment (`under_way`) is said instead of who should. `status` is the API's whole
    picture of the same moment.
    """
    return [each if each["state"] in HOLDS else {**each, **_help(release, each, status)} for each in checks]


def _help(release: str, check: Document, status: Document) -> dict[str, Any]:
    kind = ACTIVITIES.get(check["check"])
    for each in status["environments"]:
        lease = each.get("lease")
        if lease and (lease["kind"], lease.get("release")) == (kind, release):
            return {"under_way": {name: lease[name] for name in ("kind", "subject", "holder", "expires_at", "since")}}
    named = set(_NAMED_PROBLEM.findall(str(check.get("observed") or "")))
    for each in status["obligations"]["first"]:
        if each["subject"] in named or (each["subject"], each["command"]) == (release, check.get("next")):
            who = {} if check.get("who") else {"who": each["who"], "to": each["what"], "next": each["command"]}
            return who | ({"needed_by": each["by"]} if "by" in each else {})
    return {}
