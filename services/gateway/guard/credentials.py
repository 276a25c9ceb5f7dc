"""The token that a request presents (pure)."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

COOKIE = "tocsin_token"


def presented(headers: Mapping[str, str]) -> str | None:
    """Its text as a bearer token, as a password (feed readers know no other way), or in the board's cookie."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    match kind.lower():
        case "bearer":
            return value.strip()
        case "basic":
            return _password(value.strip())
        case "":
            return _cookie(headers.get("cookie", ""))
        case _:
            return ""


def _password(encoded: str) -> str:
    """Of RFC 7617; the name before it does not matter."""
    try:
        return b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _cookie(header: str) -> str | None:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None
