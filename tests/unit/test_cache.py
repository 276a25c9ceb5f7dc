"""Packs kept between processes: what was kept is taken, and whatever else stands there is not."""

import json
from pathlib import Path
from shutil import copytree

import pytest

from services.classifier.cache import PackCache
from services.classifier.packs import load_matcher, load_pack
from shared.config.topics import parse_pack, read_pack
from shared.errors import ConfigError

SEED = Path(__file__).parents[2] / "seeds/topics/undersea-cables"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copytree(SEED, tmp_path / "topics" / SEED.name)


@pytest.fixture
def cache(tmp_path: Path) -> PackCache:
    return PackCache(tmp_path / "cache")


def kept(cache: PackCache) -> Path:
    (file,) = cache.directory.iterdir()
    return file


def mark(file: Path, title: str) -> None:
    """Make what is kept tell that it was taken."""
    cached = json.loads(file.read_text())
    cached["pack"]["topic"]["title"] = title
    file.write_text(json.dumps(cached))


def test_a_pack_from_the_cache_is_the_pack_of_the_files(home: Path, cache: PackCache) -> None:
    fresh = load_pack(home, cache)
    assert kept(cache).name.startswith("undersea-cables.")
    assert load_pack(home, cache) == fresh == load_pack(home)
    assert load_matcher(home.parent, cache).versions == load_matcher(home.parent).versions


def test_what_is_kept_is_taken_without_a_look_at_the_examples(home: Path, cache: PackCache) -> None:
    """Shown by one who keeps a pack that fails them."""
    english = home / "en.yaml"
    english.write_text(english.read_text().replace("no_match:\n", 'no_match:\n    - "Sea cable cut in the Baltic"\n'))
    source = read_pack(home)
    cache.keep(source, parse_pack(source))
    assert load_pack(home, cache) == parse_pack(source)
    with pytest.raises(ConfigError, match="must not match"):
        load_pack(home)


def test_a_pack_that_fails_its_examples_is_never_kept(home: Path, cache: PackCache) -> None:
    english = home / "en.yaml"
    english.write_text(english.read_text().replace("no_match:\n", 'no_match:\n    - "Sea cable cut in the Baltic"\n'))
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"en\.yaml:\d+: examples\.no_match\[0\]: must not match"):
            load_pack(home, cache)
    assert not cache.directory.exists()


@pytest.mark.parametrize("name", ["topic.yaml", "places.yaml", "speakers.yaml", "en.yaml", "zh.yaml"])
def test_a_change_of_any_file_is_another_pack_and_takes_the_place_of_the_one_before(
    home: Path, cache: PackCache, name: str
) -> None:
    load_pack(home, cache)
    before = kept(cache)
    with (home / name).open("a") as file:
        file.write("# as it was\n")
    load_pack(home, cache)
    assert kept(cache) != before


def test_a_file_that_is_added_is_another_pack(home: Path, cache: PackCache) -> None:
    load_pack(home, cache)
    (home / "pl.yaml").write_text("language: pl\nconcepts: {}\nevents: {}\n")
    assert [forms.language for forms in load_pack(home, cache).languages] == ["de", "en", "fi", "pl", "zh"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\x00", b"[]", b'{"digest": "0", "pack": {}}', b'{"pickle": "gASVAAAA"}', b"x" * 100_000],
)
def test_what_is_no_pack_is_as_if_it_were_not_there(home: Path, cache: PackCache, content: bytes) -> None:
    fresh = load_pack(home, cache)
    kept(cache).write_bytes(content)
    assert load_pack(home, cache) == fresh
    assert kept(cache).read_bytes() != content


def test_a_pack_that_was_altered_in_the_cache_is_not_believed(home: Path, cache: PackCache) -> None:
    fresh = load_pack(home, cache)
    mark(kept(cache), "Something else")
    assert load_pack(home, cache) == fresh


def test_a_pack_of_another_topic_under_this_name_is_not_believed(home: Path, cache: PackCache) -> None:
    fresh = load_pack(home, cache)
    name = kept(cache)
    other = PackCache(cache.directory.parent / "other")
    load_pack(SEED.parent / "dprk-kursk", other)
    name.write_bytes(kept(other).read_bytes())
    assert load_pack(home, cache) == fresh


@pytest.mark.parametrize("where", ["missing/cache", "a-file/cache", "a-file"])
def test_a_directory_that_cannot_be_written_is_no_error(home: Path, tmp_path: Path, where: str) -> None:
    (tmp_path / "a-file").write_text("")
    nowhere = PackCache(tmp_path / where)
    assert load_pack(home, nowhere) == load_pack(home)
    assert not nowhere.directory.is_dir()


def test_the_packs_of_two_topics_are_kept_beside_each_other(cache: PackCache) -> None:
    load_matcher(SEED.parent, cache)
    assert {path.name.split(".")[0] for path in cache.directory.iterdir()} == {"dprk-kursk", "undersea-cables"}


def test_an_edit_of_one_language_gives_the_pack_that_the_files_alone_would_give(home: Path, cache: PackCache) -> None:
    load_pack(home, cache)
    english = home / "en.yaml"
    english.write_text(english.read_text().replace("  damage: [cut,", "  damage: [gnawed, cut,"))
    assert load_pack(home, cache) == load_pack(home)


def test_an_edit_of_the_rule_has_the_examples_of_every_language_tried(home: Path, cache: PackCache) -> None:
    load_pack(home, cache)
    rule = home / "topic.yaml"
    rule.write_text(rule.read_text().replace("threshold: 3.5", "threshold: 9"))
    with pytest.raises(ConfigError) as raised:
        load_pack(home, cache)
    assert {Path(problem.split(":")[0]).name for problem in raised.value.problems} == {
        f"{language}.yaml" for language in ("de", "en", "fi", "zh")
    }


def test_an_edit_of_the_places_is_held_against_the_languages_that_stayed_as_they_were(
    home: Path, cache: PackCache
) -> None:
    load_pack(home, cache)
    places = home / "places.yaml"
    places.write_text(places.read_text().replace("  penghu: ", "  pescadores: "))
    with pytest.raises(ConfigError, match=r"en\.yaml:\d+: places\.penghu: `penghu` is not in places\.yaml"):
        load_pack(home, cache)


def test_a_pack_that_is_mended_is_taken_after_one_that_was_refused(home: Path, cache: PackCache) -> None:
    fresh = load_pack(home, cache)
    english = home / "en.yaml"
    good = english.read_text()
    for wrong in ("language: [en", good.replace("no_match:\n", 'no_match:\n    - "Sea cable cut in the Baltic"\n')):
        english.write_text(wrong)
        with pytest.raises(ConfigError):
            load_pack(home, cache)
    english.write_text(good)
    assert load_pack(home, cache) == fresh
