"""Signing in, by a personal token or by the identity provider, and signing out. Nobody is registered by it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope

from interlock.identity import NotAuthenticated, SignedIn, bearer_token
from interlock.identity.id_tokens import NotBelieved
from interlock.identity.provider import Provider, ProviderAway, SignInRefused, principal_of
from interlock.identity.sessions import SECRET_BYTES, derived, session_name
from interlock.ledger import LedgerError
from interlock.web.asked import Document, named, parameters, refused
from interlock.web.asking import Asker, NotAnswered
from interlock.web.sessions.attempts import Attempts
from interlock.web.sessions.browsers import Browsers
from interlock.web.sessions.journey import Journey
from interlock.web.sessions.refusals import a_person, of_this_session
from interlock.web.sessions.shown import Shown, gone_to
from interlock.web.sessions.site import (
    SESSION,
    WAY,
    WAY_SECONDS,
    Here,
    cookie,
    form_from_here,
    header,
    own_path,
)

IN: Final = "/sign-in"
OUT: Final = "/sign-out"
TO_PROVIDER: Final = f"{IN}/provider"
BACK: Final = f"{IN}/back"
MESSAGE_CHARACTERS_MAX: Final = 300
_PROJECT_OF: Final = re.compile(r"/p/([A-Za-z0-9][A-Za-z0-9._+-]{0,63})(?:/|$)")


class SigningIn:
    """The pages /sign-in and /sign-out. `provider` is None where the settings name none; `now` is the real clock."""

    def __init__(
        self,
        api: ASGIApp,
        browsers: Browsers,
        provider: Provider | None,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        """Ask `api` who somebody is."""
        self._api = api
        self._browsers = browsers
        self._provider = provider
        self._now = now
        self._attempts = Attempts(monotonic)

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether the path is one of these pages."""
        return path in {IN, OUT, TO_PROVIDER, BACK}

    async def answer(self, scope: Scope, receive: Receive, session: SignedIn | None) -> Response | Shown:
        """Answer one request. Raises NotAnswered."""
        path, method = scope["path"], scope["method"]
        here = self._browsers.site.here(scope)
        asking = method in {"GET", "HEAD"}
        if path == IN and asking:
            query = parameters(scope["query_string"], frozenset({"next", "again"}))
            return await self._form(own_path(query.get("next", "/")), again="again" in query)
        if path == IN and method == "POST":
            return await self._by_token(scope, receive, here)
        if path == TO_PROVIDER and asking:
            return await self._to_provider(scope, here)
        if path == BACK and asking:
            return await self._back(scope, here)
        if path == OUT and asking:
            return Shown("sign_out", {"title": "Sign out"}) if session is not None else gone_to(IN)
        if path == OUT and method == "POST":
            return await self._out(scope, receive, here, session)
        raise refused(405, "This cannot be done here", f"{method} is not possible here")

    # -- the form

    async def _form(
        self, address: str, *, again: bool = False, wrong: str | None = None, status: int = 200, wait: int = 0
    ) -> Shown:
        projects: list[str] = (await Asker(self._api, None).get("/v1"))["projects"]
        wanted = _PROJECT_OF.match(address)
        found = [wanted[1]] if wanted is not None and wanted[1] in projects else projects
        document: Document = {
            "title": "Sign in",
            "projects": found,
            "next": address,
            "again": again,
            "wrong": wrong,
            "provider": None if self._provider is None else self._provider.configured.name,
            "ways": [
                {
                    "project": each,
                    "address": f"{TO_PROVIDER}?{urlencode({'project': each, 'next': address, **self._anew(again)})}",
                }
                for each in found
            ],
            "fresh_minutes": int(self._browsers.sessions.limits.fresh.total_seconds() // 60),
        }
        headers = {"Retry-After": str(wait)} if wait else {}
        return Shown("sign_in", document, status, headers)

    @staticmethod
    def _anew(again: bool) -> dict[str, str]:  # noqa: FBT001 - it is the query's own word
        return {"again": "1"} if again else {}

    # -- by token

    async def _by_token(self, scope: Scope, receive: Receive, here: Here) -> Response | Shown:
        form = await form_from_here(scope, receive, here)
        address, again = own_path(form.one("next") or "/"), bool(form.one("again"))
        place = (scope.get("client") or ("?",))[0]
        wait = self._attempts.wait_seconds(place)
        if wait:
            said = f"too many wrong sign-ins came from where you are; the next one is looked at in {wait} s"
            return await self._form(address, again=again, wrong=said, status=429, wait=wait)
        project = form.one("project")
        try:
            who = await self._who(project, form.one("token"))
        except NotAnswered as unknown:
            if unknown.status not in {401, 403, 404, 422}:
                raise
            self._attempts.wrong(place)
            said = str(unknown.problem.get("detail", ""))[:MESSAGE_CHARACTERS_MAX]
            return await self._form(address, again=again, wrong=said, status=unknown.status)
        return await self._begin(scope, here, who, address, credential=who["credential"])

    async def _who(self, project: str, token: str) -> dict[str, Any]:
        """Return whose token it is. Raises NotAnswered where it is nobody's, or of nobody who looks at pages."""
        if not project:
            raise refused(422, "A value is not allowed here", "say which project you sign in to")
        try:
            shown = bearer_token(f"Bearer {token}")
        except NotAuthenticated as odd:
            raise refused(401, "The caller is not known", "this is no token of Interlock: one begins with il_") from odd
        who = await Asker(self._api, None, token=shown).get(f"/v1/{named(project)}/whoami")
        if who["purpose"] == "enrolment":
            raise refused(
                403,
                "An enrolment code is no token",
                "this is an enrolment code: dt login --code makes a token of it, once",
            )
        return a_person(who)

    # -- by the identity provider

    async def _to_provider(self, scope: Scope, here: Here) -> Response:
        provider = self._there()
        query = parameters(scope["query_string"], frozenset({"project", "next", "again"}))
        secret = self._browsers.sessions.new_secret(SECRET_BYTES)
        journey = Journey(
            project=query.get("project", ""),
            address=own_path(query.get("next", "/")),
            since=int(self._now().timestamp()) if "again" in query else None,
        )
        try:
            address = await provider.address(
                secret, derived(secret, "state"), f"{here.origin}{BACK}", anew=journey.since is not None
            )
        except ProviderAway as away:
            raise _away(away) from away
        return gone_to(address, here.keep(WAY, f"{secret}.{journey.written()}", WAY_SECONDS))

    async def _back(self, scope: Scope, here: Here) -> Response | Shown:
        provider = self._there()
        answer = _query_of_the_provider(scope)
        secret, _, written = (cookie(scope, here.name(WAY)) or "").partition(".")
        journey = Journey.read(written)
        same = hmac.compare_digest(answer.get("state", "").encode(), derived(secret, "state").encode())
        if journey is None or not secret or not same:
            # Somebody else's answer, or one that comes twice or too late: whoever it is of did not begin here.
            return await self._not_in("this sign-in did not begin in this browser, or it is too old; begin again")
        try:
            proved = await provider.proved(answer, secret, f"{here.origin}{BACK}", since=journey.asked_at)
        except ProviderAway as away:
            raise _away(away) from away
        except (SignInRefused, NotBelieved) as no:
            return await self._not_in(f"{provider.configured.name}: {no}", here, journey)
        principal = principal_of(provider.configured, proved.who)
        try:
            who = await self._known(journey.project, principal, proved.statement)
        except NotAnswered as unknown:
            if unknown.status not in {401, 403, 404, 422}:
                raise
            said = (
                f"{provider.configured.name} knows you as {proved.who!r}, and nobody acts under that here"
                if unknown.status != 403
                else str(unknown.problem["detail"])
            )
            return await self._not_in(said[:MESSAGE_CHARACTERS_MAX], here, journey, status=403)
        response = await self._begin(scope, here, who, journey.address, proof=proved.statement)
        response.headers.append("Set-Cookie", here.forget(WAY))
        return response

    async def _known(self, project: str, principal: str, statement: str) -> dict[str, Any]:
        """Return who the principal is in the project's record now. Raises NotAnswered where nobody acts as that."""
        now = self._now()
        candidate = SignedIn(
            session=session_name(statement),
            project=project,
            principal=principal,
            credential=None,
            signed_in_at=now,
            expires_at=now,
        )
        return a_person(await Asker(self._api, candidate).get(f"/v1/{named(project)}/whoami"))

    async def _not_in(
        self, said: str, here: Here | None = None, journey: Journey | None = None, *, status: int = 401
    ) -> Shown:
        address = "/" if journey is None else journey.address
        shown = await self._form(address, again=journey is not None and journey.since is not None, wrong=said)
        cookies = {"Set-Cookie": here.forget(WAY)} if here is not None else {}
        return Shown(shown.name, shown.document, status, cookies)

    def _there(self) -> Provider:
        if self._provider is None:
            raise refused(404, "There is no such thing", "no identity provider is configured; sign in by a token")
        return self._provider

    # -- both

    async def _begin(
        self,
        scope: Scope,
        here: Here,
        who: dict[str, Any],
        address: str,
        *,
        credential: str | None = None,
        proof: str | None = None,
    ) -> Response:
        """Begin a new session and end the one before it in this browser: a secret from before is worth nothing."""
        sessions, held = self._browsers.sessions, self._browsers.held(scope)
        try:
            before = await sessions.find(held[1], held[0], active=False) if held is not None else None
            secret, _ = await sessions.begin(
                who["project"],
                who["principal"],
                user_agent=header(scope, b"user-agent"),
                credential=credential,
                proof=proof,
            )
            if before is not None:
                await sessions.end(before.project, before.session, before.principal, because="signed in again")
        except LedgerError as away:
            raise refused(503, "Interlock cannot decide now, so the answer is no", "try again in a moment") from away
        life = int(sessions.limits.whole.total_seconds())
        target = address if address != "/" else f"/p/{named(who['project'])}/"
        return gone_to(target, here.keep(SESSION, f"{secret}.{who['project']}", life))

    async def _out(self, scope: Scope, receive: Receive, here: Here, session: SignedIn | None) -> Response:
        form = await form_from_here(scope, receive, here)
        if session is None:
            return gone_to(IN, here.forget(SESSION))
        of_this_session(form, session)
        await self._browsers.sessions.end(session.project, session.session, session.principal, because="signed out")
        return gone_to(IN, here.forget(SESSION))


def _query_of_the_provider(scope: Scope) -> dict[str, str]:
    """Return what the provider sent along; what this server does not know it does not read."""
    query = parameters(
        scope["query_string"],
        frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "session_state", "scope"}),
    )
    return {name: value for name, value in query.items() if name in {"code", "state", "iss", "error"}}


def _away(away: ProviderAway) -> NotAnswered:
    return refused(
        503,
        "The identity provider does not answer",
        f"nobody can sign in by it now ({str(away)[:MESSAGE_CHARACTERS_MAX]}); a personal token still opens the pages",
        next=[{"command": f"{IN}?next={quote('/', safe='')}", "why": "by a token"}],
    )
