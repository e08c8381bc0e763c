"""What the documents show with plain tools works as it stands there."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path

from interlock.client.signing import SigningKey
from tests.api.conftest import UNTIL
from tests.house.tree import REPOSITORY
from tests.intake.conftest import Office, instant

TEXT = (REPOSITORY / "docs" / "INTAKE.md").read_text(encoding="utf-8")


def commands() -> str:
    """The shell's lines of the document, up to where a record would be published; then its headers are printed."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", TEXT, flags=re.MULTILINE)
    lines = "".join(re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in blocks)
    before, published, _ = lines.partition("kcat -P")
    assert published
    return before + 'printf "%s\\n%s\\n" "$KEY" "$SIGNATURE"\n'


def said_by(script: str, where: Path) -> str:
    environment = {"NOW": instant(), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["bash", "-euc", script], cwd=where, env=environment, capture_output=True, text=True, check=True
    ).stdout


async def test_what_is_signed_with_openssl_is_accepted(office: Office, tmp_path: Path) -> None:
    said = await asyncio.to_thread(said_by, commands(), tmp_path)
    *_, key, signature = said.splitlines()
    assert key == SigningKey.of_file(tmp_path / "ci.pem").public
    assert f"--signing-key {key}" in said
    fields = {"principal": "ci-1", "secret_digest": SigningKey.of_file(tmp_path / "ci.pem").digest}
    await office.here.by_two("IssueCredential", {**fields, "expires_at": UNTIL, "purpose": "signing"})
    headers = [
        ("content-type", b"application/cloudevents+json"),
        ("interlock-key", key.encode()),
        ("interlock-signature", signature.encode()),
    ]
    async with office.running():
        await office.put((tmp_path / "request.json").read_bytes(), headers, sign=None)
        [told] = await office.outcomes(1)
    assert json.loads(told.value)["status"] == "accepted"
    assert json.loads(told.value)["events"][0]["data"]["text"] == "said over Kafka"
