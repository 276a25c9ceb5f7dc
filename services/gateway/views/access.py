"""Tokens and the audit log as people see them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from shared.models.access import Audited, Scope, Scopes, Token, TokenName
from shared.models.base import WHOLE, Model, UtcDatetime


class NewToken(Model):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "desk", "scopes": ["read"], "expires_days": 90}]}
    )

    name: TokenName
    scopes: Scopes = (Scope.READ,)
    expires_days: Annotated[
        int | None, Field(strict=True, ge=1, le=3650, description="null: it holds until it is revoked"), WHOLE
    ] = None


class TokenView(Model):
    """A token without its text."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: UtcDatetime
    expires_at: UtcDatetime | None
    expired: bool

    @classmethod
    def of(cls, token: Token, now: datetime) -> Self:
        return cls.model_validate({**token.model_dump(exclude={"digest"}), "expired": token.has_expired(now)})


class MadeToken(TokenView):
    token: Annotated[str, Field(description="its text, which is shown this once")]


class AuditView(Audited):
    id: Annotated[str, Field(description="it grows with time")]
