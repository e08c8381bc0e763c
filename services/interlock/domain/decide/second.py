"""Deciding as the second of two persons: what was asked is decided anew, now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interlock.domain.commands import COMMANDS
from interlock.domain.commands.governance import ConfirmAsked, DeclineAsked
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.entitlements import role_held
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.situation import Ask
from interlock.events.catalogue import team
from interlock.events.codec import fact_of
from interlock.events.decision import CheckOutcome


def open_ask(case: Case, name: str) -> Ask:
    """What was asked under that name and still waits. Raises NotFound."""
    ask = case.situation.asks.get(name)
    if ask is None or case.now >= ask.until:
        raise NotFound("open question for a second person", name)
    return ask


def as_second(case: Case, command: ConfirmAsked) -> Case:
    """The case of what was asked, with this actor as the second person."""
    ask = open_ask(case, command.ask)
    if command.bound_digest is not None and command.bound_digest != ask.bound_digest:
        raise InvalidCommand("bound_digest", f"what was asked has {ask.bound_digest}")
    asked: Any = fact_of(COMMANDS[ask.command_type], ask.command)
    principal = case.situation.team.principals.get(ask.asked_by)
    kind = principal.kind if principal is not None else "person"
    return replace(case, command=asked, asker=replace(case.actor, id=ask.asked_by, kind=kind, credential=None), ask=ask)


def may_confirm(case: Case, command: ConfirmAsked) -> CheckOutcome:
    """Agents and services confirm nothing."""
    return role_held(case.situation, command, case.actor)


def decline(case: Case, command: DeclineAsked) -> Ruled:
    """No: by anybody who may confirm it, or by who asked."""
    ask = open_ask(case, command.ask)
    inner: Any = fact_of(COMMANDS[ask.command_type], ask.command)
    may = role_held(case.situation, inner, case.actor)
    extra = [] if case.actor.id == ask.asked_by else [may]
    event = team.SecondPersonDeclined(ask=ask.ask, reason=command.reason)
    return case.ruled(f"decline {ask.ask}", "team", (), None, lambda _: (New(stream="team", event=event),), extra=extra)
