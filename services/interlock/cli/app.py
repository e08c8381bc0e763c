"""What `dt` can do: one table of commands, each with its line of help. Nothing is imported until a command is given."""

from __future__ import annotations

import click

from interlock.cli.lazy import LazyGroup
from interlock.cli.session import Session

LOOK, RELEASE, PROVE, CARE, RULES, SERVER, HERE = (
    "See where things stand",
    "Move a release",
    "Say what was found",
    "Look after environments",
    "Rules, people and the record",
    "Run a server",
    "This machine",
)
AT = "interlock.cli.commands"

COMMANDS = (
    (LOOK, "status", f"{AT}.status:status", "What runs where, what is open, when production opens."),
    (LOOK, "todo", f"{AT}.status:todo", "Who must act, on what, by when."),
    (LOOK, "gate", f"{AT}.gate:gate", "Ask whether a release may go; wait until it may."),
    (LOOK, "window", f"{AT}.window:window", "When production deploys may start."),
    (LOOK, "diff", f"{AT}.diff:diff", "What changed between two moments."),
    (LOOK, "metrics", f"{AT}.metrics:metrics", "How fast changes reach production, and how often they fail there."),
    (LOOK, "watch", f"{AT}.record:watch", "Events as they happen."),
    (RELEASE, "release", f"{AT}.release:release", "Open a release, set its content, see why it may not go on."),
    (RELEASE, "deploy", f"{AT}.deploy:deploy", "Deploy a release: ask, run it, verify, report."),
    (RELEASE, "rollback", f"{AT}.rollback:rollback", "Let production go back, for a problem there."),
    (PROVE, "test", f"{AT}.test:test", "Run the automatic tests, and record what came out."),
    (PROVE, "test-run", f"{AT}.test_run:test_run", "Tests that CI runs: start, report; abort a run."),
    (PROVE, "qa", f"{AT}.verdicts:qa", "Manual testing: approve, reject, withdraw."),
    (PROVE, "review", f"{AT}.verdicts:review", "Code review: approve, reject, withdraw."),
    (PROVE, "stage", f"{AT}.stage:stage", "The rehearsal: review, restore production's data, migrate."),
    (PROVE, "problem", f"{AT}.problem:problem", "Problems: report, look after, resolve."),
    (PROVE, "logs", f"{AT}.logs:logs", "Read production's logs, or say that they were read."),
    (CARE, "adjust", f"{AT}.adjust:adjust", "Adjust production's data: ask, rehearse, verify, execute, check."),
    (CARE, "env", f"{AT}.env:env", "One environment: what is there, its data, its freeze, its lease."),
    (CARE, "writes", f"{AT}.writes:writes", "Find what was written in a database around Interlock."),
    (RULES, "confirm", f"{AT}.second_person:confirm", "Do what another person asked for, as the second of two."),
    (RULES, "decline", f"{AT}.second_person:decline", "Say no to what another person asked for."),
    (RULES, "policy", f"{AT}.policy:policy", "The figures that the rules follow: show, propose, approve."),
    (RULES, "team", f"{AT}.team:team", "Who is there, and what each may do."),
    (RULES, "audit", f"{AT}.record:audit", "Who did what, when, because of what."),
    (RULES, "annotate", f"{AT}.record:annotate", "Put a remark beside an event."),
    (SERVER, "init", f"{AT}.init:init", "Make an interlock.toml: the project and its two founders."),
    (SERVER, "up", f"{AT}.up:up", "Start a server here, with an embedded database."),
    (SERVER, "demo", "interlock.cli.demo:demo", "Watch two weeks of releases, then try to break a rule."),
    (SERVER, "ledger", f"{AT}.ledger:ledger", "The record itself: move it, or fill an empty one."),
    (SERVER, "projections", f"{AT}.projections:projections", "The read models: how far they are; build one anew."),
    (SERVER, "intake", f"{AT}.intake:intake", "What came in on Kafka and could not be understood."),
    (SERVER, "notify", f"{AT}.notify:notify", "Tell a chat, or anything that takes webhooks, what happens."),
    (HERE, "login", f"{AT}.login:login", "Prove who you are, once; dt logout forgets it."),
    (HERE, "logout", f"{AT}.login:logout", "Forget a stored login."),
    (HERE, "sync", f"{AT}.sync:sync", "Send the reports of facts that wait here since the server was away."),
    (HERE, "doctor", f"{AT}.doctor:doctor", "Look whether everything is in order, from here to the database."),
    (HERE, "completion", f"{AT}.completion:completion", "Let the shell complete commands and names."),
    (HERE, "help", f"{AT}.topics:topics", "Explain: exit-codes, times, json, config."),
)

FOOT = """Times are GMT. Every command takes --json; every read takes --at, an instant or a position.
A refusal says what is missing, who can act, and what to type next. dt help exit-codes says how commands end."""


def show_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Say which version this is, and end."""
    del parameter
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"dt {version('interlock-release')}")
    ctx.exit()


class Root(LazyGroup):
    """The root's help is read aloud by newcomers: what it is, the commands by purpose, then the rest."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the foot as it stands."""
        del ctx
        formatter.write_paragraph()
        for row in FOOT.splitlines():
            formatter.write(f"{row}\n")


@click.group(
    cls=Root,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND …",
    options_metavar="",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Say which version this is.",
)
@click.pass_context
def dt(ctx: click.Context) -> None:
    """Release control you can replay and prove.

    A release goes sandbox-anton → tests → sandbox → stage → production, and no other way.
    """
    ctx.ensure_object(Session)
