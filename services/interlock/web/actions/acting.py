"""Doing something on a page: the form says first what would be decided, and afterwards what was.

A form brings along what makes it safe to send: a token of its session, an id for its intent (a double click and a
reload do it once), and what its reader saw (somebody else's change in between is shown, not overwritten). A refusal
says which check, who can act and until when; nothing is a dead button.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

from starlette.responses import Response
from starlette.types import Receive, Scope

from interlock.identity import SignedIn
from interlock.web.actions.fields import faults_of, members_of, sample_of, shown_fields, typed
from interlock.web.actions.login_dt import Lent, lent_of
from interlock.web.actions.preparing import prepared
from interlock.web.actions.table import BY_NAME, LOGIN_DT, REVIEW, Action
from interlock.web.asked import Asked, Document, named, parameters, refused
from interlock.web.asking import Asker, NotAnswered
from interlock.web.forms import Form
from interlock.web.frame import frame_of
from interlock.web.sessions.browsers import Browsers
from interlock.web.sessions.refusals import of_this_session, old_form
from interlock.web.sessions.shown import Shown, gone_to
from interlock.web.sessions.signing_in import IN
from interlock.web.sessions.site import form_from_here

CHANGES_SHOWN_MAX: Final = 20
KEY_BYTES: Final = 16
# What may be sent again under the same key: nobody knows whether it was recorded.
UNKNOWN: Final = (500, 503, 504)
_DO: Final = re.compile(r"do/([a-z-]{1,40})")
_NUMBER: Final = re.compile(r"0|[1-9]\d{0,15}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Doing:
    """One request to do something: the action, what it is about, and as whom."""

    asked: Asked
    session: SignedIn
    action: Action
    names: Mapping[str, str]
    lent: Lent | None = None

    @property
    def here(self) -> str:
        """The form's own address."""
        place = f"do/{self.action.name}" if self.lent is None else self.action.name
        return f"/p/{named(self.asked.project)}/{place}?{urlencode(self.asked.query)}"


class Acting:
    """The pages below /p/{project}/do/, and /p/{project}/login-dt."""

    def __init__(self, browsers: Browsers) -> None:
        """Take forms of `browsers`' sessions."""
        self._browsers = browsers

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether `path`, below the project, is a form."""
        return path == LOGIN_DT.name or _DO.fullmatch(path) is not None

    async def answer(self, scope: Scope, receive: Receive, asker: Asker, project: str, path: str) -> Response | Shown:
        """Answer one request. Raises NotAnswered."""
        session = asker.session
        if session is None:
            # The API's own word for it; where it is read there is no session either.
            await asker.get(f"/v1/{named(project)}/whoami")
            raise old_form()
        doing = _doing(scope, asker, session, project, path)
        if scope["method"] in {"GET", "HEAD"}:
            if doing.action.fresh and not session.fresh:
                return gone_to(_again(doing))
            return await self._form(doing)
        if scope["method"] != "POST":
            raise refused(405, "This cannot be done here", f"{scope['method']} is not possible here")
        form = await form_from_here(scope, receive, self._browsers.site.here(scope))
        of_this_session(form, session)
        if doing.action.fresh and not session.fresh:
            return gone_to(_again(doing))
        return await self._done(doing, form)

    # -- the form

    async def _form(
        self,
        doing: Doing,
        said: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        key: str | None = None,
        faults: Mapping[str, str] | None = None,
        trouble: Document | None = None,
        changes: list[Document] | None = None,
    ) -> Shown:
        asked, action = doing.asked, doing.action
        frame, ready = await asyncio.gather(frame_of(asked), prepared(asked, action, doing.names, doing.lent))
        filled = {
            field.name: (said or {}).get(field.name) or ready.filled.get(field.name, "") for field in action.fields
        }
        # What is bound is what is so now: a form that is shown again after a change shows the change.
        filled |= {each.name: ready.filled[each.name] for each in action.fields if each.kind == "bound"}
        decision, impossible = await _would_be(doing, sample_of(action.fields, filled) | dict(ready.members))
        document: Document = {
            "title": action.title.format(**doing.names),
            "frame": frame,
            "action": {
                "name": action.name,
                "word": action.word,
                "says": action.says,
                "fresh": action.fresh,
                "command": action.command,
                "address": doing.here,
                "path": doing.here.partition("?")[0],
                "leads_to": f"/p/{named(asked.project)}/{action.leads_to(doing.names)}",
            },
            "subject": dict(doing.names),
            "fields": shown_fields(action.fields, filled, faults or {}),
            "key": key or str(UUID(hex=self._browsers.sessions.new_secret(KEY_BYTES), version=4)),
            "version": ready.version,
            "seen": frame["head"],
            "decision": decision,
            "impossible": impossible,
            "about": ready.about,
            "obstacle": ready.obstacle,
            "trouble": trouble,
            "changes": changes,
        }
        name = "act" if doing.lent is None else "login_dt"
        return Shown(name, document, status, asked=asked)

    # -- the deed

    async def _done(self, doing: Doing, form: Form) -> Response | Shown:
        action = doing.action
        said = typed(action.fields, form)
        key, version, seen = form.one("key").lower(), form.one("version"), form.one("seen")
        if not _UUID.fullmatch(key) or not _NUMBER.fullmatch(seen) or (version and not _NUMBER.fullmatch(version)):
            raise refused(400, "The form is not understood", "the form: it is none of this page's; open it anew")
        faults = faults_of(action.fields, said)
        if faults:
            return await self._form(doing, said, status=422, faults=faults)
        if not version and action is not LOGIN_DT:
            changes = await _changes(doing, int(seen))
            if changes:
                return await self._form(doing, said, status=412, changes=changes)
        more: Mapping[str, str] = {}
        if action is REVIEW:
            ready = await prepared(doing.asked, action, doing.names, doing.lent)
            if ready.obstacle is not None or said["diff_digest"] != ready.filled["diff_digest"]:
                return await self._form(doing, said, status=409)
            more = ready.members
        headers = {"idempotency-key": key} | ({"if-match": f'"{version}"'} if version else {})
        body = {**doing.names, **members_of(action.fields, said), **more}
        try:
            answer = await doing.asked.asker.post(
                f"/v1/{named(doing.asked.project)}/commands/{action.command}", body, headers
            )
        except NotAnswered as problem:
            return await self._not_done(doing, said, problem, key=key, seen=int(seen))
        events: list[Document] = answer.document.get("events", [])
        position = events[0]["position"] if events else answer.document["position"]
        done = urlencode({"recorded": position} if events else {"unchanged": position})
        return gone_to(f"/p/{named(doing.asked.project)}/{action.leads_to(doing.names)}?{done}")

    async def _not_done(
        self, doing: Doing, said: Mapping[str, str], problem: NotAnswered, *, key: str, seen: int
    ) -> Shown:
        if problem.status in {401, 404, 410}:
            raise problem
        again = key if problem.status in UNKNOWN else None
        changes = await _changes(doing, seen) if problem.status == 412 else None
        faults = {str(each["field"]): str(each["what"]) for each in problem.problem.get("errors", [])}
        return await self._form(
            doing,
            said,
            status=problem.status,
            key=again,
            faults=faults,
            trouble=problem.problem,
            changes=changes,
        )


def _doing(scope: Scope, asker: Asker, session: SignedIn, project: str, path: str) -> Doing:
    if path == LOGIN_DT.name:
        query = parameters(scope["query_string"], frozenset({"digest", "days", "host"}))
        lent = lent_of(query)
        asked = Asked(asker, project, {}, query)
        return Doing(asked, session, LOGIN_DT, {"secret_digest": lent.digest}, lent)
    found = _DO.fullmatch(path)
    action = BY_NAME.get(found[1]) if found is not None else None
    if action is None:
        raise refused(404, "There is no such thing", "nothing of this name is done on pages")
    query = parameters(scope["query_string"], frozenset(action.subject) | action.query)
    names = {name: query.get(name, "").strip() for name in action.subject}
    for name, value in names.items():
        if not value:
            raise refused(422, "A value is not allowed here", f"{name}: the address does not say which")
    return Doing(Asked(asker, project, {}, query), session, action, names)


def _again(doing: Doing) -> str:
    """Return the way to proving anew who one is, and back to the form."""
    return f"{IN}?{urlencode({'next': doing.here, 'again': '1'}, quote_via=quote)}"


async def _would_be(doing: Doing, members: Mapping[str, Any]) -> tuple[Document | None, Document | None]:
    """Return what would be decided now, or why the rules cannot be asked that. Raises NotAnswered."""
    question = f"/v1/{named(doing.asked.project)}/explain/{doing.action.command}"
    try:
        return (await doing.asked.asker.post(question, {**doing.names, **members})).document, None
    except NotAnswered as problem:
        # Nothing of that name, or the caller is nobody any more: then there is no form either.
        if problem.status in {401, 404, 410} or problem.status >= 500:
            raise
        return None, problem.problem


async def _changes(doing: Doing, seen: int) -> list[Document]:
    """Return what was recorded about the subject after `seen`, the oldest first."""
    kind = doing.action.subject[0]
    if kind not in {"release", "environment", "problem", "adjustment"} or doing.action.name == "report":
        return []
    found = await doing.asked.asker.get(
        f"/v1/{named(doing.asked.project)}/events",
        {kind: doing.names[kind], "after": seen, "limit": CHANGES_SHOWN_MAX},
    )
    # What was refused changed nothing.
    events: list[Document] = [each for each in found["events"] if each["type"] != "ActionRefused"]
    return events
