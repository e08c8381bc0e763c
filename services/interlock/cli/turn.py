"""Waiting for an environment that something else holds, or saying who does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from interlock.cli.exits import REFUSED, Ended
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.asking import Asker
    from interlock.runners.testing import Holder, Job

# While it waits for its turn; the first that asks after it is free is next.
WAIT_SECONDS = 2.0


async def its_turn(session: Session, asker: Asker, job: Job, if_busy: str) -> None:
    """Return when nothing else holds the environment, or something else than that is missing, which is told then.

    Raises Ended where it shall not wait. Asking beforehand records nothing, so a run that waits is refused nowhere.
    """
    from interlock.events.codec import plain
    from interlock.runners.testing import busy_check, holder_of

    environment, waits, began = job.settings.environment, None, asker.clock()
    fields = {"environment": environment, "trigger": job.trigger, "observed": {"identity": plain(job.registered)}}
    while True:
        decision = await asker.call(session.client.explain, "StartTestRun", fields)
        check = busy_check(decision)
        if check is None:
            break
        holder = await holder_of(asker, environment, check)
        if if_busy != "wait":
            tell_busy(session, holder, skips=if_busy == "skip")
            raise Ended(0 if if_busy == "skip" else REFUSED)
        waits = wait_on(session, holder, waits, asker.clock() - began)
        await asker.sleep(WAIT_SECONDS)
    if waits is not None:
        waited(session, asker.clock() - began)


def tell_busy(session: Session, holder: Holder, *, skips: bool) -> None:
    """Say who holds it, and what else could be done."""
    from interlock.cli.render.decision import suggestions
    from interlock.cli.render.testing import holder_lines
    from interlock.cli.render.trouble import with_exit

    steps = () if skips else (("dt test --if-busy wait", "waits for its turn"),)
    if session.options.json:
        document = {"status": "skipped" if skips else "busy", "holder": holder.document()}
        session.give_json({**document, "exit_code": 0 if skips else REFUSED}, steps)
        return
    scene = session.scene()
    lines = holder_lines(holder, scene)
    if skips:
        session.talk([*lines, *suggestions((), scene)])
        session.say("  skipped: nothing was run, and nothing recorded")
        return
    session.talk(with_exit([*lines, *suggestions(steps, scene)], REFUSED, scene.width))


def wait_on(session: Session, holder: Holder, before: str | None, seconds: float) -> str:
    """Say for whom it waits: on a terminal on one line that counts, elsewhere once for each holder."""
    from interlock.cli.render.testing import holder_lines, minutes

    if sys.stderr.isatty() and not session.options.json:
        sys.stderr.write(f"\r\x1b[K  waiting for {holder.word} … {minutes(seconds)}")
        sys.stderr.flush()
    elif holder.subject != before:
        session.say(f"  waiting for {holder.word}")
        session.talk(holder_lines(holder, session.scene())[1:])
    return holder.subject


def waited(session: Session, seconds: float) -> None:
    """Say that the turn has come."""
    from interlock.cli.render.testing import minutes

    wipe = "\r\x1b[K" if sys.stderr.isatty() and not session.options.json else ""
    session.say(f"{wipe}  waited {minutes(seconds)}")
