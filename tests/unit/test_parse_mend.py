"""Nearly well-formed XML becomes well-formed, and nothing of it is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.mend import mended
from services.poller.parse import Item, NotAFeed, parse
from shared.models.feed import ParsePath

BASE = "https://news.example/rss"
RSS = "<rss version='2.0'><channel><title>News</title><item>{}</item></channel></rss>"


def item(body: str) -> Item:
    document = parse(body.encode(), BASE)
    assert document.path is ParsePath.MENDED
    (found,) = document.items
    return found


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("Kursk & Sumy", "Kursk & Sumy"),
        ("AT&T; R&D", "AT&T; R&D"),
        ("a &nbsp;b &mdash; c", "a b — c"),
        ("&ldquo;Kursk&rdquo; &euro;5", "“Kursk” €5"),
        ("a &amp;amp; b & c", "a & b & c"),
        ("&lt;b&gt;a&lt;/b&gt; & c", "a & c"),
        ("&colon;&lbrace;", ":{"),
        ("x &LT; y &", "x < y &"),
        ("a\x02b\x0bc\x1f", "abc"),
        ("a&#2;b&#x0;c&#xFFFFFF;", "abc"),
        ("&#55357;&#56832; &#xD83D;&#xDE00;", "😀 😀"),
        ("&#xDE00;&#xD83D;", "\ufffd\ufffd"),
        ("<![CDATA[a & b &nbsp; c]]> & d", "a & b c & d"),
        ("<!-- a & b -->c & d", "c & d"),
        ("<!-- a <!-- b & c", "a b & c"),
    ],
)
def test_a_title_is_read_as_it_was_meant(written: str, told: str) -> None:
    assert item(RSS.format(f"<title>{written}</title><link>https://e.example/1</link>")).title == told


@pytest.mark.parametrize(
    "link",
    [
        "https://e.example/?a=1&b=2&copy=3&amp;d=4&lt=5",
        "<![CDATA[https://e.example/?a=1&b=2&copy=3&d=4&lt=5]]>",
    ],
)
def test_a_link_stays_whole(link: str) -> None:
    found = item(RSS.format(f"<title>&</title><link>{link}</link>"))
    assert found.url == "https://e.example/?a=1&b=2&copy=3&d=4&lt=5"


@pytest.mark.parametrize(
    "body",
    [
        "\n\n<?xml version='1.0'?>{}",
        "<!-- made by hand --><?xml version='1.0'?>{}",
        "<br />\n<b>Warning</b>: mysql_connect() in <b>/srv/feed.php</b>\n<?xml version='1.0'?>{}",
        "Notice: undefined index\n{}",
        "<?xml version='1.0' encoding=utf-8?>{}",
        "<?xml?xml version='1.0'?>{}",
        "{}\n<!-- generated in 0.1 s --><script>track()</script>",
        "{}</body></html>",
        "{}{}",
    ],
)
def test_what_stands_before_and_after_is_no_matter(body: str) -> None:
    feed = RSS.format("<title>T</title>")
    assert item(body.replace("{}", feed, 1).replace("{}", "\x00")).title == "T"


@pytest.mark.parametrize(
    ("inside", "summary"),
    [
        ("<content:encoded>C</content:encoded>", "C"),
        ("<description o:x='1'>D</description>", "D"),
        ("<description>D</description><whatever:else>x</whatever:else>", "D"),
        ("<dc:description>D</dc:description>", "D"),
    ],
)
def test_a_prefix_that_nobody_declared_means_what_it_means_everywhere(inside: str, summary: str) -> None:
    assert item(RSS.format(f"<title>T</title>{inside}")).summary == summary


def test_entities_that_the_document_defines_keep_their_meaning() -> None:
    head = "<!DOCTYPE rss [<!ENTITY mdash 'minus'>]>"
    assert item(head + RSS.format("<title>a &mdash; b & c</title>")).title == "a minus b & c"


def test_four_hundred_kilobytes_of_comments_that_never_end_are_no_feed() -> None:
    with pytest.raises(NotAFeed):
        parse(b"<!--" * 100_000, BASE)
    assert item(RSS.format("<!--" * 100_000 + "<title>T</title>")).title == "T"


def test_what_is_both_large_and_malformed_is_not_forgiven() -> None:
    with pytest.raises(NotAFeed, match="too large"):
        parse(b"<rss><channel>" + b"<item><br>" * 110_000, BASE)


@given(
    st.lists(
        st.text(max_size=5)
        | st.sampled_from(
            ["<![CDATA[", "]]>", "<!--", "-->", "&#xD800;", "&#0;", "&x", "&x;", "<rss>", "</rss>", "<a:b>"]
        ),
        max_size=20,
    ).map("".join)
)
def test_any_text_is_mended_to_text(text: str) -> None:
    mended(text.encode("utf-8", "ignore")).decode()
