"""What every request passes on its way to a route, and every answer on its way back."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp

from services.gateway.api.etags import WithETags
from services.gateway.api.problems import HANDLERS
from services.gateway.areas.access import AccessArea
from services.gateway.guard.auditing import Auditing
from services.gateway.guard.authentication import Authentication
from services.gateway.guard.bodies import WholeBodies
from services.gateway.guard.idempotency import Idempotency
from services.gateway.guard.origins import NoForeignPages
from services.gateway.guard.rates import Rates
from services.gateway.ports import Replays
from shared.settings import Settings

METHODS = ("GET", "POST", "PATCH", "DELETE")
ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID")
ANSWERED = ("ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After")


@dataclass(frozen=True, slots=True)
class Guard:
    """`own_urls`: under which people reach us. `cors_origins`: of pages elsewhere that may call the API."""

    access: AccessArea
    replays: Replays
    rates: Rates
    own_urls: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, access: AccessArea, replays: Replays) -> Self:
        return cls(
            access=access,
            replays=replays,
            rates=Rates(
                settings.gateway_rate_per_minute,
                settings.gateway_writes_per_minute,
                settings.gateway_failures_per_minute,
            ),
            own_urls=(settings.public_url,) if settings.public_url else (),
            cors_origins=settings.gateway_cors_origins,
        )

    @property
    def https(self) -> bool:
        return any(url.startswith("https://") for url in self.own_urls)

    def around(self, app: ASGIApp) -> ASGIApp:
        """From the inside out."""
        own = [urlsplit(url) for url in self.own_urls]
        origins = {f"{url.scheme}://{url.netloc}".lower() for url in own} | set(self.cors_origins)
        app = Idempotency(WithETags(app), self.replays)
        app = Authentication(WholeBodies(app), self.access, self.rates, {url.hostname or "" for url in own})
        app = ExceptionMiddleware(NoForeignPages(app, origins), HANDLERS)
        app = Auditing(app, self.access.audits)
        return self._shared(app) if self.cors_origins else app

    def _shared(self, app: ASGIApp) -> ASGIApp:
        """Without cookies: a page elsewhere has a token of its own."""
        return CORSMiddleware(
            app,
            allow_origins=self.cors_origins,
            allow_methods=METHODS,
            allow_headers=ASKED,
            expose_headers=ANSWERED,
        )
