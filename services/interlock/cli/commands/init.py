"""`dt init`: the project's settings, its two founders, and their one-time codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from interlock.cli.exits import USAGE, Halt
from interlock.cli.lazy import Command
from interlock.cli.session import Session

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")
PERSON = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$")

TEMPLATE = """\
# Interlock: one project. `dt up` serves it; `dt` in this directory, or below, asks it.
project = {project}
policy = {policy}                       # or "weekdays-free", or the path of a policy document (JSON)
data = ".interlock"                       # the embedded database; lost with it: everything. Keep it out of git.

[server]
host = "127.0.0.1"
port = {port}
# url = "https://interlock.example"       # where clients reach it, if not at host and port

# A PostgreSQL of your own instead of the embedded one, each address by reference to a secret:
# [database]
# app = "env:INTERLOCK_DSN"
# owner = "env:INTERLOCK_OWNER_DSN"

# How the automatic tests are run (dt test), and which server the environment for tests is:
# [tests]
# command = ["pytest", "--junit-xml={{report}}"]   # {{report}}: where its JUnit report is expected
# report = "report.xml"
# erase = ["./erase.sh"]                         # erases the data of the tests, before each run
# [environments.tests]
# dsn = "env:TESTS_DSN"                          # by reference to a secret

# The logs that `dt logs check` reads every hour, and what shows misbehaviour in them (docs/RUNNERS.md):
# [logs.production]
# files = ["/var/log/shop/*.log"]         # or journald = "shop.service", or command = ["./query.sh"]
# patterns = [{{ name = "orders are lost", match = "order .* lost", severity = "critical" }}]

# Endpoints that `dt notify` adds may be on this very machine:
# [notify]
# loopback = true

# Restores and migrations, done by dt (dt help config; infra/postgres holds the roles):
# [environments.production]
# dump_dsn = "env:PRODUCTION_DUMP_DSN"    # reads everything, writes nothing
# [environments.stage]
# restore_dsn = "env:STAGE_RESTORE_DSN"   # owns stage's database, and cannot enter production's
# mask = "infra/mask.sql"
# migrations = {{ kind = "sql", folder = "migrations" }}
# How dt deploy deploys; without it somebody else does, and reports (dt deploy start, finish, fail):
# [environments.sandbox]
# identity = ["./which-server.sh"]        # or dsn = "env:SANDBOX_DSN"
# deploy = ["./deploy.sh"]
# observed = ["./running.sh"]             # prints the digest of the content that runs there

# What a release is made of is read from git, in all clones at once; `dt help config` says more.
# [repositories]
# shop = "../shop"                        # the name that is recorded, and where a clone is
# [content]
# migrations = ["migrations/*.sql"]       # a line "-- backward-compatible" in one says that a rollback may leave it
# new_tests = ["tests/test_*.py"]         # other languages than Python: docs/RUNNERS.md
# [authors]
# "anna@example.com" = "anna"             # who that is, where the address does not say it

# The two first administrators. Only the digests of their one-time codes stand here, so this file is no secret.
{founders}"""
FOUNDER = """\
[[founders]]
principal = {principal}
enrolment = {digest}
"""


@click.command("init", cls=Command)
@click.option("--name", "project", metavar="NAME", help="The project's name; without it, this directory's.")
@click.option("--founder", "founders", multiple=True, metavar="WHO", help="One of the two first administrators; twice.")
@click.option(
    "--policy",
    default="weekend",
    show_default=True,
    metavar="POLICY",
    help="weekend: production on Saturday and Sunday 09:00–12:00 GMT; weekdays-free: weekdays too.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8787,
    show_default=True,
    metavar="N",
    help="Where the server listens.",
)
@click.option("--force", is_flag=True, help="Write over an interlock.toml; its founders' codes serve no more.")
@click.pass_obj
def init(session: Session, project: str | None, founders: tuple[str, ...], policy: str, port: int, force: bool) -> None:
    """Make an interlock.toml here: the project and its two founders, each with a one-time code.

    The codes are shown once, on stdout. Each founder logs in with his own: dt login --code CODE.
    """
    from interlock.cli.settings import CONFIG_NAME
    from interlock.cli.tokens import digest_of, new_token

    path = Path.cwd() / CONFIG_NAME
    if path.exists() and not force:
        raise Halt(f"there is an {CONFIG_NAME} here already", code=USAGE, why="--force writes over it")
    project = checked(project or session.options.project or default_name(path.parent), NAME, "project")
    people = two_founders(session, founders)
    codes = {person: new_token() for person in people}
    text = TEMPLATE.format(
        project=json.dumps(project),
        policy=json.dumps(policy),
        port=port,
        founders="\n".join(
            FOUNDER.format(principal=json.dumps(person), digest=json.dumps(digest_of(code)))
            for person, code in codes.items()
        ),
    )
    path.write_text(text, encoding="utf-8")
    tell(session, path, project, codes)


def default_name(directory: Path) -> str:
    """Return the directory's name, as far as it is a name."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", directory.name).strip("-._+")[:64] or "project"


def checked(name: str, pattern: re.Pattern[str], what: str) -> str:
    """Return the name. Raises Halt (usage) where it is none."""
    if not pattern.match(name):
        raise Halt(f"{name!r} is no name of a {what}", code=USAGE, why="letters, digits and . _ - +, at most 64")
    return name


def two_founders(session: Session, given: tuple[str, ...]) -> list[str]:
    """Return two different founders; ask for those that are missing. Raises Halt (usage)."""
    people = list(given)
    while len(people) < 2 and session.interactive:
        which = "first" if not people else "second"
        people.append(str(click.prompt(f"The {which} founder (an id, as in anton)", err=True)).strip())
    if len(set(people)) != 2 or len(people) != 2:
        raise Halt(
            "a project begins with two different founders",
            code=USAGE,
            why="what is dangerous takes two persons, so one alone could never begin",
            then=(("dt init --founder anton --founder berta", "names them"),),
        )
    return [checked(person, PERSON, "person") for person in people]


def tell(session: Session, path: Path, project: str, codes: dict[str, str]) -> None:
    """Show what was made, and the codes, once."""
    from interlock.cli.render.lines import Span, line, table

    steps = (
        ("dt up", "starts a server here"),
        ("dt login --code CODE", "each founder with his own code"),
        ("dt doctor", "looks at everything"),
    )
    if session.options.json:
        people = [{"principal": person, "code": code} for person, code in codes.items()]
        session.give_json({"config": str(path), "project": project, "founders": people}, steps)
        return
    from interlock.cli import seams
    from interlock.cli.render.decision import suggestions

    session.talk(
        [
            line(Span("✓ ", "good"), f"{path.name}: project {project}, two founders"),
            line("  their one-time codes, shown once and kept nowhere; hand each over, and to nobody else:"),
        ]
    )
    session.show(table([(Span(person, "strong"), code) for person, code in codes.items()], indent=2))
    session.talk(suggestions(steps, session.scene_without_server(seams.now())))
