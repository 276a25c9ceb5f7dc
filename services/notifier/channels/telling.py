"""What a person is told (pure): a payload as a headline, lines and links.

Whatever stands in a payload may be by strangers: each text here is one line without control characters, each address
one that can stand between any brackets. What else a service reads into a text, its channel escapes.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from services.notifier.channels.base import Payload
from services.notifier.channels.cutting import fitted
from shared.models.subscription import MessageType

MAX_ARTICLES = 5
MAX_LINE = 1000
MAX_URL = 2000
TEST_NOTE = "This is a test: the channel works. The story is an example and no news."
TRUNCATED_NOTE = "More stories have changed than are told here."
GOOD = "good"

_LABELS: dict[str, str] = {
    MessageType.CREATED: "New",
    MessageType.UPDATED: "Update",
    MessageType.MERGED: "Merged",
    MessageType.RETRACTED: "Retracted",
    MessageType.TEST: "Test",
}
_ENDPOINTS: dict[str, tuple[str, str]] = {
    MessageType.FAILING: ("Deliveries to {} are failing", "medium"),
    MessageType.DISABLED: ("Deliveries to {} have stopped", "high"),
    MessageType.RECOVERED: ("Deliveries to {} go on again", GOOD),
}
# Embeddings of the other direction: one that is left open turns round whatever follows it.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SAFE_IN_URLS = frozenset("-._~:/?#[]@!$&'*+,;=%")


@dataclass(frozen=True, slots=True)
class Link:
    """`url` is http(s) without spaces, quotes, brackets of any kind but [ ], bars and backslashes; None: no address."""

    text: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Passage:
    """What is told of one story or endpoint. `page`: where more stands."""

    title: str
    why: str = ""
    summary: str = ""
    facts: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """`tone`: a severity, or GOOD. `subject`: what messages that belong together have in common, as in a thread."""

    headline: str
    tone: str
    subject: str
    passages: tuple[Passage, ...]
    note: str = ""
    at: datetime | None = None
    digest: bool = False


def telling(payload: Payload) -> Telling:
    """Of a payload of any type; what is missing in it is not told."""
    kind, data, at = line(payload.get("type")), _mapping(payload.get("data")), _moment(payload.get("timestamp"))
    if kind == MessageType.DIGEST:
        return _digest(data, at)
    if kind in _ENDPOINTS:
        return _endpoint(data, *_ENDPOINTS[kind], at)
    return _story(kind, data, at)


def _story(kind: str, data: Mapping[str, object], at: datetime | None) -> Telling:
    passage = _passage(data)
    return Telling(
        headline=f"{_LABELS.get(kind, 'News')}: {passage.title}",
        tone=line(data.get("severity")),
        subject=f"story-{line(data.get('story_id'))}",
        passages=(passage,),
        note=TEST_NOTE if kind == MessageType.TEST or data.get("test") is True else "",
        at=at,
    )


def _digest(data: Mapping[str, object], at: datetime | None) -> Telling:
    stories = _mappings(data.get("stories"))
    since = _time(data.get("since"))
    tones = [line(story.get("severity")) for story in stories]
    return Telling(
        headline=f"Digest: {_many(len(stories), 'story', 'stories')}" + (f" since {since}" if since else ""),
        tone=next((tone for tone in ("critical", "high", "medium", "low") if tone in tones), "low"),
        subject=f"digest-{line(data.get('subscription'))}",
        passages=tuple(_passage(story) for story in stories),
        note=TRUNCATED_NOTE if data.get("stories_truncated") is True else "",
        at=at,
        digest=True,
    )


def _endpoint(data: Mapping[str, object], words: str, tone: str, at: datetime | None) -> Telling:
    name, last = line(data.get("endpoint")), _words(data.get("last_outcome"))
    headline = words.format(name or "an endpoint")
    facts = (
        f"since {_time(data.get('since'))}" if _time(data.get("since")) else "",
        _many(data.get("failures"), "failure in a row", "failures in a row"),
        _many(data.get("waiting"), "message waiting", "messages waiting"),
        f"last answer: {last}" if last else "",
    )
    why = ": ".join(part for part in (_words(data.get("reason")), line(data.get("detail"))) if part)
    return Telling(headline, tone, f"endpoint-{name}", (Passage(headline, why, facts=_told(facts)),), at=at)


def _passage(data: Mapping[str, object]) -> Passage:
    return Passage(
        title=line(data.get("title")) or "(without a title)",
        why=line(data.get("reason_detail")) or _words(data.get("reason")),
        summary=line(data.get("summary")),
        facts=_facts(data),
        claims=_told(line(claim.get("text")) for claim in _mappings(data.get("claims"))),
        links=_links(data),
        page=http_url(_mapping(data.get("links")).get("story")),
    )


def _facts(data: Mapping[str, object]) -> tuple[str, ...]:
    counts = _mapping(data.get("counts"))
    severity, evidence = line(data.get("severity")), _mapping(data.get("relevance")).get("evidence")
    matched = _told(map(line, evidence)) if isinstance(evidence, list) else ()
    return _told(
        (
            f"{severity} severity" if severity else "",
            line(data.get("status")),
            _many(counts.get("independent_sources"), "independent source", "independent sources"),
            _many(counts.get("articles"), "article", "articles"),
            _many(counts.get("new_articles"), "of them new", "of them new") if counts.get("new_articles") else "",
            _many(counts.get("languages"), "language", "languages"),
            _time(_mapping(data.get("times")).get("updated")),
            f"matched: {', '.join(matched)}" if matched else "",
        )
    )


def _links(data: Mapping[str, object]) -> tuple[Link, ...]:
    """The articles; of a message that was cut down at least the leading one."""
    articles = _mappings(data.get("articles")) or _mappings([data.get("lead_article")])
    return tuple(_link(article) for article in articles[:MAX_ARTICLES])


def _link(article: Mapping[str, object]) -> Link:
    title = line(article.get("title")) or "(without a title)"
    text = ": ".join(part for part in (line(article.get("source")), title) if part)
    return Link(f"{text} (withdrawn)" if article.get("withdrawn") else text, http_url(article.get("url")))


# Reading what may be anything


def line(value: object) -> str:
    """A text as one clean line of at most MAX_LINE; nothing for what is no text."""
    if not isinstance(value, str):
        return ""
    text = " ".join(_TURNS.sub("", value.encode("utf-8", "replace").decode()).split())
    return fitted("".join(char for char in text if unicodedata.category(char) != "Cc"), MAX_LINE)


def http_url(value: object) -> str | None:
    """An address that a person can follow and see where it leads; None for anything else."""
    if not isinstance(value, str) or len(value) > MAX_URL:
        return None
    try:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            return None
        url = "".join(char if char.isalnum() or char in _SAFE_IN_URLS else quote(char) for char in value)
    except ValueError:
        return None
    return url if len(url) <= MAX_URL else None


def _words(value: object) -> str:
    """A label in words: `no_answer` is `no answer`."""
    return line(value).replace("_", " ")


def _told(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _many(number: object, one: str, more: str) -> str:
    if not isinstance(number, int) or isinstance(number, bool):
        return ""
    return f"{number:,} {one if number == 1 else more}"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list | tuple) else []


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _time(value: object) -> str:
    moment = _moment(value)
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def plain(told: Telling) -> str:
    """As text for services that know no more than that."""
    passages = ("\n".join(_plain_lines(passage, told)) for passage in told.passages)
    return "\n\n".join(part for part in (told.note, *passages) if part)


def _plain_lines(passage: Passage, told: Telling) -> Iterable[str]:
    if told.digest:
        yield f"■ {passage.title}"
    yield from _told((passage.why, passage.summary, *(f"• {claim}" for claim in passage.claims)))
    for link in passage.links[: 1 if told.digest else MAX_ARTICLES]:
        yield f"– {link.text}"
        yield from _told((link.url or "",))
    yield from _told((passage.page or "", " · ".join(passage.facts)))
