"""Bytes of a page to the text of its article; whatever the bytes are."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.poller.extract import ENOUGH, Extract, Reserve, extract, tidy, weight, withholds

AGENT = "Tocsin"
SENTENCES = [
    f"On day {n} of the voyage the crew sighted land, and the captain wrote it into his book." for n in range(20)
]


def article(*paragraphs: str, head: str = "") -> bytes:
    told = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f"<html><head>{head}</head><body><nav>Menu</nav><article>{told}</article></body></html>".encode()


def test_the_paragraphs_of_the_article_are_found_a_line_each_and_the_menu_is_not() -> None:
    assert extract(article(*SENTENCES), None, AGENT) == Extract("\n".join(SENTENCES))


def test_where_the_first_extractor_finds_too_little_the_second_is_asked() -> None:
    """Whole articles stand in elements that are called a sidebar, and the quick heuristics leave those out."""
    hidden = "".join(f"<p>{sentence}</p>" for sentence in SENTENCES)
    body = f"<html><body><div class='sidebar widget'>{hidden}</div></body></html>".encode()
    assert weight(extract(body, None, AGENT).text) > ENOUGH


@pytest.mark.parametrize("charset", ["windows-1251", "koi8-r", "utf-8", "utf-16"])
def test_the_meta_element_s_charset_counts_where_the_header_states_none(charset: str) -> None:
    told = "Корабли Атлантиды ушли из Чёрного пролива, сообщил начальник порта. " * 12
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">'
    body = article(told, head=head).decode().encode(charset)
    assert extract(body, None, AGENT).text == told.strip()
    assert extract(body, "iso-8859-1", AGENT).text == told.strip()


@pytest.mark.parametrize(
    ("head", "reserve"),
    [
        ('<script type="application/ld+json">{"isAccessibleForFree":false}</script>', Reserve.PAYWALL),
        ('<script type="Application/LD+JSON">[{"isAccessibleForFree" : "False"}]</script>', Reserve.PAYWALL),
        ('<script type="application/ld+json">{"isAccessibleForFree":"https://schema.org/False"}', Reserve.PAYWALL),
        ('<meta itemprop="isAccessibleForFree" content="False">', Reserve.PAYWALL),
        ('<script type="application/ld+json">{"isAccessibleForFree":true}</script>', None),
        ('<script>var x = {"isAccessibleForFree":false}</script>', None),
        ('<meta name="ROBOTS" content="NOINDEX, NoArchive">', Reserve.WITHHELD),
        ('<meta name="tocsin" content="nosnippet">', Reserve.WITHHELD),
        ('<meta name="googlebot" content="nosnippet">', None),
        ('<meta name="robots" content="max-snippet:0">', Reserve.WITHHELD),
        ('<meta name="robots" content="max-snippet:-1, max-image-preview:large">', None),
    ],
)  # fmt: skip
def test_what_the_publisher_keeps_back_is_not_taken(head: str, reserve: Reserve | None) -> None:
    found = extract(article(*SENTENCES, head=head), None, AGENT)
    assert found.reserve is reserve
    assert bool(found.text) is (reserve is None)


@pytest.mark.parametrize(
    ("directives", "ours"),
    [
        ("noarchive", True),
        ("noindex, nosnippet", True),
        ("googlebot: nosnippet", False),
        ("googlebot: noindex, nosnippet", False),
        ("googlebot: nosnippet, tocsin: noarchive", True),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, nosnippet", True),
        ("max-snippet: 0", True),
        ("max-snippet:50", False),
        ("", False),
    ],
)
def test_a_robots_tag_is_read_as_far_as_it_is_for_us(directives: str, ours: bool) -> None:
    assert withholds(directives, AGENT) is ours


def test_lines_are_folded_and_empty_ones_left_out() -> None:
    assert tidy(" a\t b\x00 \r\n\n --- \n c\u200b ") == "a b\nc"


PIECES = (
    "<div>", "</div>", "<p>", "<b><i></b>", "<!--", "-->", "<script>", "</script>", "<![CDATA[", "&#0;", "&#xD800;",
    "&#x110000;", "<table><td>", "<svg><title>", "\ufeff", "<plaintext>", "</html>", "words", "북한", " ", "\0",
    "<meta name=robots content=",
)  # fmt: skip
SOUP = st.lists(st.sampled_from(PIECES), max_size=300).map("".join).map(str.encode)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=3000) | SOUP, st.none() | st.text())
def test_whatever_the_bytes_are_the_text_can_be_stored(body: bytes, charset: str | None) -> None:
    found = extract(body, charset, AGENT)
    assert found.text.encode("utf-8").decode() == tidy(found.text)


@given(st.text())
def test_no_robots_tag_is_too_strange(directives: str) -> None:
    assert withholds(directives, AGENT) in (True, False)
