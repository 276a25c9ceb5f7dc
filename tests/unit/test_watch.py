"""A change is told once, when it stands still."""

import os
from pathlib import Path

import pytest

from shared.config.watch import Watch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    return path


@pytest.fixture
def watch(file: Path) -> Watch:
    return Watch(lambda: file.parent.glob("*.yaml"))


def looks(watch: Watch, times: int = 4) -> list[bool]:
    return [watch.changed() for _ in range(times)]


def test_nothing_is_told_of_files_that_stay_as_they_were(watch: Watch) -> None:
    assert looks(watch) == [False] * 4


def test_a_change_is_told_at_the_second_look_and_once(watch: Watch, file: Path) -> None:
    file.write_text("another")
    assert looks(watch) == [False, True, False, False]


def test_what_still_grows_is_not_told(watch: Watch, file: Path) -> None:
    for text in ("o", "on", "one m", "one more"):
        file.write_text(text)
        assert not watch.changed()
    assert watch.changed()


def test_a_change_of_the_same_size_in_the_same_tick_is_told_if_the_file_was_replaced(watch: Watch, file: Path) -> None:
    before = file.stat()
    new = file.with_suffix(".new")
    new.write_text("two")
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(file)
    assert True in looks(watch)


def test_a_file_that_comes_or_goes_is_a_change(watch: Watch, file: Path) -> None:
    (file.parent / "b.yaml").write_text("")
    assert looks(watch) == [False, True, False, False]
    file.unlink()
    assert looks(watch) == [False, True, False, False]


def test_a_file_that_is_put_back_before_it_was_told_is_no_change(watch: Watch, file: Path) -> None:
    aside = file.rename(file.with_suffix(".aside"))
    assert not watch.changed()
    aside.rename(file)
    assert looks(watch) == [False] * 4


def test_links_are_followed_and_may_lead_nowhere(watch: Watch, file: Path) -> None:
    (file.parent / "c.yaml").symlink_to("nowhere")
    assert looks(watch) == [False] * 4
