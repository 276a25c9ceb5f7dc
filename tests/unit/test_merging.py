"""Two stories that are one, one that is two, and either undone: by a person, and by an article that tells both."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.merging import elder_first, part_id
from services.classifier.story import withdraw
from shared.errors import Refused
from shared.models.change import Change
from shared.models.story import AlertType, Decision, Status, Story, figure_key
from tests.factories import match, story
from tests.unit.boards import BOTH, LEAD, ONE, OTHER, Board, gone
from tests.unit.tellings import Telling, says


def opened(*tellings: Telling, after: Board | None = None) -> tuple[Board, Story]:
    """A board on which these alone are told, as if another worker had not heard of them; later than what is on the
    other one."""
    board = Board()
    if after:
        board.now = after.now
    for telling in tellings:
        told = board.tell(telling)
    assert len(board.stories) == 1
    return board, told


def two(*, silent: tuple[str, ...] = ()) -> tuple[Board, Story, Story]:
    """Two stories that rang, but for the `silent` ones, of one happening."""
    board, one = opened(*ONE)
    beside, other = opened(*OTHER, after=board)
    one, other = (
        each.model_copy(update={"revisions": ()}) if name in silent else each
        for name, each in (("one", one), ("other", other))
    )
    board.stories = {one.id: one, other.id: other}
    board.holders |= beside.holders
    board.alerts, board.now = [], beside.now
    return board, one, other


def ids(told: Story) -> set[str]:
    return {article.entry_id for article in told.articles}


def rings(board: Board) -> list[tuple[str, AlertType, int, str]]:
    return [(alert.story_id, alert.type, alert.revision, alert.detail) for alert in board.alerts]


# Merging by hand


def test_the_elder_takes_over_the_articles_and_rings_and_the_younger_keeps_them_for_the_undoing() -> None:
    board, one, other = two()
    board.merge(other, one)
    kept, left = board.stories[one.id], board.stories[other.id]
    assert ids(kept) == ids(one) | ids(other)
    assert kept.merged_from == (other.id,)
    assert (left.merged_into, left.articles, left.revisions) == (one.id, other.articles, other.revisions)
    assert rings(board) == [(one.id, AlertType.MERGED, 2, f"{other.id} was the same happening")]
    assert {board.holders[entry_id] for entry_id in ids(kept)} == {one.id}


def test_what_opened_the_younger_has_moved_and_what_opened_the_elder_stays_first() -> None:
    board, one, other = two()
    board.merge(one, other)
    kept = board.stories[one.id]
    assert kept.articles[0] == one.articles[0]
    moved = kept.article(other.articles[0].entry_id)
    assert moved is not None
    assert (moved.decision, moved.reason) == (Decision.MOVED, "merged by hand")


def test_a_statement_of_both_is_one_with_the_sources_of_both() -> None:
    board, one, other = two()
    board.merge(one, other)
    event = [claim for claim in board.stories[one.id].claims if claim.value is None]
    assert [claim.sources for claim in event] == [("herald", "wire", "courier", "mirror")]


@pytest.mark.parametrize("silent", [("one",), ("other",), ("one", "other")])
def test_what_never_rang_is_merged_silently_into_what_did(silent: tuple[str, ...]) -> None:
    board, one, other = two(silent=silent)
    board.merge(one, other)
    survivor = other if silent == ("one",) else one
    assert [told.id for told in board.live] == [survivor.id]
    assert board.stories[survivor.id].revisions == survivor.revisions
    assert board.alerts == []


def test_to_merge_twice_is_to_merge_once() -> None:
    board, one, other = two()
    board.merge(one, other)
    before = dict(board.stories)
    assert board.merge(one, other) is None
    assert board.merge(other, one) is None
    assert board.stories == before


def test_what_cannot_be_merged_is_refused_with_the_reason() -> None:
    board, one, other = two()
    third = story(id="st_third")
    board.stories |= {"st_third": third, "st_far": story(id="st_far", topic="weather")}
    refused = {
        (one.id, "st_no"): "no story st_no",
        (one.id, one.id): "is one story already",
        (one.id, "st_far"): "of the topic dprk-kursk, st_far of weather",
    }
    for pair, why in refused.items():
        with pytest.raises(Refused, match=why):
            board.merge(*pair)
    board.merge(one, other)
    with pytest.raises(Refused, match=f"{other.id} is merged into {one.id}"):
        board.merge(other, third)


def test_the_index_finds_the_survivor_and_forgets_the_other() -> None:
    board, one, other = two()
    change = board.merge(one, other)
    assert change is not None
    (left,) = change.also
    assert set(change.moved) == ids(other)
    assert set(left.lost.terms) == set(change.marks.terms) != set()
    assert set(left.lost.sets) == set(change.marks.sets)
    assert figure_key("killed", 4_000) in left.untold
    assert figure_key("killed", 4_000) in change.rung


# Undoing a merge


def test_an_undone_merge_gives_back_what_was_brought_and_leaves_what_came_since() -> None:
    board, one, other = two()
    board.merge(one, other)
    later = gone("star", "Kim's soldiers vanish", LEAD)
    board.tell(later)
    board.undo(other)
    assert ids(board.stories[one.id]) == ids(one) | {later[0].id}
    assert board.stories[other.id].articles == other.articles
    assert board.stories[other.id].claims == other.claims
    assert {board.holders[entry_id] for entry_id in ids(other)} == {other.id}
    assert rings(board)[1:] == [
        (other.id, AlertType.UPDATED, 2, f"no longer part of {one.id}"),
        (one.id, AlertType.UPDATED, 3, f"{other.id} is a story of its own again"),
    ]


def test_what_only_the_other_said_leaves_with_it() -> None:
    board, one, other = two()
    board.merge(one, other)
    board.undo(other)
    said = {claim.value for claim in board.stories[one.id].claims}
    assert said == {None, 300}
    assert board.stories[one.id].merged_from == ()


def test_what_was_withdrawn_meanwhile_comes_back_withdrawn() -> None:
    board, one, other = two()
    board.merge(one, other)
    entry_id = other.articles[0].entry_id
    board.stories[one.id] = withdraw(board.stories[one.id], entry_id, "410", board.now)
    board.undo(other)
    back = board.stories[other.id].article(entry_id)
    assert back is not None
    assert (back.withdrawn, back.decision) == ("410", Decision.NEW)


def test_copies_that_are_only_counted_are_handed_over_and_back() -> None:
    board, one, other = two()
    board.stories |= {
        one.id: one.model_copy(update={"unlisted": 3}),
        other.id: other.model_copy(update={"unlisted": 4}),
    }
    board.merge(one, other)
    assert board.stories[one.id].unlisted == 7
    board.undo(other)
    assert [board.stories[each.id].unlisted for each in (one, other)] == [3, 4]


def test_to_undo_twice_is_to_undo_once() -> None:
    board, one, other = two()
    board.merge(one, other)
    board.undo(other)
    before = dict(board.stories)
    assert board.undo(other) is None
    assert board.stories == before


def test_who_parted_two_stories_may_still_merge_them_again() -> None:
    board, one, other = two()
    board.merge(one, other)
    board.undo(other)
    assert board.stories[one.id].apart == (other.id,)
    board.merge(one, other)
    assert board.stories[one.id].apart == ()
    assert ids(board.stories[one.id]) == ids(one) | ids(other)


def test_a_merge_is_undone_only_where_there_is_one() -> None:
    board, one, other = two()
    with pytest.raises(Refused, match="neither merged into another nor split"):
        board.undo(one)
    board.merge(one, other)
    with pytest.raises(Refused, match=f"merged into it: {other.id}"):
        board.undo(one)
    board.split(one, *ids(other))
    with pytest.raises(Refused, match=f"no article of {other.id}"):
        board.undo(other)


def test_merges_are_undone_in_the_order_in_which_they_lie_above_each_other() -> None:
    board, one, other = two()
    elder = story(id="st_elder", first_seen_at=one.first_seen_at - timedelta(hours=1))
    board.stories[elder.id] = elder
    board.merge(one, other)
    board.merge(elder, one)
    with pytest.raises(Refused, match=f"{one.id} is merged into st_elder"):
        board.undo(other)
    board.undo(one)
    board.undo(other)
    assert [ids(board.stories[each.id]) for each in (one, other, elder)] == [ids(one), ids(other), ids(elder)]


# Splitting


def whole() -> tuple[Board, Story]:
    board, one, other = two()
    board.merge(one, other)
    board.alerts = []
    return board, board.stories[one.id]


def part_of(change: Change | None) -> Story:
    assert change is not None
    return change.story


def test_some_articles_become_a_story_of_their_own_that_rings_and_the_old_one_tells_it() -> None:
    board, told = whole()
    leaving = [article.entry_id for article in told.articles if article.source == "courier"]
    own = part_of(board.split(told, *leaving))
    assert ids(own) == set(leaving)
    assert ids(board.stories[told.id]) == ids(told) - set(leaving)
    assert (own.split_from, own.related_to, own.apart) == (told.id, told.id, (told.id,))
    assert board.stories[told.id].apart == (own.id,)
    assert rings(board) == [
        (own.id, AlertType.CREATED, 1, f"split from {told.id}"),
        (told.id, AlertType.UPDATED, 3, f"{own.id} is a story of its own now"),
    ]
    assert {board.holders[entry_id] for entry_id in leaving} == {own.id}


def test_every_statement_of_the_parts_is_of_an_article_that_stands_there() -> None:
    board, told = whole()
    own = part_of(board.split(told, *[article.entry_id for article in told.articles if article.source == "courier"]))
    rest = board.stories[told.id]
    for part in (own, rest):
        assert {claim.entry_id for claim in part.claims} <= ids(part)
        assert {source for claim in part.claims for source in claim.sources} <= part.sources
    assert {claim.value for claim in own.claims} == {None, 4_000}
    assert {claim.value for claim in rest.claims} == {None, 300}


def test_the_article_that_opened_a_story_may_leave_it() -> None:
    board, told = opened(*ONE)
    own = part_of(board.split(told, told.articles[0].entry_id))
    assert own.id != told.id
    rest = board.stories[told.id]
    assert (rest.title, rest.id, rest.revision) == ("Pyongyang's brigades are absent", told.id, 2)


def test_a_copy_without_what_it_repeats_stands_for_it_and_two_do_so_once() -> None:
    board, told = opened(ONE[0])
    copies = [gone(outlet, f"{outlet}: they vanish", LEAD, 300) for outlet in ("star", "globe")]
    told = board.tell(*copies)
    assert [article.derived_from for article in told.articles] == [None, "herald", "herald"]
    own = part_of(board.split(told, *[entry.id for entry, _ in copies]))
    assert (own.status, own.independent_sources, own.revision) == (Status.BREAKING, 1, 1)
    board.undo(own)
    assert board.stories[told.id].independent_sources == 1


def test_the_same_split_again_changes_nothing() -> None:
    board, told = whole()
    leaving = [told.articles[1].entry_id, told.articles[2].entry_id]
    board.split(told, *leaving)
    before = dict(board.stories)
    assert board.split(told, *reversed(leaving)) is None
    assert board.stories == before


def test_an_undone_split_is_a_merge_that_says_so_and_can_be_done_again() -> None:
    board, told = whole()
    leaving = told.articles[1].entry_id
    own = part_of(board.split(told, leaving))
    board.undo(own)
    assert board.undo(own) is None
    again = board.stories[told.id]
    assert ids(again) == ids(told)
    assert (again.apart, again.merged_from[-1]) == ((), own.id)
    assert rings(board)[-1] == (told.id, AlertType.MERGED, 4, f"{own.id} is part of this story again")
    same = part_of(board.split(told, leaving))
    assert (same.id, same.revision, same.revisions[-1].type) == (own.id, 2, AlertType.UPDATED)
    assert own.id not in board.stories[told.id].merged_from


def test_what_cannot_be_split_is_refused_with_the_reason() -> None:
    board, told = whole()
    with pytest.raises(Refused, match=f"{told.id} has no entry nowhere"):
        board.split(told, "nowhere")
    for some in ((), ids(told)):
        with pytest.raises(Refused, match="name some of the entries"):
            board.split(told, *some)
    (left,) = (each for each in board.stories.values() if each.merged_into)
    with pytest.raises(Refused, match=f"{left.id} is merged into {told.id}"):
        board.split(left, left.articles[0].entry_id)


def test_a_story_that_never_rang_is_split_silently() -> None:
    board, told = whole()
    board.stories[told.id] = told.model_copy(update={"revisions": ()})
    own = part_of(board.split(told, told.articles[1].entry_id))
    assert (own.revision, board.alerts) == (0, [])


def test_a_part_may_be_merged_with_a_third_story_and_that_alone_is_undone() -> None:
    board, told = whole()
    own = part_of(board.split(told, told.articles[1].entry_id))
    elder = story(id="st_elder", first_seen_at=own.first_seen_at - timedelta(hours=1))
    board.stories[elder.id] = elder
    board.merge(own, elder)
    board.undo(own)
    assert board.undo(own) is None
    assert ids(board.stories[own.id]) == ids(own)


def test_what_has_been_merged_into_a_part_is_undone_before_the_split() -> None:
    board, told = whole()
    own = part_of(board.split(told, told.articles[1].entry_id))
    third = story(id="st_third", first_seen_at=board.now)
    board.stories[third.id] = third
    board.merge(own, third)
    with pytest.raises(Refused, match="st_third has been merged into"):
        board.undo(own)


# By an article that tells both


def test_an_article_of_two_stories_makes_them_one() -> None:
    board, one, other = two()
    told = board.tell(BOTH)
    assert told.id == one.id
    assert ids(told) == ids(one) | ids(other) | {BOTH[0].id}
    assert board.stories[other.id].merged_into == one.id
    assert rings(board) == [(one.id, AlertType.MERGED, 2, f"{other.id} was the same happening")]
    moved = told.article(other.articles[0].entry_id)
    assert moved is not None
    assert moved.decision is Decision.MOVED
    assert moved.reason.startswith("sun tells both: ")


def test_what_else_the_article_brings_is_told_in_the_same_revision() -> None:
    board, _, other = two()
    told, _ = BOTH
    denied = says(told, told.title, certainty="denied", attribution="Moscow", attribution_class="russian")
    board.tell((told, match(claims=(denied,))))
    ((_, kind, number, detail),) = rings(board)
    assert (kind, number) == (AlertType.MERGED, 2)
    assert detail == f"{other.id} was the same happening; withdrawal denied by Moscow"


@pytest.mark.parametrize("silent", [("one",), ("other",)])
def test_a_story_that_never_rang_is_joined_without_a_word(silent: tuple[str, ...]) -> None:
    board, one, other = two(silent=silent)
    told = board.tell(BOTH)
    assert told.id == (other if silent == ("one",) else one).id
    assert ids(told) == ids(one) | ids(other) | {BOTH[0].id}
    assert board.alerts == []


def test_what_a_person_has_parted_stays_apart() -> None:
    board, one, other = two()
    board.merge(one, other)
    board.undo(other)
    board.tell(BOTH)
    assert {told.id for told in board.live} == {one.id, other.id}


def test_stories_whose_first_articles_contradict_each_other_stay_apart() -> None:
    board, one, other = two()
    for number, (name, each) in ((30.0, ("herald", one)), (900.0, ("courier", other))):
        first = each.articles[0]
        printed = first.fingerprint.model_copy(update={"figures": {"killed": (number,)}, "voices": (name,)})
        opener = first.model_copy(update={"fingerprint": printed})
        board.stories[each.id] = each.model_copy(update={"articles": (opener, *each.articles[1:])})
    board.tell(BOTH)
    assert {told.id for told in board.live} == {one.id, other.id}


def test_stories_that_began_otherwise_and_days_apart_stay_apart_whatever_an_article_tells() -> None:
    board, one, other = two()
    first = other.articles[0]
    strange = {"terms": {"event:drill": 1.0, "aspect:parade": 1.2}, "words": {"parade": 1.0, "square": 1.0}}
    printed = first.fingerprint.model_copy(update=strange)
    opener = first.model_copy(update={"fingerprint": printed, "published": first.moment - timedelta(days=3)})
    board.stories[other.id] = other.model_copy(update={"articles": (opener, *other.articles[1:])})
    board.tell(BOTH)
    assert {told.id for told in board.live} == {one.id, other.id}


# Whatever happens, in whatever order

CAPTURED = tuple(
    (told, verdict.model_copy(update={"event_type": "capture"}))
    for told, verdict in (
        gone("herald", "Two of Kim's men are prisoners", "They were found in a trench and taken to Kyiv."),
        gone("courier", "Kyiv shows two captives", "Kyiv shows two captives: they speak no language but their own."),
        gone("star", "Two of Kim's men are prisoners", "They were found in a trench and taken to Kyiv."),
    )
)
ALL: tuple[Telling, ...] = (*ONE, *OTHER, BOTH, *CAPTURED)
STEPS = st.lists(
    st.tuples(st.sampled_from(["tell", "tell", "merge", "split", "undo"]), st.integers(0, 99), st.integers(0, 99)),
    max_size=25,
)


def check(board: Board, before: dict[str, Story], told: set[str]) -> None:
    """Every article stands in just one live story, where the index says; ids and revisions stay for ever."""
    stands = [(article.entry_id, each.id) for each in board.live for article in each.articles]
    assert len(stands) == len(told)
    assert dict(stands) == {entry_id: board.holders[entry_id] for entry_id in told}
    for story_id, was in before.items():
        now = board.stories[story_id]
        assert now.revisions[: len(was.revisions)] == was.revisions
        assert now.topic == was.topic
    for each in board.stories.values():
        assert [revision.number for revision in each.revisions] == list(range(1, each.revision + 1))
        assert {claim.entry_id for claim in each.claims} <= ids(each)


def step(board: Board, kind: str, this: int, that: int) -> None:
    known, live = list(board.stories.values()), board.live
    if kind == "merge" and len(live) > 1:
        board.merge(live[this % len(live)], live[that % len(live)])
    elif kind == "split" and live:
        chosen = live[this % len(live)]
        board.split(chosen, *[each.entry_id for n, each in enumerate(chosen.articles) if (that >> n) % 2])
    elif kind == "undo" and known:
        board.undo(known[this % len(known)])


@given(st.permutations(ALL), STEPS)
def test_no_article_no_id_and_no_revision_is_ever_lost(order: list[Telling], steps: list[tuple[str, int, int]]) -> None:
    board, told = Board(), set[str]()
    waiting = list(order)
    for kind, this, that in steps:
        before = dict(board.stories)
        if kind == "tell" and waiting:
            telling = waiting.pop()
            board.tell(telling)
            told.add(telling[0].id)
        else:
            try:
                step(board, kind, this, that)
            except Refused:
                assert board.stories == before
        check(board, before, told)
    assert len({alert.story_id + str(alert.revision) for alert in board.alerts}) == len(board.alerts)


@given(st.permutations(ALL), st.integers(1, 8), st.booleans())
def test_a_merge_undone_restores_both_whatever_has_been_told(order: list[Telling], many: int, by_hand: bool) -> None:
    board = Board()
    board.tell(*order[:many])
    beside = Board(now=board.now)
    beside.tell(*order[many:])
    one, other = elder_first(board.live[0], beside.live[0])
    board.stories |= beside.stories
    board.holders |= beside.holders
    board.now = beside.now
    board.merge(one, other)
    board.undo(other)
    for each in (one, other):
        now = board.stories[each.id]
        assert ids(now) == ids(each)
        assert now.claims == each.claims
        assert now.independent_sources == each.independent_sources


@given(st.permutations(ALL), st.integers(1, 254))
def test_a_split_undone_restores_the_story(order: list[Telling], chosen: int) -> None:
    board = Board()
    board.tell(*order)
    told = max(board.live, key=lambda each: len(each.articles))
    leaving = [each.entry_id for n, each in enumerate(told.articles) if (chosen >> n) % 2]
    if not 0 < len(leaving) < len(told.articles):
        return
    own = part_of(board.split(told, *leaving))
    assert own.id == part_id(told, leaving)
    board.undo(own)
    now = board.stories[told.id]
    assert ids(now) == ids(told)
    assert {(claim.role, claim.value) for claim in now.claims} == {(claim.role, claim.value) for claim in told.claims}
    assert now.independent_sources == told.independent_sources
