"""Who calls: principals by their credentials, as the project's own record knows them."""

from interlock.identity.authenticate import (
    Caller,
    NotAuthenticated,
    ScopeMissing,
    authenticate,
    bearer_token,
    secret_digest,
)

__all__ = ["Caller", "NotAuthenticated", "ScopeMissing", "authenticate", "bearer_token", "secret_digest"]
