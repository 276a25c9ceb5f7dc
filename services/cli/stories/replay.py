"""Entries as they were published, given to a classifier whose clock is theirs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from json import JSONEncoder
from urllib.parse import urlsplit

from services.classifier.classifier import Classifier, Told
from services.classifier.grammars import Grammars
from services.classifier.match import Matcher, compile_topics
from services.cli.stories.lines import StoryLine
from services.poller.identity import CHANGES_TOLD, LEAD, Identity, entry_id
from shared.errors import ConfigError
from shared.models.entry import Entry
from shared.models.story import UNNAMED, Alert, Article, Decision, Relation

_ENCODER = JSONEncoder(ensure_ascii=False)
_ALREADY = "this entry is in the story already"
_UNLISTED = "one of more copies than are listed"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A line at its place on the clock. `number`: of the line, from 1."""

    number: int
    line: StoryLine
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an entry: the place that it has in a story, if it is relevant, and whether that rang.

    `article` is None also when the story has more copies than it lists. `ended`: stories that this one has taken over.
    """

    arrival: Arrival
    reason: str
    story_id: str | None = None
    article: Article | None = None
    alert: Alert | None = None
    ended: tuple[str, ...] = ()

    @property
    def relevant(self) -> bool:
        return self.story_id is not None


def of_topic(matcher: Matcher, topic: str | None) -> Matcher:
    """The matcher, or one of that topic alone. Raises ConfigError."""
    if topic is None:
        return matcher
    packs = {each.pack.name: each.pack for each in matcher.topics}
    if topic not in packs:
        raise ConfigError(f"--topic: no topic `{topic}`; allowed: {', '.join(packs)}")
    return compile_topics([packs[topic]], Grammars())


def in_order(lines: Iterable[tuple[int, StoryLine]], otherwise: datetime) -> list[Arrival]:
    """By time, and at one time as they stand. A line without one takes that of the line before it; before the first
    that has one, its; `otherwise` where none has."""
    placed = [*lines]
    at = next((line.published for _, line in placed if line.published), otherwise)
    arrivals = []
    for number, line in placed:
        at = line.published or at
        arrivals.append(Arrival(number, line, at))
    return sorted(arrivals, key=lambda arrival: arrival.at)


def replay(classifier: Classifier, arrivals: Iterable[Arrival]) -> Iterator[Outcome]:
    """In their order; `now` is each one's time. An entry goes to every topic, and what it says most of tells."""
    press, places = Press(), dict[str, Outcome]()
    for arrival in arrivals:
        entry = press.entry(arrival)
        told = max(classifier.tell(entry, arrival.at), key=_weight, default=None)
        outcome = _outcome(arrival, entry, told, places.get(entry.id))
        if outcome.relevant:
            places[entry.id] = outcome
        yield outcome


def as_line(outcome: Outcome) -> str:
    article = outcome.article
    unlisted = outcome.relevant and article is None
    told = {
        "id": outcome.arrival.line.id,
        "relevant": outcome.relevant,
        "story_id": outcome.story_id,
        "decision": article.decision if article else Decision.COPY if unlisted else None,
        "relation": article.relation if article else Relation.DERIVED if unlisted else None,
        "derived_from": article.derived_from if article else None,
        "similarity": round(article.similarity, 4) if article else None,
        "reason": outcome.reason,
        "alert": rung(outcome.alert),
    }
    return _ENCODER.encode(told)


def rung(alert: Alert | None) -> dict[str, object] | None:
    """What an alert says beside its story."""
    if alert is None:
        return None
    return {"type": alert.type, "revision": alert.revision, "reason": alert.reason, "detail": alert.detail}


def _weight(told: Told) -> tuple[bool, float]:
    """What takes something away tells more than what has no part in the topic."""
    return told.match is None or told.match.relevant, told.match.score if told.match else 0.0


def _outcome(arrival: Arrival, entry: Entry, told: Told | None, before: Outcome | None) -> Outcome:
    if told is None:
        return Outcome(arrival, "no_actor")
    if told.match and not told.match.relevant:
        return Outcome(arrival, told.match.reason)
    if told.change is None:
        assert before is not None
        return _again(arrival, before)
    story = told.change.story
    article = story.article(entry.id)
    ended = tuple(other.story.id for other in told.change.also if other.story.merged_into)
    return Outcome(arrival, article.reason if article else _UNLISTED, story.id, article, told.change.rings, ended)


def _again(arrival: Arrival, before: Outcome) -> Outcome:
    """A line that says what an earlier one has said."""
    exact = {"decision": Decision.EXACT, "similarity": 1.0, "reason": _ALREADY}
    article = before.article and before.article.model_copy(update=exact | {"derived_from": before.article.source})
    return replace(before, arrival=arrival, reason=_ALREADY, article=article, alert=None, ended=())


@dataclass(slots=True)
class _Item:
    wordings: list[tuple[str, str]]
    entry: Entry | None = None


class Press:
    """What has been published so far: tells a new item from a change of one, as a poller does."""

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}
        self._items: dict[tuple[str, str], _Item] = {}

    def entry(self, arrival: Arrival) -> Entry:
        line = arrival.line
        source = line.source or self._sources.get(line.id) or _site(line.url) or UNNAMED
        self._sources.setdefault(line.id, source)
        item = self._items.setdefault((source, line.id), _Item([]))
        if line.gone and item.entry:  # whatever is left in its place: what it was is gone
            return item.entry.model_copy(update={"seen_at": arrival.at, "gone": True})
        item.entry = _entry(arrival, source, _change(item, line))
        return item.entry


def _change(item: _Item, line: StoryLine) -> int:
    """0 for the first wording of the item, n for the n-th other one, up to as many as pollers tell."""
    wording = (line.title, (line.summary or "")[:LEAD])
    if wording not in item.wordings:
        item.wordings.append(wording)
    return min(item.wordings.index(wording), CHANGES_TOLD)


def _entry(arrival: Arrival, source: str, change: int) -> Entry:
    line, feed_id = arrival.line, sha256(source.encode()).hexdigest()[:12]
    key = sha256(line.id.encode()).digest()[:8]
    return Entry(
        id=entry_id(feed_id, Identity(key, None), change),
        feed_id=feed_id,
        source=source,
        feed_name=source,
        language=line.lang,
        guid=f"urn:line:{line.id}",
        url=line.url,
        title=line.title,
        summary=line.summary or "",
        text=line.text or "",
        published=line.published,
        seen_at=arrival.at,
        change=change,
    )


def _site(url: str | None) -> str | None:
    """The host of an address, by which a source without a name is known."""
    try:
        host = urlsplit(url or "").hostname or ""
    except ValueError:
        return None
    return host.removeprefix("www.").removeprefix("m.") or None
