"""What people do on pages, by plain forms: each is a command of the API, given as the person who is signed in."""

from interlock.web.actions.acting import Acting

__all__ = ["Acting"]
