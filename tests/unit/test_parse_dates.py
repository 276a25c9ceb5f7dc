"""Dates as feeds write them."""

from calendar import timegm
from datetime import UTC, datetime

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.dates import moment

NOON = datetime(2025, 2, 3, 12, tzinfo=UTC)
MIDNIGHT = datetime(2025, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        # RFC 822 and 5322
        "Mon, 03 Feb 2025 12:00:00 GMT",
        "Mon, 3 Feb 2025 12:00 UT",
        "Mon,03 Feb 2025 12:00:00 +0000",
        "Monday, 03 February 2025 12:00:00 Z",
        "3 Feb 2025 12:00:00",
        "Mon, 03 Feb 25 12:00:00 GMT",
        "Mon, 03-Feb-2025 12:00:00 GMT",
        "Mon, 03 Feb 2025 14:00:00 +02:00",
        "Mon, 03 Feb 2025 14:00:00 GMT+0200",
        "Mon, 03 Feb 2025 14:00:00 EET",
        "Mon, 03 Feb 2025 15:00:00 MSK",
        "Mon, 03 Feb 2025 21:00:00 KST",
        "Mon, 03 Feb 2025 07:00:00 -0500 (EST)",
        "Mon, 03 Feb 2025 04:00:00 PST",
        "mon, 03 feb 2025 12:00:00 gmt",
        "Пн, 03 Feb 2025 12:00:00 +0000",
        "Mon, 03 Feb 2025 12:00:00.000 GMT",
        "  Mon,  03  Feb  2025  12:00:00  GMT ",
        # ISO 8601 and RFC 3339
        "2025-02-03T12:00:00Z",
        "2025-02-03T12:00Z",
        "2025-02-03 12:00:00",
        "2025-02-03T12:00:00.123456789Z",
        "2025-02-03T14:00:00+0200",
        "2025-02-03T14:00:00+02",
        "2025-02-03T21:00:00+09:00",
        "20250203T120000Z",
        # As they are written elsewhere
        "Mon Feb  3 12:00:00 2025",
        "Mon Feb 03 07:00:00 EST 2025",
        "Mon, 2025/02/03 07:00:00 EST",
        "February 3, 2025 12:00 PM",
        "Feb 03, 2025 12:00:00 +0000",
        "03.feb.2025 12:00",
        "03.02.2025, 13:00 CET",
        "2025년 02월 03일 21:00:00",
        "2025-02-03 오후 9:00:00",
        "Δευ, 03 Φεβ 2025 12:00:00 GMT",
        "2025-február-3T13:00+01:00",
        "lun. 3 févr. 2025 12:00",
        "Mo, 03 Februar 2025 13:00:00 CET",
        "Пн, 03 фев 2025 15:00:00 +0300",
    ],
)
def test_every_way_to_write_one_moment_means_that_moment(text: str) -> None:
    assert moment(text) == NOON


@pytest.mark.parametrize("text", ["2025-02-03", "20250203", "Mon, 03 Feb 2025", "3 Feb 25"])
def test_a_day_means_its_beginning(text: str) -> None:
    assert moment(text) == MIDNIGHT


def test_a_year_or_a_month_means_its_beginning() -> None:
    assert moment("2025") == datetime(2025, 1, 1, tzinfo=UTC)
    assert moment("2025-02") == datetime(2025, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("month", "number"),
    [("May", 5), ("Mai", 5), ("mayo", 5), ("мая", 5), ("марта", 3), ("März", 3), ("Juin", 6), ("Juil", 7), ("Ιουν", 6),
     ("Ιουλ", 7), ("Sept", 9), ("szeptember", 9), ("Dez", 12), ("août", 8)],
)  # fmt: skip
def test_months_are_told_apart_in_several_languages(month: str, number: int) -> None:
    assert moment(f"3 {month} 2025 12:00") == NOON.replace(month=number)


def test_an_unknown_zone_is_taken_as_utc() -> None:
    assert moment("Mon, 03 Feb 2025 12:00:00 XYZ") == NOON


def test_a_leap_second_is_the_one_before() -> None:
    assert moment("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "today",
        "Mon, 30 Feb 2025 12:00:00 GMT",
        "2025-13-01",
        "99",
        "1 " * 5000,
        "<b>3</b>",
        "0000-00-00",
    ],
)
def test_what_means_no_moment_is_none(text: str | None) -> None:
    assert moment(text) is None


@given(
    st.text(max_size=40) | st.from_regex(r"\A[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]?\w{1,5}\Z")
)
def test_any_text_is_a_moment_or_none(text: str) -> None:
    found = moment(text)
    assert found is None or (found.tzinfo is UTC and found.microsecond == 0)


@given(
    st.datetimes(NOON.replace(1971, tzinfo=None), NOON.replace(2037, tzinfo=None)),
    st.sampled_from(["GMT", "+0000", "-0330", "+0545", "PDT"]),
)
def test_standard_dates_mean_what_they_mean_to_feedparser(at: datetime, zone: str) -> None:
    text = f"{at:%a, %d %b %Y %H:%M:%S} {zone}"
    body = f"<rss><channel><item><pubDate>{text}</pubDate></item></channel></rss>"
    (entry,) = feedparser.parse(body.encode()).entries
    assert moment(text) == datetime.fromtimestamp(timegm(entry.published_parsed), UTC)
