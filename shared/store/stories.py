"""Stories, the index by which an entry finds those it may belong to, and the alerts stream that announces revisions.

What a decision changes is written in one transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from heapq import nlargest
from math import exp
from math import log as ln
from typing import Any

from pydantic import ValidationError
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.client import Pipeline
from redis.exceptions import LockNotOwnedError, WatchError

from shared import keys
from shared.logs import get_logger
from shared.models import canary
from shared.models.change import Background, Change, Marks
from shared.models.story import Story
from shared.store.counters import count_change
from shared.store.pages import page_command

ALERTS_KEPT = 100_000
FIGURES_KEPT = 1_000
READ_AT_ONCE = 100
# However many stories live, an entry is compared with so few: those with which it shares the rarest terms. Only the
# newest that say a term are looked at, and the newest that say a set of terms; of a set no more are kept.
CANDIDATES = 24
OF_A_TERM, OF_A_SET = 16, 64
WORDS = 1 / 3  # what all words count for beside all terms
DAY, FADES_IN_DAYS = 86_400.0, 4.0
# An assignment takes some 10 ms. A worker that was killed in its turn holds the others up for no longer than a turn.
TURN_SECONDS = 1.0
TURN_WAIT_SECONDS = 5.0
TURN_LOOK_SECONDS = 0.002
log = get_logger()


class StoryStore:
    """The classifiers' side: any number of them may assign entries to stories of one topic at once.

    `window_seconds`: how long an article is compared with what comes; `most`: stories of a topic that are kept.
    """

    def __init__(self, redis: Redis, *, window_seconds: float, retention_seconds: int, most: int = 100_000) -> None:
        self.redis = redis
        self.window_seconds = window_seconds
        self.retention_seconds = retention_seconds
        self.most = most

    def assign(
        self,
        topic: str,
        entry_id: str,
        marks: Marks,
        now: datetime,
        decide: Callable[[Background], Change],
        *,
        edition: str = "",
    ) -> Change | None:
        """Let `decide` choose a story for the entry among those it may belong to, and store what it says.

        None when the entry had been assigned before: a repeated job changes nothing and rings nothing.
        """

        def choose(pipe: Pipeline) -> Change | None:
            known = pipe.get(keys.entry_story(topic, entry_id))
            return None if known else decide(self._background(pipe, topic, marks, now))

        return self._once(topic, choose, lambda change: {entry_id: f"{change.story.id} {edition}".rstrip()})

    def told(self, topic: str, entry_ids: Sequence[str]) -> set[str]:
        """Those of these entries that were relevant when they came, and so were assigned to a story."""
        if not entry_ids:
            return set()
        found = self.redis.mget([keys.entry_story(topic, entry_id) for entry_id in entry_ids])
        return {entry_id for entry_id, story in zip(entry_ids, found, strict=True) if story}

    def reread(
        self, topic: str, entry_id: str, edition: str, now: datetime, decide: Callable[[Story, Background], Change]
    ) -> Change | None:
        """Let `decide` put this edition of the entry in the place of the one that its story holds.

        None when it stands there already, or when the entry was never assigned.
        """

        def choose(pipe: Pipeline) -> Change | None:
            story_id, _, held = _text(pipe.get(keys.entry_story(topic, entry_id))).partition(" ")
            story = self._current(pipe, story_id) if story_id and held != edition else None
            return decide(story, self._background(pipe, topic, Marks(), now)) if story else None

        return self._once(topic, choose, lambda change: {entry_id: f"{change.story.id} {edition}"})

    def amend(self, topic: str, identities: Sequence[str], decide: Callable[[Story], Change | None]) -> Change | None:
        """Let `decide` change the story that holds an item of these identities, the surest first; None if it will not,
        or if there is none."""

        def choose(pipe: Pipeline) -> Change | None:
            named = pipe.mget([keys.topic_identity(topic, identity) for identity in identities]) if identities else []
            ids = dict.fromkeys(_text(story_id) for story_id in named if story_id)
            stories = (story for story_id in ids if (story := self._current(pipe, story_id)))
            return next((change for story in stories if (change := decide(story))), None)

        return self._once(topic, choose, lambda _: {})

    def change(
        self, topic: str, story_ids: Sequence[str], decide: Callable[[Sequence[Story]], Change | None]
    ) -> Change | None:
        """Let `decide` change these stories, in the order asked for; those that are not there are left out, and the
        canary's.

        None when it says that nothing is to be done.
        """

        def choose(pipe: Pipeline) -> Change | None:
            found = _read(pipe.mget(_story_keys(story_ids)))
            return decide([story for story in found if story.topic != canary.NAME])

        return self._once(topic, choose, lambda _: {})

    def _once(
        self,
        topic: str,
        choose: Callable[[Pipeline], Change | None],
        entries: Callable[[Change], Mapping[str, str]],
    ) -> Change | None:
        """Store what `choose` says, if anything, and of which story the `entries` are.

        One optimistic transaction on the topic: when another entry was assigned meanwhile, `choose` is asked again.
        Workers take turns, so that this is rare.
        """
        with self._turn(topic):
            return self._committed(topic, choose, entries)

    @contextmanager
    def _turn(self, topic: str) -> Iterator[None]:
        """The topic to oneself for a moment. A courtesy: who waited for too long goes on without, and who was killed
        in his turn, or overran it, does no harm, because the transaction alone decides."""
        turn = self.redis.lock(
            keys.topic_turn(topic), timeout=TURN_SECONDS, sleep=TURN_LOOK_SECONDS, blocking_timeout=TURN_WAIT_SECONDS
        )
        mine = turn.acquire()
        try:
            yield
        finally:
            if mine:
                with suppress(LockNotOwnedError):
                    turn.release()

    def _committed(
        self,
        topic: str,
        choose: Callable[[Pipeline], Change | None],
        entries: Callable[[Change], Mapping[str, str]],
    ) -> Change | None:
        while True:
            # Raised, too, where the connection is lost while watching.
            with suppress(WatchError), self.redis.pipeline() as pipe:
                pipe.watch(  # type: ignore[no-untyped-call]  # redis-py has not typed it
                    keys.topic_assignments(topic)
                )
                change = choose(pipe)
                if change:
                    moved = self._moved(pipe, topic, change)
                    surplus = self._surplus(pipe, topic)
                    pipe.multi()
                    pipe.incr(keys.topic_assignments(topic))
                    for each in (change, *change.also):
                        self._write(pipe, topic, each)
                    placed = entries(change)
                    for entry_id, mark in {**moved, **placed}.items():
                        pipe.set(keys.entry_story(topic, entry_id), mark, ex=self._kept(topic))
                    for entry_id in placed if change.wants_text else ():
                        moment = change.story.updated_at.timestamp()
                        pipe.execute_command(*page_command(entry_id, moment))  # type: ignore[no-untyped-call]
                    self._drop(pipe, topic, surplus)
                    count_change(pipe, change)
                    pipe.execute()
                return change

    # What an entry may belong to

    def _background(self, pipe: Pipeline, topic: str, marks: Marks, now: datetime) -> Background:
        """Two round trips and one for the stories, however many there are."""
        since = (now - timedelta(seconds=self.window_seconds)).timestamp()
        same = [keys.topic_identity(topic, identity) for identity in marks.identities]
        named, live, figures, *counts = _together(
            self.redis,
            ("MGET", *same) if same else ("ECHO", ""),
            ("ZCOUNT", keys.topic_stories(topic), since, "+inf"),
            ("ZRANGE", keys.topic_figures(topic), 0, -1),
            *(("ZCARD", keys.topic_term(topic, term)) for term in marks.terms),
        )
        holding = dict(zip(marks.terms, counts, strict=True))
        told = _first_told(map(_text, figures))
        near = self._near(topic, marks, holding, live, now)
        first = [_text(story_id) for story_id in named if story_id] if same else []
        told_before = [told[figure] for figure in marks.figures if figure in told]
        ids = list(dict.fromkeys([*first, *near, *told_before]))
        found = _read(pipe.mget(_story_keys(ids))) if ids else []
        # Redis forgets by its own clock, which is not the one of what is replayed.
        oldest = now - timedelta(seconds=self.retention_seconds)
        found = [story for story in found if story.updated_at >= oldest]
        stories = {story.id: story for story in (self._followed(pipe, story) for story in found)}
        return Background([story for story in stories.values() if not story.merged_into], live, holding, told)

    def _near(self, topic: str, marks: Marks, holding: Mapping[str, int], live: int, now: datetime) -> list[str]:
        since = now.timestamp() - self.window_seconds
        said = [*((term,) for term, count in holding.items() if count), *marks.sets]
        with self.redis.pipeline(transaction=False) as beside:
            for terms in said:
                key, most = keys.topic_term(topic, _name(terms)), OF_A_TERM if len(terms) == 1 else OF_A_SET
                beside.zrevrangebyscore(key, "+inf", since, start=0, num=most, withscores=True)
            newest: Any = beside.execute()
        return nearest(zip(said, newest, strict=True), holding, live, now.timestamp())

    def _current(self, pipe: Pipeline, story_id: str) -> Story | None:
        found = _read([pipe.get(keys.story(story_id))])
        return self._followed(pipe, found[0]) if found else None

    @staticmethod
    def _followed(pipe: Pipeline, story: Story) -> Story:
        """The story that has taken over this one's articles; the last that is there, if that one is not."""
        met = {story.id}
        while story.merged_into and story.merged_into not in met:
            met.add(story.merged_into)
            into = _read([pipe.get(keys.story(story.merged_into))])
            if not into:
                break
            story = into[0]
        return story

    # What a decision changes

    def _moved(self, pipe: Pipeline, topic: str, change: Change) -> dict[str, str]:
        """Entry → its new mark, with the edition that it was read in."""
        moves = [(entry_id, each.story.id) for each in (change, *change.also) for entry_id in each.moved]
        marks = pipe.mget([keys.entry_story(topic, entry_id) for entry_id, _ in moves]) if moves else []
        return {
            entry_id: f"{story_id} {_text(mark).partition(' ')[2]}".rstrip()
            for (entry_id, story_id), mark in zip(moves, marks, strict=True)
        }

    def _write(self, pipe: Pipeline, topic: str, change: Change) -> None:
        story, moment = change.story, change.story.updated_at.timestamp()
        pipe.set(keys.story(story.id), story.model_dump_json(exclude_defaults=True), ex=self._kept(topic))
        for index in _indexes(topic):
            if story.merged_into:
                pipe.zrem(index, story.id)
            else:
                pipe.zadd(index, {story.id: moment})
            pipe.zremrangebyscore(index, "-inf", moment - self._kept(topic))
        self._index(pipe, topic, change, moment)
        if change.untold:
            pipe.zrem(keys.topic_figures(topic), *(f"{figure} {story.id}" for figure in change.untold))
        if change.rung:
            rung = {f"{figure} {story.id}": moment for figure in change.rung}
            pipe.zadd(keys.topic_figures(topic), rung, nx=True)
            pipe.zremrangebyrank(keys.topic_figures(topic), 0, -FIGURES_KEPT - 1)
        if change.alert:
            pipe.xadd(keys.alerts(), {"alert": change.alert.model_dump_json()}, maxlen=ALERTS_KEPT, approximate=True)

    def _index(self, pipe: Pipeline, topic: str, change: Change, moment: float) -> None:
        for identity in change.marks.identities:
            pipe.set(keys.topic_identity(topic, identity), change.story.id, ex=self._kept(topic))
        for term in (*change.lost.terms, *map(_name, change.lost.sets)):
            pipe.zrem(keys.topic_term(topic, term), change.story.id)
        for term in (*change.marks.terms, *map(_name, change.marks.sets)):
            key = keys.topic_term(topic, term)
            pipe.zadd(key, {change.story.id: int(moment)})  # whole seconds take a third of the room
            pipe.zremrangebyscore(key, "-inf", moment - self.window_seconds)
            pipe.expire(key, int(self.window_seconds) + 1)
        for together in change.marks.sets:  # of single terms all are counted
            pipe.zremrangebyrank(keys.topic_term(topic, _name(together)), 0, -OF_A_SET - 1)

    def _kept(self, topic: str) -> int:
        return canary.kept_seconds(self.retention_seconds, canary=topic == canary.NAME)

    def _surplus(self, pipe: Pipeline, topic: str) -> list[str]:
        oldest: Any = pipe.zrange(keys.topic_stories(topic), 0, -self.most - 1)
        return [_text(story_id) for story_id in oldest]

    @staticmethod
    def _drop(pipe: Pipeline, topic: str, story_ids: Sequence[str]) -> None:
        for story_id in story_ids:
            pipe.delete(keys.story(story_id))
            pipe.zrem(keys.topic_stories(topic), story_id)
            pipe.zrem(keys.stories(), story_id)


def _indexes(topic: str) -> tuple[str, ...]:
    """Of all stories, the canary's are nobody's."""
    own = keys.topic_stories(topic)
    return (own,) if topic == canary.NAME else (own, keys.stories())


Postings = tuple[Sequence[str], Sequence[tuple[bytes, float]]]


def nearest(postings: Iterable[Postings], holding: Mapping[str, int], live: int, now: float) -> list[str]:
    """The stories that share most with an entry. A posting is of terms, and has the stories that say all of them, each
    with when it last said one.

    Terms are weighted by their inverse document frequency, words as a part beside all else: there are so many of them
    that they would drown what is said. What is older counts less.
    """
    worth = _worth(holding, live)
    shared: dict[bytes, set[str]] = defaultdict(set)
    latest: dict[bytes, float] = defaultdict(float)
    for terms, stories in postings:
        for story_id, at in stories:
            shared[story_id].update(terms)
            latest[story_id] = max(latest[story_id], at)

    def likeness(story_id: bytes) -> float:
        fading = max(0.0, (now - latest[story_id]) / DAY - 1) / FADES_IN_DAYS
        return sum(map(worth.__getitem__, shared[story_id])) * exp(-fading)

    return [_text(story_id) for story_id in nlargest(CANDIDATES, sorted(shared), key=likeness)]


def _worth(holding: Mapping[str, int], live: int) -> dict[str, float]:
    weights = {term: ln(1 + (live + 1) / (count + 1)) for term, count in holding.items()}
    whole = {kind: sum(weight for term, weight in weights.items() if _is_word(term) is kind) for kind in (True, False)}
    return {term: weight / whole[_is_word(term)] * (WORDS if _is_word(term) else 1) for term, weight in weights.items()}


def _is_word(term: str) -> bool:
    return term.startswith("word:")


# Where a story stands in the order of changes: when it last changed, in Unix seconds, and its id.
Place = tuple[float, str]


class StoryReader:
    """The readers' side: notifier, gateway, command line. Only the notifier is to see those of the canary."""

    def __init__(self, redis: AsyncRedis, *, with_canary: bool = False) -> None:
        self.redis = redis
        self._with_canary = with_canary

    async def load(self, story_id: str) -> Story | None:
        return (await self.load_many([story_id]))[0]

    async def load_many(self, story_ids: Sequence[str]) -> list[Story | None]:
        """One for each, in this order; None for what is not there."""
        stored = await self.redis.mget(_story_keys(story_ids)) if story_ids else []
        stories = [_unchanged(text) if text else None for text in stored]
        return [story if self._with_canary or (story and story.topic != canary.NAME) else None for story in stories]

    async def readable(self, story_ids: Sequence[str]) -> dict[str, Story]:
        """Those that are there, by id. What another version wrote is left out, and told in the log."""
        stored = await self.redis.mget(_story_keys(story_ids)) if story_ids else []
        stories = [_legible(text) for text in stored if text]
        return {story.id: story for story in stories if story and (self._with_canary or story.topic != canary.NAME)}

    async def places(
        self, n: int, *, topic: str | None = None, before: Place | None = None, since: datetime | None = None
    ) -> list[Place]:
        """Where the next `n` stories stand, newest change first: of one topic or of all, after the place `before`.

        A story that changes meanwhile moves to the front: whoever goes on meets none twice.
        """
        if topic == canary.NAME and not self._with_canary:
            return []
        index = keys.stories() if topic is None else keys.topic_stories(topic)
        newest, oldest = before[0] if before else "+inf", since.timestamp() if since else "-inf"
        found, at = list[Place](), 0
        while len(found) < n:
            rows: Any = await self.redis.zrange(
                index, newest, oldest, desc=True, byscore=True, withscores=True, offset=at, num=n
            )
            places = [(moment, _text(story_id)) for story_id, moment in rows]
            found += [place for place in places if before is None or place < before]
            if len(rows) < n:
                break
            at += n
        return found[:n]

    async def changed_since(self, since: datetime) -> list[Story]:
        """Of all topics, the one that changed last first."""
        ids: Any = await self.redis.zrange(keys.stories(), "+inf", since.timestamp(), desc=True, byscore=True)
        found: list[Story | None] = []
        for first in range(0, len(ids), READ_AT_ONCE):  # so that others get their turn meanwhile
            found += await self.load_many(list(map(_text, ids[first : first + READ_AT_ONCE])))
        return [story for story in found if story]

    async def newest(self, n: int, *, topic: str | None = None) -> list[Story]:
        """Newest first, of one topic or of all."""
        index = keys.stories() if topic is None else keys.topic_stories(topic)
        ids: Any = await self.redis.zrange(index, 0, n - 1, desc=True)
        return [story for story in await self.load_many(list(map(_text, ids))) if story]


@lru_cache(maxsize=512)
def _unchanged(text: bytes | str) -> Story:
    """A story that rings is read once for each endpoint."""
    return Story.model_validate_json(text)


def _legible(text: bytes | str) -> Story | None:
    try:
        return _unchanged(text)
    except ValidationError:
        return _story(text)


def _first_told(figures: Iterable[str]) -> dict[str, str]:
    """Figure → the story in which it rang first, from pairs of the two in the order of their ringing."""
    told: dict[str, str] = {}
    for figure, _, story_id in (pair.partition(" ") for pair in figures):
        told.setdefault(figure, story_id)
    return told


def _together(redis: Redis, *commands: tuple[object, ...]) -> Any:
    """The answers, in one round trip: a pipeline that watches would send each command by itself."""
    with redis.pipeline(transaction=False) as beside:
        for command in commands:
            beside.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has not typed it
        return beside.execute()


def _read(stored: Iterable[bytes | str | None]) -> list[Story]:
    return [story for text in stored if text and (story := _story(text))]


def _story(text: bytes | str) -> Story | None:
    try:
        return Story.model_validate_json(text)
    except ValidationError as error:
        # Written by another version. Without it nothing is lost but what it could have said.
        log.error("story.unreadable", text=_text(text)[:80], error=repr(error)[:300])
        return None


def _name(terms: Sequence[str]) -> str:
    """A term's own; of a set of them a hash, because there are so many."""
    return terms[0] if len(terms) == 1 else "set:" + sha256("&".join(sorted(terms)).encode()).hexdigest()[:12]


def _text(stored: bytes | str | None) -> str:
    return stored if isinstance(stored, str) else (stored or b"").decode()


def _story_keys(ids: Iterable[str]) -> list[str]:
    return [keys.story(story_id) for story_id in ids]
