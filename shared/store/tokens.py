"""Bearer tokens: made, shown once, known again by their hash."""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis

from shared import keys
from shared.logs import get_logger
from shared.models.access import Scope, Token

ID_BYTES = 5
SECRET_BYTES = 32  # so much of chance that a plain hash tells nothing; one of passwords would have to be slow
_FORM = re.compile(r"toc_(?P<id>[0-9a-f]{10})_(?P<secret>[A-Za-z0-9_-]{43})")
log = get_logger()


@dataclass(frozen=True, slots=True)
class Presented:
    """A token's text in its two parts."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Presented({self.id})"

    def is_of(self, token: Token) -> bool:
        """Takes the same time wherever they differ."""
        return hmac.compare_digest(_digest(self.secret), token.digest)


def read_token(text: str) -> Presented | None:
    """None: it has not the form `toc_<id>_<secret>`."""
    found = _FORM.fullmatch(text)
    return Presented(found["id"], found["secret"]) if found else None


def new_token(
    name: str, scopes: Sequence[Scope], now: datetime, expires_at: datetime | None = None
) -> tuple[Token, str]:
    """What is kept, and the text, which is nobody's but the owner's. Raises ValidationError."""
    token_id, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    token = Token(
        id=token_id,
        name=name,
        scopes=tuple(dict.fromkeys(scopes)),
        digest=_digest(secret),
        created_at=now,
        expires_at=expires_at,
    )
    return token, f"toc_{token_id}_{secret}"


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


class TokenStore:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def all(self) -> list[Token]:
        """Oldest first; without those that a newer version wrote in a way that cannot be read."""
        found: dict[Any, Any] = await self.redis.hgetall(keys.tokens())
        tokens = (_readable(text) for text in found.values())
        return sorted((token for token in tokens if token), key=lambda token: (token.created_at, token.id))

    async def find(self, token_id: str) -> Token | None:
        text = await self.redis.hget(keys.tokens(), token_id)
        return _readable(text) if text else None

    async def are_there(self) -> bool:
        """Also one that has expired: who configured tokens does not want the door open when they end."""
        return bool(await self.redis.hlen(keys.tokens()))

    async def add(self, token: Token) -> None:
        await self.redis.hset(keys.tokens(), token.id, token.model_dump_json())

    async def revoke(self, token_id: str) -> bool:
        """Whether it was there."""
        return bool(await self.redis.hdel(keys.tokens(), token_id))


def _readable(text: bytes | str) -> Token | None:
    try:
        return Token.model_validate_json(text)
    except ValidationError as error:
        # Not the error itself, which shows what stands there.
        log.error("token.unreadable", problems=error.error_count())
        return None
