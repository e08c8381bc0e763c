"""The next version of Interlock, made of this one: a migration more, an event of a new schema, a read model anew.

A clone has no older version in it, so the present one is the older, and the newer one is the same source with what a
next version changes. `newer_version(directory)` writes it there, and returns the environment that runs it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from interlock.ledger.migrate import newest_number
from interlock.projections.audit_trail import AUDIT_TRAIL
from tests.house.tree import REPOSITORY, ROOTS

VERSION: Final = "0.2.0"
# What a next version says of its own remarks, and what every remark from before meant.
AUDIENCE: Final = "team"
TRAIL: Final = AUDIT_TRAIL.version
MIGRATION: Final = "alter table identity.session add column reading_room text;\n"
CHANGES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "events/catalogue/ledger.py": (
        (r"@event\(\)\nclass Annotated:", "@event(schema=2)\nclass Annotated:"),
        (
            r'(    kind: Literal\["correction", "remark", "cause"\]\n    text: Text\n)',
            rf'\1    audience: Literal["team", "auditors"] = "{AUDIENCE}"\n',
        ),
    ),
    "events/upcasting.py": (
        (
            r"\Z",
            f'\n\nUPCASTERS.step("Annotated", from_schema=1)(lambda data: {{**data, "audience": "{AUDIENCE}"}})\n',
        ),
    ),
    "projections/audit_trail.py": (
        (rf"read_model\.audit_trail_{TRAIL}_", f"read_model.audit_trail_{TRAIL + 1}_"),
        (rf'Projection\("audit_trail", {TRAIL},', f'Projection("audit_trail", {TRAIL + 1},'),
        (r"(    sentence +text +not null,\n)", rf"\1    audience text not null default '{AUDIENCE}',\n"),
    ),
    "projections/tags.py": ((rf"read_model\.audit_trail_{TRAIL}_", f"read_model.audit_trail_{TRAIL + 1}_"),),
    "serve/wiring.py": ((r"return version\(DISTRIBUTION\)", f'return "{VERSION}"'),),
}


def newer_version(directory: Path) -> dict[str, str]:
    """Write the next version's source there, and return what its processes need in their environment."""
    for root in ROOTS:
        # With what was compiled of it: only what is changed below is compiled again.
        shutil.copytree(REPOSITORY / root / "interlock", directory / "interlock", dirs_exist_ok=True)
    for name, changes in CHANGES.items():
        path = directory / "interlock" / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            text, found = re.subn(old, new, text)
            assert found, f"{name} has no {old!r} any more: say here what a next version would change in it"
        path.write_text(text, encoding="utf-8")
    migrations = directory / "interlock" / "ledger" / "migrations"
    (migrations / f"{newest_number() + 1:04}_reading_room.sql").write_text(MIGRATION, encoding="utf-8")
    return {"PYTHONPATH": str(directory)}
