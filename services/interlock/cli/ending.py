"""How a call of `dt` ends: what went wrong is said once, here, and becomes the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from interlock.cli.exits import INTERRUPTED, SERVER_AWAY, UNEXPECTED, USAGE, Ended, Halt
from interlock.cli.session import Session

SYNC = ("dt sync", "sends what waits, when it is back")


def run(arguments: Sequence[str]) -> int:
    """Run `dt` and return its exit code; never raises."""
    from interlock.cli.app import dt

    session = Session()
    try:
        ended = dt.main(args=list(arguments), prog_name="dt", standalone_mode=False, obj=session)
        sys.stdout.flush()
        return ended if isinstance(ended, int) else 0
    except Ended as end:
        return end.code
    except (KeyboardInterrupt, click.Abort):
        session.say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough. What remains in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.exceptions.NoArgsIsHelpError as alone:
        # `dt` alone is somebody who looks around; a group without its command is half a command.
        click.echo(alone.ctx.get_help(), err=alone.ctx.parent is not None)
        return 0 if alone.ctx.parent is None else USAGE
    except click.UsageError as wrong:
        wrong.show(sys.stderr)
        return USAGE
    except click.ClickException as wrong:
        wrong.show(sys.stderr)
        return UNEXPECTED
    except Exception as error:
        return explained(session, error)
    finally:
        session.close()


def explained(session: Session, error: Exception) -> int:
    """Say what went wrong, who can act and what to type next; return the exit code."""
    from interlock.cli.reporting import kept_in

    kept = kept_in(error)
    if isinstance(error, Halt) and kept is None:
        return halted(session, error)
    from interlock.client import OddAnswer, ProblemAnswer, ServerAway

    try:
        if kept is not None:
            return waits(session, kept)
        if isinstance(error, ProblemAnswer):
            return refused(session, error)
        if isinstance(error, ServerAway):
            return away(session, error)
        if isinstance(error, OddAnswer):
            return halted(
                session,
                Halt(
                    str(error),
                    why="is this the address of an Interlock server?",
                    then=(("dt doctor", "looks at everything"),),
                ),
            )
    except Halt as second:
        return halted(session, second)
    if os.environ.get("INTERLOCK_DEBUG"):
        raise error
    return halted(
        session,
        Halt(
            f"something unexpected happened in dt: {type(error).__name__}: {error}", why="INTERLOCK_DEBUG=1 shows where"
        ),
    )


def halted(session: Session, halt: Halt) -> int:
    """Tell a halt."""
    from interlock.cli.render.trouble import halt_lines

    if session.options.json:
        document: dict[str, Any] = {"status": "failed", "title": halt.what, "exit_code": halt.code}
        if halt.why:
            document["detail"] = halt.why
        session.give_json(document, halt.then)
    else:
        session.talk(halt_lines(halt.what, halt.why, halt.then, session.width, halt.code))
    return halt.code


def refused(session: Session, answer: Any) -> int:
    """Tell a problem document: a refusal with its whole decision, or another problem with its fields."""
    from interlock.cli.render.trouble import problem_lines

    if session.options.json:
        session.give_json({**answer.problem, "exit_code": answer.exit_code})
    else:
        session.talk(problem_lines(answer.problem, answer.type, session.scene(), answer.exit_code))
    return int(answer.exit_code)


def waits(session: Session, report: Any) -> int:
    """Tell that a report waits, and how many do."""
    from interlock.cli.render.trouble import waiting_lines

    kept, number = report.kept, counted(session)
    if session.options.json:
        document = {
            "status": "kept",
            "title": "the report waits in the spool",
            "detail": str(report.away),
            "report": kept.name,
            "idempotency_key": kept.key,
            "happened_at": kept.happened_at,
            "waiting": number,
            "gates": "closed",
            "exit_code": SERVER_AWAY,
        }
        session.give_json(document, (SYNC,))
    else:
        session.talk(waiting_lines(str(report.away), kept.sentence(), number, SYNC, session.width, SERVER_AWAY))
    return SERVER_AWAY


def counted(session: Session) -> int:
    """Return how many reports wait for this server; 0 where that cannot be read, which `dt sync` and doctor say."""
    from interlock.cli.reporting import waiting_here
    from interlock.cli.spool import BrokenReport

    try:
        return waiting_here(session)
    except (BrokenReport, OSError):
        return 0


def away(session: Session, gone: Any) -> int:
    """Tell that the server does not answer: gates stay closed."""
    from interlock.cli.render.trouble import away_lines

    number = counted(session)
    if session.options.json:
        document = {
            "status": "unreachable",
            "title": "server not reachable",
            "server": gone.url,
            "detail": gone.cause,
            "tries": gone.tries,
            "gates": "closed",
            "exit_code": gone.exit_code,
        }
        if gone.sent:
            document["idempotency_key"] = gone.sent
        if number:
            document["waiting"] = number
        session.give_json(document, (("dt doctor", "looks at everything"), *((SYNC,) if number else ())))
    else:
        session.talk(away_lines(gone, number, SYNC, session.width))
    return int(gone.exit_code)
