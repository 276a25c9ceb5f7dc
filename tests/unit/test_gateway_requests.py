"""What the API's description promises of single values: the ends of the calendar, whole numbers, cursors."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.gateway.api.paging import KEY, key_cursor, key_in
from services.gateway.api.stories import cursor_of, place_of
from services.gateway.views.access import NewToken
from shared.models.base import Moment

MOMENT = TypeAdapter[datetime](Moment)
LINES = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=40)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=120), LINES)
def test_a_key_comes_back_from_its_cursor(first: str, second: str) -> None:
    cursor = key_cursor((first, second))
    assert re.fullmatch(KEY, cursor) or not cursor
    assert key_in(cursor) == (first, second)


@given(st.from_regex(KEY, fullmatch=True))
def test_whatever_has_the_form_of_a_cursor_is_a_place(cursor: str) -> None:
    assert len(key_in(cursor)) == 2


@given(st.datetimes(datetime(2001, 9, 9, 2), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_the_place_of_a_story_comes_back_from_its_cursor(moment: datetime) -> None:
    place = (moment.timestamp(), "st_0123456789abcdef")
    assert place_of(cursor_of(place)) == place


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-02-03T12:00:00Z", datetime(2026, 2, 3, 12, tzinfo=UTC)),
        ("2026-02-03t12:00:00.5+02:00", datetime(2026, 2, 3, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-12:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_rfc_3339_writes_it(text: str, moment: datetime) -> None:
    assert MOMENT.validate_python(text) == moment


@pytest.mark.parametrize("wrong", [0, "0", 1.5, "2026-02-03", "2026-02-03T12:00:00", "2026-02-03 12:00:00Z", True])
def test_less_than_that_is_no_time(wrong: object) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(wrong)


@pytest.mark.parametrize(("days", "is_one"), [(1, True), (1.0, True), (1.5, False), ("1", False), (True, False)])
def test_a_whole_number_is_one_however_json_writes_it(days: object, is_one: bool) -> None:
    fields = {"name": "desk", "expires_days": days}
    if is_one:
        assert NewToken.model_validate(fields).expires_days == 1
    else:
        with pytest.raises(ValidationError):
            NewToken.model_validate(fields)
