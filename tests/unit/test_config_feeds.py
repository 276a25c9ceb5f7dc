import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.config.feeds import add_feed, add_feeds, load_feeds, remove_feed
from shared.errors import ConfigError
from shared.models.feed import ONE_LINE, Feed, FeedKind

WRITTEN = """\
# yaml-language-server: $schema=feeds.json
# The feeds.   Odd   spacing stays.

feeds:
  # --- Agencies ---
  - url: https://a.example/rss  # found on the imprint
    name: 'Agency A'
    kind: agency

  - name: "Друга"
    url: "https://b.example/rss"   # listed 2025-01-01
    # the owner is told in the masthead
    owner: |
      House of B

  # --- Think tanks ---
  -
    url: https://c.example/rss
    name: Third
  # nothing below
# the end
"""


def write(tmp_path: Path, text: str = WRITTEN) -> Path:
    path = tmp_path / "feeds.yaml"
    path.write_bytes(text.encode())
    return path


def read(path: Path) -> str:
    return path.read_bytes().decode()


def test_feeds_are_read_in_their_order(tmp_path: Path) -> None:
    assert [feed.name for feed in load_feeds(write(tmp_path))] == ["Agency A", "Друга", "Third"]


def test_two_feeds_of_one_address_are_told_with_both_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "feeds:\n- {url: http://a.example, name: a}\n- name: b\n  url: http://a.example\n")
    with pytest.raises(ConfigError, match=r"feeds\.yaml:4: feeds\[1\]\.url: the same address as on line 2: http://a"):
        load_feeds(path)


def test_an_added_feed_stands_behind_the_last_and_nothing_else_changes(tmp_path: Path) -> None:
    path = write(tmp_path)
    add_feed(path, Feed(url="https://d.example/rss", name="Четверта: нова", language="uk", kind=FeedKind.OSINT, tier=1))
    block = (
        "  - url: https://d.example/rss\n    name: 'Четверта: нова'\n    language: uk\n    kind: osint\n    tier: 1\n"
    )
    assert read(path) == WRITTEN.replace("    name: Third\n", "    name: Third\n" + block)


@pytest.mark.parametrize(
    ("meant", "gone"),
    [
        ("Agency A", WRITTEN[WRITTEN.index("  - url: https://a") : WRITTEN.index('\n  - name: "Друга')]),
        ("https://b.example/rss", WRITTEN[WRITTEN.index('  - name: "Д') : WRITTEN.index("\n  # --- Think")]),
        ("Third", WRITTEN[WRITTEN.index("  -\n    url: https://c") : WRITTEN.index("  # nothing below")]),
    ],
)
def test_a_removed_feed_takes_its_own_lines_and_no_others(tmp_path: Path, meant: str, gone: str) -> None:
    path = write(tmp_path)
    removed = remove_feed(path, meant)
    assert meant in (removed.name, removed.url)
    assert read(path) == WRITTEN.replace(gone, "")


def test_the_last_feed_may_go_and_another_come(tmp_path: Path) -> None:
    path = write(tmp_path, "# head\nfeeds:  # all of them\n  - {url: http://a.example, name: a}\n# tail\n")
    remove_feed(path, "a")
    assert read(path) == "# head\nfeeds: []  # all of them\n# tail\n"
    add_feed(path, Feed(url="http://b.example", name="b"))
    assert read(path) == "# head\nfeeds:  # all of them\n  - url: http://b.example\n    name: b\n# tail\n"


def test_a_file_without_a_last_line_break_gets_one(tmp_path: Path) -> None:
    path = write(tmp_path, "feeds:\n- url: http://a.example\n  name: a")
    add_feed(path, Feed(url="http://b.example", name="b"))
    assert read(path) == "feeds:\n- url: http://a.example\n  name: a\n- url: http://b.example\n  name: b\n"


def test_windows_line_ends_stay(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufefffeeds:\r\n  - url: http://a.example\r\n    name: a\r\n")
    add_feed(path, Feed(url="http://b.example", name="b"))
    added = "  - url: http://b.example\r\n    name: b\r\n"
    assert read(path) == "\ufefffeeds:\r\n  - url: http://a.example\r\n    name: a\r\n" + added
    remove_feed(path, "a")
    assert read(path) == "\ufefffeeds:\r\n" + added


def test_an_address_is_not_added_twice(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(ConfigError, match=r"feeds\.yaml:11: the address https://b\.example/rss is there already"):
        add_feed(path, Feed(url="https://b.example/rss", name="again"))
    assert read(path) == WRITTEN


def test_a_feed_that_is_not_there_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no feed has the address or name Agency B; did you mean Agency A\?"):
        remove_feed(write(tmp_path), "Agency B")


def test_a_name_of_two_feeds_removes_neither(tmp_path: Path) -> None:
    text = "feeds:\n- {url: http://a.example, name: x}\n- {url: http://b.example, name: x}\n"
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match="x is the name of feeds on lines 2, 3; give the address"):
        remove_feed(path, "x")
    assert read(path) == text


def test_a_list_in_brackets_is_left_to_its_author(tmp_path: Path) -> None:
    path = write(tmp_path, "feeds: [{url: http://a.example, name: x}]\n")
    with pytest.raises(ConfigError, match=r"feeds\.yaml:1: feeds: is written as \[\.\.\.\]"):
        add_feed(path, Feed(url="http://b.example", name="b"))


def test_many_feeds_are_added_in_their_order_and_known_addresses_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path)
    new = [Feed(url=f"http://n{n}.example", name=f"n{n}") for n in (2, 0, 1)]
    assert add_feeds(path, [new[0], Feed(url="https://a.example/rss", name="again"), *new[1:]]) == new
    assert [feed.name for feed in load_feeds(path)] == ["Agency A", "Друга", "Third", "n2", "n0", "n1"]


def test_a_file_to_which_nothing_is_added_is_not_written(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = path.stat()
    assert add_feeds(path, load_feeds(path)) == []
    assert path.stat().st_ino == before.st_ino


def test_the_mode_and_a_link_are_kept_and_no_other_file_is_left(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.chmod(0o640)
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "feeds.yaml"
    link.symlink_to(path)
    add_feed(link, Feed(url="http://b.example", name="b"))
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["etc", "feeds.yaml"]
    assert len(load_feeds(path)) == 4


def test_editors_at_the_same_moment_lose_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "feeds: []\n")
    feeds = [Feed(url=f"http://n{n}.example", name=f"n{n}") for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda feed: add_feed(path, feed), feeds))
    assert {feed.url for feed in load_feeds(path)} == {feed.url for feed in feeds}


NAMES = st.from_regex(re.compile(ONE_LINE), fullmatch=True).filter(lambda name: 0 < len(name) <= 40)


@given(st.lists(NAMES, min_size=1, max_size=3), st.data())
@settings(max_examples=15, deadline=None)
def test_adding_and_removing_any_names_leaves_the_rest_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    path = write(tmp_path_factory.mktemp("feeds"))
    feeds = [Feed(url=f"http://n{index}.example", name=name) for index, name in enumerate(names)]
    for feed in feeds:
        add_feed(path, feed)
    assert load_feeds(path)[3:] == tuple(feeds)
    for feed in data.draw(st.permutations(feeds)):
        assert remove_feed(path, feed.url) == feed
    assert read(path) == WRITTEN
