"""When hubs are asked, what a feed offers, and how far pushes slow polling down."""

from datetime import datetime, timedelta
from itertools import count
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.poller.websub import (
    DENIED_GAP_SECONDS,
    FIRST_GAP_SECONDS,
    LONGEST_GAP_SECONDS,
    SLOWEST_SECONDS,
    Action,
    Callback,
    first_ask,
    form,
    https_first,
    intent,
    links,
    next_ask,
    offered,
    retry_gap,
    slowed,
    told,
)
from shared.models.websub import PushGrant, PushOffer, PushRequest, PushState, PushSubscription
from tests.factories import NOON, after, feed

FEED = feed().id
OFFER = PushOffer(hub="https://hub.example/", topic="https://news.example/rss")
ELSEWHERE = PushOffer(hub="https://other.example/", topic="https://news.example/rss")
DAY = 86_400.0
DRAWS = st.floats(0, 1, exclude_max=True)
URL = "https://news.example/rss"


def asked(offer: PushOffer = OFFER, now: datetime = NOON) -> PushRequest:
    return first_ask(FEED, offer, Callback(f"{FEED}.x", "s" * 64), intent(offer, None, now), now, 0.0)


def subscribed(lease: float = 10 * DAY, **grant: object) -> PushSubscription:
    """Asked and verified at noon."""
    fields = {"verified_ask": 1, "verified_at": NOON, "lease_expires_at": after(lease)} | grant
    return PushSubscription(request=asked(), grant=PushGrant.model_validate(fields))


def test_a_new_offer_is_asked_for_at_once() -> None:
    assert intent(OFFER, None, NOON).action is Action.ASK_ANEW


def test_a_feed_that_names_no_hub_any_more_is_forgotten() -> None:
    assert intent(None, subscribed(), NOON).action is Action.FORGET
    assert intent(None, None, NOON).action is Action.FORGET


def test_a_lease_is_renewed_at_four_fifths_of_it() -> None:
    early, due = intent(OFFER, subscribed(), after(8 * DAY - 1)), intent(OFFER, subscribed(), after(8 * DAY))
    assert (early.action, early.at, early.reason) == (Action.WAIT, after(8 * DAY), "renewal")
    assert (due.action, due.reason) == (Action.ASK, "renewal")


def test_while_a_renewal_is_on_its_way_the_subscription_is_active_and_the_hub_is_not_asked_again() -> None:
    before = subscribed()
    renewing = before.model_copy(
        update={"request": next_ask(before, intent(OFFER, before, after(8 * DAY)), after(8 * DAY), 0.0)}
    )
    soon = after(8 * DAY + FIRST_GAP_SECONDS - 1)
    assert renewing.state(soon) is PushState.ACTIVE
    assert intent(OFFER, renewing, soon).action is Action.WAIT
    assert intent(OFFER, renewing, after(8 * DAY + FIRST_GAP_SECONDS)).action is Action.ASK


def test_a_hub_that_gives_leases_of_a_second_is_not_asked_every_second() -> None:
    assert intent(OFFER, subscribed(1), after(2)).at == after(FIRST_GAP_SECONDS)
    assert intent(OFFER, subscribed(70), after(57)).at == after(FIRST_GAP_SECONDS)


def test_a_denial_is_respected_for_a_day() -> None:
    denied = PushSubscription(request=asked(), grant=PushGrant(denied_ask=1))
    assert denied.state(NOON) is PushState.DENIED
    assert intent(OFFER, denied, after(60)).at == after(DENIED_GAP_SECONDS)
    assert intent(OFFER, denied, after(DENIED_GAP_SECONDS)).action is Action.ASK


def test_a_feed_that_moved_is_asked_for_anew_but_not_whenever_its_servers_disagree() -> None:
    hasty, due = intent(ELSEWHERE, subscribed(), after(120)), intent(ELSEWHERE, subscribed(), after(3600))
    assert (hasty.action, hasty.reason) == (Action.WAIT, "moved")
    assert (due.action, due.reason) == (Action.ASK_ANEW, "moved")


def test_a_lease_that_ran_out_is_asked_for_again_at_once() -> None:
    assert subscribed(DAY).state(after(DAY)) is PushState.EXPIRED
    assert intent(OFFER, subscribed(DAY), after(DAY)).action is Action.ASK


def test_what_a_hub_asks_us_to_wait_is_waited_up_to_a_day() -> None:
    assert told(asked(), "http_503", 7200.0, NOON, 0.0).retry_at == after(7200)
    assert told(asked(), "http_503", 1e9, NOON, 0.0).retry_at == after(LONGEST_GAP_SECONDS)
    assert told(asked(), "http_503", 0.0, NOON, 0.0).retry_at == after(FIRST_GAP_SECONDS)


@given(st.integers(1, 10_000), DRAWS)
def test_the_gaps_between_asks_grow_up_to_a_day_and_some(tries: int, draw: float) -> None:
    gap, longer = retry_gap(tries, None, draw), retry_gap(tries + 1, None, draw)
    assert timedelta(seconds=FIRST_GAP_SECONDS) <= gap <= longer <= timedelta(seconds=LONGEST_GAP_SECONDS * 1.25)


def test_the_request_says_what_the_recommendation_asks_for() -> None:
    request = asked(PushOffer(hub="https://hub.example/", topic="https://news.example/rss?a=1&b=ü"))
    assert parse_qs(form(request, "https://tocsin.example/").decode(), strict_parsing=True) == {
        "hub.callback": [f"https://tocsin.example/websub/{FEED}.x"],
        "hub.mode": ["subscribe"],
        "hub.topic": ["https://news.example/rss?a=1&b=ü"],
        "hub.lease_seconds": ["864000"],
        "hub.secret": ["s" * 64],
    }


def test_a_secret_does_not_stand_in_what_is_printed() -> None:
    assert "s" * 64 not in repr(asked())


# A subscription through its life: hubs that verify, deny, keep silent; feeds that come, move and go.


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.offer: PushOffer | None = OFFER
        self.subscription: PushSubscription | None = None
        self.numbers = count()

    @rule(offer=st.sampled_from([OFFER, ELSEWHERE, None]))
    def the_feed_offers(self, offer: PushOffer | None) -> None:
        self.offer = offer

    @rule(seconds=st.one_of(st.integers(0, 300), st.integers(0, 20 * 86_400)))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(draw=DRAWS)
    def the_subscriber_looks(self, draw: float) -> None:
        step = intent(self.offer, self.subscription, self.now)
        assert (step.action is Action.FORGET) == (self.offer is None)
        if step.action is Action.FORGET:
            self.subscription = None
        elif step.action is Action.WAIT:
            assert step.at is not None
            assert step.at > self.now
            # Whenever it is looked at then, it is asked: it never waits for ever.
            assert intent(self.offer, self.subscription, step.at).action in (Action.ASK, Action.ASK_ANEW)
        elif step.action is Action.ASK:
            assert self.subscription is not None
            self._ask(next_ask(self.subscription, step, self.now, draw), self.subscription.grant)
        else:
            assert self.offer is not None
            number = next(self.numbers)
            callback = Callback(f"{FEED}.{number}", f"secret {number}")
            self._ask(first_ask(FEED, self.offer, callback, step, self.now, draw), PushGrant())

    def _ask(self, request: PushRequest, grant: PushGrant) -> None:
        before = self.subscription.request if self.subscription else None
        if before is not None:
            assert self.now - before.asked_at >= timedelta(seconds=FIRST_GAP_SECONDS)
        if before is not None and before.callback_id == request.callback_id:
            assert request.ask == before.ask + 1
            assert request.offer == before.offer
            assert request.secret == before.secret
        assert request.offer == self.offer
        self.subscription = PushSubscription(request=request, grant=grant)

    @precondition(lambda self: self.subscription and self.subscription.state(self.now) is not PushState.DENIED)
    @rule(lease=st.integers(1, 30 * 86_400))
    def the_hub_verifies(self, lease: int) -> None:
        assert self.subscription is not None
        grant = {
            "verified_ask": self.subscription.request.ask,
            "verified_at": self.now,
            "lease_expires_at": self.now + timedelta(seconds=lease),
        }
        self._answer(grant)
        assert self.subscription.state(self.now) is PushState.ACTIVE

    @precondition(lambda self: self.subscription)
    @rule()
    def the_hub_denies(self) -> None:
        assert self.subscription is not None
        self._answer({"denied_ask": self.subscription.request.ask, "lease_expires_at": None})
        assert self.subscription.state(self.now) is PushState.DENIED

    def _answer(self, grant: dict[str, object]) -> None:
        assert self.subscription is not None
        self.subscription = self.subscription.model_copy(
            update={"grant": self.subscription.grant.model_copy(update=grant)}
        )

    @invariant()
    def no_news_is_waited_for_longer_than_six_hours_or_than_without_a_hub(self) -> None:
        paced = slowed(300.0, self.subscription, None, self.now)
        assert 300.0 <= paced.interval <= SLOWEST_SECONDS


TestLife = Life.TestCase


@given(st.integers(600, 30 * 86_400), st.data())
def test_a_subscription_at_a_hub_that_answers_never_lapses(lease: int, data: st.DataObject) -> None:
    current, now = subscribed(lease), NOON
    for _ in range(20):
        step = intent(OFFER, current, now)
        if step.action is Action.WAIT:
            assert step.at is not None
            now = step.at
            continue
        assert current.state(now) is PushState.ACTIVE
        request = next_ask(current, step, now, data.draw(DRAWS))
        grant = PushGrant(verified_ask=request.ask, verified_at=now, lease_expires_at=now + timedelta(seconds=lease))
        current = PushSubscription(request=request, grant=grant)


# What a feed offers


def test_the_header_comes_before_the_document() -> None:
    header = '<https://a.example/>; rel="hub", <https://news.example/self>; rel=self'
    assert offered(header, "https://b.example/", "https://news.example/other", URL) == PushOffer(
        hub="https://a.example/", topic="https://news.example/self"
    )


def test_without_a_header_the_document_counts_and_without_either_there_is_no_offer() -> None:
    assert offered(None, "https://hub.example/", URL, "https://cdn.example/x") == OFFER
    assert offered('<https://news.example/>; rel="self"', None, None, URL) is None


def test_relative_links_start_at_the_address_fetched_which_is_the_topic_if_none_is_stated() -> None:
    assert offered("</hub>; rel=hub, </feed>; rel=self", None, None, URL) == PushOffer(
        hub="https://news.example/hub", topic="https://news.example/feed"
    )
    assert offered("<https://hub.example/>; rel=hub", None, None, URL) == OFFER


@pytest.mark.parametrize("hub", ["mailto:hub@hub.example", "javascript:alert(1)", "http://[::1", "https://a b/"])
def test_a_hub_that_is_no_web_address_is_no_offer(hub: str) -> None:
    assert offered(None, hub, None, URL) is None


@pytest.mark.parametrize(
    ("url", "asked_at"),
    [
        ("http://hub.example/a?b=c", "https://hub.example/a?b=c"),
        ("http://hub.example:80/", "https://hub.example/"),
        ("http://hub.example:8080/", "http://hub.example:8080/"),
        ("https://hub.example/", "https://hub.example/"),
    ],
)
def test_a_hub_is_asked_over_tls_where_that_can_be_known(url: str, asked_at: str) -> None:
    assert https_first(url) == asked_at


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("<https://a/>; rel=hub", [("hub", "https://a/")]),
        ('<https://a/>;rel="HUB self"', [("hub", "https://a/"), ("self", "https://a/")]),
        ('<a>; title="x, <b>; rel=hub"; rel=next, <c>; rel=hub', [("next", "a"), ("hub", "c")]),
        (r'<a>; title="quote \" ;"; rel=hub', [("hub", "a")]),
        ("<a>; rel=first; rel=second", [("first", "a")]),
        ('<a>; rel=hub; anchor="https://else.example/"', []),
        ("<a>; crossorigin; rel=preload", [("preload", "a")]),
        ("<a>; title*=UTF-8''x; rel=hub", [("hub", "a")]),
        (", ,<a,b>; rel=hub,,", [("hub", "a,b")]),
        ("<a>, <b>; rel=hub", [("hub", "b")]),
        ("no link at all", []),
        ("<never closed", []),
        ("", []),
    ],
)
def test_a_link_header_is_read_as_rfc_8288_says(header: str, found: list[tuple[str, str]]) -> None:
    assert list(links(header)) == found


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
TARGETS = st.text(st.characters(codec="ascii", exclude_characters="<> \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f\x00"), max_size=20)
QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'


@given(st.lists(st.tuples(TARGETS, st.lists(TOKENS, min_size=1, max_size=3), QUOTED), max_size=5))
def test_every_link_that_is_written_is_read(written: list[tuple[str, list[str], str]]) -> None:
    header = ", ".join(f"<{to}>; title={quoted(title)}; rel={quoted(' '.join(rels))}" for to, rels, title in written)
    assert list(links(header)) == [(rel, to) for to, rels, _ in written for rel in rels]


@given(st.text(max_size=200) | st.text('<>;,"=\\ relhub', max_size=200))
def test_no_header_breaks_the_reader(header: str) -> None:
    assert all(rel == rel.lower() and " " not in rel for rel, _ in links(header))
    offered(header, None, None, URL)


# Polling while a hub delivers


def test_polling_is_four_times_slower_while_pushes_arrive() -> None:
    paced = slowed(300.0, subscribed(last_push_at=NOON), None, after(3600))
    assert (paced.interval, paced.reason) == (1200.0, "pushed")


@pytest.mark.parametrize(
    ("subscription", "missed_at", "reason"),
    [
        (None, None, "no_hub"),
        (PushSubscription(request=asked()), None, "hub_pending"),
        (subscribed(60, last_push_at=NOON), None, "hub_expired"),
        (PushSubscription(request=asked(), grant=PushGrant(denied_ask=1, last_push_at=NOON)), None, "hub_denied"),
        (subscribed(), None, "hub_silent"),
        (subscribed(last_push_at=after(3600 - DAY - 1)), None, "hub_silent"),
        (subscribed(last_push_at=NOON), after(1), "hub_missed_news"),
    ],
)
def test_a_hub_that_does_not_deliver_slows_nothing(
    subscription: PushSubscription | None, missed_at: datetime | None, reason: str
) -> None:
    paced = slowed(300.0, subscription, missed_at, after(3600))
    assert (paced.interval, paced.reason) == (300.0, reason)


def test_a_push_after_missed_news_makes_it_good() -> None:
    assert slowed(300.0, subscribed(last_push_at=after(2)), after(1), after(3)).reason == "pushed"


@given(st.floats(1, 1e6))
def test_polling_is_never_stopped_and_never_made_faster(interval: float) -> None:
    paced = slowed(interval, subscribed(last_push_at=NOON), None, NOON)
    assert interval <= paced.interval <= max(interval, SLOWEST_SECONDS)
