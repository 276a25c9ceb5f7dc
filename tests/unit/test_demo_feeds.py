"""The demo's feeds are what their README says: four languages, one happening, one set of figures."""

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path

import feedparser
import pytest
from ruamel.yaml import YAML

from services.cli.demo.feeds import Later, dated, with_later

DEMO = Path(__file__).parents[2] / "seeds" / "demo"
SOURCES = {path.name: path.read_text("utf-8") for path in sorted((DEMO / "feeds").glob("*.xml"))}
EXPECTED: dict[str, list[str]] = YAML(typ="safe").load(DEMO / "expected.yaml")
LATER = Later.model_validate(YAML(typ="safe").load(DEMO / "later.yaml"))
NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def parsed(document: str) -> feedparser.FeedParserDict:
    return feedparser.parse(BytesIO(document.encode()))


def text(entry: feedparser.FeedParserDict) -> str:
    contents = " ".join(part.value for part in entry.get("content", ()))
    return f"{entry.title} {entry.get('summary', '')} {contents}"


FEEDS = {name: parsed(dated(source, NOW)) for name, source in SOURCES.items()}
ENTRIES = {entry.id: entry for feed in FEEDS.values() for entry in feed.entries}
LANGUAGES = {entry.id: feed.feed.language[:2] for feed in FEEDS.values() for entry in feed.entries}


@pytest.mark.parametrize("name", SOURCES)
def test_every_feed_is_well_formed(name: str) -> None:
    assert not FEEDS[name].bozo
    assert FEEDS[name].entries


def test_there_are_enough_feeds_formats_and_languages() -> None:
    assert len(FEEDS) >= 9
    assert {feed.version for feed in FEEDS.values()} == {"rss20", "atom10", "rss10"}
    assert set(LANGUAGES.values()) == {"en", "uk", "ru", "ko"}


def test_there_are_about_sixty_entries_and_no_two_share_an_identity() -> None:
    entries = [entry for feed in FEEDS.values() for entry in feed.entries]
    assert 55 <= len(entries) <= 65
    assert len({entry.id for entry in entries}) == len(entries)
    assert len({entry.link for entry in entries}) == len(entries)


@pytest.mark.parametrize("name", SOURCES)
def test_every_address_stays_in_the_reserved_domain_of_its_outlet(name: str) -> None:
    outlet = f"https://{Path(name).stem}.example/"
    assert all(entry.link.startswith(outlet) and entry.id.startswith(outlet) for entry in FEEDS[name].entries)


@pytest.mark.parametrize("name", SOURCES)
def test_every_entry_was_published_within_the_last_ten_hours(name: str) -> None:
    for entry in FEEDS[name].entries:
        moment = datetime.fromtimestamp(timegm(entry.get("published_parsed") or entry.updated_parsed), UTC)
        assert NOW - timedelta(hours=10) <= moment < NOW


@pytest.mark.parametrize(("name", "source"), SOURCES.items())
def test_every_date_is_in_the_form_its_element_asks_for(name: str, source: str) -> None:
    document = dated(source, NOW)
    assert "{minus:" not in document
    assert all(parsedate_to_datetime(date) for date in re.findall(r"<(?:pubDate|lastBuildDate)>(.+?)</", document))
    for date in re.findall(r"<(?:updated|published|dc:date)>(.+?)</", document):
        assert datetime.fromisoformat(date).tzinfo is not None


def test_a_date_is_counted_back_from_now() -> None:
    assert dated("<pubDate>{minus:69}</pubDate>", NOW) == "<pubDate>Tue, 06 May 2031 05:59:09 +0000</pubDate>"
    assert dated("<dc:date>{minus:8}</dc:date>", NOW) == "<dc:date>2031-05-06T07:00:09+00:00</dc:date>"


def test_a_dozen_entries_in_four_languages_and_every_feed_tell_the_one_happening() -> None:
    story = EXPECTED["story"]
    assert 12 <= len(set(story)) <= 14
    assert {LANGUAGES[guid] for guid in story} == {"en", "uk", "ru", "ko"}
    assert all(any(entry.id in story for entry in feed.entries) for feed in FEEDS.values())


def test_hard_negatives_stand_in_all_four_languages() -> None:
    negatives = EXPECTED["hard_negatives"]
    assert {LANGUAGES[guid] for guid in negatives} == {"en", "uk", "ru", "ko"}
    assert not set(negatives) & set(EXPECTED["story"])


def figures(entry: feedparser.FeedParserDict) -> set[int]:
    """Every number of a thousand or more in the entry, years apart, as digits, with тисяч, or with 만 and 천."""
    plain = re.sub(r"(?<=\d)[\s,.](?=\d{3}\b)", "", re.sub(r"1만\s?1천|1만\s?1000", "11000", text(entry)))
    plain = re.sub(r"(\d+)\s?(?:тис\w*|тыс\w*|천)", lambda found: f"{found[1]}000", plain)
    return {int(number) for number in re.findall(r"\d{4,}", plain)} - {2024}


@pytest.mark.parametrize("guid", EXPECTED["story"])
def test_every_teller_gives_the_same_figures_or_none(guid: str) -> None:
    assert figures(ENTRIES[guid]) in ({11_000, 4_000}, set())


def test_most_tellers_give_figures() -> None:
    assert sum(bool(figures(ENTRIES[guid])) for guid in EXPECTED["story"]) >= 10


KOREANS = re.compile(r"North Korea|DPRK|Kim's|КНДР|[Пп]івнічнокоре|Північн\w+ Коре|[Сс]еверокоре|북한")
KURSK = re.compile(r"Kursk|[Кк]урс[кь]|쿠르스크")


def test_only_the_tellers_name_both_north_koreans_and_kursk() -> None:
    both = {guid for guid, entry in ENTRIES.items() if KOREANS.search(text(entry)) and KURSK.search(text(entry))}
    assert both == set(EXPECTED["story"])


@pytest.mark.parametrize("guid", EXPECTED["hard_negatives"])
def test_a_hard_negative_names_one_of_them_or_the_korean_war(guid: str) -> None:
    assert KOREANS.search(text(ENTRIES[guid])) or KURSK.search(text(ENTRIES[guid]))


def test_the_later_entry_comes_first_and_changes_one_figure() -> None:
    feed = parsed(with_later(dated(SOURCES[LATER.feed], NOW), LATER, NOW))
    assert not feed.bozo
    assert len(feed.entries) == len(FEEDS[LATER.feed].entries) + 1
    assert (feed.entries[0].id, feed.entries[0].link) == (LATER.guid, LATER.link)
    assert (feed.entries[0].title, feed.entries[0].summary) == (LATER.title, LATER.summary)
    assert LATER.guid not in ENTRIES
    assert figures(feed.entries[0]) == {11_000, 5_000}


def test_a_later_entry_is_escaped() -> None:
    later = LATER.model_copy(update={"title": "Salt & <pepper>"})
    assert parsed(with_later(dated(SOURCES[later.feed], NOW), later, NOW)).entries[0].title == "Salt & <pepper>"


def test_a_later_entry_needs_an_rss_feed() -> None:
    with pytest.raises(ValueError, match=r"RSS 2\.0 items"):
        with_later(SOURCES["meridian-world.xml"], LATER, NOW)
