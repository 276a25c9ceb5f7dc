"""The peer's job: one delivery, signed and sent as ours are."""

import time
from functools import cache

import httpx

from services.notifier.channels.posting import JSON
from services.notifier.sign import signed_headers

SECONDS = 15.0


def post(url: str, secret: str, webhook_id: str, body: str) -> None:
    """As people write it."""
    with httpx.Client(timeout=SECONDS) as client:
        _send(client, url, secret, webhook_id, body)


def post_on(url: str, secret: str, webhook_id: str, body: str) -> None:
    """On a client that the worker keeps."""
    _send(_kept(), url, secret, webhook_id, body)


@cache
def _kept() -> httpx.Client:
    return httpx.Client(timeout=SECONDS)


def _send(client: httpx.Client, url: str, secret: str, webhook_id: str, body: str) -> None:
    content = body.encode()
    headers = signed_headers([secret], webhook_id, int(time.time()), content) | JSON
    client.post(url, content=content, headers=headers).raise_for_status()
