"""An OpenID provider, asked as the standard says: authorization code, with PKCE, state, nonce and issuer.

Only the configured issuer is asked, and the addresses that its document names. Its answers are bounded in size and
time, and no redirect is followed. A person who is known there and not here stays a stranger: nobody is registered by
signing in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx2

from interlock.events.fact import fact
from interlock.events.strict import BadInput, strict_json
from interlock.identity import userinfo
from interlock.identity.id_tokens import Algorithm, Expected, KeySet, NotBelieved, believed
from interlock.identity.sessions import derived

DISCOVERY: Final = "/.well-known/openid-configuration"
ANSWER_BYTES_MAX: Final = 256 * 1024
ASK_SECONDS: Final = 10.0
KNOWN_SECONDS: Final = 3_600.0
# A token may be signed with a key that is newer than what is known; strangers must not make us ask for it at will.
ASK_AGAIN_SECONDS: Final = 30.0
CODE_CHARACTERS_MAX: Final = 2_048


class ProviderAway(Exception):
    """the identity provider does not answer as one should; nobody can sign in by it now"""


class SignInRefused(Exception):
    """the identity provider says no, or what came back is no answer to a sign-in that began here"""


@fact
class Configured:
    """Which provider, as whom we ask, and which of its claims names a principal here.

    `principals` maps the claim's values to principals where they are not the same; with it, nobody else may in.
    """

    issuer: str
    client: str
    secret: str | None
    claim: str
    scopes: tuple[str, ...]
    algorithms: tuple[Algorithm, ...]
    principals: dict[str, str]
    name: str


@fact
class Known:
    """What a provider says of itself."""

    authorize: str
    exchange: str
    keys_at: str
    tells_at: str | None
    names_issuer: bool
    basic: bool


@fact
class Proved:
    """Whom the provider vouches for: the configured claim's value, and what is kept of it.

    That is the signed statement itself, and where the claim is not in it, a line of what the provider told beside it.
    """

    who: str
    statement: str


@dataclass(slots=True)
class Provider:
    """One provider. `now` is this machine's clock, `monotonic` measures how old what is known of it is."""

    configured: Configured
    http: httpx2.AsyncClient
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    _known: Known | None = None
    _known_at: float = 0.0
    _keys: KeySet = field(default_factory=lambda: KeySet(keys={}))
    _keys_at: float | None = None

    async def address(self, secret: str, state: str, back: str, *, anew: bool) -> str:
        """Return where the browser goes; `anew`: the person is to prove who they are once more.

        `secret` stays in the browser's cookie; what the provider gets are values derived from it. Raises ProviderAway.
        """
        known = await self._document()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(_verifier(secret).encode()).digest()).rstrip(b"=")
        asked = {
            "response_type": "code",
            "client_id": self.configured.client,
            "redirect_uri": back,
            "scope": " ".join(self.configured.scopes),
            "state": state,
            "nonce": derived(secret, "nonce"),
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        if anew:
            asked |= {"prompt": "login", "max_age": "0"}
        return f"{known.authorize}{'&' if urlsplit(known.authorize).query else '?'}{urlencode(asked)}"

    async def proved(self, answer: Mapping[str, str], secret: str, back: str, *, since: datetime | None) -> Proved:
        """Return whom the provider's answer proves. Raises SignInRefused, NotBelieved, ProviderAway.

        The caller has compared `state`. `since` is when the person was sent to prove anew who they are.
        """
        known = await self._document()
        issuer = answer.get("iss")
        if (issuer is not None or known.names_issuer) and issuer != self.configured.issuer:
            # Another provider's answer, brought here (RFC 9207).
            raise SignInRefused("another identity provider answered")
        if "error" in answer:
            raise SignInRefused("the identity provider did not let you in")
        code = answer.get("code", "")
        if not 0 < len(code) <= CODE_CHARACTERS_MAX:
            raise SignInRefused("the identity provider gave no code")
        given, statement = await self._exchanged(known, code, _verifier(secret), back)
        expected = Expected(
            issuer=self.configured.issuer,
            client=self.configured.client,
            nonce=derived(secret, "nonce"),
            algorithms=self.configured.algorithms,
            since=since,
        )
        claims = await self._believed(known, statement, expected)
        told = await self._told(known, given, statement, claims)
        who = self._who(claims if told is None else told)
        return Proved(who=who, statement=userinfo.kept(statement, told))

    async def _told(
        self, known: Known, given: Mapping[str, Any], statement: str, claims: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Return what the provider says beside a believed statement; None where all is in it, or nothing is to be had.

        Raises NotBelieved, ProviderAway.
        """
        if userinfo.needed(self.configured.claim) <= claims.keys() or known.tells_at is None:
            return None
        token = userinfo.access_token(given, statement, claims)
        if token is None:
            return None
        document = await self._asked("GET", known.tells_at, headers={"Authorization": f"Bearer {token}"})
        return userinfo.about_the_same(document, claims["sub"], self.configured.claim)

    def _who(self, claims: Mapping[str, Any]) -> str:
        value = claims.get(self.configured.claim)
        if not isinstance(value, str) or not 0 < len(value) <= userinfo.VALUE_CHARACTERS_MAX:
            raise NotBelieved(f"it has no claim {self.configured.claim!r}, by which persons are known here")
        if self.configured.claim == "email" and claims.get("email_verified") is not True:
            raise NotBelieved("the provider has not verified that this e-mail address is the person's")
        return value

    async def _believed(self, known: Known, statement: str, expected: Expected) -> dict[str, Any]:
        keys = await self._key_set(known, older_than=KNOWN_SECONDS)
        try:
            return believed(statement, keys, expected, self.now())
        except NotBelieved:
            # The provider may have a new key since.
            renewed = await self._key_set(known, older_than=ASK_AGAIN_SECONDS)
            if renewed is keys:
                raise
            return believed(statement, renewed, expected, self.now())

    async def _document(self) -> Known:
        now = self.monotonic()
        if self._known is None or now - self._known_at > KNOWN_SECONDS:
            document = await self._asked("GET", self.configured.issuer.rstrip("/") + DISCOVERY)
            self._known, self._known_at = _known(document, self.configured.issuer), now
        return self._known

    async def _key_set(self, known: Known, *, older_than: float) -> KeySet:
        now = self.monotonic()
        if self._keys_at is None or now - self._keys_at > older_than:
            self._keys = KeySet.read(await self._asked("GET", known.keys_at))
            self._keys_at = now
        return self._keys

    async def _exchanged(self, known: Known, code: str, verifier: str, back: str) -> tuple[dict[str, Any], str]:
        """Return what the provider gives for the code, and the statement in it. Raises SignInRefused, ProviderAway."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {}
        if self.configured.secret is None:
            form["client_id"] = self.configured.client
        elif known.basic:
            pair = urlencode({self.configured.client: self.configured.secret}).replace("=", ":", 1)
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self.configured.client, "client_secret": self.configured.secret}
        document = await self._asked("POST", known.exchange, form=form, headers=headers)
        statement = document.get("id_token")
        if not isinstance(statement, str):
            raise SignInRefused("the identity provider gave no ID token for this code: it was used, or is too old")
        return document, statement

    async def _asked(
        self,
        method: str,
        address: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that the provider answers. Raises ProviderAway, SignInRefused (a 4xx to a form)."""
        try:
            async with self.http.stream(
                method,
                address,
                data=form,
                headers={"Accept": "application/json", **(headers or {})},
                timeout=ASK_SECONDS,
                follow_redirects=False,
            ) as response:
                body = b""
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES_MAX:
                        raise ProviderAway(f"its answer has more than {ANSWER_BYTES_MAX} bytes")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as away:
            raise ProviderAway(f"{type(away).__name__}: {away}") from away
        if form is not None and 400 <= response.status_code < 500:
            raise SignInRefused("the identity provider does not accept the code: it was used, or is too old")
        if response.status_code != 200:
            raise ProviderAway(f"it answered {response.status_code}")
        try:
            document = strict_json(body, bytes_max=ANSWER_BYTES_MAX)
        except BadInput as odd:
            raise ProviderAway(f"its answer cannot be read: {odd}") from odd
        if not isinstance(document, dict):
            raise ProviderAway("its answer is no JSON object")
        return document


def principal_of(configured: Configured, who: str) -> str:
    """Return the principal that a claim's value names; where it is in no table, itself."""
    if configured.principals:
        return configured.principals.get(who, "")
    return who


def safe_issuer(address: str) -> bool:
    """Tell whether a provider may be asked there: over TLS, or on this very machine."""
    parts = urlsplit(address)
    local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    whole = bool(parts.hostname) and not parts.query and not parts.fragment and parts.username is None
    return whole and (parts.scheme == "https" or (parts.scheme == "http" and local))


def _known(document: Mapping[str, Any], issuer: str) -> Known:
    if document.get("issuer") != issuer:
        raise ProviderAway("it says that it is another issuer than the one in the settings")
    named = [document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    authorize, exchange, keys_at = named
    tells_at = document.get("userinfo_endpoint")
    for each in named if tells_at is None else [*named, tells_at]:
        if not isinstance(each, str) or not safe_issuer(each.partition("?")[0]):
            raise ProviderAway("its document names no endpoint over TLS")
    if "S256" not in (document.get("code_challenge_methods_supported") or ["S256"]):
        raise ProviderAway("it does not speak PKCE with S256")
    ways = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Known(
        authorize=str(authorize),
        exchange=str(exchange),
        keys_at=str(keys_at),
        tells_at=tells_at,
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        basic="client_secret_basic" in ways,
    )


def _verifier(secret: str) -> str:
    return derived(secret, "verifier")
