"""`dt demo`: a server of its own, two weeks played on it, and then it is yours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from interlock.cli import seams
from interlock.cli.demo.cast import EVERYBODY, FOUNDERS, ME, PROJECT
from interlock.cli.exits import UNEXPECTED, Ended, Halt
from interlock.cli.lazy import Command
from interlock.cli.render.lines import Lines, line
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.cli.demo.home import Home
    from interlock.cli.demo.serving import Served
    from interlock.client import Client

SECONDS_A_DAY: Final = 1.0


@click.command("demo", cls=Command)
@click.option("--once", is_flag=True, help="Play, compare with what is expected, and end (so without a terminal).")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Keep the data there.")
@click.option("--port", type=click.IntRange(1, 65_535), metavar="N", help="Where it listens; 8787 if it is free.")
@click.option("--play", is_flag=True, help="Tell where the board is first, and play a day a second at most.")
@click.option("--accept", is_flag=True, hidden=True, help="Make what is found what is expected.")
@click.pass_obj
def demo(session: Session, once: bool, keep: Path | None, port: int | None, play: bool, accept: bool) -> None:
    """Watch two weeks of releases, then try to break a rule.

    A server with a database of its own starts here, and a team's two weeks are played on it by the public API. On a
    terminal it then stays up for you; nothing of it leaves this machine. --keep DIR keeps it, and shows it again.
    --play says where the board is first, and lets you watch it move: at most a day a second.
    """
    from interlock.cli.demo.home import Home
    from interlock.cli.demo.serving import interruptible, scratch

    stays = sys.stdin.isatty() and sys.stdout.isatty() and not once and not session.options.json
    with interruptible(), ExitStack() as stack:
        home = Home(stack.enter_context(scratch()) if keep is None else keep)
        Demo(session, home, port, accept=accept, stays=stays, keeps=keep is not None, watched=play).run()


class Demo:
    """One call of `dt demo`."""

    def __init__(
        self,
        session: Session,
        home: Home,
        port: int | None,
        *,
        accept: bool,
        stays: bool,
        keeps: bool,
        watched: bool,
    ) -> None:
        self.session = session
        self.home = home
        self.port = port
        self.accept = accept
        self.stays = stays
        self.keeps = keeps
        self.watched = watched

    def run(self) -> None:
        """Serve, play or find it played, compare, and stay where somebody looks. Raises Halt, Ended."""
        from interlock.cli.demo.home import port_for
        from interlock.cli.demo.serving import served
        from interlock.cli.demo.showing import done

        played = self.home.played
        secrets = Secrets()
        if not played:
            self.home.begin(secrets.codes)
        self.show([line("Interlock demo: nothing here leaves this machine.")])
        began = seams.monotonic()
        with served(self.home, port_for(self.port, stays=self.stays)) as server:
            self.show(done("a server, and its embedded PostgreSQL", seams.monotonic() - began, self.session.width))
            self.home.listens(server.port)
            if played:
                self.home.let_in(self.home.tokens(), server.url)
                self.show([line("  its data is as it was left")])
            else:
                with clients(server.url) as client_for:
                    events = self.play(client_for, secrets, server.url)
                    self.home.let_in(secrets.tokens, server.url)
                    self.home.finish()
                    self.compare(client_for(secrets.tokens[ME]), events)
            if self.stays:
                self.stay(server)

    def play(self, client_for: Callable[[str], Client], secrets: Secrets, url: str) -> int:
        """Play the story, show each chapter when it is over, and return how many events there are. Raises Halt."""
        from interlock.cli.demo.pace import Pace
        from interlock.cli.demo.playing import StoryStops
        from interlock.cli.demo.showing import chapter_lines
        from interlock.cli.demo.story import chapters, new_play
        from interlock.client import ServerAway

        seconds_a_day = SECONDS_A_DAY if self.watched else 0.0
        pace = Pace(seams.monotonic, seams.sleep, seconds_a_day=seconds_a_day)
        play = new_play(client_for, self.home, secrets.tokens, secrets.codes, pace)
        began = seams.monotonic()
        try:
            for number, chapter in enumerate(chapters(play)):
                self.show(chapter_lines(chapter, seams.monotonic() - began, self.session.width))
                # In the first chapter everybody enrols: from here on somebody can sign in.
                if self.watched and number == 0:
                    self.wait_for_watcher(url, secrets.tokens[ME])
                began = seams.monotonic()
        except StoryStops as stopped:
            raise Halt("the story does not go on as it is told", code=UNEXPECTED, why=str(stopped)) from stopped
        except ServerAway as away:
            raise Halt(str(away), code=UNEXPECTED, why=self.home.last_words()) from away
        return play.position

    def wait_for_watcher(self, url: str, token: str) -> None:
        """Say where the board is; on a terminal, go on when somebody is there."""
        from interlock.cli.demo.showing import invitation_to_watch

        self.show(invitation_to_watch(url, token))
        if self.stays:
            click.prompt("  Return goes on", default="", show_default=False, prompt_suffix=" ")

    def compare(self, client: Client, events: int) -> None:
        """Read what the story came to, and compare. Raises Ended where it differs, unless somebody stays to look."""
        from interlock.cli.demo import findings
        from interlock.cli.demo.showing import difference_lines, outcome_lines

        came_to = findings.found(client)
        if self.accept:
            findings.accept(came_to)
        different = findings.differences(findings.expected(), came_to)
        if self.session.options.json:
            self.session.give_json({"differences": different, "found": came_to})
        else:
            self.show(outcome_lines(came_to, events))
        if different:
            self.session.talk(difference_lines(different))
            if not self.stays:
                raise Ended(UNEXPECTED)

    def stay(self, server: Served) -> None:
        """Say what to try, and leave the server to whoever looks, until Ctrl-C. Raises Halt where it ends by itself."""
        from interlock.cli.demo.showing import invitation

        self.show(invitation(self.home, server.url, keeps=self.keeps))
        try:
            code = server.process.wait()
        except KeyboardInterrupt:
            self.session.say("\nstopping")
            return
        raise Halt(f"the server ended by itself ({code})", code=UNEXPECTED, why=self.home.last_words())

    def show(self, lines: Lines) -> None:
        """Show lines, unless the answer is to be one JSON document."""
        if not self.session.options.json:
            self.session.show(lines)


class Secrets:
    """Everybody's token, and the founders' one-time codes: new ones at each play."""

    def __init__(self) -> None:
        from interlock.cli.tokens import new_token

        self.tokens = {who: new_token() for who in EVERYBODY}
        self.codes = {who: new_token() for who in FOUNDERS}


@contextmanager
def clients(url: str) -> Iterator[Callable[[str], Client]]:
    """Lend a maker of clients, one for each token, that share their connections."""
    import httpx2

    from interlock.client import Client

    with httpx2.HTTPTransport() as transport:

        def client_for(token: str) -> Client:
            return Client(
                url, PROJECT, token, clock=seams.monotonic, sleep=seams.sleep, new_id=seams.new_id, transport=transport
            )

        yield client_for
