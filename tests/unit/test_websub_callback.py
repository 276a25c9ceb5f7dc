"""What arrives at a hub's callback: confirmations, denials, signatures."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.websub import LONGEST_LEASE_SECONDS, Confirmed, Denied, Refused, judge, signature_fault
from shared.models.websub import HubAnswer, PushGrant, PushOffer, PushRequest, PushSubscription
from tests.factories import NOON, after

TOPIC = "https://news.example/rss"
SUBSCRIPTION = PushSubscription(
    request=PushRequest(
        feed_id="f",
        offer=PushOffer(hub="https://hub.example/", topic=TOPIC),
        callback_id="f.x",
        secret="secret",
        lease_seconds=864_000,
        ask=2,
        tries=1,
        asked_at=NOON,
        retry_at=NOON,
        reason="new",
    )
)
QUERY = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "abc", "hub.lease_seconds": "3600"}
METHODS = ["sha1", "sha256", "sha384", "sha512"]


def test_what_was_asked_for_is_confirmed_with_the_lease_that_the_hub_gives() -> None:
    assert judge(SUBSCRIPTION, QUERY, NOON) == Confirmed("abc", after(3600))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hub.topic": "https://news.example/rss?"}, "other_topic"),
        ({"hub.topic": ""}, "other_topic"),
        ({"hub.mode": "unsubscribe"}, "other_mode"),
        ({"hub.mode": ""}, "other_mode"),
        ({"hub.mode": "denied", "hub.topic": "https://else.example/"}, "other_topic"),
        ({"hub.challenge": ""}, "bad_challenge"),
        ({"hub.challenge": "<script>alert(1)</script>"}, "bad_challenge"),
        ({"hub.challenge": "a b"}, "bad_challenge"),
        ({"hub.challenge": "abc\n"}, "bad_challenge"),
        ({"hub.challenge": "a" * 1025}, "bad_challenge"),
    ],
)
def test_what_was_not_asked_for_is_refused(change: dict[str, str], reason: str) -> None:
    assert judge(SUBSCRIPTION, QUERY | change, NOON) == Refused(HubAnswer(reason))


@given(st.text("+-./0123456789=ABCXYZ_abcxyz", min_size=1, max_size=1024))
def test_every_challenge_of_the_characters_of_the_recommendation_is_echoed(challenge: str) -> None:
    verdict = judge(SUBSCRIPTION, QUERY | {"hub.challenge": challenge}, NOON)
    assert isinstance(verdict, Confirmed)
    assert verdict.challenge == challenge


@pytest.mark.parametrize(
    ("stated", "lasts"),
    [
        ("60", 60),
        ("9999999999", LONGEST_LEASE_SECONDS),
        ("99999999999999", 864_000),
        ("0", 864_000),
        ("-5", 864_000),
        ("1e9", 864_000),
        ("٣٦٠٠", 864_000),
        ("", 864_000),
    ],
)
def test_a_lease_is_bounded_and_one_that_is_no_number_is_what_we_asked_for(stated: str, lasts: int) -> None:
    assert judge(SUBSCRIPTION, QUERY | {"hub.lease_seconds": stated}, NOON) == Confirmed("abc", after(lasts))


def test_a_denial_is_heard_and_its_reason_cut_short() -> None:
    verdict = judge(SUBSCRIPTION, QUERY | {"hub.mode": "denied", "hub.reason": "no" * 1000}, NOON)
    assert verdict == Denied(("no" * 1000)[:200])


def test_after_a_denial_nothing_is_confirmed_until_it_is_asked_for_again() -> None:
    denied = SUBSCRIPTION.model_copy(update={"grant": PushGrant(denied_ask=2)})
    assert judge(denied, QUERY, NOON) == Refused(HubAnswer.NOT_ASKED)
    again = denied.model_copy(update={"request": denied.request.model_copy(update={"ask": 3})})
    assert isinstance(judge(again, QUERY, NOON), Confirmed)


@pytest.mark.parametrize("method", METHODS)
@given(body=st.binary(max_size=200), secret=st.text(min_size=1, max_size=50))
def test_a_right_signature_passes_in_upper_case_too(method: str, body: bytes, secret: str) -> None:
    right = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()
    assert signature_fault(f"{method}={right}", secret, body) is None
    assert signature_fault(f"{method}={right.upper()}", secret, body) is None


@pytest.mark.parametrize("method", METHODS)
@given(body=st.binary(min_size=1, max_size=200), at=st.integers(0, 10_000))
def test_a_body_of_which_one_bit_differs_does_not_pass(method: str, body: bytes, at: int) -> None:
    right = hmac.new(b"secret", body, getattr(hashlib, method)).hexdigest()
    changed = bytearray(body)
    changed[at % len(body)] ^= 1
    assert signature_fault(f"{method}={right}", "secret", bytes(changed)) == "wrong_signature"
    assert signature_fault(f"{method}={right}", "another", body) == "wrong_signature"


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (None, "no_signature"),
        ("", "no_signature"),
        ("sha256=", "wrong_signature"),
        ("sha256=ü", "wrong_signature"),
        ("md5=d41d8cd98f00b204e9800998ecf8427e", "unknown_algorithm"),
        ("SHA256=00", "unknown_algorithm"),
        ("00", "unknown_algorithm"),
    ],
)
def test_what_is_no_signature_does_not_pass(header: str | None, fault: str) -> None:
    assert signature_fault(header, "secret", b"") == fault
