"""Stories merged and split on a real Redis, while classifiers assign: who is found by what, and nothing is lost."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from redis import Redis

from services.classifier import by_hand
from services.classifier.fingerprint import fingerprint
from services.classifier.merging import part_id
from services.classifier.telling import marks_of, place, put
from shared import keys
from shared.models.change import Background, Change
from shared.models.story import Alert, AlertType, Decision, Story
from shared.store.stories import StoryStore
from tests.factories import NOON, after, match
from tests.unit.boards import BOTH, LEAD, ONE, OTHER, gone
from tests.unit.tellings import Telling, figure

TOPIC = match().topic
DAY = 86_400


def opened(redis: Redis) -> StoryStore:
    return StoryStore(redis, window_seconds=4 * DAY, retention_seconds=30 * DAY)


@pytest.fixture
def store(sync_redis: Redis) -> StoryStore:
    return opened(sync_redis)


def tell(store: StoryStore, told: Telling, seconds: float = 0, *, among: Sequence[str] | None = None) -> Story:
    """As a classifier does; `among`: as one that knew of these stories only when it decided."""
    now = after(seconds)

    def decide(known: Background) -> Change:
        heard_of = [story for story in known.stories if among is None or story.id in among]
        return place(*told, replace(known, stories=heard_of), now)

    change = store.assign(TOPIC, told[0].id, marks_of(told[0], fingerprint(*told)), now, decide)
    assert change is not None
    return change.story


def merge(store: StoryStore, one: Story, other: Story, seconds: float = 60) -> Change | None:
    ids = (one.id, other.id)
    return store.change(TOPIC, ids, lambda found: by_hand.merge(ids, found, after(seconds)))


def split(store: StoryStore, story: Story, *entry_ids: str) -> Story:
    ids = (story.id, part_id(story, entry_ids))
    change = store.change(TOPIC, ids, lambda found: by_hand.split_off(story.id, entry_ids, found, after(60)))
    assert change is not None
    return change.story


def undo(store: StoryStore, story: Story, partner: Story) -> None:
    store.change(TOPIC, (story.id, partner.id), lambda found: by_hand.undo(story.id, found, after(90)))


def two(store: StoryStore) -> tuple[Story, Story]:
    one = tell(store, ONE[0])
    other = tell(store, OTHER[0], 10, among=())
    assert one.id != other.id
    return one, tell(store, OTHER[1], 20, among=(other.id,))


def stored(redis: Redis, story_id: str) -> Story:
    return Story.model_validate_json(redis.get(keys.story(story_id)) or "")


def members(redis: Redis, key: str) -> set[str]:
    found: Any = redis.zrange(key, 0, -1)  # redis-py types an answer as all that any option could make of it
    return {member.decode() for member in found}


def ids(told: Story) -> set[str]:
    return {article.entry_id for article in told.articles}


def rings(redis: Redis) -> list[tuple[str, AlertType, int]]:
    records: Any = redis.xrange(keys.alerts())
    alerts = [Alert.model_validate_json(fields[b"alert"]) for _, fields in records]
    return [(alert.story_id, alert.type, alert.revision) for alert in alerts if not alert.again]


def copy_of(told: Telling, outlet: str) -> Telling:
    entry, verdict = told
    return gone(outlet, f"{outlet}: {entry.title}", entry.summary)[0], verdict


def test_after_a_merge_what_would_have_joined_the_merged_story_joins_the_survivor(
    store: StoryStore, sync_redis: Redis
) -> None:
    one, other = two(store)
    merge(store, one, other)
    assert tell(store, copy_of(OTHER[0], "star"), 70).id == one.id
    again = tell(store, (OTHER[1][0].model_copy(update={"id": "again", "guid": None}), OTHER[1][1]), 80)
    assert (again.id, again.articles[-1].decision) == (one.id, Decision.EXACT)
    assert members(sync_redis, keys.topic_stories(TOPIC)) == members(sync_redis, keys.stories()) == {one.id}
    terms: Any = sync_redis.keys(keys.topic_term(TOPIC, "*"))
    assert terms
    assert {member for term in terms for member in members(sync_redis, term)} == {one.id}


def test_after_a_merge_an_entry_of_the_merged_story_is_read_anew_in_the_survivor(store: StoryStore) -> None:
    one, other = two(store)
    entry, _ = OTHER[0]
    store.change(TOPIC, (other.id,), lambda found: Change(found[0]))
    merge(store, one, other)
    told = entry.model_copy(update={"text": "Of the men 45 were lost."})
    verdict = match(claims=(figure(told, "45", "killed", 45),))
    change = store.reread(TOPIC, entry.id, "text", after(80), lambda held, known: put(told, verdict, held, known, NOON))
    assert change is not None
    assert change.story.id == one.id
    assert 45 in {claim.value for claim in change.story.claims}


def test_figures_of_a_merged_story_are_the_survivors(store: StoryStore, sync_redis: Redis) -> None:
    one, other = two(store)
    merge(store, one, other)
    assert members(sync_redis, keys.topic_figures(TOPIC)) == {f"killed=3e+02 {one.id}", f"killed=4e+03 {one.id}"}
    undo(store, other, one)
    assert members(sync_redis, keys.topic_figures(TOPIC)) == {f"killed=3e+02 {one.id}", f"killed=4e+03 {other.id}"}


def test_after_an_undone_merge_each_finds_its_own_again(store: StoryStore, sync_redis: Redis) -> None:
    one, other = two(store)
    merge(store, one, other)
    undo(store, other, one)
    assert tell(store, copy_of(OTHER[0], "star"), 100).id == other.id
    assert tell(store, copy_of(ONE[0], "globe"), 110).id == one.id
    assert rings(sync_redis) == [
        (one.id, AlertType.CREATED, 1),
        (other.id, AlertType.CREATED, 1),
        (one.id, AlertType.MERGED, 2),
        (other.id, AlertType.UPDATED, 2),
        (one.id, AlertType.UPDATED, 3),
    ]


def test_after_a_split_new_copies_of_what_has_moved_join_the_new_story(store: StoryStore, sync_redis: Redis) -> None:
    one, other = two(store)
    merge(store, one, other)
    own = split(store, one, OTHER[0][0].id)
    assert tell(store, copy_of(OTHER[0], "star"), 100).id == own.id
    assert tell(store, copy_of(ONE[0], "globe"), 110).id == one.id
    same_text = (OTHER[0][0].model_copy(update={"id": "again", "guid": None, "url": None}), OTHER[0][1])
    assert tell(store, same_text, 120).id == own.id
    assert sync_redis.get(keys.entry_story(TOPIC, OTHER[0][0].id)) == own.id.encode()


def test_what_would_have_joined_a_survivor_that_is_not_there_any_more_opens_a_story(
    store: StoryStore, sync_redis: Redis
) -> None:
    one, other = two(store)
    merge(store, one, other)
    sync_redis.delete(keys.story(one.id))
    told = tell(store, copy_of(OTHER[0], "star"), 70)
    assert (told.merged_into, len(told.articles)) == (None, 1)


def test_an_article_that_tells_both_merges_them_in_the_transaction_that_places_it(
    store: StoryStore, sync_redis: Redis
) -> None:
    one, other = two(store)
    told = tell(store, BOTH, 60)
    assert told.id == one.id
    assert stored(sync_redis, other.id).merged_into == one.id
    assert rings(sync_redis)[2:] == [(one.id, AlertType.MERGED, 2)]
    holders = {sync_redis.get(keys.entry_story(TOPIC, entry_id)) for entry_id in ids(told)}
    assert holders == {one.id.encode()}


def test_no_page_is_asked_for_anew_because_its_entry_has_moved(store: StoryStore, sync_redis: Redis) -> None:
    two(store)
    sync_redis.delete(keys.due_times("pages"))
    tell(store, BOTH, 60)
    assert members(sync_redis, keys.due_times("pages")) == {BOTH[0].id}


def test_a_mark_keeps_the_edition_that_was_read(store: StoryStore, sync_redis: Redis) -> None:
    one, other = two(store)
    key = keys.entry_story(TOPIC, OTHER[0][0].id)
    sync_redis.set(key, f"{other.id} edition")
    merge(store, one, other)
    assert sync_redis.get(key) == f"{one.id} edition".encode()


@pytest.mark.parametrize("undone", [False, True])
def test_nothing_is_lost_when_stories_are_merged_while_four_assign(
    redis_url: str, store: StoryStore, sync_redis: Redis, undone: bool
) -> None:
    one, other = two(store)
    begin = threading.Barrier(5)
    tellings = [
        gone(f"outlet{number}", f"{number} of them vanish", LEAD if number % 2 else OTHER[0][0].summary)
        for number in range(60)
    ]

    def assign(mine: Iterable[Telling]) -> None:
        with Redis.from_url(redis_url) as redis:
            begin.wait()
            for told in mine:
                tell(opened(redis), told, 30)

    threads = [threading.Thread(target=partial(assign, tellings[worker::4])) for worker in range(4)]
    for thread in threads:
        thread.start()
    begin.wait()
    merge(store, one, other, 30)
    if undone:
        undo(store, other, one)
    for thread in threads:
        thread.join()
    live = [stored(sync_redis, story_id) for story_id in members(sync_redis, keys.stories())]
    assert {told.id for told in live} == ({one.id, other.id} if undone else {one.id})
    stands = {article.entry_id: told.id for told in live for article in told.articles}
    assert sum(len(told.articles) for told in live) == len(stands) == 63
    assert stands.keys() == {told.id for told, _ in (*tellings, ONE[0], *OTHER[:2])}
    marks = {entry_id: sync_redis.get(keys.entry_story(TOPIC, entry_id)) for entry_id in stands}
    assert marks == {entry_id: holder.encode() for entry_id, holder in stands.items()}
    numbers = [(story_id, number) for story_id, _, number in rings(sync_redis)]
    assert len(numbers) == len(set(numbers))
    assert len([kind for _, kind, _ in rings(sync_redis) if kind is AlertType.MERGED]) == 1
