"""How well found groups agree with true ones."""

from itertools import combinations
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.stories.quality import Agreement, b_cubed, pairwise

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30)


def grouped(found: str, true: str) -> list[tuple[str, str]]:
    """A letter a thing: its group, and the one in which it belongs."""
    return [*zip(found, true, strict=True)]


@pytest.mark.parametrize(
    ("found", "precision", "recall"),
    [
        ("aaaaabbbbbbb", 16 / 21, 1),  # (5·1 + 2·2/7 + 5·5/7) / 12
        ("aaaaabbaaaaa", 7 / 12, 1),  # (10·1/2 + 2·1) / 12
        ("aaaaabbccccd", 1, 13 / 15),  # (5·1 + 2·1 + 4·4/5 + 1/5) / 12
    ],
)
def test_b_cubed_of_twelve_things_in_groups_of_five_two_and_five(found: str, precision: float, recall: float) -> None:
    agreement = b_cubed(grouped(found, "111112233333"))
    assert isclose(agreement.precision, precision)
    assert isclose(agreement.recall, recall)


def test_pairs_are_counted_by_hand() -> None:
    # found: 3 + 1 pairs, true: 1 + 3 pairs, both: (1, 2) and (4, 5)
    assert pairwise(grouped("aaabb", "11222")) == Agreement(2 / 4, 2 / 4)


def test_f1_is_the_harmonic_mean() -> None:
    assert isclose(Agreement(1.0, 0.5).f1, 2 / 3)
    assert Agreement(0.0, 0.0).f1 == 0.0


def test_nothing_said_is_nothing_wrong() -> None:
    assert b_cubed([]) == pairwise([]) == pairwise(grouped("ab", "12")) == Agreement(1.0, 1.0)


@given(pairs)
def test_what_is_found_as_it_is_agrees_in_full(groups: list[tuple[int, int]]) -> None:
    same = [(("found", true), true) for _, true in groups]
    assert b_cubed(same) == pairwise(same) == Agreement(1.0, 1.0)


@given(pairs)
def test_precision_the_other_way_round_is_recall(groups: list[tuple[int, int]]) -> None:
    for measure in (b_cubed, pairwise):
        there, back = measure(groups), measure([(true, found) for found, true in groups])
        assert isclose(there.precision, back.recall)
        assert isclose(there.recall, back.precision)


@given(pairs)
def test_pairs_are_as_many_as_one_counts_one_by_one(groups: list[tuple[int, int]]) -> None:
    two = [*combinations(groups, 2)]
    right = [a[1] == b[1] for a, b in two if a[0] == b[0]]
    whole = [a[0] == b[0] for a, b in two if a[1] == b[1]]
    expected = Agreement(*(sum(some) / len(some) if some else 1.0 for some in (right, whole)))
    assert pairwise(groups) == expected
