"""Signing in and out in a browser, and who is signed in."""

from interlock.web.sessions.browsers import Browsers
from interlock.web.sessions.signing_in import SigningIn
from interlock.web.sessions.site import Site

__all__ = ["Browsers", "SigningIn", "Site"]
