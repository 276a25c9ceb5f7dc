"""Which request comes next for a page, and what follows from its answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.extract import Extract, Reserve, weight
from services.poller.page import (
    EXPIRIES_BORNE,
    MAX_HOPS,
    SHORT,
    TRIES,
    Ask,
    Then,
    ended,
    failed,
    moved,
    next_step,
    origin,
    product,
    read,
    refusal,
    robots_failed,
    robots_told,
)
from shared.errors import FetchError
from shared.models.entry import Entry
from shared.models.page import PageOutcome, PageState
from tests.factories import NOON, entry

URL = "https://News.example:8443/2025/a?x=1"
ENTRY = entry(url=URL)
FRESH = PageState()
PARAGRAPH = "The harbour master of Lemuria told reporters on Monday that two ships had left the port before dawn. "


def step(
    robots: str | None = "", told: Entry | None = ENTRY, state: PageState = FRESH, expiries: int = 0
) -> Ask | Then:
    return next_step(told, state, robots, "Tocsin", expiries, NOON)


def test_the_host_s_robots_txt_is_asked_for_first_and_then_the_page() -> None:
    assert step(robots=None) == Ask("https://news.example:8443/robots.txt", robots=True)
    assert step() == Ask(URL)


def test_after_a_redirect_all_is_asked_of_the_new_host() -> None:
    state = PageState(url="https://other.example/b", hops=1)
    assert step(robots=None, state=state) == Ask("https://other.example/robots.txt", robots=True)
    assert step(state=state) == Ask("https://other.example/b")


@pytest.mark.parametrize(
    ("robots", "allowed"),
    [
        ("", True),
        ("User-agent: *\nDisallow: /2025/", False),
        ("User-agent: *\nDisallow: /\nAllow: /2025/", True),  # the longest rule counts, not the first
        ("User-agent: *\nDisallow: /*?x=", False),
        ("User-agent: TOCSIN\nDisallow: /\n\nUser-agent: *\nAllow: /", False),
        ("User-agent: csin\nDisallow: /", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: tocsin\nDisallow:", True),
        ("User-agent: *\r\nDisallow: /", False),
        ("<html>no such page</html>", True),
    ],
)
def test_robots_txt_is_read_as_rfc_9309_says(robots: str, allowed: bool) -> None:
    assert step(robots) == (Ask(URL) if allowed else ended(PageOutcome.DISALLOWED))


@pytest.mark.parametrize(
    ("over", "outcome"),
    [
        ({"told": None}, PageOutcome.EXPIRED),
        ({"told": entry(url=URL, text="read")}, PageOutcome.READ_BEFORE),
        ({"told": entry(url=URL, gone=True)}, PageOutcome.READ_BEFORE),
        ({"expiries": EXPIRIES_BORNE}, PageOutcome.LEASE_EXPIRED),
        ({"told": entry(url="https://news.example/")}, PageOutcome.FRONT_PAGE),
        ({"told": entry(url="https://news.example#a")}, PageOutcome.FRONT_PAGE),
        ({"told": entry(url="https://[news")}, PageOutcome.BAD_URL),
        ({"told": entry(url=None)}, PageOutcome.BAD_URL),
    ],
)
def test_what_cannot_be_read_asks_nobody(over: dict[str, object], outcome: PageOutcome) -> None:
    for robots in (None, ""):
        assert step(robots, **over) == ended(outcome)  # type: ignore[arg-type]


RULES = st.lists(st.sampled_from(["User-agent: ", "Disallow: ", "*", "/", "$", "%", "\n", "\0", "#"])).map("".join)


@given(robots=st.text() | RULES, path=st.text())
def test_no_robots_txt_and_no_address_is_too_strange(robots: str, path: str) -> None:
    assert isinstance(step(robots, entry(url=f"https://news.example/{path}")), Ask | Then)


def test_our_name_is_what_the_user_agent_begins_with() -> None:
    assert product("Tocsin/0.1 (+https://tocsin.example)") == "Tocsin"
    assert product("Newsdesk (mail@newsdesk.example)") == "Newsdesk"


def test_an_origin_has_a_scheme_and_a_host() -> None:
    assert origin("HTTPS://A.example/b") == "https://a.example"
    assert {origin(url) for url in ("//a.example/b", "a", "", "https://[a")} == {""}


@given(st.floats(min_value=0, max_value=0.999))
def test_a_passing_failure_is_tried_again_with_growing_gaps_and_then_left(draw: float) -> None:
    state, waits = FRESH, []
    while (then := failed(state, PageOutcome.TIMEOUT, draw)).state:
        state = then.state
        waits.append(then.after)
        assert then.outcome is PageOutcome.TIMEOUT
    assert then == ended(PageOutcome.TIMEOUT)
    assert len(waits) == TRIES - 1
    assert 45 <= waits[0] <= 75
    assert waits == sorted(waits)


def test_a_server_s_own_wish_counts_up_to_a_day() -> None:
    assert failed(FRESH, PageOutcome.THROTTLED, 0.5, 300).after == 300
    assert failed(FRESH, PageOutcome.THROTTLED, 0.5, 1e9).after == 86_400


def test_what_will_not_change_is_not_tried_again() -> None:
    for outcome in (PageOutcome.GONE, PageOutcome.REFUSED, PageOutcome.ADDRESS_DENIED, PageOutcome.PARSE_ERROR):
        assert failed(FRESH, outcome, 0.5) == ended(outcome)


@pytest.mark.parametrize(
    ("status", "body", "robots"), [(200, b"\xef\xbb\xbfx\xff", "x\ufffd"), (404, b"x", ""), (403, b"x", "")]
)
def test_where_there_is_no_robots_txt_all_is_allowed(status: int, body: bytes, robots: str) -> None:
    assert robots_told(FRESH, status, body, 0.5) == Then(None, FRESH, robots=robots)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_cannot_say_what_he_allows_has_allowed_nothing_yet(status: int) -> None:
    then = robots_told(FRESH, status, b"User-agent: *", 0.5)
    assert (then.outcome, then.robots) == (PageOutcome.ROBOTS_UNREACHABLE, None)
    assert then.state == PageState(failures=1)
    assert robots_failed(FRESH, PageOutcome.DNS_ERROR, 0.5).outcome is PageOutcome.ROBOTS_UNREACHABLE


def test_a_robots_txt_behind_endless_redirects_is_none_and_one_behind_a_private_address_ends_the_page() -> None:
    assert robots_failed(FRESH, PageOutcome.TOO_MANY_REDIRECTS, 0.5) == Then(None, FRESH, robots="")
    assert robots_failed(FRESH, PageOutcome.ADDRESS_DENIED, 0.5) == ended(PageOutcome.ADDRESS_DENIED)


def test_redirects_are_counted() -> None:
    state = FRESH
    for hop in range(1, MAX_HOPS + 1):
        then = moved(state, f"https://news.example/{hop}")
        assert then.state == PageState(url=f"https://news.example/{hop}", hops=hop)
        state = then.state
    assert moved(state, URL) == ended(PageOutcome.TOO_MANY_REDIRECTS)


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, None),
        (200, {"content-type": "text/html;charset=utf-8"}, None),
        (200, {"content-type": "Application/XHTML+XML"}, None),
        (200, {"content-type": "application/pdf"}, PageOutcome.NOT_HTML),
        (200, {"x-robots-tag": "noarchive"}, PageOutcome.WITHHELD),
        (304, {}, PageOutcome.CLIENT_ERROR),
        (402, {}, PageOutcome.REFUSED),
        (404, {}, PageOutcome.NOT_FOUND),
        (418, {}, PageOutcome.CLIENT_ERROR),
        (429, {}, PageOutcome.THROTTLED),
        (502, {}, PageOutcome.SERVER_ERROR),
    ],
)
def test_an_answer_without_a_text_for_us_is_named(
    status: int, headers: dict[str, str], outcome: PageOutcome | None
) -> None:
    assert refusal(status, headers, "Tocsin") is outcome


def texts(told: Entry, text: str, most: int = 20_000) -> str | PageOutcome | None:
    then = read(told, Extract(text), most)
    return then.entry.text if then.entry else then.outcome


def test_the_text_begins_where_it_says_more_than_the_feed() -> None:
    lead = "Two ships of Atlantis have left the port of Lemuria, its harbour master told reporters on Monday."
    title = "Ships of Atlantis leave the port of Lemuria behind them, harbour master says at last"
    told = entry(title=title, summary=lead)
    rest = "\n".join([PARAGRAPH.strip()] * 5)
    assert texts(told, f"{told.title.upper()}\nBy A. Reporter\n3 February\n{lead}\n{rest}") == rest


def test_a_text_that_says_no_more_than_a_teaser_or_than_the_feed_is_not_taken() -> None:
    enough = PARAGRAPH * (SHORT // weight(PARAGRAPH) + 1)
    assert texts(ENTRY, enough) == enough.strip()
    assert texts(ENTRY, enough[: SHORT - 10]) is PageOutcome.SHORT
    assert texts(entry(summary=enough * 2), f"{enough} More.") is PageOutcome.SHORT
    assert texts(ENTRY, "") is PageOutcome.SHORT


def test_the_text_is_bounded() -> None:
    assert len(str(texts(ENTRY, PARAGRAPH * 1_000, most=5_000))) <= 5_000


def test_what_the_publisher_keeps_back_is_no_text() -> None:
    assert read(ENTRY, Extract(reserve=Reserve.PAYWALL), 9) == ended(PageOutcome.PAYWALL)


def test_every_way_a_fetch_can_fail_has_a_name() -> None:
    assert all(PageOutcome(kind.outcome) for kind in FetchError.__subclasses__())
