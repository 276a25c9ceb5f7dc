"""What each format says in its own way: links, ids, bases, languages, hints; and what only looks like a feed."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.poller.parse import Document, Item, NotAFeed, parse
from shared.models.feed import ParsePath

BASE = "https://news.example/feeds/all.xml"
NEWS = "http://www.google.com/schemas/sitemap-news/0.9"


def rss(inside: str, attributes: str = "") -> bytes:
    return f"<rss version='2.0'{attributes}><channel><title>News</title>{inside}</channel></rss>".encode()


def atom(inside: str, attributes: str = "") -> bytes:
    return f"<feed xmlns='http://www.w3.org/2005/Atom'{attributes}><title>News</title>{inside}</feed>".encode()


def only(document: Document) -> Item:
    (item,) = document.items
    return item


def item(inside: str) -> Item:
    return only(parse(rss(f"<item>{inside}</item>"), BASE))


def entry(inside: str, attributes: str = "") -> Item:
    return only(parse(atom(f"<entry>{inside}</entry>", attributes), BASE))


# Links


@pytest.mark.parametrize(
    ("links", "url"),
    [
        ("<link href='/a'/>", "https://news.example/a"),
        ("<link rel='self' href='/self'/><link rel='alternate' href='/a'/>", "https://news.example/a"),
        ("<link rel='ALTERNATE' type='Text/HTML' href='/a'/>", "https://news.example/a"),
        ("<link type='application/pdf' href='/p'/><link type='text/html' href='/a'/>", "https://news.example/a"),
        ("<link type='application/pdf' href='/p'/>", "https://news.example/p"),
        ("<link href='/a'/><link href='/b'/>", "https://news.example/a"),
        ("<link rel='enclosure' href='/e'/><link rel='replies' href='/r'/>", None),
        ("<link href='mailto:desk@news.example'/><link href='/a'/>", "https://news.example/a"),
        ("<link>https://e.example/between</link>", "https://e.example/between"),
    ],
)
def test_an_entry_is_told_at_its_alternate_link(links: str, url: str | None) -> None:
    assert entry(f"<title>T</title>{links}").url == url


def test_of_the_links_of_an_rss_item_the_last_counts_as_for_other_readers() -> None:
    assert item("<link>https://e.example/1</link><link>https://e.example/2</link>").url == "https://e.example/2"


def test_a_link_of_atom_counts_in_an_rss_item_under_any_prefix() -> None:
    link = "<x:link xmlns:x='http://www.w3.org/2005/Atom' href='https://e.example/1'/>"
    assert item(f"<title>T</title>{link}").url == "https://e.example/1"


@pytest.mark.parametrize(
    ("guid", "url"),
    [
        ("<guid>https://e.example/1</guid>", "https://e.example/1"),
        ("<guid isPermaLink='true'>https://e.example/1</guid>", "https://e.example/1"),
        ("<guid isPermaLink='false'>https://e.example/1</guid>", None),
        ("<guid isPermaLink='FALSE'>https://e.example/1</guid>", None),
        ("<guid>4711</guid>", None),
        ("<guid>tag:e.example,2025:1</guid>", None),
    ],
)
def test_an_id_is_a_link_only_if_it_is_an_address_and_does_not_deny_it(guid: str, url: str | None) -> None:
    found = item(f"<title>T</title>{guid}")
    assert found.url == url
    assert found.guid is not None
    assert only(parse(rss(f"<item><title>T <br> T</title>{guid}</item>"), BASE)).url == url


def test_an_id_stays_as_it_is_stated() -> None:
    body = atom("<entry><id>a/1</id><title>T</title></entry>", " xml:base='https://e.example/'")
    assert only(parse(body, BASE)).guid == "a/1"
    about = "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' rdf:about='urn:x:1'"
    assert only(parse(f"<rss><item {about}><title>T</title></item></rss>".encode(), BASE)).guid == "urn:x:1"


def test_an_inlined_image_is_neither_id_nor_link() -> None:
    image = "data:image/png;base64," + "A" * 9000
    found = item(f"<title>T</title><guid>{image}</guid><link>https://e.example/{'a' * 9000}</link>")
    assert (found.guid, found.url) == (None, None)


@pytest.mark.parametrize(
    ("feed", "inner", "link", "url"),
    [
        ("", "", "1", "https://news.example/feeds/1"),
        (" xml:base='https://e.example/a/'", "", "1", "https://e.example/a/1"),
        (" xml:base='https://e.example/a/'", " xml:base='b/'", "1", "https://e.example/a/b/1"),
        (" xml:base='/a/'", " xml:base='b/'", "1", "https://news.example/a/b/1"),
        (" xml:base='https://e.example/a/'", " xml:base='https://f.example/'", "/1", "https://f.example/1"),
        (" xml:base='http://[broken'", "", "1", "https://news.example/feeds/1"),
    ],
)
def test_each_base_is_relative_to_the_one_around_it(feed: str, inner: str, link: str, url: str) -> None:
    body = atom(f"<entry{inner}><title>T</title><link href='{link}'/></entry>", feed)
    assert only(parse(body, BASE)).url == url


# Text


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("<title>a &amp; b</title>", "a & b"),
        ("<title type='html'>&lt;b&gt;a&lt;/b&gt; &amp;amp; b</title>", "a & b"),
        ("<title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><b>a</b>bc &lt;d&gt;</div></title>", "abc <d>"),
        ("<title mode='base64'>0JrRg9GA0YHQug==</title>", "Курск"),
        ("<title type='application/octet-stream'>0JrRg9GA0YHQug==</title>", "Курск"),
        ("<title mode='base64'>no base 64!</title>", "no base 64!"),
        ("<title>a<!-- b -->c<?d e?>f</title>", "acf"),
        ("<title>a<![CDATA[ & ]]>b</title>", "a & b"),
        ("<title/><media:title xmlns:media='http://search.yahoo.com/mrss/'>M</media:title>", "M"),
        ("<media:title xmlns:media='http://search.yahoo.com/mrss/'>M</media:title><title>T</title>", "T"),
        ("<x:title xmlns:x='urn:anything'>X</x:title><title>T</title>", "T"),
        ("<source><title>S</title></source><title>T</title>", "T"),
        ("<title>first</title><title>second</title>", "first"),
    ],
)
def test_a_title_is_what_its_type_says(title: str, told: str) -> None:
    assert entry(title).title == told


def test_a_summary_in_which_nothing_can_be_read_gives_way_to_the_content() -> None:
    content = "<content:encoded xmlns:content='http://purl.org/rss/1.0/modules/content/'>C</content:encoded>"
    assert item(f"<description>&lt;img src='x'&gt;</description>{content}").summary == "C"
    assert entry("<summary/><content type='html'>&lt;p&gt;C</content>").summary == "C"


def test_entities_of_the_document_itself_are_resolved() -> None:
    head = b"<!DOCTYPE rss PUBLIC '-//Netscape//DTD' 'http://127.0.0.1:9/rss.dtd' [<!ENTITY nk 'North Korea'>]>"
    document = parse(head + rss("<item><title>&nk; &amp; Kursk</title></item>"), BASE)
    assert (only(document).title, document.path) == ("North Korea & Kursk", ParsePath.FAST)


def test_a_definition_of_the_document_s_type_is_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "rss.dtd").write_text("<!ENTITY secret 'local secret'>")
    head = f"<!DOCTYPE rss SYSTEM '{(tmp_path / 'rss.dtd').as_uri()}'>".encode()
    assert only(parse(head + rss("<item><title>T</title></item>"), BASE)).title == "T"
    assert "local" not in only(parse(head + rss("<item><title>&secret;</title></item>"), BASE)).title


# Items


@pytest.mark.parametrize(
    "body",
    [
        "<rss><channel/><item><title>1</title></item><item><title>2</title></item></rss>",
        "<rss><channel><item><title>1</title></item></channel><channel><item><title>2</title></item></channel></rss>",
        "<rss><channel><items><item><title>1</title></item><item><title>2</title></item></items></channel></rss>",
        "<rss xmlns='urn:nobody'><channel><item><title>1</title></item><item><title>2</title></item></channel></rss>",
        "<rss xmlns='http://backend.userland.com/RSS2'><item><title>1</title></item><item><title>2</title></item></rss>",
        "<a:feed xmlns:a='http://www.w3.org/2005/Atom'>\
<a:entry><a:title>1</a:title></a:entry><a:entry><a:title>2</a:title></a:entry></a:feed>",
        "<RSS><Channel><Item><Title>1</Title></Item><Item><Title>2</Title></Item></Channel></RSS>",
    ],
)
def test_items_are_found_wherever_they_stand(body: str) -> None:
    assert [found.title for found in parse(body.encode(), BASE).items] == ["1", "2"]


def test_a_lone_entry_is_a_feed_of_one() -> None:
    assert only(parse(b"<entry xmlns='http://www.w3.org/2005/Atom'><title>T</title></entry>", BASE)).title == "T"


@pytest.mark.parametrize(
    ("inside", "language"),
    [
        ("<entry xml:lang='uk'><title>T</title></entry>", "uk"),
        ("<entry><title xml:lang='pt_BR'>T</title></entry>", "pt-br"),
        ("<entry><dc:language xmlns:dc='http://purl.org/dc/elements/1.1/'>ko</dc:language></entry>", "ko"),
        ("<entry><title>T</title></entry>", None),
        ("<entry xml:lang='Klingon, of course'><title>T</title></entry>", None),
    ],
)
def test_an_entry_may_have_a_language_of_its_own(inside: str, language: str | None) -> None:
    document = parse(atom(inside, " xml:lang='en-GB'"), BASE)
    assert (document.language, only(document).language) == ("en-gb", language)


# News sitemaps


def sitemap(inside: str) -> bytes:
    return f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' xmlns:n='{NEWS}'>{inside}</urlset>".encode()


def test_a_news_sitemap_is_a_feed() -> None:
    page = (
        "<url><loc> https://e.example/1 </loc><n:news><n:publication><n:name>E</n:name><n:language>ru</n:language>"
        "</n:publication><n:publication_date>2025-02-03T14:00:00+02:00</n:publication_date>"
        "<n:title>Курск &amp; KP</n:title></n:news></url>"
    )
    found = only(parse(sitemap(page + "<url><loc>https://e.example/about</loc></url>"), BASE))
    assert (found.url, found.title, found.language) == ("https://e.example/1", "Курск & KP", "ru")
    assert str(found.published) == "2025-02-03 12:00:00+00:00"


def test_a_news_sitemap_without_news_today_is_a_feed() -> None:
    assert parse(sitemap(""), BASE).items == ()


@pytest.mark.parametrize(
    "body",
    [
        b"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>https://e.example/</loc></url></urlset>",
        b"<sitemapindex><sitemap><loc>https://e.example/s.xml</loc></sitemap></sitemapindex>",
        b"<opml version='2.0'><body><outline xmlUrl='https://e.example/rss'/></body></opml>",
    ],
)
def test_a_list_of_addresses_is_no_feed(body: bytes) -> None:
    with pytest.raises(NotAFeed):
        parse(body, BASE)


# What a feed states of itself

SY = " xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'"


@pytest.mark.parametrize(
    ("inside", "seconds"),
    [
        ("<ttl>15</ttl>", 900.0),
        ("<ttl> 1.5 </ttl>", 90.0),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>", 900.0),
        ("<sy:updatePeriod> Daily </sy:updatePeriod>", 86400.0),
        ("<ttl>30</ttl><sy:updatePeriod>daily</sy:updatePeriod>", 1800.0),
        ("<ttl>0</ttl>", None),
        ("<ttl>-5</ttl>", None),
        ("<ttl>nan</ttl>", None),
        ("<ttl>inf</ttl>", None),
        ("<ttl>1e99</ttl>", None),
        ("<ttl>soon</ttl>", None),
        ("<sy:updatePeriod>never</sy:updatePeriod>", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("wound", ["", "<br>"], ids=["strict", "lenient"])
def test_a_feed_may_ask_to_be_left_alone(inside: str, seconds: float | None, wound: str) -> None:
    assert parse(rss(f"{inside}<item><title>T</title>{wound}</item>", SY), BASE).ttl_seconds == seconds


HUB = "<{0}link rel='hub' href='https://hub.example/'/><{0}link rel='self' href='/feeds/canonical'/>"


@pytest.mark.parametrize(
    "body",
    [
        atom(HUB.format("") + "<entry><title>T</title></entry>"),
        rss(HUB.format("atom:") + "<item><title>T</title></item>", " xmlns:atom='http://www.w3.org/2005/Atom'"),
        rss(HUB.format("atom:") + "<item><title>T</title><br></item>", " xmlns:atom='http://www.w3.org/2005/Atom'"),
        json.dumps(
            {
                "version": "https://jsonfeed.org/version/1.1",
                "feed_url": "/feeds/canonical",
                "hubs": [
                    {"type": "rssCloud", "url": "https://cloud.example/"},
                    {"type": "WebSub", "url": "https://hub.example/"},
                ],
                "items": [],
            }
        ).encode(),
    ],
    ids=["Atom", "RSS", "malformed RSS", "JSON Feed"],
)
def test_a_feed_names_its_hub_and_its_topic(body: bytes) -> None:
    document = parse(body, BASE)
    assert (document.hub, document.self_url) == ("https://hub.example/", "https://news.example/feeds/canonical")


def test_a_link_of_an_item_is_not_the_feed_s() -> None:
    document = parse(atom(f"<entry><title>T</title>{HUB.format('')}</entry>"), BASE)
    assert (document.hub, document.self_url) == (None, None)


def test_a_document_crosses_to_another_process_unchanged() -> None:
    document = parse(atom("<entry xml:lang='uk'><title>T</title><updated>2025-02-03T12:00:00Z</updated></entry>"), BASE)
    assert pickle.loads(pickle.dumps(document)) == document


# JSON Feed


@pytest.mark.parametrize(
    ("stated", "url"),
    [
        ({"url": "/1"}, "https://news.example/1"),
        ({"external_url": "https://e.example/x"}, "https://e.example/x"),
        ({"url": "https://e.example/1", "external_url": "https://e.example/x"}, "https://e.example/1"),
        ({"id": "https://e.example/id"}, "https://e.example/id"),
        ({"id": "7"}, None),
    ],
)
def test_a_json_item_is_told_at_its_url(stated: dict[str, str], url: str | None) -> None:
    body = json.dumps({"version": "https://jsonfeed.org/version/1", "items": [{"title": "T"} | stated]})
    assert only(parse(body.encode(), BASE)).url == url


def test_json_may_come_in_utf_16_and_with_a_language() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "language": "uk_UA",
        "items": [{"title": "Курськ", "language": "ru"}],
    }
    document = parse(json.dumps(feed, ensure_ascii=False).encode("utf-16"), BASE)
    assert (document.language, only(document).language, only(document).title) == ("uk-ua", "ru", "Курськ")


# Whichever parser reads it

WORD = st.text("abcdefgh Курськ北쿠&<>\"'é", min_size=1, max_size=12).filter(lambda text: text.strip(" &<>\"'") != "")
NAME = st.text("abcdef0123456789:/.-_", min_size=1, max_size=20)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;amp;").replace("<", "&amp;lt;").replace(">", "&amp;gt;")


@given(st.lists(st.tuples(WORD, NAME, st.integers(0, 2_000_000_000)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_feed_that_breaks_one_day_lists_the_items_of_the_day_before(told: list[tuple[str, str, int]]) -> None:
    items = "".join(
        f"<item><title>{escaped(title)}</title><guid isPermaLink='false'>{name}</guid>"
        f"<link>/{number}?a=1&amp;b=2</link><pubDate>{date(number)}</pubDate></item>"
        for title, name, number in told
    )
    strict, lenient = parse(rss(items), BASE), parse(rss(items + "<br>"), BASE)
    assert (strict.path, lenient.path) == (ParsePath.FAST, ParsePath.LENIENT)
    assert strict.items == lenient.items


def date(number: int) -> str:
    day, hour, minute = 1 + number % 28, number % 24, number % 60
    return f"Mon, {day:02} Feb 2025 {hour:02}:{minute:02}:00 +0200"
