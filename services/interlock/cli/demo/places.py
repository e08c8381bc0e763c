"""What the environments are, each a directory: what runs there, its data, its logs; and the commands for them.

Production and stage have databases too (`databases`). The settings are those of interlock.toml, so that whoever plays
on with the demo finds every runner ready: dt test, dt deploy, dt stage restore, dt logs check.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from interlock.cli.demo.cast import DEVELOPMENT, ENVIRONMENTS, FEEDS, PRODUCTION, SANDBOX, STAGE, TESTS
from interlock.cli.demo.repository import NAME, tag_of

KINDS: Final = {"IEX Sandbox": "host=sandbox.iexapis.com token=sandbox",
                "IEX Production": "host=cloud.iexapis.com token=production"}  # fmt: skip
PROGRAM: Final = 0o755
DEPLOY: Final = f"""\
#!/bin/sh
# Puts the content into the environment's directory: by its digest, as it was declared.
set -eu
place="places/$INTERLOCK_ENVIRONMENT"
rm -rf "$place/app" && mkdir -p "$place/app"
git -C {NAME} archive "{tag_of("")}${{INTERLOCK_CONTENT_DIGEST#sha256:}}" | tar -x -C "$place/app"
printf '%s\\n' "$INTERLOCK_CONTENT_DIGEST" > "$place/running"
"""
RUNNING: Final = """\
#!/bin/sh
# Prints the digest of what runs there.
exec cat "places/$INTERLOCK_ENVIRONMENT/running"
"""
ERASE: Final = f"""\
#!/bin/sh
# Erases the data of the tests.
rm -rf places/{TESTS}/data && mkdir -p places/{TESTS}/data
"""
PROGRAMS: Final = {"deploy.sh": DEPLOY, "running.sh": RUNNING, "erase.sh": ERASE}

SETTINGS: Final = """\
[repositories]
trading = "trading"

[content]
migrations = ["migrations/*.sql"]
new_tests = ["tests/test_*.py"]

[tests]
command = {command}
report = "places/tests/report.xml"
erase = ["./erase.sh"]

[logs.production]
files = ["places/production/app.log"]
patterns = [{{ name = "orders rejected after a reconnect", match = "order rejected, sequence", severity = "high" }}]
"""
PLACE: Final = """
[environments.{name}]
deploy = ["./deploy.sh"]
observed = ["./running.sh"]
"""


class Places:
    """The environments' directories below `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def begin(self, content_digest: str) -> None:
        """Make them; `content_digest` is what production runs before the story begins."""
        for name, text in PROGRAMS.items():
            program = self.home / name
            program.write_text(text, encoding="utf-8")
            program.chmod(PROGRAM)
        for environment in ENVIRONMENTS:
            place = self.place(environment)
            place.mkdir(parents=True)
            (place / "identity").write_text(f"{environment} of the demo\n", encoding="utf-8")
            if environment in FEEDS:
                (place / "feed").write_text(KINDS[FEEDS[environment][0]] + "\n", encoding="utf-8")
        (self.place(PRODUCTION) / "running").write_text(f"{content_digest}\n", encoding="utf-8")
        self.log_of(PRODUCTION).touch()

    def place(self, environment: str) -> Path:
        """Return an environment's directory."""
        return self.home / "places" / environment

    def log_of(self, environment: str) -> Path:
        """Return where what runs there writes its log."""
        return self.place(environment) / "app.log"

    def says(self, at: datetime, *lines: str) -> None:
        """Let what runs in production write to its log."""
        with self.log_of(PRODUCTION).open("a", encoding="utf-8") as file:
            for line in lines:
                file.write(f"{at:%Y-%m-%dT%H:%M:%SZ} {line}\n")

    def identity(self, environment: str) -> dict[str, str]:
        """Return which environment its command says it is."""
        return {"system_identifier": "command", "database": f"{environment} of the demo"}


def settings(more: Mapping[str, str]) -> str:
    """Return the tables of interlock.toml; `more` are lines of environments that have a database."""
    python = json.dumps([sys.executable, "-S", f"places/{TESTS}/app/run_tests.py", "{report}"])
    text = SETTINGS.format(command=python)
    for environment in ENVIRONMENTS:
        text += PLACE.format(name=environment)
        if environment in {PRODUCTION, STAGE}:
            text += more[environment]
        else:
            text += f'identity = ["cat", {json.dumps(f"places/{environment}/identity")}]\n'
        if environment in {DEVELOPMENT, SANDBOX}:
            text += f'feed = ["cat", {json.dumps(f"places/{environment}/feed")}]\n'
    return text
