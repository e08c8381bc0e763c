"""Where an environment is: a reference to a secret, never the secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.runners.connections import NotConfigured, connection_of

DSN = "postgresql://interlock_adjust:secret@db.internal/shop"


def read(table: Any, home: Path, **environ: str) -> Any:
    return connection_of({"environments": {"production": table}}, "production", home=home, environ=environ)


def test_a_variable_and_a_file_hold_the_address(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(f"{DSN}\n")
    for found in (read({"dsn": "env:SHOP"}, tmp_path, SHOP=DSN), read({"dsn": "file:dsn"}, tmp_path)):
        assert found.dsn == DSN
        assert "secret" not in repr(found)
        assert (found.backups, found.runner, found.writers) == (None, "interlock_adjust", ())


def test_paths_are_meant_from_the_files_directory(tmp_path: Path) -> None:
    table = {"dsn": "postgresql:///shop", "backups": "kept", "log": "../log", "writers": ["shop"], "runner": "adjuster"}
    found = read(table, tmp_path)
    assert (found.backups, found.log) == (tmp_path / "kept", tmp_path.parent / "log")
    assert (found.writers, found.runner) == (("shop",), "adjuster")


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"dsn": ""},
        {"dsn": 5},
        {"dsn": "env:MISSING"},
        {"dsn": "file:missing"},
        {"dsn": DSN},
        {"dsn": "postgresql://db/shop?password=secret"},
        {"dsn": "postgresql://db/shop?sslpassword=secret"},
        {"dsn": "host=db password=secret"},
        {"dsn": "postgresql://["},
        {"dsn": "file:odd"},
        {"dsn": "postgresql:///shop", "backups": 5},
        {"dsn": "postgresql:///shop", "backups": ""},
        {"dsn": "postgresql:///shop", "writers": "shop"},
        {"dsn": "postgresql:///shop", "writers": [""]},
        {"dsn": "postgresql:///shop", "runner": ""},
        "postgresql:///shop",
    ],
)
def test_anything_else_is_refused_without_showing_a_secret(tmp_path: Path, table: Any) -> None:
    (tmp_path / "odd").write_bytes(b"\xff")
    with pytest.raises(NotConfigured) as refusal:
        read(table, tmp_path)
    assert "secret" not in str(refusal.value).replace("a secret", "")
    assert refusal.value.setting.startswith("environments.production")


def test_an_environment_that_is_not_there_is_named(tmp_path: Path) -> None:
    documents: list[dict[str, Any]] = [{}, {"environments": ["production"]}, {"environments": {"stage": {}}}]
    for document in documents:
        with pytest.raises(NotConfigured, match=r"environments\.production"):
            connection_of(document, "production", home=tmp_path, environ={})
