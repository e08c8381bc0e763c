"""Who calls: principals by their credentials, as the project's own record knows them."""

from interlock.identity.authenticate import (
    Caller,
    NotAuthenticated,
    ScopeMissing,
    authenticate,
    bearer_token,
    secret_digest,
)
from interlock.identity.signed_in import SESSION, SignedIn, authenticate_session

__all__ = [
    "SESSION",
    "Caller",
    "NotAuthenticated",
    "ScopeMissing",
    "SignedIn",
    "authenticate",
    "authenticate_session",
    "bearer_token",
    "secret_digest",
]
