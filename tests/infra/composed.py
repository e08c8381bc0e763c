"""docker-compose.yml and the image as they are written, and a checkout in which `prepare.sh` makes `.compose/`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.house.tree import REPOSITORY

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (REPOSITORY / "infra" / "Dockerfile").read_text(encoding="utf-8")
SETTINGS = ".compose/settings"
SECRETS = ".compose/secrets"
# Where the containers keep what was known of the ledger.
KNOWN = "/var/lib/interlock"


def prepare(home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run what makes `.compose/`."""
    return subprocess.run(
        ["sh", "infra/compose/prepare.sh"],
        cwd=home,
        env={**os.environ, **environ},
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )


def project(home: Path, text: str) -> Path:
    """A checkout with an interlock.toml."""
    shutil.copytree(REPOSITORY / "infra" / "compose", home / "infra" / "compose")
    (home / "interlock.toml").write_text(text, encoding="utf-8")
    return home
