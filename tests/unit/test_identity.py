"""Which items are the same, and which are new."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.identity import ALIAS_DAYS, KEEP_DAYS, Identity, SeenWindow, canonical_url, entry_id, identify
from services.poller.parse import Item

TODAY = 20_000


def item(
    title: str = "Title", *, guid: str | None = None, url: str | None = None, summary: str = "", date: int | None = None
) -> Item:
    published = datetime.fromtimestamp(date, UTC) if date is not None else None
    return Item(guid=guid, url=url, title=title, summary=summary, published=published)


def one(of: Item) -> Identity:
    (identity,) = identify([of])
    return identity


def keys(*items: Item) -> list[bytes]:
    return [identity.key for identity in identify(items)]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("http://news.example/1", "https://news.example/1"),
        ("https://News.Example/1", "HTTPS://news.example/1"),
        ("https://www.news.example/1", "https://news.example/1"),
        ("https://news.example/1#top", "https://news.example/1"),
        ("https://news.example/1/", "https://news.example/1"),
        ("https://news.example", "https://news.example/"),
        ("https://news.example:443/1", "http://news.example:80/1"),
        ("https://news.example/1?utm_source=rss&id=2", "https://news.example/1?id=2"),
        ("https://news.example/1?fbclid=x", "https://news.example/1"),
    ],
)
def test_one_page_has_one_spelling(a: str, b: str) -> None:
    assert canonical_url(a) == canonical_url(b)
    assert keys(item(url=a)) == keys(item(url=b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("https://news.example/1", "https://news.example/2"),
        ("https://news.example/a", "https://news.example/A"),
        ("https://news.example/?id=1", "https://news.example/?id=2"),
        ("https://news.example/1", "https://sport.news.example/1"),
        ("https://news.example:8080/1", "https://news.example/1"),
    ],
)
def test_two_pages_have_two(a: str, b: str) -> None:
    assert canonical_url(a) != canonical_url(b)


def test_a_guid_counts_before_the_link_and_the_link_before_the_text() -> None:
    assert keys(item("A", guid="g", url="https://e.example/1")) == keys(item("B", guid="g", url="https://e.example/2"))
    assert keys(item("A", url="https://e.example/1")) == keys(item("B", url="https://e.example/1"))
    assert keys(item("A", summary="s")) == keys(item("A", summary="s"))
    assert keys(item("A", summary="s")) != keys(item("A", summary="t"))


def test_a_guid_that_is_an_address_may_change_scheme_and_the_host_s_case() -> None:
    assert keys(item(guid="http://News.example/Item?a=1")) == keys(item(guid="https://news.example/Item?a=1"))
    assert keys(item(guid="http://news.example/Item")) != keys(item(guid="http://news.example/item"))
    assert keys(item(guid="urn:x:A")) != keys(item(guid="urn:x:a"))


def test_the_date_is_no_part_of_it() -> None:
    assert one(item(guid="g", date=0)) == one(item(guid="g", date=86_400))
    assert one(item("T", date=0)) == one(item("T"))


def test_a_guid_that_stands_twice_is_told_apart_by_the_link() -> None:
    a, b = item("A", guid="g", url="https://e.example/1"), item("B", guid="g", url="https://e.example/2")
    assert len(set(keys(a, b))) == 2
    assert keys(a, b) == list(reversed(keys(b, a)))


@pytest.mark.parametrize("guid", [None, "same"])
@pytest.mark.parametrize("url", [None, "https://e.example/"])
def test_what_shares_guid_and_link_is_told_apart_by_the_title(guid: str | None, url: str | None) -> None:
    assert len(set(keys(item("A", guid=guid, url=url), item("B", guid=guid, url=url)))) == 2


def test_an_item_whose_guid_was_shared_yesterday_is_the_same_item_today() -> None:
    a, b = item("A", guid="g"), item("B", guid="g")
    seen = SeenWindow({}).after(identify([a, b]), TODAY)
    assert seen.knows(one(a), TODAY + 1)


def test_what_stands_twice_word_for_word_is_one() -> None:
    twin = item("A", guid="g", url="https://e.example/1")
    assert len(set(keys(twin, twin, item("other", guid="h")))) == 2


def test_an_item_whose_guid_was_rotated_is_known_by_link_and_title_for_a_week() -> None:
    before, rotated = (
        item("Title", guid="1", url="https://e.example/1"),
        item("TITLE", guid="2", url="http://e.example/1"),
    )
    seen = SeenWindow({}).after([one(before)], TODAY)
    assert seen.knows(one(rotated), TODAY + ALIAS_DAYS)
    assert not seen.knows(one(rotated), TODAY + ALIAS_DAYS + 1)
    assert not seen.knows(one(item("Other", guid="2", url="https://e.example/1")), TODAY)


def test_many_items_of_one_guid_take_no_longer_than_others() -> None:
    """Each compared with each would take minutes."""
    assert len(set(keys(*[item(f"{number}", guid="g") for number in range(50_000)]))) == 50_000


def test_an_id_belongs_to_one_feed_and_never_changes() -> None:
    identity = one(item(guid="g"))
    assert entry_id("feed-a", identity) == entry_id("feed-a", one(item("Other", guid="g")))
    assert entry_id("feed-a", identity) != entry_id("feed-b", identity)
    assert len(entry_id("feed-a", identity)) == 16
    int(entry_id("feed-a", identity), 16)


URLS = st.from_regex(r"https?://[\[\]a-zA-Z0-9.:@%]{0,20}(/[^\s]{0,20})?", fullmatch=True) | st.text(max_size=40)
TEXTS = st.text(max_size=30)
ITEMS = st.builds(item, TEXTS, guid=st.none() | URLS, url=st.none() | URLS, summary=TEXTS)


@given(st.lists(ITEMS, max_size=8))
def test_any_items_have_identities_that_do_not_depend_on_their_order(items: list[Item]) -> None:
    identities = identify(items)
    assert identify(items[::-1]) == identities[::-1]
    assert all(len(identity.key) == 8 for identity in identities)


# The window

HASHES = st.binary(min_size=8, max_size=8)
WINDOWS = st.dictionaries(HASHES, st.integers(0, 65_535), max_size=30).map(SeenWindow)


@given(WINDOWS)
def test_a_window_comes_back_from_its_bytes(window: SeenWindow) -> None:
    assert SeenWindow.from_bytes(window.to_bytes()) == window
    assert len(window.to_bytes()) == 10 * len(window.days)


def test_no_bytes_are_an_empty_window() -> None:
    assert SeenWindow.from_bytes(None) == SeenWindow.from_bytes(b"") == SeenWindow({})


@given(WINDOWS, st.lists(st.builds(Identity, HASHES, st.none() | HASHES), max_size=8), st.integers(0, 65_535))
def test_a_window_keeps_what_is_listed_and_forgets_what_has_not_been_for_long(
    window: SeenWindow, listed: Sequence[Identity], today: int
) -> None:
    after = window.after(listed, today)
    assert all(after.knows(identity, today) for identity in listed)
    assert all(after.days[identity.key] == today for identity in listed)
    named = {hashed for identity in listed for hashed in (identity.key, identity.alias) if hashed}
    for hashed, day in window.days.items():
        if hashed not in named:
            assert (hashed in after.days) == (today - day <= KEEP_DAYS)


def test_an_item_listed_without_a_break_is_never_new_again() -> None:
    window, listed = SeenWindow({}), [one(item(guid="g", url="https://e.example/1"))]
    for day in range(TODAY, TODAY + 3 * KEEP_DAYS, KEEP_DAYS - 1):
        assert day == TODAY or window.knows(listed[0], day)
        window = window.after(listed, day)


def test_a_feed_that_stood_still_for_a_year_does_not_list_anything_new() -> None:
    listed = [one(item(guid="g"))]
    window = SeenWindow({}).after(listed, TODAY)
    assert window.knows(listed[0], TODAY + 365)
    assert window.after(listed, TODAY + 365).knows(listed[0], TODAY + 366)


PAGES = st.from_regex(r"https?://(www\.)?[a-zA-Z0-9.-]{1,12}(:[0-9]{1,4})?(/[!-\"$-~]{0,12})?", fullmatch=True)


@given(PAGES)
def test_an_address_that_need_not_be_taken_apart_has_the_spelling_of_one_that_must(url: str) -> None:
    taken_apart = url.replace("http", "HTTP", 1)
    assert keys(item(url=url)) == keys(item(url=taken_apart))
    assert keys(item(guid=url)) == keys(item(guid=taken_apart))
