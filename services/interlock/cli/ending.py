"""How a call of `dt` ends: what went wrong is said once, here, and becomes the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from interlock.cli.exits import INTERRUPTED, UNEXPECTED, USAGE, Ended, Halt
from interlock.cli.session import Session


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
    if isinstance(error, Halt):
        return halted(session, error)
    from interlock.client import OddAnswer, ProblemAnswer, ServerAway

    try:
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


def away(session: Session, gone: Any) -> int:
    """Tell that the server does not answer: gates stay closed."""
    from interlock.cli.render.trouble import away_lines

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
        session.give_json(document, (("dt doctor", "looks at everything"),))
    else:
        session.talk(
            away_lines(gone.url, gone.cause, gone.tries, gone.seconds, gone.sent, session.width, gone.exit_code)
        )
    return int(gone.exit_code)
