"""Figures of quality, and what an evaluation makes of labelled items."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.match import compile_topics
from services.cli.topics.evaluation import NOT_FOUND, Evaluation, evaluate
from services.cli.topics.lines import BadLine, LabelledLine, read_lines
from services.cli.topics.quality import Quality, quality, share
from shared.models.pack import TopicPack

SHIPS = TopicPack.model_validate(
    {
        "topic": {
            "name": "ships",
            "title": "Ships of Atlantis in the strait",
            "rule": {"actor": ["atlantis"], "noun": ["ship"], "core": ["strait"]},
            "threshold": 3.5,
            "events": {"sailing": {"severity": "medium"}, "sinking": {"severity": "high"}},
        },
        "languages": [
            {
                "language": "en",
                "concepts": {"atlantis": ["atlantis"], "ship": ["ship", "ships"], "strait": ["strait"]},
                "events": {"sailing": ["sail*"], "sinking": ["sink*", "sank"]},
            }
        ],
    }
)
SINKS = "Atlantis ships sink in the strait"
SAILS = "Atlantis ships sail the strait"


def items(*rows: tuple[str, str, str | None]) -> list[tuple[int, LabelledLine]]:
    """Of title, label and event type."""
    return [
        (number, LabelledLine(id=str(number), lang="en", title=title, label=label, event_type=event))
        for number, (title, label, event) in enumerate(rows, 1)
    ]


def evaluated(*rows: tuple[str, str, str | None]) -> Evaluation:
    return evaluate(compile_topics([SHIPS]), items(*rows))


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    found = share(8, 10)
    assert found
    assert isclose(found.low, 0.4902, abs_tol=1e-4)
    assert isclose(found.high, 0.9433, abs_tol=1e-4)
    assert share(0, 0) is None


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_a_measure_lies_in_its_interval_and_f1_between_precision_and_recall(hits: int, false: int, missed: int) -> None:
    of = Quality(hits, false, missed)
    for measured in (of.precision, of.recall, of.f1):
        assert measured is None or 0 <= measured.low <= measured.value + 1e-9
        assert measured is None or measured.value - 1e-9 <= measured.high <= 1
    if of.precision and of.recall and of.f1:
        least, most = sorted((of.precision.value, of.recall.value))
        assert least - 1e-9 <= of.f1.value <= most + 1e-9


def test_more_cases_of_the_same_quality_make_the_interval_of_f1_narrower() -> None:
    few, many = Quality(9, 1, 1).f1, Quality(90, 10, 10).f1
    assert few
    assert many
    assert few.value == many.value
    assert many.high - many.low < few.high - few.low


def test_quality_is_counted_from_pairs_of_what_is_and_what_was_said() -> None:
    pairs = [(True, True), (True, False), (False, True), (False, False), (True, True)]
    assert quality(pairs) == Quality(hits=2, false=1, missed=1)


def test_unsure_items_count_neither_way() -> None:
    found = evaluated((SAILS, "positive", None), (SAILS, "unsure", None), ("Rain falls", "unsure", None))
    assert (found.quality, found.unsure) == (Quality(1, 0, 0), 2)


def test_misses_are_those_not_found_and_then_those_found_in_vain() -> None:
    found = evaluated((SAILS, "negative", None), ("Rain falls", "positive", "sailing"), (SINKS, "positive", "sinking"))
    assert [(miss.number, miss.relevant) for miss in found.misses] == [(2, False), (1, True)]
    assert found.misses[1].found
    assert found.misses[1].found.evidence


def test_event_types_are_told_apart() -> None:
    found = evaluated(
        (SAILS, "positive", "sailing"), (SINKS, "positive", "sailing"), ("Rain falls", "positive", "sinking")
    )
    assert found.confusion == {"sailing": {"sailing": 1, "sinking": 1}, "sinking": {NOT_FOUND: 1}}
    assert found.typed_right == (1, 2)
    assert [wrong.number for wrong in found.wrong_types] == [2]
    assert found.event_types["sailing"] == Quality(hits=1, false=0, missed=1)


def test_quality_is_told_by_language() -> None:
    german = LabelledLine(lang="de", title="Regen fällt", label="positive")
    found = evaluate(compile_topics([SHIPS]), [*items((SAILS, "positive", None)), (2, german)])
    assert found.languages == {"de": Quality(0, 0, 1), "en": Quality(1, 0, 0)}


def test_the_keyword_alert_rings_wherever_actor_and_noun_are_named() -> None:
    far = "Atlantis votes today. It rains. It snows. It is cold. It is late. Ships are built elsewhere"
    assert evaluated((far, "negative", None)).keyword_alert == Quality(0, 1, 0)
    assert evaluated(("Ships are built", "positive", None)).keyword_alert == Quality(0, 0, 1)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"title": "x"}', "label: is missing; allowed: positive, negative, unsure"),
        (b'{"title": "x", "label": "positve"}', "did you mean `positive`?"),
        (
            b'{"title": 7, "label": "positive"}',
            "title: is read as a number; put it in quotes",
        ),
        (b'{"label": "positive", "lang": "in English"}', "lang: has the wrong form; allowed: text (BCP 47"),
        (b'{"label": "positive", "published": "soon"}', "published: no date"),
        (b"[1]", "an object is needed"),
        (b'{"label": ', "not JSON: "),
        (b"\xff", "not JSON: "),
    ],
)
def test_a_bad_line_names_its_field_and_what_is_allowed(line: bytes, problem: str) -> None:
    ((number, bad),) = read_lines(LabelledLine, [line])
    assert isinstance(bad, BadLine)
    assert number == 1
    assert problem in bad.problems[0]


def test_lines_are_numbered_as_they_stand_and_empty_ones_are_passed_over() -> None:
    read = [*read_lines(LabelledLine, [b"\n", b'{"label": "negative", "text": "x", "lang": ""}\n', b"  \n"])]
    assert read == [(2, LabelledLine(label="negative", text="x"))]


def test_what_is_null_is_as_good_as_absent() -> None:
    line = b'{"label": "negative", "id": 7, "lang": null, "title": null, "summary": null, "published": null}'
    assert [*read_lines(LabelledLine, [line])] == [(1, LabelledLine(label="negative", id="7"))]


@pytest.mark.parametrize("vague", ["", "2025", "2025-02"])
def test_a_date_without_a_day_is_as_good_as_none(vague: str) -> None:
    assert LabelledLine.model_validate({"label": "negative", "published": vague}).published is None
