"""What of a request is refused whoever makes it, and what needs no token (pure)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Whoever logs in has no token yet, and who logs out perhaps none any more; colours are anybody's; hubs sign instead.
OPEN_PATHS = ("/healthz", "/login", "/logout", "/theme")
OPEN_FOLDERS = ("/static/", "/websub/")
HUBS = "/websub/"
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Door(StrEnum):
    """Who is served: those with a token; without any token, this machine, or, by choice, whoever gets here."""

    TOKENS = "tokens"
    THIS_MACHINE = "this_machine"
    OPEN = "open"


def door(*, tokens: bool, left_open: bool) -> Door:
    if tokens:
        return Door.TOKENS
    return Door.OPEN if left_open else Door.THIS_MACHINE


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request came: the address that it reached, the one it is from, and its headers, in lower case."""

    here: str
    there: str
    headers: Mapping[str, str]

    @property
    def host(self) -> str:
        return name_in(self.headers.get("host", ""))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`; a name other than localhost is held for open."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def name_in(authority: str) -> str:
    """`[::1]:8080` as `::1`; empty for what names no host."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def stranger_fault(door: Door, arrival: Arrival, own_names: Collection[str]) -> str | None:
    """Why somebody without a token is not served, or None if he is.

    The name by which he came counts: a page elsewhere may have its own name resolved to our address (DNS rebinding).
    """
    if door is Door.TOKENS:
        return "a token is needed: `tocsin tokens create` makes one"
    if door is Door.OPEN:
        return None if _is_plain(arrival.host) or arrival.host in own_names else f"no such host here: {arrival.host}"
    near = all(map(is_loopback, (arrival.here, arrival.there, arrival.host)))
    if near and not any(name in arrival.headers for name in FORWARDED):
        return None
    return "while there is no token, only this machine is served, by the name localhost or its address"


def _is_plain(host: str) -> bool:
    """An address, or a name of the own network: nobody elsewhere can make it lead here."""
    try:
        ip_address(host)
    except ValueError:
        return host != "" and "." not in host.removesuffix(".")
    return True


def is_foreign(method: str, arrival: Arrival, own_origins: Collection[str]) -> bool:
    """Whether a page elsewhere has a browser ask for a change (cross-site request forgery).

    Fetch Metadata Request Headers say so, or else Origin (RFC 6454); who sends neither is no browser.
    """
    if method in SAFE:
        return False
    origin, site = arrival.headers.get("origin"), arrival.headers.get("sec-fetch-site")
    if origin is not None and origin.lower() in own_origins:
        return False
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and _authority(origin) != arrival.headers.get("host", "").lower()


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def needs_no_token(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def neighbourhood(address: str) -> str:
    """What is counted as one client: an IPv4 address, or an IPv6 network of the size that one customer gets."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def place_here(text: str | None) -> str:
    """Where to go on after logging in: a path of ours, never an address elsewhere."""
    leads_here = text is not None and text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if text and leads_here and text.isprintable() else "/"
