"""At which address people are here, what that lets a cookie be, and whether a form came from a page of ours.

A session's cookie is `__Host-`, Secure, HttpOnly and SameSite=Lax: no other host, no script and no form of another
site can set, read or use it. Browsers keep such a cookie over https, and over http from this very machine. Over http
from another machine it cannot be: everybody on the way could take it. Whoever wants that says so (`plain_http`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Receive, Scope

from interlock.web.asked import refused
from interlock.web.asking import NotAnswered
from interlock.web.forms import Form, body_of, form_of

SESSION: Final = "interlock"
WAY: Final = "interlock-way"
# A browser in the middle of signing in somewhere else.
WAY_SECONDS: Final = 900
_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,260}")
_VALUE: Final = re.compile(r"[A-Za-z0-9._+=-]{1,3000}")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_NEXT: Final = re.compile(r"/(?:p/[^\x00-\x20\x7f\\]*)?")
NEXT_CHARACTERS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Here:
    """One request's address: its origin as the browser knows it, and whether a cookie may be Secure there."""

    origin: str
    secure: bool
    port: int | None

    def name(self, what: str) -> str:
        """Return a cookie's name. Servers on one host share its cookies, so the port stands in it."""
        port = "" if self.port is None else f"-{self.port}"
        return f"__Host-{what}{port}" if self.secure else f"{what}{port}"

    def keep(self, what: str, value: str, seconds: int) -> str:
        """Return the Set-Cookie header that keeps `value` for so long."""
        secure = "; Secure" if self.secure else ""
        return f"{self.name(what)}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"

    def forget(self, what: str) -> str:
        """Return the Set-Cookie header that ends it."""
        return self.keep(what, "", 0)


class Site:
    """Where this server is for browsers. `url` is the address in the settings, where there is one."""

    def __init__(self, url: str | None, *, plain_http: bool) -> None:
        """Take what the settings say."""
        parts = urlsplit(url or "")
        self._host, self._secure = _netloc(parts.scheme, parts.hostname, parts.port), parts.scheme == "https"
        self._plain_http = plain_http

    def here(self, scope: Scope) -> Here:
        """Return the request's address. Raises NotAnswered where no session can be safe at it."""
        host = next(_values(scope, b"host"), "")
        if not _HOST.fullmatch(host):
            raise refused(400, "The request is not understood", "Host: it is no address")
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname, parts.port
        except ValueError as wrong:
            raise refused(400, "The request is not understood", "Host: it is no address") from wrong
        if not name:
            raise refused(400, "The request is not understood", "Host: it is no address")
        for scheme in ("https", "http"):
            if self._secure == (scheme == "https") and _netloc(scheme, name, port) == self._host:
                break
        else:
            scheme = "https" if scope.get("scheme") == "https" else "http"
        if scheme == "https" or on_this_machine(name):
            return Here(f"{scheme}://{host}", secure=True, port=port)
        if not self._plain_http:
            raise _unprotected(host)
        return Here(f"{scheme}://{host}", secure=False, port=port)


def on_this_machine(name: str) -> bool:
    """Tell whether browsers take the host for the machine that they run on, to which nobody listens."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def cookie(scope: Scope, name: str) -> str | None:
    """Return a cookie's value; None where there is none, or two, or one that is none of ours."""
    found = {
        value.strip()
        for header in _values(scope, b"cookie")
        for pair in header.split(";")
        for key, _, value in [pair.partition("=")]
        if key.strip() == name
    }
    [value] = found if len(found) == 1 else {""}
    return value if _VALUE.fullmatch(value) else None


def from_a_page_of_ours(scope: Scope, here: Here) -> None:
    """Raise NotAnswered unless the browser says that a page of this very server sent the form."""
    origins = list(_values(scope, b"origin"))
    site = next(_values(scope, b"sec-fetch-site"), None)
    same = len(origins) == 1 and urlsplit(origins[0]).netloc.lower() == urlsplit(here.origin).netloc.lower()
    if not same or origins[0].partition("://")[0] not in {"http", "https"} or site not in {None, "same-origin"}:
        raise refused(
            403,
            "This form was not sent from here",
            "a form is taken from a page of this server alone; open the page here and send it from there",
        )


async def form_from_here(scope: Scope, receive: Receive, here: Here) -> Form:
    """Return the form that a page of this server sent. Raises NotAnswered.

    Its bytes are taken before anything is said about it: an answer before them would cut the connection, and the
    browser might never show it.
    """
    body = await body_of(receive)
    from_a_page_of_ours(scope, here)
    return form_of(scope, body)


def own_path(text: str) -> str:
    """Return where to go after signing in: a page of ours, and the front page for everything else."""
    fits = len(text) <= NEXT_CHARACTERS_MAX and _NEXT.fullmatch(text.partition("?")[0].partition("#")[0])
    whole = fits and not re.search(r"[\x00-\x20\x7f\\]", text)
    return text if whole else "/"


def header(scope: Scope, name: bytes) -> str:
    """Return a header of the request, empty where there is none."""
    return next(_values(scope, name), "")


def _values(scope: Scope, wanted: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


def _netloc(scheme: str, host: str | None, port: int | None) -> tuple[str | None, int | None]:
    return host, port or _DEFAULT_PORTS.get(scheme)


def _unprotected(host: str) -> NotAnswered:
    return refused(
        403,
        "Nobody can sign in at this address",
        f"http://{host} leads here unprotected: whoever is on the way could take the session and approve with it",
        next=[
            {"command": '[server] url = "https://…" in interlock.toml', "why": "with TLS in front of this server"},
            {"command": "[sign_in] plain_http = true", "why": "only where everybody on this network may approve"},
        ],
    )
