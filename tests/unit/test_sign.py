"""Signatures, verified by the reference implementation from PyPI."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from services.notifier.sign import signed_headers
from tests.factories import SECRET

OTHER = "whsec_" + base64.b64encode(b"another secret of 24 byte").decode()


def now() -> int:
    return int(time.time())


@given(st.binary(min_size=24, max_size=64), st.text(max_size=300))
def test_the_reference_implementation_verifies_any_secret_and_body(key: bytes, title: str) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    body = json.dumps({"title": title}).encode()
    assert Webhook(secret).verify(body, signed_headers([secret], "msg_1", now(), body)) == {"title": title}


def test_both_keys_of_a_rotation_verify() -> None:
    headers = signed_headers([SECRET, OTHER], "msg_1", now(), b"{}")
    assert Webhook(SECRET).verify(b"{}", headers) == Webhook(OTHER).verify(b"{}", headers) == {}


@pytest.mark.parametrize(
    ("webhook_id", "body", "secret"), [("msg_2", b"{}", SECRET), ("msg_1", b"[]", SECRET), ("msg_1", b"{}", OTHER)]
)
def test_another_id_body_or_secret_does_not_verify(webhook_id: str, body: bytes, secret: str) -> None:
    headers = signed_headers([SECRET], "msg_1", now(), b"{}") | {"webhook-id": webhook_id}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_an_old_signature_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError, match="old"):
        Webhook(SECRET).verify(b"{}", signed_headers([SECRET], "msg_1", now() - 600, b"{}"))


def test_a_secret_may_come_without_its_prefix() -> None:
    bare = SECRET.removeprefix("whsec_")
    assert signed_headers([bare], "msg_1", 1, b"{}") == signed_headers([SECRET], "msg_1", 1, b"{}")
