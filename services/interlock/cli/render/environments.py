"""Environments: what is in each, since when, what its data is, who holds it, whether it is looked after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from interlock.answers.times import instant
from interlock.cli.render.happenings import short
from interlock.cli.render.lines import Lines, Part, Span, line, table, wrapped
from interlock.cli.render.times import Scene, ago, brief, clock, day, moment

Facts = Mapping[str, Any]
LABEL_COLUMN = 10


def occupant_of(environment: Facts, scene: Scene) -> tuple[str, str]:
    """Return what is there, and since when and by whom."""
    occupancy = environment.get("occupancy") or {}
    state = occupancy.get("state", "empty")
    since = f"since {brief(occupancy['since'], scene)}, by {occupancy.get('by')}" if occupancy.get("since") else ""
    before = (environment.get("last_sure") or {}).get("release")
    match state:
        case "occupied":
            return str(occupancy.get("release") or short(occupancy.get("content_digest", "")) or "something"), since
        case "deploying":
            return f"{occupancy.get('release')} deploying", since
        case "unsure":
            return "unsure" + (f" (was {before})" if before else ""), since
        case "mixed":
            return "mixed" + (f" (was {before})" if before else ""), since
        case _:
            return "–", since if occupancy.get("since") else ""


def state_style(environment: Facts) -> str:
    """Return the style of what is there."""
    state = (environment.get("occupancy") or {}).get("state")
    return {"unsure": "bad", "mixed": "bad", "deploying": "wait"}.get(str(state), "")


def care_of(environment: Facts, scene: Scene) -> list[str]:
    """Return what matters most now: a running activity, a freeze, corruption, log checks, the owner."""
    notes = []
    run, lease, freeze = environment.get("run"), environment.get("lease"), environment.get("freeze")
    if run:
        notes.append(f"run {run.get('run')} ({run.get('trigger')}) since {brief(run.get('since'), scene)}")
    elif lease and (environment.get("occupancy") or {}).get("state") != "deploying":
        notes.append(f"{lease.get('kind')} by {lease.get('holder')} until {brief(lease.get('expires_at'), scene)}")
    if freeze:
        notes.append("frozen" + (f" until {brief(freeze['until'], scene)}" if freeze.get("until") else ""))
    if environment.get("corrupt"):
        notes.append("data corrupt")
    logs = environment.get("logs")
    if logs:
        notes.append(logs_in_short(logs, scene))
    last = environment.get("last_run")
    if last and not run:
        notes.append(f"last run {last.get('state')} {brief(last.get('since'), scene)}")
    return notes


def logs_in_short(logs: Facts, scene: Scene) -> str:
    """Return when logs were read, or that they were not."""
    if logs.get("state") == "missed":
        return f"log check missed, due {brief(logs.get('due_at'), scene)}"
    return f"logs checked {brief(logs.get('read_until') or logs.get('since'), scene)}, {logs.get('state')}"


def data_of(environment: Facts, scene: Scene) -> list[str]:
    """Return where the data comes from, and the feed."""
    data = environment.get("data")
    notes = [f"data: {data_in_short(data, scene)}"] if data else []
    feed = environment.get("feed")
    if feed:
        volume = feed.get("volume_percent", 100)
        notes.append(f"feed: {feed.get('feed')}" + (f", {volume} %" if volume != 100 else ""))
    return notes


def data_in_short(data: Facts, scene: Scene) -> str:
    """Return what the data is: of whom and when, erased, or not known any more."""
    match data.get("state"):
        case "restored":
            masked = ", masked" if data.get("masked") else ""
            return f"{data.get('source')} as of {brief(data.get('taken_at'), scene)}{masked}"
        case "erased":
            return f"erased {brief(data.get('since'), scene)}"
        case "restore-failed":
            return "a restore failed"
        case _:
            return "unknown: what changed it did not end well"


def lineage_of(environment: Facts, scene: Scene) -> list[str]:
    """Return the whole of it: what ran there then, who restored it and when, why it is not known, the evidence."""
    data, notes = environment.get("data"), data_of(environment, scene)
    if not data:
        return notes
    more = []
    if data.get("source_release"):
        more.append(f"when {data['source_release']} ran there")
    if data.get("state") != "erased" and data.get("since"):
        more.append(f"since {brief(data['since'], scene)}, by {data.get('by')}")
    more += [str(data[name]) for name in ("restore", "error", "cause") if data.get(name)]
    if data.get("report"):
        more.append(f"report {short(data['report'])}")
    # It stands beside the word "data" already.
    return [notes[0].removeprefix("data: "), *more, *notes[1:]]


def environment_lines(environment: Facts, scene: Scene, *, past: bool = False) -> Lines:
    """Return `dt env show`: what is there, its data, its logs, its lease, its people."""
    name = str(environment.get("environment"))
    when = f"{day(scene.now)} {clock(scene.now)} GMT"
    position = environment.get("position")
    title = f"{name} at {when}" if past else f"{name}  {when}"
    lines: Lines = [line(Span(title, "strong"), Span(f"  @{position}" if position is not None else "", "dim"))]
    for label, pieces in facts_of(environment, scene):
        head: list[Part] = ["  ", Span(label.ljust(LABEL_COLUMN), "dim")]
        lines.extend(wrapped(head, [piece for piece in pieces if piece], scene.width))
    return lines


def facts_of(environment: Facts, scene: Scene) -> list[tuple[str, list[str]]]:
    """Return each fact that is known, with its label."""
    return [
        ("runs", running(environment, scene)),
        *activity_facts(environment, scene),
        *care_facts(environment, scene),
        ("data", lineage_of(environment, scene) or ["nothing is recorded of it"]),
        *adjusted_facts(environment, scene),
        *standing_facts(environment, scene),
    ]


def activity_facts(environment: Facts, scene: Scene) -> Iterator[tuple[str, list[str]]]:
    """Yield what goes on there, and what went on last."""
    lease = environment.get("lease")
    if lease:
        what = f"{lease.get('lease')}: {lease.get('kind')} by {lease.get('holder')} for {lease.get('subject')}"
        end = f"until {moment(lease.get('expires_at'), scene)}"
        yield "lease", [what, f"token {lease.get('fencing_token')}", end]
    run = environment.get("run")
    if run:
        yield "run", [f"{run.get('run')} ({run.get('trigger')})", f"since {brief(run.get('since'), scene)}"]
    last = environment.get("last_run")
    if last:
        yield "last run", [f"{last.get('run')} {last.get('state')}", brief(last.get("since"), scene)]
    nightly = environment.get("nightly")
    if nightly:
        yield "nightly", [f"{nightly.get('day')}: {nightly.get('state')}"]


def care_facts(environment: Facts, scene: Scene) -> Iterator[tuple[str, list[str]]]:
    """Yield what keeps people busy: a freeze, corrupt data, the logs, what was seen there."""
    freeze = environment.get("freeze")
    if freeze:
        end = f"until {moment(freeze['until'], scene)}" if freeze.get("until") else "until somebody ends it"
        yield "frozen", [str(freeze.get("reason")), f"by {freeze.get('by')}", end]
    corrupt = environment.get("corrupt")
    if corrupt:
        yield "corrupt", [str(corrupt.get("reason")), f"by {corrupt.get('by')}"]
    logs = environment.get("logs")
    if logs:
        yield "logs", [logs_in_short(logs, scene), f"by {logs.get('by')}", str(logs.get("findings") or "")]
    seen = environment.get("observed")
    if seen:
        what = str(seen.get("description") or seen.get("observed_digest") or seen.get("state"))
        when = f"recorded {brief(seen.get('since'), scene)}"
        if seen.get("happened_at"):
            when = f"happened {brief(seen['happened_at'], scene)}, {when}"
        yield "observed", [what, f"{when}, by {seen.get('by')}"]


def adjusted_facts(environment: Facts, scene: Scene) -> Iterator[tuple[str, list[str]]]:
    """Yield how often data was adjusted since what runs there came, and the last time: of production, and if ever."""
    adjusted = environment.get("adjusted") or {}
    last, occupancy = adjusted.get("last"), environment.get("occupancy") or {}
    if last or (environment.get("purpose") == "production" and occupancy.get("since")):
        times = adjusted.get("times", 0)
        there = occupancy.get("release") or (environment.get("last_sure") or {}).get("release")
        often = f"{times} time{'' if times == 1 else 's'} since {there or brief(occupancy.get('since'), scene)}"
        by = (last or {}).get("executed_by")
        who = f"last by {by}, {last.get('adjustment')}, {brief(last.get('since'), scene)}" if last else ""
        yield "adjusted", [often, who]


def standing_facts(environment: Facts, scene: Scene) -> Iterator[tuple[str, list[str]]]:
    """Yield what seldom changes: the schema, the identity, the people."""
    schema = environment.get("schema")
    if schema:
        yield "schema", [short(schema.get("schema_digest")), f"since {brief(schema.get('since'), scene)}"]
    identity = environment.get("identity")
    if identity:
        system = f"system {identity.get('system_identifier')}"
        yield "identity", [str(identity.get("database")), system, str(identity.get("address") or "")]
    for label in ("owner", "owner_deputy", "operator", "operator_deputy"):
        who = environment.get(label)
        if who:
            end = f"until {brief(who['until'], scene)}" if who.get("until") else ""
            yield label.replace("_deputy", " dep."), [str(who.get("principal")), end]


def running(environment: Facts, scene: Scene) -> list[str]:
    """Return what runs there in words."""
    occupancy = environment.get("occupancy") or {}
    what, since = occupant_of(environment, scene)
    if occupancy.get("state", "empty") == "empty":
        return ["nothing", since]
    pieces = [what, since]
    if occupancy.get("content_digest"):
        pieces.append(f"content {short(occupancy['content_digest'])}")
    if occupancy.get("replaced_release"):
        pieces.append(f"replaced {occupancy['replaced_release']}")
    if occupancy.get("finished_outside_window"):
        pieces.append("finished outside the window")
    if occupancy.get("cause"):
        pieces.append(str(occupancy["cause"]))
    if instant(occupancy.get("since")) is not None:
        pieces.append(ago(occupancy["since"], scene))
    return pieces


def list_lines(environments: Sequence[Facts], scene: Scene) -> Lines:
    """Return a line for each environment."""
    rows = []
    for environment in environments:
        what, since = occupant_of(environment, scene)
        notes = " · ".join([*care_of(environment, scene), *data_of(environment, scene)])
        name = Span(str(environment.get("environment")), "strong")
        rows.append((name, Span(what, state_style(environment)), since, Span(notes, "dim")))
    return table(rows)


def occupant_lines(occupants: Sequence[Facts], scene: Scene) -> Lines:
    """Return what ran there, the newest first."""
    rows = []
    for occupant in occupants:
        what, _ = occupant_of({"occupancy": occupant}, scene)
        end = f"until {brief(occupant['until'], scene)}" if occupant.get("until") else "still"
        rows.append(
            (
                Span(what, "strong"),
                f"since {brief(occupant.get('since'), scene)}",
                end,
                f"by {occupant.get('by')}",
                Span(f"@{occupant.get('position')}", "dim"),
            )
        )
    return table(rows)
