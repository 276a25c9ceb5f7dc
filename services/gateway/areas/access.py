"""Who gets in, and what was noted of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.gateway.guard.rules import Door, door
from services.gateway.ports import Audits, Tokens
from services.gateway.views.access import AuditView, MadeToken, NewToken, TokenView
from shared.models.access import Token
from shared.store.tokens import new_token, read_token


@dataclass(frozen=True, slots=True)
class AccessArea:
    """`left_open`: while there is no token, whoever gets here is served."""

    tokens: Tokens
    audits: Audits
    left_open: bool = False

    async def door(self) -> Door:
        return door(tokens=await self.tokens.are_there(), left_open=self.left_open)

    async def owner(self, text: str) -> Token | None:
        """What is kept of the token with this text; of one that has expired, too. None: it is none of ours."""
        shown = read_token(text)
        token = await self.tokens.find(shown.id) if shown else None
        return token if shown and token and shown.is_of(token) else None

    async def every(self) -> list[TokenView]:
        """Oldest first."""
        now = datetime.now(UTC)
        return [TokenView.of(token, now) for token in await self.tokens.all()]

    async def find(self, token_id: str) -> TokenView | None:
        token = await self.tokens.find(token_id)
        return TokenView.of(token, datetime.now(UTC)) if token else None

    async def create(self, new: NewToken) -> MadeToken:
        now = datetime.now(UTC)
        expires_at = now + timedelta(days=new.expires_days) if new.expires_days else None
        token, text = new_token(new.name, new.scopes, now, expires_at)
        await self.tokens.add(token)
        return MadeToken(token=text, **TokenView.of(token, now).model_dump())

    async def revoke(self, token_id: str) -> bool:
        """Whether it was there."""
        return await self.tokens.revoke(token_id)

    async def audited(self, limit: int, before: str | None) -> list[AuditView]:
        """Newest first, from the one after the id `before`."""
        records = await self.audits.newest(limit, before)
        return [AuditView(id=record.id, **record.audited.model_dump()) for record in records]
