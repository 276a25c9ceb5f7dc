"""What an evaluation makes of replayed articles."""

from collections.abc import Sequence

from services.cli.stories.evaluation import Evaluation, Item, Late, evaluate
from services.cli.stories.lines import LabelledStory
from services.cli.stories.quality import Agreement
from services.cli.stories.replay import Arrival, Outcome
from shared.models.story import Alert, AlertType
from tests.factories import after, alert

CREATED, UPDATED, RETRACTED = AlertType.CREATED, AlertType.UPDATED, AlertType.RETRACTED
Told = tuple[str, str, str | None, AlertType | None]


def ring(type_: AlertType | None) -> Alert | None:
    return alert(type=type_, reason="because") if type_ else None


def evaluated(*rows: Told, ended: dict[int, Sequence[str]] | None = None) -> Evaluation:
    """Of label, kind, story and ring; `ended`: line → the stories that it ended."""
    lines, outcomes = {}, []
    for number, (label, kind, story, rang) in enumerate(rows, 1):
        line = LabelledStory.model_validate({"title": f"article {number}", "label": label, "kind": kind})
        lines[number] = line
        arrival = Arrival(number, line.as_line(number), after(number))
        over = tuple((ended or {}).get(number, ()))
        outcomes.append(Outcome(arrival, "so it was", story, alert=ring(rang), ended=over))
    return evaluate(outcomes, lines)


def number(item: Item) -> int:
    return item.outcome.arrival.number


def numbers(items: Sequence[Item]) -> list[int]:
    return [number(item) for item in items]


def lates(found: Sequence[Late]) -> list[tuple[int, int | None]]:
    return [(number(late.item), number(late.instead) if late.instead else None) for late in found]


def test_what_is_not_relevant_or_has_no_label_is_not_scored() -> None:
    found = evaluated(
        ("A", "orig", "s", CREATED), ("A", "tr", None, None), ("", "", "s", UPDATED), ("B", "orig", None, None)
    )
    assert numbers(found.items) == [1, 2, 4]
    assert numbers(found.scored) == [1]
    assert (found.unlabelled, found.unlabelled_rings) == (1, 1)
    assert [*found.happenings] == ["A"]
    assert found.b_cubed == Agreement(1.0, 1.0)


def test_rings_are_counted_by_type_and_happening() -> None:
    found = evaluated(
        ("A", "orig", "s", CREATED), ("A", "upd", "s", UPDATED), ("B", "orig", "t", CREATED), ("A", "", "s", RETRACTED)
    )
    assert found.rings == {CREATED: 2, UPDATED: 1, RETRACTED: 1}
    assert found.rings_per_happening == {"A": 3, "B": 1}


def test_a_happening_is_told_as_new_once_by_its_first_article() -> None:
    found = evaluated(
        ("late", "orig", None, None),
        ("late", "tr", "s", CREATED),
        ("twice", "orig", "t", CREATED),
        ("twice", "para", "u", CREATED),
        ("never", "orig", "t", None),
        ("well", "orig", "v", CREATED),
    )
    assert lates(found.created_late) == [(1, 2)]
    assert numbers(found.created_again) == [4]
    assert numbers(found.never_created) == [5]


def test_a_repeat_that_rings_is_needless_unless_it_is_the_first_to_tell() -> None:
    found = evaluated(
        ("A", "tr", "s", CREATED), ("A", "orig", "s", None), ("A", "para", "s", UPDATED), ("A", "orig", "s", UPDATED)
    )
    assert numbers(found.needless) == [3]


def test_an_update_that_does_not_ring_is_late_or_missed() -> None:
    found = evaluated(
        ("A", "orig", "s", CREATED),
        ("A", "upd", "s", None),
        ("A", "tr", "s", UPDATED),
        ("A", "upd", "s", UPDATED),
        ("A", "upd", "t", CREATED),
        ("B", "tr", "s", UPDATED),
        ("A", "upd", "s", None),
        ("A", "upd", "s", UPDATED),
    )
    assert lates(found.late_updates) == [(2, 3), (5, None), (7, None)]
    assert numbers(found.updates) == [3, 4, 6, 8]


def test_what_is_split_and_what_is_merged_is_told_worst_first() -> None:
    found = evaluated(
        ("A", "", "s", None),
        ("A", "", "t", None),
        ("B", "", "s", None),
        ("B", "", "s", None),
        ("B", "", "u", None),
        ("B", "", "v", None),
        ("C", "", "w", None),
    )
    assert {label: [*parts] for label, parts in found.splits.items()} == {"B": ["s", "u", "v"], "A": ["s", "t"]}
    assert [*found.splits] == ["B", "A"]
    assert [*found.merges] == ["s"]
    assert {label: numbers(some) for label, some in found.merges["s"].items()} == {"A": [1], "B": [3, 4]}


def test_articles_are_where_their_story_was_taken_over_in_the_end() -> None:
    found = evaluated(
        ("A", "", "s", None),
        ("A", "", "t", None),
        ("A", "", "t", None),
        ("A", "", "u", None),
        ended={3: ["s"], 4: ["t"]},
    )
    assert {item.story_id for item in found.items} == {"u"}
    assert found.b_cubed == Agreement(1.0, 1.0)
