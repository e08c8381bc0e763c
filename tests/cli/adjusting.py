"""A shop whose data is adjusted by `dt`: a real server, real databases, and the files that a person writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.cli.terminal import Done, Terminal
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import config_text, serving
from tests.runners.shop import EFFECT, PRECONDITION, SCRIPT, UNDO, Project, ShopServer, made_shop, policy_file

BACK = "select bool_and(price = id / 8.0) from trades.fills where symbol = 'ABC' and id <= 10"
FILES = {"script": SCRIPT, "undo": UNDO, "before": PRECONDITION, "effect": EFFECT, "back": BACK}
NOWHERE = {"INTERLOCK_CONFIG": "without.toml"}


@contextmanager
def shop_terminal(
    postgres_server: PostgresServer, team_template: str, shop_server: ShopServer, home: Path, name: str
) -> Iterator[tuple[Terminal, Project]]:
    """A terminal from which the shop's databases can be reached; the team is there, scratch is restored."""
    home.mkdir(exist_ok=True)
    elsewhere(postgres_server._copy(name, team_template))
    with made_shop(shop_server, home / "backups") as shop:
        tables = "".join(
            f'\n[environments.{environment}]\ndsn = "{shop.connection(environment).dsn}"\nbackups = "backups"\n'
            for environment in ("production", "scratch")
        )
        config = home / "interlock.toml"
        text = config_text(dsns=postgres_server.embedded.dsns(name))
        config.write_text(text + tables, encoding="utf-8")
        (home / "without.toml").write_text(text, encoding="utf-8")
        for file, content in FILES.items():
            (home / f"{file}.sql").write_text(content, encoding="utf-8")
        try:
            with serving(config, "--test-clock") as served:
                document = policy_file(home).read_text(encoding="utf-8")
                terminal = Terminal(home, served.url, served.project, served.now)
                propose(terminal, document)
                yield terminal, Project(served, shop).begin()
        finally:
            elsewhere(postgres_server._drop(name))


def propose(terminal: Terminal, document: str) -> None:
    """Let the policy name the scratch database."""
    (terminal.home / "policy.json").write_text(document, encoding="utf-8")
    done(terminal, "policy", "propose", "policy.json", "-m", "rehearse apart from stage", who="admin-1")
    done(terminal, "policy", "approve", "2", who="admin-2")


def done(terminal: Terminal, *words: str, who: str = "anton", given: str | None = None, code: int = 0) -> Done:
    """Call it; it must end so."""
    found = terminal.dt(*words, who=who, given=given)
    assert found.code == code, f"dt {' '.join(words)}\n{found.stdout}{found.stderr}"
    return found


ASK = (
    "adjust", "request", "--purpose", "fills have half their price", "--script", "script.sql", "--undo", "undo.sql",
    "--precondition", "before.sql", "--effect", "effect.sql", "--rows", "5", "--table", "trades.fills",
)  # fmt: skip


def asked_for(project: Project, purpose: str, **more: Any) -> str:
    """Ask for one as anton, over the API; return its name."""
    return project.requested(replace(project.plan(**more), purpose=purpose)).adjustment


def rehearsed(project: Project, purpose: str) -> str:
    job = project.requested(replace(project.plan(), purpose=purpose))
    project.rehearsed_by_word(job)
    return job.adjustment


def authorized(project: Project, purpose: str) -> str:
    return project.authorized(replace(project.plan(), purpose=purpose)).adjustment


def typed_of(project: Project, name: str) -> str:
    """The first characters of its digest, as a person types them."""
    digest = project.served["anton"].get(f"/adjustments/{name}")["bound_digest"]
    return str(digest).removeprefix("sha256:")[:6]


def restored(project: Project) -> None:
    """Make scratch a copy of production as it is now, and say so."""
    shop = project.shop
    shop.server.drop(shop.scratch)
    shop.server.copy(shop.scratch, shop.production)
    project.restore()
