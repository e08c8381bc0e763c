"""The fields of forms, and what they are in a command."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from interlock.web.asked import moment
from interlock.web.forms import Form

Kind = Literal["line", "text", "choice", "lines", "instant", "digest", "bound", "hidden"]
# As many characters of a digest as people compare and type.
TYPED_CHARACTERS_MIN: Final = 6
# Stands for what nobody has said yet where only the rules are asked.
UNSAID: Final = "not said yet"
_HEX: Final = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `line` and `text` are texts, `lines` a list, `instant` a moment in GMT, `choice` one of `choices`.

    `digest` is typed by hand and goes into no command: its beginning must be that of the field `bound`, which the
    form brings along as it was shown.
    """

    name: str
    label: str
    kind: Kind
    required: bool = True
    hint: str = ""
    choices: tuple[str, ...] = ()


def shown_fields(
    fields: tuple[Field, ...], filled: Mapping[str, str], faults: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the fields as a form shows them: what is filled in, and what is wrong with it."""
    return [
        {
            "name": field.name,
            "label": field.label,
            "kind": field.kind,
            "required": field.required,
            "hint": field.hint,
            "choices": list(field.choices),
            "value": filled[field.name],
            "fault": faults.get(field.name),
        }
        for field in fields
    ]


def typed(fields: tuple[Field, ...], form: Form) -> dict[str, str]:
    """Return what somebody typed, as the form shows it again. Raises NotAnswered."""
    return {
        field.name: "\n".join(form.all(field.name)) if field.kind == "lines" else form.one(field.name)
        for field in fields
    }


def faults_of(fields: tuple[Field, ...], said: Mapping[str, str]) -> dict[str, str]:
    """Return for each field what is wrong with what was typed; the rest the API looks at."""
    wrong: dict[str, str] = {}
    for field in fields:
        value = said[field.name]
        if field.required and not value:
            wrong[field.name] = "say something here"
        elif value and field.kind == "choice" and value not in field.choices:
            wrong[field.name] = f"it is one of {', '.join(field.choices)}"
        elif value and field.kind == "digest":
            beginning = value.lower().removeprefix("sha256:")
            bound = next((said[each.name] for each in fields if each.kind == "bound"), "")
            if not _HEX.fullmatch(beginning) or not bound.removeprefix("sha256:").startswith(beginning):
                wrong[field.name] = (
                    f"these are not the first characters of the digest; type at least {TYPED_CHARACTERS_MIN} of them"
                )
    return wrong


def members_of(fields: tuple[Field, ...], said: Mapping[str, str]) -> dict[str, Any]:
    """Return what the fields are in the command; what was left empty is left out."""
    members: dict[str, Any] = {}
    for field in fields:
        value = said[field.name]
        if not value or field.kind == "digest":
            continue
        if field.kind == "lines":
            members[field.name] = [line.strip() for line in value.splitlines() if line.strip()]
        elif field.kind == "instant":
            members[field.name] = moment(value)
        else:
            members[field.name] = value
    return members


def sample_of(fields: tuple[Field, ...], said: Mapping[str, str]) -> dict[str, Any]:
    """Return members with which the rules can be asked before anybody typed anything."""
    filled = {
        field.name: said.get(field.name)
        or (field.choices[0] if field.choices else UNSAID if field.required and field.kind in {"line", "text"} else "")
        for field in fields
    }
    return members_of(fields, filled)
