"""Templates into pages: what every page knows, and the files beside them."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles
from starlette.types import Scope as AsgiScope

from services.gateway.api.access import caller_of
from services.gateway.api.streaming import RESET
from services.gateway.pages.names import country_name, language_name
from services.gateway.pages.words import counted, ended, moment_words, number, spaced, web_address
from shared.models.access import Scope
from shared.models.story import AlertType

HERE = Path(__file__).parent
STATIC = HERE / "static"
THEME_COOKIE = "tocsin_theme"
# What htmx waits for: an alert of any type, or word that some were lost; what comes together is shown at once.
RUNG = ", ".join(f"sse:{name} delay:200ms" for name in (*AlertType, RESET))
FOR_A_YEAR = 31_536_000
_QUALITY = re.compile(r"q=([01](?:\.[0-9]{0,3})?)", re.ASCII)


class Theme(StrEnum):
    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


# The table of the pages that stand in the head of each.
NAVIGATION = (
    ("/", "Stories"),
    ("/alerts", "Alerts"),
    ("/feeds", "Feeds"),
    ("/subscriptions", "Subscriptions"),
    ("/test", "Test"),
)


class Pages:
    """Renders templates. `version`: shown at the foot."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "country": country_name,
            "ended": ended,
            "language": language_name,
            "number": number,
            "spaced": spaced,
            "web_address": web_address,
        }
        self._templates.globals |= {"counted": counted, "navigation": NAVIGATION, "rung": RUNG, "static": _address_of}

    def page(self, request: Request, template: str, status: int = 200, **told: object) -> HTMLResponse:
        """`told`: what the template asks for beside what every page knows."""
        now = datetime.now(UTC)
        known: dict[str, object] = {
            "now": now,
            "moment": lambda at: moment_words(at, now),
            "here": request.url.path,
            "address": _local(request),
            "theme": theme_of(request),
            "may": lambda scope: caller_of(request).may(Scope(scope)),
            "caller": caller_of(request),
            "version": self._version,
        }
        return HTMLResponse(self._templates.get_template(template).render(known | told), status)


def theme_of(request: Request) -> Theme:
    """As the reader chose it."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return Theme(chosen) if chosen in list(Theme) else Theme.AUTO


def languages_of(request: Request) -> tuple[str, ...]:
    """What the reader's browser asks for, the best first, without regions (RFC 9110, 12.5.4)."""
    wanted = [part.partition(";") for part in request.headers.get("accept-language", "")[:500].split(",")]
    ranked = sorted(wanted, key=lambda part: -_quality(part[2]))
    return tuple(dict.fromkeys(name.strip().split("-")[0].lower() for name, _, q in ranked if _quality(q) > 0))


def _quality(text: str) -> float:
    found = _QUALITY.fullmatch(text.strip())
    return float(found[1]) if found else 1.0


def _local(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def wants_page(request: Request) -> bool:
    """Whether a person looks: a browser asks for HTML, and never for what stands below /v1."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")


# Files beside the pages: their address changes with what is in them, so that a browser may keep them for ever.


def _digests() -> dict[str, str]:
    files = (path for path in STATIC.rglob("*") if path.is_file())
    return {path.relative_to(STATIC).as_posix(): sha256(path.read_bytes()).hexdigest()[:12] for path in files}


_DIGESTS = _digests()


def _address_of(name: str) -> str:
    return f"/static/{name}?v={_DIGESTS[name]}"


class Files(StaticFiles):
    """Those of STATIC, to be kept by who asked for them by their digest."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def file_response(self, full_path, stat_result, scope: AsgiScope, status_code: int = 200):  # type: ignore[no-untyped-def]
        response = super().file_response(full_path, stat_result, scope, status_code)
        kept = f"public, max-age={FOR_A_YEAR}, immutable" if b"v=" in scope["query_string"] else "no-cache"
        response.headers["Cache-Control"] = kept
        return response
