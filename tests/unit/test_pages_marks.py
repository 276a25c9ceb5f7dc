"""Texts with what decided marked in them."""

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.pages.marks import NEAR, Mark, Marked, Piece, marked
from tests.factories import entry


def plain(found: Marked) -> str:
    return "\n".join("".join(piece.text for piece in part) for part in (found.title, found.summary))


def test_a_hit_is_marked_where_it_stands_in_any_script() -> None:
    whole = entry(title="쿠르스크 전선의 북한군", summary="Потери КНДР").whole
    start = whole.index("КНДР")
    found = marked(whole, [Mark(0, 4, "evidence", "kursk"), Mark(start, start + 4, "claim", "dprk")])
    assert found.title == (Piece("쿠르스크", "evidence", "kursk"), Piece(" 전선의 북한군"))
    assert found.summary == (Piece("Потери "), Piece("КНДР", "claim", "dprk"))


def test_of_two_that_overlap_the_first_and_longer_is_marked() -> None:
    found = marked(
        "North Korean troops", [Mark(0, 5, "evidence", "a"), Mark(0, 12, "evidence", "b"), Mark(6, 19, "x", "c")]
    )
    assert found.title == (Piece("North Korean", "evidence", "b"), Piece(" troops"))


def test_of_a_long_text_only_what_stands_around_a_mark_is_shown() -> None:
    text = "a" * 300 + "HERE" + "b" * 300 + "THERE" + "c" * 10
    whole = entry(title="t", summary="s", text=text).whole
    spots = [(whole.index(word), word) for word in ("HERE", "THERE")]
    first, second = marked(whole, [Mark(at, at + len(word), "claim", "") for at, word in spots]).text
    assert first == (Piece("…"), Piece("a" * NEAR), Piece("HERE", "claim"), Piece("b" * NEAR), Piece("…"))
    assert second[-2] == Piece("c" * 10)


@given(
    st.text(max_size=30).filter(lambda text: "\n" not in text),
    st.text(max_size=30).filter(lambda text: "\n" not in text),
    st.lists(st.tuples(st.integers(-5, 80), st.integers(-5, 80))),
)
def test_whatever_is_marked_title_and_summary_are_told_whole(
    title: str, summary: str, spans: list[tuple[int, int]]
) -> None:
    found = marked(f"{title}\n{summary}", [Mark(start, end, "evidence", "") for start, end in spans])
    assert plain(found) == f"{title}\n{summary}"
