"""Which addresses are refused before anything is looked up, and that a secret's form is told as it is held."""

import re
from base64 import b64encode
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.gateway.views.addresses import ADDRESS
from services.gateway.views.subscription_requests import WHSEC
from services.operations.subscriptions.making import address_fault
from shared.config.subscriptions import is_webhook_secret
from shared.http.urls import checked_url
from tests.servers import connections


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://10.1.2.3:8080/x",
        "https://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fe80::1%25eth0]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://localhost:6379/",
        "http://deep.localhost/",
        "https://user:pass@receiver.example/",
        "ftp://receiver.example/",
        "receiver.example",
        "",
    ],
)
def test_what_the_guard_would_refuse_is_refused_at_once(url: str) -> None:
    with connections() as made:
        assert address_fault(url, ())
    assert made == []


@pytest.mark.parametrize("url", ["https://receiver.example/x", "http://8.8.8.8/", "https://[2606:4700::1111]:8443/"])
def test_what_may_be_reached_is_not(url: str) -> None:
    assert address_fault(url, ()) is None


def test_networks_that_are_allowed_may_be_named() -> None:
    allow = (ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"))
    assert address_fault("http://10.1.2.3/", allow) is None
    assert address_fault("http://localhost/", allow) is None
    assert address_fault("http://192.168.0.1/", allow)


@given(st.binary(min_size=20, max_size=70))
def test_the_form_of_secrets_that_is_published_is_the_one_that_is_held(secret: bytes) -> None:
    text = "whsec_" + b64encode(secret).decode()
    assert bool(re.fullmatch(WHSEC, text)) is is_webhook_secret(text) is (24 <= len(secret) <= 64)


@pytest.mark.parametrize("padding", ["=", "==", "==="])
def test_a_secret_with_padding_that_is_too_much_is_none(padding: str) -> None:
    text = f"whsec_{'A' * 32}{padding}"
    assert bool(re.fullmatch(WHSEC, text)) is is_webhook_secret(text) is False


@given(st.from_regex(ADDRESS, fullmatch=True))
def test_an_address_of_the_form_that_is_published_is_one_that_can_be_followed(url: str) -> None:
    assume(len(urlsplit(url).hostname or "") <= 253)
    assume("xn--" not in url.lower())
    checked_url(url)


@pytest.mark.parametrize("host", ["xn--a", "xn--.example"])
def test_what_only_looks_like_a_name_in_another_alphabet_is_no_address(host: str) -> None:
    assert (address_fault(f"https://{host}/", ()) or "").startswith("the URL is malformed")
