"""How the board puts things."""

from datetime import date

import pytest

from services.gateway.pages.names import COUNTRIES, LANGUAGES, country_name, language_name
from services.gateway.pages.words import (
    claim_words,
    counted,
    day_words,
    ended,
    moment_words,
    number,
    web_address,
)
from shared.config.feeds import load_feeds
from shared.models.pack import Place
from shared.models.story import KnownClaim
from tests.factories import NOON, after, claim
from tests.project.sources import ROOT

PLACES = {"sudzha": Place(title="Sudzha")}


def known(**over: object) -> KnownClaim:
    said = {"entry_id": "e", "sources": ("Example News", "Other"), "position": 0, "said_at": NOON}
    return KnownClaim.model_validate(claim().model_dump() | said | over)


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"attribution": "Ukraine"}, "~11,000 deployed, per Ukraine, unconfirmed"),
        ({"qualifier": "over", "certainty": "confirmed"}, "over 11,000 deployed, per Example News, confirmed"),
        ({"qualifier": "up_to", "role": "to_be_sent"}, "up to 11,000 to be sent, per Example News, unconfirmed"),
        ({"qualifier": None, "value": 2.0, "unit": "cables"}, "2 cables deployed, per Example News, unconfirmed"),
        ({"value": None, "role": None, "place": "sudzha"}, "withdrawal, Sudzha, per Example News, unconfirmed"),
        ({"place": "far-away", "certainty": "denied"}, "~11,000 deployed, Far Away, per Example News, denied"),
        ({"sources": (), "certainty": "possible"}, "~11,000 deployed, possible"),
    ],
)
def test_a_claim_reads_as_people_say_it(over: dict[str, object], told: str) -> None:
    assert str(claim_words(known(**over), PLACES)) == told


def test_what_lasts_until_it_is_said_has_begun_since_then() -> None:
    lasting = known(time_start=date(2024, 10, 11), time_end=NOON.date())
    over = known(time_start=date(2025, 1, 28), time_end=date(2025, 2, 1))
    assert claim_words(lasting, {}).when == "since 11 Oct 2024"
    assert claim_words(over, {}).when == "28 Jan – 1 Feb 2025"


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (date(2025, 2, 3), date(2025, 2, 3), "3 Feb 2025"),
        (date(2025, 2, 1), date(2025, 2, 3), "1–3 Feb 2025"),
        (date(2024, 12, 30), date(2025, 1, 2), "30 Dec 2024 – 2 Jan 2025"),
        (None, None, ""),
    ],
)
def test_days_are_told_as_short_as_they_can_be(first: date | None, last: date | None, told: str) -> None:
    assert day_words(first, last) == told


def test_a_moment_is_told_with_as_much_date_as_it_needs() -> None:
    assert moment_words(NOON, after(60)) == "12:00 UTC"
    assert moment_words(NOON, after(86_400)) == "3 Feb, 12:00 UTC"
    assert moment_words(NOON, after(400 * 86_400)) == "3 Feb 2025, 12:00 UTC"


@pytest.mark.parametrize(("value", "told"), [(4000.0, "4,000"), (2.5, "2.5"), (0.0, "0"), (1e6, "1,000,000")])
def test_a_number_has_no_digits_that_nobody_said(value: float, told: str) -> None:
    assert number(value) == told


def test_things_are_counted_in_their_plural() -> None:
    assert [counted(1, "source"), counted(2, "source"), counted(1200, "story|stories")] == [
        "1 source",
        "2 sources",
        "1,200 stories",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [("A whole one.", "A whole one."), ("Cut in the mid", "Cut in the…"), ("", ""), ("Cut", "Cut…"), ("完。", "完。")],
)
def test_a_text_that_was_cut_says_so(text: str, told: str) -> None:
    assert ended(text) == told


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//[", "", None])
def test_what_is_no_address_of_the_web_is_no_link(url: str | None) -> None:
    assert web_address(url) is None


def test_every_language_and_country_of_the_seeds_has_a_name() -> None:
    feeds = load_feeds(ROOT / "seeds/feeds.yaml")
    assert {feed.language for feed in feeds if feed.language} <= LANGUAGES.keys()
    assert {feed.country for feed in feeds if feed.country} <= COUNTRIES.keys()
    forms = {path.stem for path in (ROOT / "seeds/topics").glob("*/??.yaml")}
    assert forms <= LANGUAGES.keys()


def test_what_has_no_name_is_called_by_its_code() -> None:
    assert [language_name("zh-TW"), language_name("xx"), language_name(None)] == ["Chinese", "xx", "unknown language"]
    assert [country_name("XX"), country_name(None)] == ["XX", "country unknown"]
