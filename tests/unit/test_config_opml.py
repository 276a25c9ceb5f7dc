import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from shared.config.opml import read_opml, write_opml
from shared.errors import ConfigError
from shared.models.feed import Feed

FOREIGN = """<?xml version="1.0" encoding="{encoding}"?>
<opml version="1.1"><head><title>Мої</title></head><body>
  <outline text="Газети">
    <outline type="rss" text="Українська &amp; інші" title="T" xmlUrl="https://u.example/r?a=1&amp;b=2" category="/a"/>
    <outline type="rss" text="Українська &amp; інші" xmlUrl="https://u.example/r?a=1&amp;b=2"/>
  </outline>
  <outline type="rss" xmlUrl="https://nameless.example/rss"/>
  <outline type="rss" text="Old" xmlUrl="gopher://old.example/1"/>
  <outline type="rss" text="Broken" xmlUrl="https://[::1/rss"/>
  <outline type="rss" text="Page" xmlUrl="" htmlUrl="https://page.example/"/>
  <outline type="include" text="More" url="https://more.example/list.opml"/>
</body></opml>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1251"])
def test_a_foreign_list_is_read_whatever_its_encoding(encoding: str) -> None:
    reading = read_opml(FOREIGN.format(encoding=encoding).encode(encoding))
    assert [(feed.name, feed.url) for feed in reading.feeds] == [
        ("Українська & інші", "https://u.example/r?a=1&b=2"),
        ("nameless.example", "https://nameless.example/rss"),
    ]


def test_rows_that_are_no_feeds_are_told_and_not_fatal() -> None:
    skipped = read_opml(FOREIGN.format(encoding="utf-8").encode()).skipped
    assert skipped == (
        "Old (gopher://old.example/1): an absolute http:// or https:// address is needed",
        "Broken (https://[::1/rss): an absolute http:// or https:// address is needed",
        "More (https://more.example/list.opml): a link or another list, not a feed",
        "Page (https://page.example/): a page without a feed's address",
    )


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xfe\x00", b"<html><body>x</body></html>", b"https://a.example/"]
)
def test_what_is_no_opml_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match="not OPML"):
        read_opml(data)


def test_an_endless_list_is_refused() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        read_opml(b"<opml>" + b" " * 10_000_000)


def test_what_is_written_is_opml_2_with_names_and_addresses() -> None:
    root = etree.fromstring(write_opml((Feed(url="https://a.example/rss", name="A", language="uk"),)))
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert root.findtext("head/title")
    assert [dict(outline.attrib) for outline in root.iterfind("body/outline")] == [
        {"type": "rss", "text": "A", "title": "A", "xmlUrl": "https://a.example/rss", "language": "uk"}
    ]


# What XML can carry (its Char production), without the C1 controls that HTML reads as something else.
TEXT = st.text(
    st.from_regex(re.compile("[ -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0001fffd]"), fullmatch=True),
    max_size=60,
)
NAMES = TEXT.map(str.strip).filter(bool)
URLS = st.text("abc/?&=;%#+~é조\"'<>", max_size=30).map(lambda path: f"https://h.example/{path}")
FEEDS = st.lists(st.builds(Feed, url=URLS, name=NAMES), max_size=8, unique_by=lambda feed: feed.url).map(tuple)


@given(FEEDS)
@settings(deadline=None)
def test_names_and_addresses_survive_a_round_trip(feeds: tuple[Feed, ...]) -> None:
    reading = read_opml(write_opml(feeds))
    assert [(feed.url, feed.name) for feed in reading.feeds] == [(feed.url, feed.name) for feed in feeds]
    assert reading.skipped == ()


def test_a_character_that_xml_cannot_carry_is_replaced() -> None:
    (feed,) = read_opml(write_opml((Feed(url="https://a.example/", name="a\x00b\x1f"),))).feeds
    assert feed.name == "a\ufffdb\ufffd"


@given(st.binary(max_size=80).map(lambda noise: b"<opml><body>" + noise + b"<outline xmlUrl='http://a.example'/>"))
def test_any_bytes_inside_a_list_are_read_over(data: bytes) -> None:
    assert all(feed.url.startswith("http") for feed in read_opml(data).feeds)


@pytest.mark.parametrize("encoding", ["undefined", "hex", "idna", "no-such"])
def test_an_encoding_that_python_cannot_read_is_passed_over(encoding: str) -> None:
    data = (
        f"<?xml version='1.0' encoding='{encoding}'?><opml><body><outline xmlUrl='https://a.example/'/></body></opml>"
    )
    assert [feed.url for feed in read_opml(data.encode()).feeds] == ["https://a.example/"]
