"""What `prepare.sh` makes of interlock.toml and its secrets: each where compose mounts it, and none in the settings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.fixtures.server import config_text
from tests.infra.composed import KNOWN, SECRETS, SETTINGS, prepare, project

OIDC = """
[sign_in.oidc]
issuer = "https://login.example.org"
client = "interlock"
"""


@pytest.mark.parametrize(
    "line, environ",
    [
        ('secret = "env:OF_THE_PROVIDER"', {"OF_THE_PROVIDER": "s=3:&\\ cret"}),
        ("secret='env:OF_THE_PROVIDER' # a remark", {"OF_THE_PROVIDER": "s=3:&\\ cret"}),
        ('  secret   =   "file:kept/it"', {}),
        ('secret = "file:/run/secrets/oidc_secret"', {}),
    ],
)
def test_the_providers_secret_is_taken_from_where_the_settings_say_and_written_into_none(
    tmp_path: Path, line: str, environ: dict[str, str]
) -> None:
    home = project(tmp_path, config_text(more='data = "here"') + f"{OIDC}{line}\n[notify]\nloopback = true\n")
    secret = home / SECRETS / "oidc_secret"
    refused = prepare(home)
    assert refused.returncode == 1
    assert "nothing is there" in refused.stderr
    if "kept" in line:
        (home / "kept").mkdir()
        (home / "kept" / "it").write_text("s=3:&\\ cret", encoding="utf-8")
    elif not environ:
        secret.write_text("s=3:&\\ cret", encoding="utf-8")
    assert prepare(home, **environ).returncode == 0
    assert secret.read_text(encoding="utf-8") == "s=3:&\\ cret"
    text = (home / SETTINGS / "interlock.toml").read_text(encoding="utf-8")
    assert "cret" not in text.replace("secret", "")
    made = tomllib.loads(text)
    assert made["sign_in"]["oidc"]["secret"] == "file:/run/secrets/oidc_secret"
    assert (made["data"], made["notify"]) == (KNOWN, {"loopback": True})
    assert made["database"] == {"app": "file:/run/secrets/app_dsn", "owner": "file:/run/secrets/owner_dsn"}
    # Whoever signs in by token alone has no secret: the one that was there goes.
    (home / "interlock.toml").write_text(config_text(), encoding="utf-8")
    assert prepare(home).returncode == 0
    assert secret.read_bytes() == b""
    assert (home / ".compose").stat().st_mode & 0o077 == 0, "nobody else on the machine comes to the secrets"
