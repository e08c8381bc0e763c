"""Real alembic: one revision at a time, in the database that was looked at and in no other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from interlock.events.canonical import digest_of_bytes
from interlock.events.catalogue.parts import Migration
from interlock.runners.commands import Configured
from interlock.runners.failures import WrongDatabase
from interlock.runners.migrating import Ending, Migrations, SetFailed, ToolFailed, migrate_set
from interlock.runners.migrating.revisions import closure, revisions_in
from tests.runners.two import Pair, means

ENV = """
from alembic import context
from sqlalchemy import create_engine
with create_engine("postgresql+psycopg://").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
\"\"\"what it does\"\"\"
from alembic import op
revision, down_revision = {name!r}, {parent!r}
def upgrade():
    op.execute({text!r})
"""
TEXTS = {
    "a1": "create table shop.more (id int primary key)",
    "b2": "alter table shop.more add note text",
    "c3": "insert into shop.more values (1), (1)",
}


@pytest.fixture
def revisions(tmp_path: Path) -> Migrations:
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/steps\n")
    (tmp_path / "steps" / "versions").mkdir(parents=True)
    (tmp_path / "steps" / "env.py").write_text(ENV)
    parent = None
    for name, text in TEXTS.items():
        content = REVISION.format(name=name, parent=parent, text=text)
        (tmp_path / "steps" / "versions" / f"{name}_step.py").write_text(content)
        parent = name
    return Migrations("alembic", tmp_path / "alembic.ini", Configured((sys.executable, "-m", "alembic"), tmp_path))


def declared(migrations: Migrations, *names: str) -> tuple[Migration, ...]:
    files = [migrations.place.parent / "steps" / "versions" / f"{name}_step.py" for name in names]
    return tuple(Migration(id=f"steps/versions/{f.name}", digest=digest_of_bytes(f.read_bytes())) for f in files)


async def test_revisions_run_one_by_one_until_one_fails(pair: Pair, revisions: Migrations) -> None:
    connection, registered = pair.connection("stage"), pair.identity("stage")

    async def migrate(*names: str) -> None:
        await migrate_set(
            connection, revisions, declared(revisions, *names),
            registered=registered, means=means(told), ending=Ending(),
        )  # fmt: skip

    told: list[str] = []
    with pytest.raises(SetFailed, match="alembic: it ended with 1") as failure:
        await migrate("a1", "b2", "c3")
    assert (failure.value.failed, len(failure.value.ran)) == ("steps/versions/c3_step.py", 2)
    assert failure.value.recorded == "steps/versions/c3_step.py: alembic: it ended with 1"
    assert all(each.duration_ms > 0 for each in failure.value.ran)
    # What alembic printed is the person's to read.
    assert [line for line in told if "(1) already exists" in line]
    assert pair.rows("stage", "select version_num from alembic_version") == [("b2",)]
    assert pair.rows("stage", "select count(note) from shop.more") == [(0,)]
    (revisions.place.parent / "steps" / "versions" / "c3_step.py").unlink()
    applied = await migrate_set(
        connection, revisions, declared(revisions, "a1", "b2"),
        registered=registered, means=means(), ending=Ending(),
    )  # fmt: skip
    assert applied.earlier == ("steps/versions/a1_step.py", "steps/versions/b2_step.py")


async def test_an_alembic_that_goes_elsewhere_is_found_out(pair: Pair, revisions: Migrations) -> None:
    env = revisions.place.parent / "steps" / "env.py"
    elsewhere = pair.servers.stage.embedded.dsn("postgres", "postgres").replace("postgresql:", "postgresql+psycopg:")
    env.write_text(env.read_text().replace("postgresql+psycopg://", elsewhere))
    pair.servers.admin(pair.servers.stage, "postgres", "drop schema if exists shop cascade; create schema shop")
    with pytest.raises(SetFailed, match="did not run in the database that was looked at") as failure:
        await migrate_set(
            pair.connection("stage"), revisions, declared(revisions, "a1", "b2", "c3"),
            registered=pair.identity("stage"), means=means(), ending=Ending(),
        )  # fmt: skip
    assert isinstance(failure.value.cause, WrongDatabase)
    pair.servers.admin(pair.servers.stage, "postgres", "drop schema shop cascade; drop table alembic_version")


async def test_an_alembic_that_is_not_there_is_said(pair: Pair, revisions: Migrations) -> None:
    missing = Migrations("alembic", revisions.place, Configured(("no-such-alembic",), revisions.place.parent))
    with pytest.raises(ToolFailed, match="no such command"):
        await migrate_set(
            pair.connection("stage"), missing, (),
            registered=pair.identity("stage"), means=means(), ending=Ending(),
        )  # fmt: skip


def test_branches_and_merges_are_read() -> None:
    listed = """
Rev: d4 (head) (mergepoint)
Merges: b2, c3
Path: /versions/d4.py

Rev: c3
Parent: a1
Path: /versions/c3.py

Rev: b2
Parent: a1
Path: /versions/b2.py

Rev: a1 (branchpoint)
Parent: <base>
Branches into: b2, c3
Path: /versions/a1.py
"""
    found = revisions_in(listed.splitlines())
    assert [(each.revision, each.parents) for each in found] == [
        ("d4", ("b2", "c3")), ("c3", ("a1",)), ("b2", ("a1",)), ("a1", ()),
    ]  # fmt: skip
    assert closure(["c3"], found) == {"a1", "c3"}
    assert closure(["d4"], found) == {"a1", "b2", "c3", "d4"}
    with pytest.raises(ToolFailed):
        revisions_in(["Rev: a1", "Parent: <base>"])
