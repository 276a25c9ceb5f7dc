"""The measures by which words alone are judged, against the plainest way to count."""

from itertools import combinations, product
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import lexical, wordwise
from benchmarks.public_stories import Pair, Text, headlines, pairs
from benchmarks.story_pairs import best_threshold, clustered, judged

DAM = Text("en", "Dam breaks above Derna", "Hundreds are missing after the storm.")
AGAIN = Text("en", "Storm breaks dam, hundreds missing in Derna", "The city was flooded.")
FOOTBALL = Text("en", "Coach resigns", "The club looks for another.")


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc")), min_size=1, max_size=20))
def test_clusters_are_judged_as_by_hand(items: list[tuple[int, str]]) -> None:
    found = clustered([label for label, _ in items], [story for _, story in items])
    precision, recall, _ = found.b_cubed({story for _, story in items})
    mates = [[other for other in items if other[0] == item[0]] for item in items]
    kin = [[other for other in items if other[1] == item[1]] for item in items]
    assert precision == pytest.approx(mean(_share(m, 1, i[1]) for m, i in zip(mates, items, strict=True)))
    assert recall == pytest.approx(mean(_share(k, 0, i[0]) for k, i in zip(kin, items, strict=True)))
    linked = [a[1] == b[1] for a, b in combinations(items, 2) if a[0] == b[0]]
    assert found.linked[0] == pytest.approx(mean(linked or [True]))


def _share(items: list[tuple[int, str]], part: int, wanted: object) -> float:
    return mean(item[part] == wanted for item in items)


@given(st.lists(st.text("abc ", max_size=12), min_size=2, max_size=8), st.integers(0, 2))
def test_the_index_finds_the_nearest_that_is_there(texts: list[str], kind: int) -> None:
    vectors, measure = (
        (lexical.tf_idf(texts, lexical.words, online=True), lexical.dot),
        ([lexical.shingles(text, 2) for text in texts], lexical.jaccard),
        ([lexical.min_hash(text, 2) for text in texts], lexical.dot),
    )[kind]
    for place, (likeness, _) in enumerate(lexical.nearest(vectors, measure)):
        before = [lexical.alike(vectors[place], other, measure) for other in vectors[:place]]
        assert likeness == pytest.approx(max(before, default=0.0))


def test_a_threshold_lies_between_what_is_the_same_and_what_is_not() -> None:
    assert best_threshold([(0.9, True), (0.5, True), (0.3, False), (0.1, False)]) == pytest.approx(0.4)


def test_each_pair_is_judged_once_in_each_halving_by_the_other_half() -> None:
    told = [Pair(DAM, AGAIN, True), Pair(DAM, FOOTBALL, False)] * 4
    said = judged(wordwise.scores(told), told)
    assert [all(each) for each in said] == [True, False] * 4
    assert len({len(each) for each in said}) == 1


def test_a_stream_puts_each_text_into_the_story_of_the_nearest() -> None:
    cluster = wordwise.stream([DAM, FOOTBALL, AGAIN, FOOTBALL])
    assert cluster(0.2) == [0, 1, 0, 1]
    assert cluster(0.99) == [0, 1, 2, 1], "the same text is the same story at any threshold"


def test_the_public_sets_are_read_as_they_are_published(tmp_path: Path) -> None:
    columns = [f"INPUT:{side}_{part}" for side, part in product(("first", "second"), ("url", "title", "text"))]
    pool, table = tmp_path / "ru_train_pool.tsv", tmp_path / "news.csv"
    row = "/1\tД&amp;Д\tа\t/2\tБ\tб\tOK"
    pool.write_text("\t".join([*columns, "GOLDEN:quality"]) + f"\n{row}\n{row}\n", "utf-8")
    table.write_text("TITLE,STORY,TIMESTAMP\nA,s1,1394470370698\nB,s", "utf-8")
    sides = {"a": {"title": "Д&Д", "text": "а"}, "b": {"title": "Б", "text": "б"}}
    assert list(pairs([pool])) == [{"lang": "ru", "same": True, **sides}]
    assert list(headlines([table])) == [{"lang": "en", "title": "A", "story": "s1"}]
