"""HTML to plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.plain import plain


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<b>K</b>ursk", "Kursk"),
        ("a<br>b<p>c</p>d", "a b c d"),
        ("<img alt='a > b' src=x>c", "c"),
        ('<a title="x" y">c</a>', "c"),
        ("a < b, c > d", "a < b, c > d"),
        ("1<2 & 3>2", "1<2 & 3>2"),
        ("I <3 Kursk", "I <3 Kursk"),
        ("cut <a href='https://e.example/", "cut"),
        ("less <than that", "less <than that"),
        ("<!DOCTYPE html><p>a", "a"),
        ("a<!-- b", "a"),
        ("a<script>b</script>c<style>d", "a c"),
        ("<SCRIPT type='x'>b</SCRIPT >c", "c"),
        ("<![CDATA[a]]>", "a"),
        ("&lt;b&gt; stays", "<b> stays"),
        ("&#147;quoted&#148;", "“quoted”"),
        ("\x93quoted\x94 \x85", "“quoted” …"),
        ("a\x00b\x08c\ufffe", "abc"),
        ("&copy 2025 &eacute;", "© 2025 é"),
    ],
)
def test_markup_goes_and_text_stays(text: str, told: str) -> None:
    assert plain(text) == told


def test_the_limit_counts_what_is_told_not_what_is_markup() -> None:
    markup = "<img src='data:image/png;base64," + "A" * 50_000 + "'>"
    assert plain(markup + "Kursk and more", 5) == "Kursk"
    assert plain("<p class='x'>word</p>" * 1000, 50) == ("word " * 10).strip()
    assert plain("<p>short</p>", 50) == "short"


@given(st.text("ab<>/!-&;\"'= é", max_size=80), st.integers(1, 20))
def test_any_markup_becomes_folded_text_within_the_limit(text: str, limit: int) -> None:
    told = plain(text, limit)
    assert len(told) <= limit
    assert told == " ".join(told.split())


@given(st.text("abc é", max_size=60), st.integers(1, 20))
def test_text_without_markup_is_only_cut(text: str, limit: int) -> None:
    assert plain(text, limit) == " ".join(text.split())[:limit].rstrip()


@pytest.mark.parametrize("heap", ['<a "', "<a '", "<a x=", "<b ", "<script ", "<!--", "<!", "&", "&#", "<a b=\"'"])
def test_heaps_of_unfinished_markup_take_no_time(heap: str) -> None:
    assert len(plain(heap * 100_000, 2000)) <= 2000
