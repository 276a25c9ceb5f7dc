"""How a poll can end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.outcome import Fetched, failure_of
from shared.errors import FetchError
from shared.models.feed import Outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, None),
        (203, None),
        (304, None),
        (301, Outcome.CLIENT_ERROR),
        (400, Outcome.CLIENT_ERROR),
        (401, Outcome.REFUSED),
        (403, Outcome.REFUSED),
        (404, Outcome.NOT_FOUND),
        (410, Outcome.GONE),
        (418, Outcome.CLIENT_ERROR),
        (429, Outcome.THROTTLED),
        (451, Outcome.REFUSED),
        (500, Outcome.SERVER_ERROR),
        (503, Outcome.SERVER_ERROR),
    ],
)
def test_a_status_amounts_to_an_outcome(status: int, outcome: Outcome | None) -> None:
    assert failure_of(status) is outcome


@given(st.integers(100, 999))
def test_whatever_a_server_answers_is_a_document_or_a_failure(status: int) -> None:
    outcome = failure_of(status)
    assert outcome is None or not outcome.succeeded


def test_only_304_is_unchanged() -> None:
    assert Fetched(status=304).unchanged
    assert not Fetched(status=200).unchanged
    assert not Fetched(failure=Outcome.TIMEOUT).unchanged


def test_a_poll_succeeded_when_it_learnt_what_the_feed_lists() -> None:
    succeeded = {outcome.value for outcome in Outcome if outcome.succeeded}
    assert succeeded == {"new", "nothing_new", "unchanged", "same_body", "seeded", "identity_break"}


def test_every_error_of_a_fetch_is_an_outcome() -> None:
    assert {kind.outcome for kind in FetchError.__subclasses__()} <= set(Outcome)
