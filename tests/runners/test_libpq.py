"""A child process is told one database by environment variables, and nothing else leads it to another."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.runners.connections import Connection, NotConfigured
from interlock.runners.libpq import environment_of

AROUND = {
    "PATH": "/bin", "INTERLOCK_TOKEN": "il_secret", "PGHOST": "other", "PGSERVICE": "other", "PGHOSTADDR": "10.0.0.1",
    "PGTARGETSESSIONATTRS": "standby", "PGSSLROOTCERT": "/ca.pem",
}  # fmt: skip


def told(dsn: str) -> dict[str, Any]:
    return environment_of(Connection("stage", dsn), AROUND, application="interlock-restore")


def test_all_parts_of_an_address_are_told() -> None:
    found = told("postgresql://shop%40x:p%3Aw@db.internal:6432/shop?sslmode=require&connect_timeout=3")
    assert found == {
        "PATH": "/bin", "PGSSLROOTCERT": "/ca.pem", "PGAPPNAME": "interlock-restore", "PGHOST": "db.internal",
        "PGPORT": "6432", "PGDATABASE": "shop", "PGUSER": "shop@x", "PGPASSWORD": "p:w", "PGSSLMODE": "require",
        "PGCONNECT_TIMEOUT": "3",
    }  # fmt: skip


def test_a_socket_is_told_as_its_directory() -> None:
    found = told("postgresql://shop@/shop?host=/run/postgresql&port=5433")
    assert (found["PGHOST"], found["PGPORT"], found["PGUSER"]) == ("/run/postgresql", "5433", "shop")
    assert "PGPASSWORD" not in found


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://shop@/shop",
        "postgresql://shop@db/",
        "postgresql://shop:secret@db,other/shop",
        "postgresql://shop:secret@db:5432,other:5433/shop",
        "postgresql:///shop?host=a,b",
        "postgresql://shop:secret@db/shop?service=other",
        "postgresql://shop:secret@db/shop?sslpassword=x",
    ],
)
def test_an_address_that_leaves_the_choice_to_the_child_is_refused(dsn: str) -> None:
    with pytest.raises(NotConfigured, match=r"environments\.stage\.dsn") as refusal:
        told(dsn)
    assert "secret" not in str(refusal.value)
