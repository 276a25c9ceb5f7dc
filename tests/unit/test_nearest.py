"""Which stories an entry is compared with."""

from services.classifier.cluster import index_sets
from shared.models.story import Fingerprint
from shared.store.stories import CANDIDATES, DAY, nearest

NOW = 1_000_000.0


def test_rare_terms_count_for_more_than_common_ones() -> None:
    said = [(["event:a"], [(b"common", NOW)]), (["place:b"], [(b"rare", NOW)])]
    assert nearest(said, {"event:a": 900, "place:b": 2}, 1000, NOW) == ["rare", "common"]


def test_what_is_said_together_counts_once_for_each_term() -> None:
    said = [(["event:a"], [(b"one", NOW)]), (["event:a", "place:b"], [(b"both", NOW)]), (["place:b"], [(b"both", NOW)])]
    alone = nearest([*said, (["voice:c"], [(b"rarest", NOW)])], {"event:a": 9, "place:b": 9, "voice:c": 8}, 100, NOW)
    assert alone == ["both", "rarest", "one"]


def test_many_words_do_not_drown_what_is_said() -> None:
    words = [f"word:{number}" for number in range(40)]
    said = [([word], [(b"words", NOW)]) for word in words[:30]] + [(["place:b", "event:a"], [(b"said", NOW)])]
    assert nearest(said, {"event:a": 300, "place:b": 90, **dict.fromkeys(words, 1)}, 1000, NOW) == ["said", "words"]


def test_what_is_older_than_a_day_counts_less() -> None:
    said = [(["event:a"], [(b"old", NOW - 3 * DAY), (b"new", NOW - DAY)])]
    assert nearest(said, {"event:a": 2}, 9, NOW) == ["new", "old"]


def test_an_entry_is_compared_with_few() -> None:
    said = [(["event:a"], [(f"{number}".encode(), NOW) for number in range(99)])]
    assert len(nearest(said, {"event:a": 99}, 99, NOW)) == CANDIDATES


def test_sets_are_of_the_kinds_that_tell_happenings_apart() -> None:
    terms = ["event:a", "place:b", "place:c", "region:b", "voice:d", "aspect:e"]
    assert set(index_sets(Fingerprint(terms=dict.fromkeys(terms, 1.0)))) == {
        ("place:b", "aspect:e"),
        ("place:c", "aspect:e"),
        ("place:b", "event:a", "voice:d"),
        ("place:c", "event:a", "voice:d"),
    }
