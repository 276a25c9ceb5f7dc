"""Who may do what through the gateway, and what is noted of it."""

from datetime import datetime
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


Scopes = Annotated[
    tuple[Scope, ...],
    Field(min_length=1, max_length=8, description="admin includes the others, each of the others includes read"),
]
TokenName = Annotated[
    str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,100}$", description="whose it is, for the audit log")
]


class Caller(Model):
    """On whose behalf a request is made. `token_id` None: nobody is asked for a token."""

    name: str
    scopes: tuple[Scope, ...]
    token_id: str | None = None

    def may(self, wanted: Scope) -> bool:
        return any(scope.allows(wanted) for scope in self.scopes)


class Token(Model):
    """What is kept of a bearer token: not the token, of which only its owner has the text."""

    id: str
    name: TokenName
    scopes: Scopes
    digest: Annotated[str, Field(description="SHA-256 of the secret part, in hex")]
    created_at: UtcDatetime
    expires_at: UtcDatetime | None = None

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    @property
    def caller(self) -> Caller:
        return Caller(name=self.name, scopes=self.scopes, token_id=self.id)


# While no token is configured the gateway is reached from its own machine alone, and its people may do everything.
LOCAL = Caller(name="local", scopes=(Scope.ADMIN,))


class Audited(Model):
    """A change that was asked for, or what was refused. Nothing of what was sent."""

    at: UtcDatetime
    who: Annotated[str | None, Field(description="the token's name, or local; null: nobody we know")]
    token_id: str | None = None
    address: Annotated[str, Field(description="of the client")] = ""
    method: str
    route: Annotated[str, Field(description="as the API's description has it; of an unknown one, the path")]
    target: Annotated[str, Field(description="the ids in the path")] = ""
    status: int
