"""What the gateway makes of where a request comes from and what it shows, decided without any server."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.guard.credentials import presented
from services.gateway.guard.rules import (
    Arrival,
    Door,
    door,
    is_foreign,
    name_in,
    needs_no_token,
    neighbourhood,
    place_here,
    stranger_fault,
)
from shared.models.access import Scope

TEXT = "toc_0123456789_" + "x" * 43
OWN = {"tocsin.example"}


def arrival(host: str = "localhost:8080", *, here: str = "127.0.0.1", there: str = "127.0.0.1", **more: str) -> Arrival:
    return Arrival(here, there, {"host": host} | {name.replace("_", "-"): value for name, value in more.items()})


def basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


def test_a_scope_allows_itself_and_reading_and_admin_allows_all() -> None:
    allowed = {scope: {wanted for wanted in Scope if scope.allows(wanted)} for scope in Scope}
    assert allowed == {
        Scope.READ: {Scope.READ},
        Scope.FEEDS: {Scope.READ, Scope.FEEDS},
        Scope.SUBSCRIPTIONS: {Scope.READ, Scope.SUBSCRIPTIONS},
        Scope.ADMIN: set(Scope),
    }


def test_tokens_are_asked_for_as_soon_as_there_are_any_even_where_the_door_was_left_open() -> None:
    assert door(tokens=True, left_open=True) is door(tokens=True, left_open=False) is Door.TOKENS
    assert door(tokens=False, left_open=True) is Door.OPEN
    assert door(tokens=False, left_open=False) is Door.THIS_MACHINE


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "127.8.8.8"])
def test_without_a_token_this_machine_is_served_by_its_own_names(host: str) -> None:
    assert stranger_fault(Door.THIS_MACHINE, arrival(host), OWN) is None


@pytest.mark.parametrize(
    "stranger",
    [
        arrival("evil.example:8080"),
        arrival("localhost.evil.example"),
        arrival("192.0.2.1"),
        arrival("tocsin.example"),
        arrival(""),
        arrival("[::1"),
        arrival(here="192.0.2.1"),
        arrival(there="192.0.2.1"),
        arrival(x_forwarded_for="192.0.2.1"),
        arrival(forwarded="for=192.0.2.1"),
    ],
)
def test_without_a_token_nobody_else_is_served(stranger: Arrival) -> None:
    assert stranger_fault(Door.THIS_MACHINE, stranger, OWN)


@pytest.mark.parametrize(
    "host", ["localhost", "192.0.2.1:8080", "[2001:db8::1]", "gateway", "gateway.", "tocsin.example"]
)
def test_where_the_door_is_left_open_addresses_and_our_names_are_served(host: str) -> None:
    assert stranger_fault(Door.OPEN, arrival(host, there="192.0.2.7", x_forwarded_for="192.0.2.9"), OWN) is None


@pytest.mark.parametrize("host", ["evil.example", "tocsin.example.evil.example", "a.b", ""])
def test_where_the_door_is_left_open_a_name_that_others_may_own_is_refused(host: str) -> None:
    assert stranger_fault(Door.OPEN, arrival(host), OWN)


def test_where_there_are_tokens_nobody_is_served_without() -> None:
    assert stranger_fault(Door.TOKENS, arrival(), OWN)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_elsewhere_changes_nothing_whatever_it_says_of_its_origin(site: str) -> None:
    assert is_foreign("POST", arrival(sec_fetch_site=site), set())
    assert is_foreign("DELETE", arrival(sec_fetch_site=site, origin="http://localhost:8080"), set())
    assert not is_foreign("GET", arrival(sec_fetch_site=site), set())


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9090", "http://[::1", ""])
def test_an_old_browser_tells_by_the_origin_that_a_page_is_elsewhere(origin: str) -> None:
    assert is_foreign("PATCH", arrival(origin=origin), set())


def test_our_own_pages_trusted_ones_and_programs_may_ask_for_changes() -> None:
    assert not is_foreign("POST", arrival(sec_fetch_site="same-origin", origin="http://localhost:8080"), set())
    assert not is_foreign("POST", arrival(origin="http://localhost:8080"), set())
    assert not is_foreign("POST", arrival(), set())
    trusted = arrival(sec_fetch_site="cross-site", origin="https://desk.example")
    assert not is_foreign("POST", trusted, {"https://desk.example"})


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({}, None),
        ({"authorization": f"Bearer {TEXT}"}, TEXT),
        ({"authorization": f"bearer  {TEXT} "}, TEXT),
        ({"authorization": basic(f"anybody:{TEXT}")}, TEXT),
        ({"authorization": basic(TEXT)}, ""),
        ({"authorization": "Basic ???"}, ""),
        ({"authorization": "Basic /w=="}, ""),
        ({"authorization": "Digest x"}, ""),
        ({"cookie": f"theme=dark; tocsin_token={TEXT}"}, TEXT),
        ({"cookie": "theme=dark"}, None),
        ({"authorization": "Bearer other", "cookie": f"tocsin_token={TEXT}"}, "other"),
    ],
)
def test_a_token_is_presented_as_bearer_as_password_or_as_cookie(headers: dict[str, str], text: str | None) -> None:
    assert presented(headers) == text


@given(st.dictionaries(st.sampled_from(["authorization", "cookie"]), st.text()))
def test_whatever_is_presented_is_read_without_an_error(headers: dict[str, str]) -> None:
    assert isinstance(presented(headers), str | None)


@given(st.text())
def test_whatever_names_a_host_is_read_without_an_error(text: str) -> None:
    assert isinstance(name_in(text), str)
    is_foreign("POST", arrival(text, origin=text), set())
    stranger_fault(Door.OPEN, arrival(text), OWN)


@pytest.mark.parametrize("path", ["/healthz", "/login", "/logout", "/static/board.css", "/websub/feed.abc"])
def test_what_needs_no_token(path: str) -> None:
    assert needs_no_token(path)


@pytest.mark.parametrize("path", ["/", "/v1/feeds", "/healthz/x", "/static", "/loginx", "/v1/static/x", "//static/x"])
def test_everything_else_needs_one(path: str) -> None:
    assert not needs_no_token(path)


def test_a_network_that_one_customer_gets_is_one_client() -> None:
    assert neighbourhood("192.0.2.7") == "192.0.2.7"
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert neighbourhood("testclient") == "testclient"


@pytest.mark.parametrize("text", ["/", "/stories/x?page=2"])
def test_after_the_login_one_goes_on_where_one_wanted_to(text: str) -> None:
    assert place_here(text) == text


@pytest.mark.parametrize("text", [None, "", "//evil.example", "/\\evil.example", "https://evil.example", "/\n/x", "x"])
def test_after_the_login_nobody_is_led_elsewhere(text: str | None) -> None:
    assert place_here(text) == "/"
