"""Puts whatever an exchange raises into our tree of errors. Pure.

httpx-aiohttp reports nearly every connection error as ConnectTimeout; the truth is in the chain of causes.
"""

import os
import ssl
from collections.abc import Iterator

import aiohttp
import httpx

from shared.errors import BadUrl, ConnectError, FetchError, ProtocolError, Timeout, TlsError

_Kind = tuple[tuple[type[BaseException], ...], type[FetchError], str]

# In this order: a failed handshake is an OSError too, and a body that stops is often a reset connection.
_KINDS: tuple[_Kind, ...] = (
    ((aiohttp.ClientSSLError, ssl.SSLError), TlsError, "no trustworthy TLS connection"),
    ((aiohttp.ClientPayloadError,), ProtocolError, "the body stopped in the middle"),
    ((aiohttp.ServerDisconnectedError,), ProtocolError, "closed the connection without an answer"),
    ((aiohttp.SocketTimeoutError,), Timeout, "sent nothing for too long"),
    ((TimeoutError,), Timeout, "no connection in time"),
    ((httpx.InvalidURL, httpx.UnsupportedProtocol, aiohttp.InvalidURL), BadUrl, "the URL is malformed"),
    ((OSError, aiohttp.ClientConnectionError), ConnectError, "no connection"),
    ((ValueError,), ProtocolError, "the request cannot be written as HTTP"),
    ((BaseException,), ProtocolError, "does not speak HTTP"),
)


def classified(error: BaseException, host: str) -> FetchError:
    """The FetchError for `error`, its message led by `host` and free of URLs, which may hold secrets."""
    if isinstance(error, FetchError):
        return type(error)(f"{host}: {error}")
    causes = tuple(_causes(error))
    for types, kind, words in _KINDS:
        if any(isinstance(cause, types) for cause in causes):
            return kind(": ".join([host, words, *_detail(causes)]))
    raise AssertionError("the last kind takes all")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _detail(causes: tuple[BaseException, ...]) -> list[str]:
    root = causes[-1]
    if isinstance(root, ssl.SSLCertVerificationError):
        return [root.verify_message]
    if isinstance(root, ssl.SSLError):
        return [root.reason] if root.reason else []
    return [os.strerror(root.errno)] if isinstance(root, OSError) and root.errno else []
