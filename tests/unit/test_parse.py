"""Bytes of a feed to its items: every format, every encoding, and whatever else servers call a feed."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.poller.parse import MAX_SUMMARY, MAX_TITLE, Document, Item, NotAFeed, parse, plain
from shared.models.feed import ParsePath

BASE = "https://news.example/feeds/rss"
NOON = datetime(2025, 2, 3, 12, tzinfo=UTC)


def rss(inside: str, *, head: str = "<?xml version='1.0'?>", version: str = "2.0") -> bytes:
    return f"{head}<rss version='{version}'><channel><title>News</title>{inside}</channel></rss>".encode()


def only(document: Document) -> Item:
    (item,) = document.items
    return item


def one(inside: str) -> Item:
    return only(parse(rss(f"<item>{inside}</item>"), BASE))


# Formats

ITEM = "<item><title>T</title><link>https://e.example/1</link><description>D</description>{}</item>"
RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://e.example/"><title>News</title></channel>'
    '<item rdf:about="https://e.example/1"><title>T</title><link>https://e.example/1</link><description>D</description>'
    "<dc:date>2025-02-03T12:00:00Z</dc:date></item></rdf:RDF>"
)
RSS090 = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://my.netscape.com/rdf/simple/0.9/">'
    "<channel><title>News</title></channel><item><title>T</title><link>https://e.example/1</link>"
    "<description>D</description></item></rdf:RDF>"
)
ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry><id>tag:e,2025:1</id><title>T</title>'
    '<link rel="self" href="https://e.example/self"/><link href="https://e.example/1"/><summary>D</summary>'
    "<published>2025-02-03T14:00:00+02:00</published><updated>2025-02-03T15:00:00+02:00</updated></entry></feed>"
)
ATOM03 = (
    '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>News</title><entry><id>tag:e,2025:1</id>'
    '<title>T</title><link rel="alternate" type="text/html" href="https://e.example/1"/><summary>D</summary>'
    "<issued>2025-02-03T12:00:00Z</issued><modified>2025-02-03T12:00:00Z</modified></entry></feed>"
)
JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "News",
        "items": [
            {
                "id": "1",
                "url": "https://e.example/1",
                "title": "T",
                "content_text": "D",
                "date_published": "2025-02-03T12:00:00Z",
            }
        ],
    }
)
RFC822 = "<pubDate>Mon, 03 Feb 2025 12:00:00 GMT</pubDate>"
FORMATS: dict[str, tuple[bytes, str | None, datetime | None]] = {
    "RSS 0.90": (RSS090.encode(), None, None),
    "RSS 0.91": (rss(ITEM.format(""), version="0.91"), None, None),
    "RSS 0.92": (rss(ITEM.format(RFC822), version="0.92"), None, NOON),
    "RSS 1.0": (RDF.encode(), "https://e.example/1", NOON),
    "RSS 2.0": (rss(ITEM.format("<guid>tag:e,2025:1</guid>" + RFC822)), "tag:e,2025:1", NOON),
    "Atom 0.3": (ATOM03.encode(), "tag:e,2025:1", NOON),
    "Atom 1.0": (ATOM.encode(), "tag:e,2025:1", NOON),
    "JSON Feed": (JSON_FEED.encode(), "1", NOON),
    "JSON Feed with a mark": (b"\xef\xbb\xbf \n" + JSON_FEED.encode(), "1", NOON),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_item(name: str) -> None:
    body, guid, published = FORMATS[name]
    document = parse(body, BASE)
    assert document.title == "News"
    assert only(document) == Item(guid=guid, url="https://e.example/1", title="T", summary="D", published=published)


@pytest.mark.parametrize("name", ["RSS 0.91", "RSS 0.92", "RSS 1.0", "RSS 2.0", "Atom 0.3", "Atom 1.0"])
@pytest.mark.parametrize(
    ("wound", "path"), [(b">D & D<", ParsePath.MENDED), (b"><br>D<", ParsePath.LENIENT)], ids=["mended", "lenient"]
)
def test_each_rung_of_the_ladder_reads_the_same(name: str, wound: bytes, path: ParsePath) -> None:
    """A feed must not seem all new because it was malformed for once."""
    body, _, published = FORMATS[name]
    strict, other = parse(body, BASE), parse(body.replace(b">D<", wound), BASE)
    assert (strict.path, other.path) == (ParsePath.FAST, path)
    a, b = only(strict), only(other)
    assert (a.guid, a.url, a.title, a.published) == (b.guid, b.url, b.title, b.published)
    assert published == b.published


def test_items_stand_in_the_document_s_order() -> None:
    inside = "".join(f"<item><title>{number}</title></item>" for number in range(5))
    assert [item.title for item in parse(rss(inside), BASE).items] == list("01234")


@pytest.mark.parametrize(
    "stated",
    ["<language>uk-UA</language>", "<dc:language xmlns:dc='http://purl.org/dc/elements/1.1/'>uk-UA</dc:language>"],
)
def test_the_stated_language_is_passed_on(stated: str) -> None:
    assert parse(rss(stated + "<item><title>T</title></item>"), BASE).language == "uk-ua"
    assert parse(rss(stated + "<item><title>T & T</title></item>"), BASE).language == "uk-ua"


# Encodings

TITLES = {
    "windows-1251": "Війська КНДР залишають Курську область",
    "koi8-r": "Северокорейские войска",
    "iso-8859-5": "Северокорейские войска",
    "euc-kr": "북한군, 쿠르스크에서 철수",
    "Shift_JIS": "北朝鮮軍がクルスクから撤退",
    "euc-jp": "北朝鮮軍がクルスクから撤退",
    "gb2312": "朝鲜军队撤离库尔斯克",
    "big5": "朝鮮軍隊撤離庫爾斯克",
    "utf-8": "Курськ — 北 — 쿠르스크",
}


@pytest.mark.parametrize("encoding", TITLES)
@pytest.mark.parametrize("extra", ["", " & "], ids=["well-formed", "malformed"])
def test_the_stated_encoding_is_believed(encoding: str, extra: str) -> None:
    head = f"<?xml version='1.0' encoding='{encoding}'?>"
    body = rss(f"<item><title>{TITLES[encoding]}{extra}</title></item>", head=head).decode().encode(encoding)
    assert only(parse(body, BASE)).title == (TITLES[encoding] + extra).strip()


@pytest.mark.parametrize("encoding", TITLES)
def test_the_header_s_charset_counts_where_the_document_states_none(encoding: str) -> None:
    body = rss(f"<item><title>{TITLES[encoding]}</title></item>", head="").decode().encode(encoding)
    assert only(parse(body, BASE, encoding)).title == TITLES[encoding]


@pytest.mark.parametrize("charset", ["us-ascii", "windows-1251", "no-such-charset", "base64", "utf-16"])
def test_a_charset_of_the_header_that_is_wrong_does_no_harm_where_the_document_states_one(charset: str) -> None:
    body = rss("<item><title>Курськ</title></item>", head="<?xml version='1.0' encoding='utf-8'?>")
    assert only(parse(body, BASE, charset)).title == "Курськ"
    assert (
        only(parse(b"\xef\xbb\xbf" + rss("<item><title>Курськ</title></item>", head=""), BASE, charset)).title
        == "Курськ"
    )


@pytest.mark.parametrize("charset", ["us-ascii", "no-such-charset", "base64"])
def test_a_charset_that_cannot_be_is_not_believed(charset: str) -> None:
    body = rss("<item><title>Курськ</title></item>", head="")
    assert only(parse(body, BASE, charset)).title == "Курськ"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_byte_order_mark_is_understood(encoding: str) -> None:
    head = f"<?xml version='1.0' encoding='{encoding.removesuffix('-sig')}'?>"
    body = rss("<item><title>쿠르스크</title></item>", head=head).decode().encode(encoding)
    assert only(parse(body, BASE)).title == "쿠르스크"


def test_bytes_that_are_no_characters_cost_no_more_than_themselves() -> None:
    body = rss("<item><title>Kursk ?</title></item><item><title>Other</title></item>").replace(b"?<", b"\xff\xfe<")
    titles = [item.title for item in parse(body, BASE).items]
    assert titles[0].startswith("Kursk")
    assert titles[1] == "Other"


# Text


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("Plain", "Plain"),
        ("  folded \n\t white  space ", "folded white space"),
        ("&lt;b&gt;Bold&lt;/b&gt; move", "Bold move"),
        ("AT&amp;amp;T", "AT&T"),
        ("<![CDATA[a <i>b</i> &amp; c]]>", "a b & c"),
        ("<![CDATA[1 < 2 & 3 > 2]]>", "1 < 2 & 3 > 2"),
        ("A &lt; B", "A < B"),
        ("&#1050;&#x443;&#1088;&#1089;&#1082;", "Курск"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;News", "News"),
        ("&lt;style&gt;p {}&lt;/style&gt;News", "News"),
        ("&lt;p&gt;One&lt;/p&gt;&lt;p&gt;Two&lt;/p&gt;", "One Two"),
        ("a&lt;!-- hidden --&gt;b", "a b"),
        ("Unclosed &lt;b", "Unclosed"),
        ("&amp;nbsp;News&amp;nbsp;", "News"),
    ],
)
def test_a_title_is_plain_text(title: str, told: str) -> None:
    assert one(f"<title>{title}</title>").title == told


def test_a_summary_is_plain_text_from_wherever_it_stands() -> None:
    content = "xmlns:content='http://purl.org/rss/1.0/modules/content/'"
    assert one("<title>T</title><description>&lt;p&gt;A&lt;/p&gt; B</description>").summary == "A B"
    assert one(f"<title>T</title><content:encoded {content}><![CDATA[<p>C</p>]]></content:encoded>").summary == "C"


def test_text_is_kept_within_bounds() -> None:
    item = one(f"<title>{'t' * 9000}</title><description>{'d' * 9000}</description>")
    assert (len(item.title), len(item.summary)) == (MAX_TITLE, MAX_SUMMARY)
    assert len(parse(rss(f"<language>{'l' * 900}</language><item><title>T</title></item>"), BASE).language or "") < 40


def test_emoji_torn_into_halves_of_a_pair_do_not_cost_the_feed() -> None:
    document = parse(rss("<item><title>a &#55357;&#56832; &#xD83D;b</title></item><item><title>c</title></item>"), BASE)
    first, second = (item.title for item in document.items)
    assert (first[0], first[-1], second) == ("a", "b", "c")
    first.encode()


@given(st.text(max_size=200))
def test_any_text_becomes_plain(text: str) -> None:
    told = plain(text)
    assert told == " ".join(told.split())


# Links, guids, dates


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://e.example/1", "https://e.example/1"),
        (" https://e.example/1\n", "https://e.example/1"),
        ("/1", "https://news.example/1"),
        ("1", "https://news.example/feeds/1"),
        ("//e.example/1", "https://e.example/1"),
        ("?p=1&amp;q=2", "https://news.example/feeds/rss?p=1&q=2"),
        ("javascript:alert(1)", None),
        ("mailto:desk@news.example", None),
        ("file:///etc/passwd", None),
        ("http://[broken", None),
        ("", None),
    ],
)
def test_a_link_is_an_absolute_address_of_the_web_or_none(link: str, url: str | None) -> None:
    assert one(f"<title>T</title><link>{link}</link>").url == url
    assert one(f"<title>T & T</title><link>{link}</link>").url == url


def test_a_link_is_no_guid() -> None:
    assert one("<title>T</title><link>https://e.example/1</link>").guid is None
    assert one("<title>T</title><guid>https://e.example/1</guid>").url == "https://e.example/1"
    assert one("<title>T</title><guid isPermaLink='false'>7</guid><link>https://e.example/1</link>").guid == "7"


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Mon, 03 Feb 2025 12:00:00 GMT", NOON),
        ("Mon, 03 Feb 2025 14:00:00 +0200", NOON),
        ("Mon, 03 Feb 2025 07:00:00 EST", NOON),
        ("03 Feb 2025 12:00:00 GMT", NOON),
        ("2025-02-03T21:00:00+09:00", NOON),
        ("2025-02-03T12:00:00Z", NOON),
        ("", None),
        ("yesterday-ish", None),
        ("Mon, 99 Feb 2025 12:00:00 GMT", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
    ],
)
def test_a_date_is_utc_or_none(date: str, moment: datetime | None) -> None:
    assert one(f"<title>T</title><pubDate>{date}</pubDate>").published == moment


def test_an_entry_that_was_only_updated_is_dated_by_that() -> None:
    body = ATOM.replace("<published>2025-02-03T14:00:00+02:00</published>", "")
    assert only(parse(body.encode(), BASE)).published == NOON.replace(hour=13)


@pytest.mark.parametrize("inside", ["", "<title/>", "<description>no name, no address</description>"])
def test_an_item_that_says_little_is_an_item(inside: str) -> None:
    document = parse(rss(f"<item>{inside}</item><item><title>T</title></item>"), BASE)
    assert [item.title for item in document.items] == ["", "T"]


def test_a_feed_without_items_is_a_feed() -> None:
    assert parse(rss(""), BASE).items == ()
    assert parse(b'<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title></feed>', BASE).items == ()


# What is malformed or malicious


@pytest.mark.parametrize(
    "body",
    [
        rss("<item><title>Kursk & more</title><link>https://e.example/?a=1&b=2</link></item>"),
        rss("<item><title>Kursk &nbsp; more</title><link>https://e.example/?a=1&amp;b=2</link></item>"),
        b"\n \n" + rss("<item><title>Kursk</title><link>https://e.example/?a=1&amp;b=2</link></item>"),
        rss("<item><title>Kursk</title><link>https://e.example/?a=1&amp;b=2</link></item>")[:-20],
        rss("<item><title>Kursk</title><link>https://e.example/?a=1&b=2</link></item>") + b"<!-- trailer",
        rss("<item><title>Kursk\x0b</title><link>https://e.example/?a=1&amp;b=2</link></item>"),
    ],
)
def test_what_is_nearly_xml_is_read_with_its_links_whole(body: bytes) -> None:
    document = parse(body, BASE)
    assert document.path is not ParsePath.FAST
    assert (only(document).title[:5], only(document).url) == ("Kursk", "https://e.example/?a=1&b=2")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 100,
        b"<html><head><title>Sorry</title></head><body><p>Not here</p></body></html>",
        b"<!DOCTYPE html><html><body><a href='/1'>news</a></body></html>",
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        b"{}",
        b'{"error": "not found"}',
        b'{"items": [{"id": 1}, 2]}',
        b'{"version": "https://jsonfeed.org/version/1.1", "items": 3}',
        b"{" * 100_000,
        b"Too many requests",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        b"<rss",
    ],
)
def test_what_is_no_feed_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NotAFeed):
        parse(body, BASE)


def test_a_body_that_is_a_path_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(rss("<item><title>local secret</title></item>"))
    for body in (os.fsencode(path), path.as_uri().encode()):
        with pytest.raises(NotAFeed):
            parse(body, BASE)


def test_a_document_does_not_quote_local_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("local secret")
    entity = f"<!DOCTYPE rss [<!ENTITY x SYSTEM '{(tmp_path / 'secret').as_uri()}'>]>"
    for title in ("a &x; b", "a &x; & b"):
        document = parse(rss(f"<item><title>{title}</title></item>", head=f"<?xml version='1.0'?>{entity}"), BASE)
        assert "secret" not in "".join(item.title for item in document.items)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("extra", ["", " & "])
def test_an_entity_bomb_does_not_go_off(extra: str) -> None:
    levels = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
    head = f"<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY e0 'lollollol!'>{levels}]>"
    try:
        document = parse(rss(f"<item><title>&e9;{extra}</title></item>", head=head), BASE)
    except NotAFeed:
        return
    assert all(len(item.title) <= MAX_TITLE for item in document.items)


def test_a_json_feed_may_state_anything_anywhere() -> None:
    items = [
        {"id": 7, "url": 8, "title": 9.5, "summary": True},
        {"id": None, "url": None, "title": ["a"], "content_html": {"b": 1}},
        {"id": "\ud83d", "url": "/x", "title": "\ud83d half", "content_html": "<p>c</p>", "date_published": "never"},
    ]
    feed = {"version": "https://jsonfeed.org/version/1", "title": {}, "language": 5, "items": items}
    first, _, second = parse(json.dumps(feed).encode(), BASE).items
    assert (first.guid, first.title) == ("7", "9.5")
    assert (second.guid, second.title, second.url, second.summary) == ("?", "? half", "https://news.example/x", "c")


def assert_parses_or_is_no_feed(body: bytes, charset: str | None = None) -> None:
    try:
        document = parse(body, BASE, charset)
    except NotAFeed:
        return
    for item in document.items:
        for text in (item.guid, item.url, item.title, item.summary, document.title, document.language):
            (text or "").encode()
        assert item.published is None or item.published.tzinfo is UTC


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.sampled_from(
    [
        "<rss version='2.0'>", "<channel>", "<item>", "</item>", "<title>", "</title>", "<link>", "</link>", "<guid>",
        "<pubDate>", "</pubDate>", "<description>", "<![CDATA[", "]]>", "<!--", "-->", "&amp;", "&#xD800;", "&#0;",
        "<!DOCTYPE rss [", "<!ENTITY x 'y'>", "]>", "<feed xmlns='http://www.w3.org/2005/Atom'>", "<entry>", "<id>",
        "<content type='xhtml'>", "<div>", "http://[", "<?xml version='1.0' encoding='utf-16'?>", "2025-02-30", "\x00",
        "<base href='http://['/>", "xml:base='http://[' ", "<media:content url='x'/>", "&x;",
        "<updated>9999-12-31T23:59:59-23:59",
    ]
)  # fmt: skip


@given(st.binary(max_size=400))
@FUZZ
def test_any_bytes_are_a_document_or_no_feed(body: bytes) -> None:
    assert_parses_or_is_no_feed(body)


@given(st.lists(WORDS | st.text(max_size=8), max_size=30).map("".join), st.sampled_from(["utf-8", "utf-16", "cp1251"]))
@FUZZ
def test_any_heap_of_markup_is_a_document_or_no_feed(text: str, encoding: str) -> None:
    assert_parses_or_is_no_feed(text.encode(encoding, "ignore"), encoding)
    assert_parses_or_is_no_feed(rss(text.encode("utf-8", "ignore").decode()))


@given(st.binary(max_size=60), st.integers(0, 400), st.sampled_from([body for body, _, _ in FORMATS.values()]))
@FUZZ
def test_any_damage_to_a_feed_leaves_a_document_or_no_feed(damage: bytes, at: int, body: bytes) -> None:
    assert_parses_or_is_no_feed(body[:at] + damage + body[at + len(damage) :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["id", "url", "title", "summary", "content_html", "content_text", "date_published", "authors", "author", "tags",
     "attachments", "external_url"]
)  # fmt: skip


@given(st.lists(st.dictionaries(FIELDS, JSON, max_size=6) | JSON, max_size=4) | JSON, JSON)
@FUZZ
def test_any_json_is_a_document_or_no_feed(items: object, title: object) -> None:
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": title, "language": title, "items": items}
    assert_parses_or_is_no_feed(json.dumps(feed).encode())
