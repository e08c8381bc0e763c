"""What goes on in an environment, found again from the server, and who may begin what was asked for there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.cli.awaiting import missing_of
from interlock.cli.session import Session

WHO_MAY = ("role-held", "reported-by-runner")

Facts = Mapping[str, Any]


def state_of(session: Session, environment: str) -> dict[str, Any]:
    """Return what is known of the environment; nothing where it may not be read: the rules answer then."""
    from interlock.client import ProblemAnswer

    try:
        return session.get(f"/environments/{environment}")
    except ProblemAnswer:
        return {}


def goes_on(state: Facts, session: Session) -> str | None:
    """Say which deploy goes on there, or what nobody knows: found again from the server, whoever was interrupted."""
    from interlock.cli.render.times import moment

    scene = session.scene()
    lease, occupancy = state.get("lease") or {}, state.get("occupancy") or {}
    if lease.get("kind") == "deploy":
        what = f"{deploy_of(lease)} of {lease.get('release')}"
        begun = f"was begun by {lease.get('holder')} at {moment(lease.get('granted_at'), scene)}"
        return f"{what} {begun}; its lease ends {moment(lease.get('expires_at'), scene)}"
    if occupancy.get("state") == "unsure":
        return f"nobody knows what runs in {state.get('environment')}: {occupancy.get('cause')}"
    return None


def deploy_of(lease: Facts) -> str:
    """Return the deploy's number in a lease's subject, as in "deploy D-3"."""
    return str(lease.get("subject", "")).rpartition(" ")[2]


def say_what_goes_on(session: Session, state: Facts) -> None:
    """Say it to whoever asks for something there."""
    text = goes_on(state, session)
    if text is not None and not session.options.json:
        session.say(f"  {text}")


def expected(state: Facts) -> dict[str, Any]:
    """Return what the executor will read if all is as recorded, to ask beforehand; it is never recorded."""
    identity = state.get("identity") or {}
    names = ("system_identifier", "database", "address")
    observed: dict[str, Any] = {}
    if identity:
        observed["identity"] = {name: identity[name] for name in names if identity.get(name) is not None}
    if (state.get("schema") or {}).get("schema_digest"):
        observed["schema_digest"] = state["schema"]["schema_digest"]
    return observed


def start_decision(session: Session, asked: Facts) -> dict[str, Any] | None:
    """Ask what would be decided on its start, by who is logged in; None where the request is no more."""
    from interlock.client import ProblemAnswer

    fields = {
        "release": asked["release"],
        "deploy": asked["deploy"],
        "observed": expected(state_of(session, str(asked["environment"]))),
    }
    try:
        return session.client.explain("StartDeploy", fields)
    except ProblemAnswer as problem:
        if problem.type != "not-found":
            raise
        return None


def may_execute(decision: Facts) -> str | None:
    """Return None where the caller may execute it, or else who may."""
    for check in missing_of(decision):
        if check.get("check") in WHO_MAY:
            return " or ".join(str(each) for each in check.get("who") or ()) or "a runner"
    return None
