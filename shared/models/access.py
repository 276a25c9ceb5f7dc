"""Who may do what through the gateway."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime


class Scope(StrEnum):
    """`admin` includes the others, and each of the others includes `read`."""

    READ = "read"
    FEEDS = "feeds"
    SUBSCRIPTIONS = "subscriptions"
    ADMIN = "admin"

    def allows(self, wanted: "Scope") -> bool:
        return self is Scope.ADMIN or wanted in (self, Scope.READ)


class Token(Model):
    """What is kept of a bearer token: not the token, of which only its owner has the text."""

    id: str
    name: Annotated[str, Field(description="whose it is, for the audit log")]
    scopes: tuple[Scope, ...]
    digest: Annotated[str, Field(description="SHA-256 of the secret part, in hex")]
    created_at: UtcDatetime
    expires_at: UtcDatetime | None = None


class Caller(Model):
    """On whose behalf a request is made. `token_id` None: nobody is asked for a token."""

    name: str
    scopes: tuple[Scope, ...]
    token_id: str | None = None

    def may(self, wanted: Scope) -> bool:
        return any(scope.allows(wanted) for scope in self.scopes)


# While no token is configured the gateway is reached from its own machine alone, and its people may do everything.
LOCAL = Caller(name="local", scopes=(Scope.ADMIN,))
