"""A patch of a subscription, whatever its fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from services.gateway.areas.subscriptions import patched
from services.gateway.views.subscription_requests import SubscriptionPatch
from shared.errors import Refused
from shared.models.subscription import Day, SlackChannel, Subscription, Wishes
from shared.models.topic import Severity, Tier
from tests.factories import subscription

DEFAULTS = subscription()
TIMES = st.times().map(lambda at: f"{at:%H:%M}")
WORDS = st.lists(st.sampled_from(["en", "uk", "Reuters"]), max_size=3).map(tuple)
DAYS = st.lists(st.sampled_from(Day), max_size=2).map(tuple)
WISHES: dict[str, st.SearchStrategy[object]] = {
    **dict.fromkeys(("topics", "event_types", "languages", "sources"), WORDS),
    "min_severity": st.sampled_from(Severity),
    "min_score": st.floats(0, 1e6),
    "min_independent_sources": st.sampled_from([1, 2, 3, 4, 5, 10, 25]),
    "tiers": st.lists(st.sampled_from(Tier), max_size=2).map(tuple),
    "digest": st.fixed_dictionaries({"at": st.lists(TIMES, min_size=1, max_size=3), "days": DAYS}),
    "quiet": st.fixed_dictionaries({"start": TIMES, "end": TIMES, "unless": st.sampled_from(Severity)}),
    "timezone": st.sampled_from(["UTC", "Europe/Kyiv", "Asia/Seoul"]),
    "endpoints": st.booleans(),
    "per_minute": st.integers(1, 60_000),
}
GIVEN = st.fixed_dictionaries({}, optional=WISHES)


def patch(**changes: object) -> SubscriptionPatch:
    return SubscriptionPatch.model_validate(changes)


@given(GIVEN, GIVEN)
def test_what_is_named_is_changed_and_all_else_stays(before: dict[str, object], changes: dict[str, object]) -> None:
    written = subscription(**before)
    after = patched(written, patch(**changes))
    made = Subscription.model_validate(DEFAULTS.model_dump() | {"channel": DEFAULTS.channel} | before | changes)
    for name in Wishes.model_fields:
        if name not in ("digest", "quiet"):  # these are merged
            assert getattr(after, name) == getattr(made, name)
    assert (after.id, after.channel, after.enabled) == (written.id, written.channel, written.enabled)


@given(GIVEN, st.sets(st.sampled_from(sorted(WISHES))))
def test_null_is_as_if_it_had_never_been_given(before: dict[str, object], names: set[str]) -> None:
    after = patched(subscription(**before), patch(**dict.fromkeys(names)))
    assert after == subscription(**{name: value for name, value in before.items() if name not in names})


def test_a_part_of_what_has_parts_may_be_changed_alone() -> None:
    before = subscription(digest={"at": ["08:00"], "days": ["mon"]}, quiet={"start": "22:00", "end": "07:00"})
    after = patched(before, patch(digest={"days": None}, quiet={"unless": "high"}))
    assert after == subscription(digest={"at": ["08:00"]}, quiet={"start": "22:00", "end": "07:00", "unless": "high"})


def test_an_address_of_slack_is_changed_and_stays_a_secret() -> None:
    before = subscription(channel=SlackChannel(url=SecretStr("https://hooks.slack.com/services/a")))
    after = patched(before, patch(channel={"url": "https://hooks.slack.com/services/b"}))
    assert after == subscription(channel=SlackChannel(url=SecretStr("https://hooks.slack.com/services/b")))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"digest": {"days": ["mon"]}}, "digest.at: is missing; allowed: list, at least 1 of them"),
        ({"channel": None}, "channel: is missing"),
        ({"min_independent_sources": 7}, "min_independent_sources: no such number is announced; allowed: 1, 2"),
    ],
)
def test_what_cannot_be_made_of_it_is_told_by_its_field(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(Refused) as refused:
        patched(subscription(), patch(**changes))
    assert str(refused.value).startswith(problem)


def test_an_address_that_nothing_is_sent_to_is_no_patch() -> None:
    with pytest.raises(ValidationError, match=r"channel\.url"):
        patch(channel={"url": "ftp://receiver.example/"})
