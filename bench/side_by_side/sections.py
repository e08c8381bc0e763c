"""Each comparison: who takes turns, and what is to be reached."""
# Long: one table of comparisons, told in the order of the document that they fill.

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, TypeVar
from uuid import uuid4

from bench import library
from bench.desk import run_desk
from bench.side_by_side import appending, deciding, history, others, reading
from bench.side_by_side.figures import Goal, Measured, Section, rounds
from bench.side_by_side.http import asked_over_http, empty_server
from bench.side_by_side.place import Place
from bench.timing import Timing
from interlock.projections import PROJECTIONS
from tests.fixtures.server import enrol, enrolment_of, serving, token_of

THEIRS = "eventsourcing.postgres"
OURS = "interlock.eventsourcing"
UNTIL = "2027-11-01T00:00:00Z"

T = TypeVar("T")
Turn = Callable[[int], None]


def timed(measured: Measured, one: Callable[[], Timing]) -> Turn:
    """Return a turn that adds its operations to a contender's figures."""
    return lambda _turn: measured.add(one())


def counted(measured: Measured, one: Callable[[], float]) -> Turn:
    """Return a turn that adds its one figure."""
    return lambda _turn: measured.values.append(one())


def ran(work: Callable[..., Coroutine[Any, Any, T]], *given: Any, **how: Any) -> Callable[[], T]:
    """Return a call that runs a coroutine in a loop of its own."""
    return lambda: asyncio.run(work(*given, **how))


@dataclass(frozen=True, slots=True)
class Bench:
    """A name for the command line, and what it does."""

    name: str
    run: Callable[[Place], Section]


def append(place: Place) -> Section:
    """The ledger against other stores."""
    section = Section(
        "append",
        "Append: one event under an id of its own",
        "Interlock looks the id up, checks the bytes, the order and the clock, and keeps every event in one order "
        "without gaps. Emmett and the library keep an order of streams and of the whole, and know no ids. "
        "UmaDB appends with an id and the condition that no event has its tag. The bare insert keeps no order, and "
        "knows nothing. The library's and UmaDB's callers are threads; Emmett's are promises in Node.js over its own "
        "pool; the others are tasks. Each event has about 500 bytes of the caller's.",
    )
    no_emmett = others.emmett_there()
    turns: list[Turn] = []

    def add(name: str, callers: int, one: Callable[[], Timing]) -> None:
        turns.append(timed(section.of(f"{name}, {callers} caller{'s' if callers > 1 else ''}"), one))

    with others.umadb_server(place.home) as url:
        seconds, ledger = place.seconds, place.ledger().app
        theirs, emmetts, bare = place.empty(), place.empty(), place.empty()
        for callers in (1, 64, 256):
            add("Interlock", callers, ran(appending.append, ledger, callers, seconds))
            for threads in {1: (1,), 64: (16, 64)}.get(callers, ()):
                settings = place.environment(theirs, THEIRS, threads)
                add("eventsourcing", threads, partial(others.library_append, settings, threads, seconds))
            if no_emmett is None:
                add("Emmett", callers, partial(others.emmett, emmetts, callers, seconds))
            add("UmaDB", callers, partial(others.umadb_append, url, callers, seconds))
            add("bare asyncpg insert", callers, ran(others.bare_insert, bare, callers, seconds))
        rounds(place.rounds, turns)
    for rows, clients in ((1, 64), (64, 8)):
        limit = section.of(f"pgbench, {rows} row{'s' if rows > 1 else ''} a transaction, {clients} clients", " rows/s")
        rounds(place.rounds, [counted(limit, partial(others.pgbench, place, bare, rows, clients))])
    copied = section.of("COPY, one transaction", " rows/s")
    rounds(place.rounds, [counted(copied, ran(others.copied, bare, place.sized(50_000)))])
    if no_emmett is not None:
        section.unequal += f" Emmett was not measured: {no_emmett}."
    ours = "Interlock, 64 callers"
    section.ratio(ours, "eventsourcing, 16 callers", 25)
    section.ratio(ours, "Emmett, 64 callers", 10)
    section.ratio(ours, "UmaDB, 64 callers", 2)
    section.ratio("Interlock, 1 caller", "eventsourcing, 1 caller", 1.8)
    section.at_most(f"{ours}: 99 % within", median(section.of(ours).p99), 15, "ms")
    return section


def module(place: Place) -> Section:
    """The library's application on its own PostgreSQL module and on ours."""
    section = Section(
        "module",
        "One application of the `eventsourcing` library, unchanged, on two persistence modules",
        "Nothing but PERSISTENCE_MODULE differs; the callers are threads. Interlock's module knows ids of commands, "
        "has no gaps in its positions, and answers within a bounded time.",
    )
    theirs, ours = place.empty(), place.ledger().app
    turns: list[Turn] = []
    for callers in (1, 64):
        for name, dsn in ((THEIRS, theirs), (OURS, ours)):
            measured = section.of(f"{name}, {callers} thread{'s' if callers > 1 else ''}")
            settings = place.environment(dsn, name, callers)
            turns.append(timed(measured, partial(others.library_append, settings, callers, place.seconds)))
    rounds(place.rounds, turns)
    section.ratio(f"{OURS}, 64 threads", f"{THEIRS}, 64 threads", 4)
    section.ratio(f"{OURS}, 1 thread", f"{THEIRS}, 1 thread", 0.7)
    return section


def decisions(place: Place) -> Section:
    """The desk with every check against the library's application, which checks its own aggregate."""
    section = Section(
        "decisions",
        "A command decided by all the rules",
        "The desk decides each command by every check of it, over the whole project, and records who asked under an "
        "id; the library's application changes one aggregate from its cache, knows no roles and no ids, and stores "
        "about a third of the bytes. Both tell the same story (bench/story.py).",
    )
    dsn, theirs = place.ledger().app, place.empty()
    where = place.environment(theirs, THEIRS, 1)
    address = {
        "dbname": where["POSTGRES_DBNAME"], "host": where["POSTGRES_HOST"], "port": where["POSTGRES_PORT"],
        "user": where["POSTGRES_USER"],
    }  # fmt: skip
    turns: list[Turn] = []
    for callers in (1, 64, 256):
        desk = section.of(f"Interlock's desk, {callers} caller{'s' if callers > 1 else ''}")
        turns.append(timed(desk, partial(told_by_desk, dsn, callers, place.seconds)))
    for callers in (1, 16, 64):
        theirs_of = section.of(f"eventsourcing, {callers} thread{'s' if callers > 1 else ''}")
        turns.append(timed(theirs_of, partial(told_by_library, address, callers, place.seconds)))
    rounds(place.rounds, turns)
    ours = "Interlock's desk, 64 callers"
    section.ratio(ours, "eventsourcing, 64 threads", 15)
    section.at_most(f"{ours}: 99 % within", median(section.of(ours).p99), 20, "ms")
    return section


def told_by_desk(dsn: str, callers: int, seconds: float) -> Timing:
    """Tell the story in a new project."""
    return asyncio.run(run_desk(dsn, callers=callers, seconds=seconds, label=uuid4().hex[:8]))


def told_by_library(address: dict[str, str], callers: int, seconds: float) -> Timing:
    """Tell it under new names."""
    return library.run(address, callers=callers, seconds=seconds, label=uuid4().hex[:8])


def hot(place: Place) -> Section:
    """Everybody wants the same thing."""
    section = Section(
        "hot",
        "One hot environment, 64 callers",
        "The desk's callers all give commands about one environment, with every check; they are decided in order, so "
        "none conflicts. The others change one aggregate, or one stream, with the version they read, and read it again "
        "where somebody was faster.",
    )
    theirs, emmetts = place.empty(), place.empty()
    settings = place.environment(theirs, THEIRS, 64)
    ours = section.of("Interlock's desk")
    library_s = section.of("eventsourcing")
    turns: list[Turn] = [
        timed(ours, ran(deciding.hot, place.ledger().app, 64, place.seconds)),
        timed(library_s, partial(others.library_hot, settings, 64, place.seconds)),
    ]
    if others.emmett_there() is None:
        emmett = section.of("Emmett")
        turns.append(timed(emmett, partial(others.emmett, emmetts, 64, place.seconds, hot=True)))
    rounds(place.rounds, turns)
    section.ratio("Interlock's desk", "eventsourcing", 50)
    return section


def three(place: Place) -> Section:
    """Three streams at once."""
    section = Section(
        "three",
        "Three events in three streams as one, 64 callers",
        "Commands a second; each leaves three events, all or none. Emmett's append takes one stream: it is not here.",
    )
    settings = place.environment(place.empty(), THEIRS, 64)
    ours, theirs = section.of("Interlock"), section.of("eventsourcing")
    rounds(
        place.rounds,
        [
            timed(ours, ran(appending.append, place.ledger().app, 64, place.seconds, streams=3)),
            timed(theirs, partial(others.library_three, settings, 64, place.seconds)),
        ],
    )
    section.ratio("Interlock", "eventsourcing", 25)
    return section


def processes(place: Place) -> Section:
    """Several desks on one project."""
    section = Section(
        "processes",
        "Several processes on one project, 64 callers in all, every check",
        "They share by turns (an advisory lock) once they met at the fence; each reads what the others recorded.",
    )
    dsn = place.ledger().app
    turns: list[Turn] = []
    for number in (1, 2, 4):
        measured = section.of(f"{number} process{'es' if number > 1 else ''}")
        turns.append(timed(measured, partial(deciding.together, dsn, number, 64, place.seconds)))
    rounds(place.rounds, turns)
    section.ratio("2 processes", "1 process", 0.6)
    section.at_most("2 processes: 99 % within", median(section.of("2 processes").p99), 30, "ms")
    return section


def http(place: Place) -> Section:
    """Over HTTP."""
    section = Section(
        "http",
        "Over HTTP: one command a request, and 64",
        "Interlock authenticates, decides by the rules, records and answers with the events; the empty server decodes "
        "nothing, checks nothing and waits for one grouped insert. Server, clients and PostgreSQL are processes that "
        "share this machine's processors. Of requests with 64 commands, commands a second are told.",
    )
    dsns = place.ledger()
    config = reading.settings_for(place, dsns, "http")
    turns: list[Turn] = []
    with serving(config) as served, empty_server(place.empty()) as empty:
        served.now = None
        for founder in ("admin-1", "admin-2"):
            enrol(served, founder, enrolment_of(founder), UNTIL)
        url = f"{served.url}/v1/http/commands/Annotate"
        for clients in (1, 16, 64, 256):
            word = f"{clients} client{'s' if clients > 1 else ''}"
            ours, nothing = section.of(f"Interlock, {word}"), section.of(f"an empty POST, {word}")
            turns += [
                timed(ours, partial(asked_over_http, url, clients, place.seconds, token_of("admin-1"))),
                timed(nothing, partial(asked_over_http, empty, clients, place.seconds, "")),
            ]
        for clients in (1, 4, 16):
            ours = section.of(f"Interlock, {clients} client{'s' if clients > 1 else ''}, 64 commands a request")
            one = partial(
                asked_over_http, f"{served.url}/v1/http/commands", clients, place.seconds, token_of("admin-1"), 64
            )
            turns.append(timed(ours, one))
        rounds(place.rounds, turns)
        served.close()
    section.ratio("Interlock, 64 clients", "an empty POST, 64 clients", 0.5)
    return section


def read(place: Place) -> Section:
    """Replay and fold."""
    section = Section(
        "fold",
        "Replay and fold the whole log",
        "Interlock decodes every event strictly and folds it into the project's situation; the library maps every "
        "event and folds it into its aggregate. Events a second, from the database into memory.",
    )
    dsns = place.ledger()
    bodies = asyncio.run(history.told(dsns, place.seconds * 2))
    history.made(dsns, "fold", bodies, place.sized(100_000))
    settings = reading.library_history(place, place.empty(), place.seconds * 3)
    ours, theirs = section.of("Interlock", " events/s"), section.of("eventsourcing", " events/s")

    def mine(_turn: int) -> None:
        asyncio.run(reading.forget_snapshots(dsns.app))
        taken, events = asyncio.run(reading.folded(dsns.app, "fold"))
        ours.values.append(events / taken)

    def other(_turn: int) -> None:
        taken, events = reading.library_folded(settings)
        theirs.values.append(events / taken)

    rounds(place.rounds, [mine, other])
    section.ratio("Interlock", "eventsourcing", 5)
    return section


def projections(place: Place) -> Section:
    """Read models."""
    section = Section(
        "projections",
        "Read models written from the log",
        "`audit_trail` writes a row for each event and more; the library's ProjectionRunner, with a view of one row "
        "for each event, commits each with its position. All: every read model of Interlock's at once.",
    )
    origin = place.ledger()
    bodies = asyncio.run(history.told(origin, place.seconds * 2))
    settings = reading.library_history(place, place.empty(), place.seconds * 3)
    trail, every = section.of("audit_trail alone", " events/s"), section.of("all read models", " events/s")
    theirs = section.of("eventsourcing's ProjectionRunner", " events/s")

    def build(measured: Any, which: Any, events: int) -> None:
        dsns = place.ledger()
        history.made(dsns, "read", bodies, events)
        taken, head = asyncio.run(reading.projected(dsns.app, "read", which))
        measured.values.append(head / taken)

    rounds(
        place.rounds,
        [
            lambda _t: build(trail, reading.one_of("audit_trail"), place.sized(60_000)),
            lambda _t: build(every, PROJECTIONS, place.sized(30_000)),
            lambda turn: theirs.values.append(reading.library_projected(settings, place.seconds, f"trails{turn}")),
        ],
    )
    section.ratio("audit_trail alone", "eventsourcing's ProjectionRunner", 60)
    section.goals.append(Goal("all read models, events a second", every.value, 10_000, "/s"))
    return section


def standing(place: Place) -> Section:
    """`why`, cold starts, memory."""
    section = Section(
        "standing",
        "`why` with 500 open releases, cold starts, memory",
        "`why` is asked of the desk in its process: the situation, the rules, all checks. A server is started as a "
        "process over a database whose read models are there; it is ready when `/ready` says so. The megabytes are the "
        "resident memory of a process that knows the project; closed releases leave it.",
    )
    why = section.of("why, 500 open releases", " answers/s")
    rounds(
        place.rounds,
        [timed(why, lambda: asyncio.run(reading.why(place.ledger().app, place.sized(500), place.sized(2_000))))],
    )
    section.at_most("`why`: 99 % within", median(why.p99), 5, "ms")
    origin = place.ledger()
    bodies = asyncio.run(history.told(origin, place.seconds * 2))
    _starts(place, section, bodies)
    for releases in (10, 1_000, 100_000):
        dsns = place.ledger()
        history.made(dsns, "memory", bodies, 2 * place.sized(releases) + history.BEGINNING, short=True)
        size = section.of(f"memory after {place.sized(releases):,} releases", " MB")
        size.values.append(reading.memory(dsns.app, "memory"))
    return section


def _starts(place: Place, section: Section, bodies: list[bytes]) -> None:
    """Cold starts of a situation, with and without its snapshot, and of a server."""
    for events in (10_000, 100_000):
        number = place.sized(events)
        dsns = place.ledger()
        history.made(dsns, "start", bodies, number)
        without = section.of(f"situation of {number:,} events, without a snapshot", " ms")
        with_one = section.of(f"situation of {number:,} events, from its snapshot", " ms")
        for _ in range(place.rounds):
            asyncio.run(reading.forget_snapshots(dsns.app))
            without.values.append(asyncio.run(reading.folded(dsns.app, "start"))[0] * 1_000)
            with_one.values.append(asyncio.run(reading.folded(dsns.app, "start"))[0] * 1_000)
        if events == 100_000:
            config = reading.settings_for(place, dsns, "start")
            # The first start writes the read models; that is not what is asked about.
            reading.server_started(config)
            started = section.of(f"a server over {number:,} events", " ms")
            for _ in range(place.rounds):
                started.values.append(reading.server_started(config) * 1_000)
            section.at_most("a server is ready within", started.value / 1_000, 1.5, "s")


BENCHES = (
    Bench("append", append),
    Bench("module", module),
    Bench("decisions", decisions),
    Bench("hot", hot),
    Bench("three", three),
    Bench("processes", processes),
    Bench("http", http),
    Bench("fold", read),
    Bench("projections", projections),
    Bench("standing", standing),
)
