"""`dt help`: what is worth a page of its own, and the help of any command."""

from __future__ import annotations

import click

from interlock.cli.exits import MEANINGS
from interlock.cli.lazy import Command
from interlock.cli.session import Session

TIMES = """\
Times are GMT, which is UTC all year; never London time. In brackets: local time, then how far away.
Where an instant is asked for:
  "2026-11-28 09:00"           GMT
  2026-11-28T10:00:00+01:00    with its own zone
  "09:00"                      today, GMT
--at also takes a position: --at 15002. It shows everything as it was then.
--if-at asks what would be decided at a future moment, if nothing else changes.
--now sets the instant of a test clock (dt up --test-clock); a real server refuses it."""
JSON_TEXT = """\
Every command takes --json: one document on stdout, nothing else. It always has `next`, a list of
{"command", "why"}. A refusal is the problem document (RFC 9457) with `decision`: each check with its state
(passed, failed, waiting, needed, not_applicable), who can act, since when, until when. `exit_code` repeats
how dt ended. dt watch --json gives one event a line."""
CONFIG = """\
Where dt asks, the first that is there:
  server    --url      INTERLOCK_URL       interlock.toml [server]   http://127.0.0.1:8787
  project   --project  INTERLOCK_PROJECT   interlock.toml project
  who       --as       INTERLOCK_AS        the current login (dt login)
  token                INTERLOCK_TOKEN     the stored login
interlock.toml is looked for here and in every directory above; INTERLOCK_CONFIG names another.
Logins are in ~/.config/interlock/credentials.json (XDG_CONFIG_HOME), readable by you alone; INTERLOCK_HOME names
another directory for them, and for what dt remembers.
Where an environment's database is (dt adjust, dt writes): [environments.production] in interlock.toml, with
  dsn = "env:NAME" or "file:PATH"    a reference to the address, never a password
  backups = "DIR"                    where rows that an adjustment touches are kept as they were
  log = "DIR", writers = ["ROLE"]    PostgreSQL's json logs, and the application's login roles (dt writes)
  dump_dsn, restore_dsn, migrate_dsn as whom it is read for restores, restored into, migrated; else dsn
  mask = "FILE.sql"                  what makes production's data fit for others (dt env restore, dt stage restore)
  restore_jobs = 2, dumps = "DIR"    how many tables at once; where the dump lies meanwhile
  migrations = { kind = "sql", folder = "DIR" }, or kind = "alembic", config = "FILE", or kind = "command",
    folder = "DIR", command = […]    how its schema is migrated (dt stage migrate); after = "FILE": those before ran
How a deploy is done there (dt deploy, dt rollback), in the same table:
  deploy = ["./deploy.sh"]           what is run; without it somebody else deploys, and reports
  observed = ["./running.sh"]        what prints, before and after, the digest of the content that runs
Which market data an environment gets (dt deploy): [environments.sandbox]
  feed = ["./feed.sh"]               prints host=HOST token=sandbox or token=production, never the token
  [feeds] "HOST" = "production"      a host of your own that passes IEX on
What a release is made of (dt release content, dt stage review), read from git over all repositories at once:
  [repositories] shop = "../shop"    a clone, by the name that is recorded
  [content] migrations = ["migrations/*.sql"], new_tests = ["tests/test_*.py"]; "shop:db/**/*.sql" in shop alone
    new_tests also { files = "**/*_test.go", match = '^func (Test\\w+)', name = "{test}" }, for any language
  [authors] "a@example.com" = "WHO"  which principal an address in git is
How the automatic tests are run (dt test): [tests] in interlock.toml, with
  command = ["pytest", "--junit-xml={report}"]    run in the directory of interlock.toml
  report = "report.xml"              where it leaves its JUnit report: {report}, and INTERLOCK_REPORT for the command
  erase = ["./erase.sh"]             what erases the data of the tests, before each run
  environment = "tests"              whose lease is taken; [environments.tests] says which server that is: dsn as
                                     above, or identity = ["./which-server.sh"], which prints its name on one line
Which logs dt logs check reads, and for what: [logs.production], with
  files = ["GLOB"], or journald = "UNIT" (of other machines: journal = "DIR"), or command = ["WORD", …]
  patterns = [{ name = "…", match = "REGEX", severity = "low|medium|high|critical" }]
  time = { match = "…(…)…", format = "%d.%m.%Y …" }, zone = "UTC"   where lines have no usual time
What a server may tell outside (dt notify): [notify], with
  loopback = true                    endpoints may be on the server's own machine
  authority = "FILE"                 who signs their certificates
Reports of facts that wait for the server (dt sync) are in ~/.config/interlock/spool.
NO_COLOR turns colours off; COLUMNS sets the width; INTERLOCK_DEBUG=1 shows where dt itself failed."""
TOPICS = {"times": TIMES, "json": JSON_TEXT, "config": CONFIG}
LISTED = (
    ("exit-codes", "how commands end"),
    ("times", "how times are shown and given"),
    ("json", "what --json gives"),
    ("config", "where dt looks for server, project and login"),
)


@click.command("help", cls=Command)
@click.argument("words", metavar="[TOPIC | COMMAND …]", nargs=-1)
@click.pass_context
def topics(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Explain a topic (exit-codes, times, json, config), or a command: dt help release why."""
    session = ctx.find_object(Session)
    if words == ("exit-codes",):
        if session is not None and session.options.json:
            session.give_json({"exit_codes": [{"code": code, "meaning": text} for code, text in MEANINGS]})
            return
        click.echo("\n".join(f"{code:>4}  {text}" for code, text in MEANINGS))
    elif len(words) == 1 and words[0] in TOPICS:
        click.echo(TOPICS[words[0]])
    elif words:
        click.echo(help_of(ctx, words))
    else:
        click.echo("\n".join(f"  dt help {name:<12} {text}" for name, text in LISTED))
        click.echo("  dt help COMMAND …    the help of a command")


def help_of(ctx: click.Context, words: tuple[str, ...]) -> str:
    """Return a command's help. Raises UsageError where there is none of that name."""
    parent = ctx.find_root()
    command: click.Command = parent.command
    for word in words:
        found = command.get_command(parent, word) if isinstance(command, click.Group) else None
        if found is None:
            raise click.UsageError(f"there is no topic and no command {' '.join(words)!r}; dt help lists the topics")
        parent = click.Context(found, parent=parent, info_name=word)
        command = found
    return command.get_help(parent)
