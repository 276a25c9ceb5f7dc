"""What a page offers as feeds: declared, linked to, guessed at; the likeliest first."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.discover import MAX_PAGE_BYTES, WELL_KNOWN, Candidate, Sign, candidates

PAGE = "https://paper.example/world/today.html"
DECLARED = '<link rel="alternate" type="application/rss+xml" '


def shown(page: str, url: str = PAGE) -> list[Candidate]:
    return [found for found in candidates(page.encode(), url) if found.sign is not Sign.GUESSED]


def addresses(page: str, url: str = PAGE) -> list[str]:
    return [found.url for found in shown(page, url)]


def test_declared_feeds_are_found_in_the_order_of_the_page_with_their_titles() -> None:
    page = f"""<!doctype html><html><head>
        {DECLARED} title="World &amp; more" href="/world.rss">
        <LINK REL="Alternate nofollow" TYPE="application/atom+xml; charset=utf-8" HREF="atom">
        <link rel=alternate type=application/feed+json href=//cdn.paper.example/feed.json>
        </head></html>"""
    assert shown(page) == [
        Candidate("https://paper.example/world.rss", "World & more", Sign.DECLARED),
        Candidate("https://paper.example/world/atom", None, Sign.DECLARED),
        Candidate("https://cdn.paper.example/feed.json", None, Sign.DECLARED),
    ]


@pytest.mark.parametrize(
    "link",
    [
        '<link rel="stylesheet" type="text/css" href="/feed.css">',
        '<link rel="alternate" hreflang="uk" href="/uk/">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/2">',
        '<link rel="alternate" type="application/json+oembed" href="/oembed?url=x">',
        '<link rel="search" type="application/opensearchdescription+xml" href="/feed-search.xml">',
        '<link rel="alternate" type="application/rss+xml">',
        DECLARED + 'href="javascript:feed()">',
        DECLARED + 'href="http://[broken/">',
        DECLARED + 'href="mailto:feed@paper.example">',
    ],
)
def test_what_is_no_feed_or_no_address_is_left_out(link: str) -> None:
    assert addresses(f"<head>{link}</head>") == []


def test_relative_links_start_from_the_base_that_the_page_names() -> None:
    page = f'<head><base href="/news/"><base href="/ignored/">{DECLARED} href="rss.xml"></head>'
    assert addresses(page) == ["https://paper.example/news/rss.xml"]
    assert addresses(page.replace("/news/", "mailto:x")) == ["https://paper.example/world/rss.xml"]


@pytest.mark.parametrize(
    "href",
    [
        "/feed/",
        "/feeds/world",
        "/rss",
        "/rss/world/europe",
        "/world.rss",
        "/backend.rdf",
        "/news.xml",
        "/rss.php",
        "/rss2.0/",
        "/world-feed",
        "/?feed=rss2",
        "/index.php?format=feed&type=rss",
        "https://feeds.elsewhere.example/paper.xml",
    ],
)
def test_links_that_look_like_feeds_are_found(href: str) -> None:
    (found,) = shown(f'<body><a href="{href}">Our <b>feed</b></a></body>')
    assert (found.sign, found.title) == (Sign.LINKED, "Our feed")


@pytest.mark.parametrize(
    "href",
    [
        "/feedback",
        "/newsfeeds-help.html",
        "/rss.html",
        "/world/rss-is-not-dead",
        "/sitemap.xml",
        "/news-sitemap.xml",
        "/embassy",
        "/a/rss-logo.png",
        "#feed",
    ],
)
def test_links_that_only_sound_like_feeds_are_not(href: str) -> None:
    assert addresses(f'<a href="{href}">x</a>') == []


def test_what_is_declared_goes_before_links_comments_and_other_sites_go_last_among_their_like() -> None:
    page = f"""
        <a href="https://reader.example/subscribe/feed">Reader</a> <a href="/sport/feed">Sport</a>
        <a href="https://www.paper.example/all/feed">All</a>
        {DECLARED} title="Paper » Comments" href="/talk/feed">
        {DECLARED} href="/comments/feed/">
        {DECLARED} href="https://host.example/paper">
        {DECLARED} href="/feed/">"""
    assert addresses(page) == [
        "https://paper.example/feed/",
        "https://host.example/paper",
        "https://paper.example/talk/feed",
        "https://paper.example/comments/feed/",
        "https://paper.example/sport/feed",
        "https://www.paper.example/all/feed",
        "https://reader.example/subscribe/feed",
    ]


def test_an_address_is_named_once_by_its_strongest_sign() -> None:
    page = f'<a href="/Feed#top">A</a><a href="http://PAPER.example/feed/">B</a>{DECLARED} href="/feed">'
    found = candidates(page.encode(), PAGE)
    assert [(one.url, one.sign) for one in found[:2]] == [
        ("https://paper.example/feed", Sign.DECLARED),
        ("https://paper.example/Feed", Sign.LINKED),
    ]
    assert "https://paper.example/feed" not in [one.url for one in found[2:]]


def test_the_old_scheme_of_feeds_is_understood_and_blanks_are_encoded() -> None:
    page = (
        '<a href="feed://paper.example/a.rss">a</a><a href="feed:https://paper.example/b.rss">b</a><a href=" c d.rss ">'
    )
    assert addresses(page) == [
        "https://paper.example/a.rss",
        "https://paper.example/b.rss",
        "https://paper.example/world/c%20d.rss",
    ]


def test_the_usual_places_are_guessed_beside_the_page_and_then_at_the_root() -> None:
    found = candidates(b"", PAGE)
    assert {one.sign for one in found} == {Sign.GUESSED}
    assert [one.url for one in found] == [
        f"https://paper.example/{directory}{name}" for directory in ("world/", "") for name in WELL_KNOWN
    ]
    assert [one.url for one in candidates(b"\x00\xff", "http://127.0.0.1:8080")] == [
        f"http://127.0.0.1:8080/{name}" for name in WELL_KNOWN
    ]


def test_titles_are_read_in_the_charset_of_the_header_or_of_the_page() -> None:
    link = f'{DECLARED} title="Світ" href="/s">'
    for page, charset in (
        (link.encode("cp1251"), "windows-1251"),
        (b'<meta charset="windows-1251">' + link.encode("cp1251"), None),
        (f'<meta charset="utf-8">{link}'.encode(), "no-such-charset"),
    ):
        assert candidates(page, PAGE, charset)[0].title == "Світ"


def test_a_page_is_read_only_so_far() -> None:
    page = b"<body>" + b" " * MAX_PAGE_BYTES + f'{DECLARED} href="/far">'.encode()
    assert candidates(page, PAGE)[0].sign is Sign.GUESSED


@given(
    page=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            ["<a href='", "<link rel=alternate type=text/xml href=", "feed", ":", "//", "[", "%", "\0", "'>"]
        )
        | st.text(max_size=5)
    ).map(lambda parts: "".join(parts).encode("utf-8", "replace")),
    charset=st.none() | st.sampled_from(["utf-8", "utf-16", "big5", "x"]),
)
def test_any_bytes_give_addresses_that_can_be_fetched_and_each_once(page: bytes, charset: str | None) -> None:
    found = [one.url for one in candidates(page, PAGE, charset)]
    assert len(set(found)) == len(found)
    for url in found:
        parts = urlsplit(url)
        assert parts.scheme in ("http", "https")
        assert parts.hostname
        assert not any(character.isspace() for character in url)
