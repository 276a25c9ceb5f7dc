"""JSON Merge Patch, against the Recommendation's examples and its properties."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from services.gateway.merge_patch import merged

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
NAMES = st.sampled_from("abcd")
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)


def without_nulls(value: JsonValue) -> JsonValue:
    """As a patch can make it: in objects, but not in lists, null is nothing."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(each) for name, each in value.items() if each is not None}


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_it_does_as_the_examples_of_the_rfc(target: JsonValue, patch: JsonValue, result: JsonValue) -> None:
    assert merged(target, patch) == result


@given(VALUES, VALUES)
def test_twice_is_as_once(target: JsonValue, patch: JsonValue) -> None:
    once = merged(target, patch)
    assert merged(once, patch) == once


@given(VALUES)
def test_an_empty_patch_changes_no_object(target: JsonValue) -> None:
    assert merged(target, {}) == (target if isinstance(target, dict) else {})


@given(VALUES, st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_not_named_stays_and_what_is_named_becomes_as_it_is_said(
    target: JsonValue, patch: dict[str, JsonValue]
) -> None:
    before = target if isinstance(target, dict) else {}
    after = cast("dict[str, JsonValue]", merged(target, patch))
    assert after.keys() == (before.keys() | patch.keys()) - {name for name in patch if patch[name] is None}
    assert all(after[name] == before[name] for name in before.keys() - patch.keys())
    for name, value in patch.items():
        if value is not None and not isinstance(value, dict):
            assert after[name] == value


@given(VALUES)
def test_onto_nothing_it_is_the_patch_without_its_nulls(patch: JsonValue) -> None:
    assert merged({}, patch) == without_nulls(patch)


@given(VALUES, VALUES)
def test_neither_is_touched(target: JsonValue, patch: JsonValue) -> None:
    before = repr((target, patch))
    merged(target, patch)
    assert repr((target, patch)) == before
