"""Valid models in one word each: `entry(title="…")`. What a test does not name has a plain default.

Import them with `from tests.factories import entry, feed`. Everything happens around NOON.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from pydantic import SecretStr

from shared.models.entry import Entry
from shared.models.feed import Feed, FeedState
from shared.models.story import Alert, AlertType, Article, Decision, Revision, Story
from shared.models.subscription import Delivery, Envelope, MessageType, Subscription, WebhookChannel
from shared.models.topic import Claim, Classification, Evidence, TopicMatch

NOON = datetime(2025, 2, 3, 12, tzinfo=UTC)
SECRET = "whsec_" + "dG9jc2luLXRlc3Qtc2VjcmV0LTI0LWJ5dGVz"


def after(seconds: float) -> datetime:
    """NOON plus `seconds`."""
    return NOON + timedelta(seconds=seconds)


def make_id(*parts: object, digits: int = 16) -> str:
    return sha256("|".join(map(str, parts)).encode()).hexdigest()[:digits]


def feed(**over: object) -> Feed:
    return Feed.model_validate({"url": "https://news.example/rss", "name": "Example News", "language": "en"} | over)


def feed_state(**over: object) -> FeedState:
    return FeedState.model_validate(over)


def entry(**over: object) -> Entry:
    """Its id follows from its feed and title unless given."""
    fields: dict[str, object] = {
        "feed_id": feed().id,
        "source": "Example News",
        "feed_name": "Example News",
        "language": "en",
        "title": "North Korean troops leave the front near Kursk",
        "published": NOON,
        "seen_at": NOON,
    } | over
    identity = make_id(fields["feed_id"], fields["title"])
    return Entry.model_validate({"id": identity, "guid": identity, "url": f"https://news.example/{identity}"} | fields)


def claim(**over: object) -> Claim:
    return Claim.model_validate(
        {"kind": "withdrawal", "role": "deployed", "value": 11_000, "qualifier": "about", "start": 0, "end": 12} | over
    )


def evidence(**over: object) -> Evidence:
    return Evidence.model_validate({"concept": "dprk", "text": "North Korean", "start": 0, "end": 12} | over)


def match(**over: object) -> TopicMatch:
    """A relevant verdict."""
    fields: dict[str, object] = {
        "topic": "dprk-kursk",
        "version": "v1",
        "relevant": True,
        "score": 8.0,
        "threshold": 5.0,
        "event_type": "withdrawal",
        "tier": "core",
        "language": "en",
        "reason": "above_threshold",
        "evidence": (evidence(),),
    }
    return TopicMatch.model_validate(fields | over)


def classification(**over: object) -> Classification:
    fields: dict[str, object] = {"entry_id": entry().id, "classified_at": NOON, "matches": (match(),)}
    return Classification.model_validate(fields | over)


def article(source: Entry | None = None, **over: object) -> Article:
    """An entry's place in a story; the first one unless told otherwise."""
    shared_fields = set(Article.model_fields) & set(Entry.model_fields)
    told = source or entry()
    fields: dict[str, object] = {
        "entry_id": told.id,
        "decision": Decision.NEW,
        "reason": "opened",
        **told.model_dump(include=shared_fields),
    }
    return Article.model_validate(fields | over)


def revision(**over: object) -> Revision:
    fields: dict[str, object] = {
        "number": 1,
        "type": AlertType.CREATED,
        "reason": "new_story",
        "detail": "first report",
        "at": NOON,
    }
    return Revision.model_validate(fields | over)


def story(**over: object) -> Story:
    fields: dict[str, object] = {
        "id": make_id("story"),
        "topic": "dprk-kursk",
        "topic_version": "v1",
        "title": "North Korean troops leave the front near Kursk",
        "language": "en",
        "event_type": "withdrawal",
        "score": 8.0,
        "threshold": 5.0,
        "articles": (article(),),
        "revisions": (revision(),),
        "first_seen_at": NOON,
        "updated_at": NOON,
    }
    return Story.model_validate(fields | over)


def alert(of: Story | None = None, **over: object) -> Alert:
    """The announcement of a story's newest revision."""
    told = of or story()
    newest = told.revisions[-1]
    fields: dict[str, object] = {
        "story_id": told.id,
        "topic": told.topic,
        "title": told.title,
        "revision": newest.number,
        **newest.model_dump(include={"type", "reason", "detail", "at"}),
    }
    return Alert.model_validate(fields | over)


def webhook(url: str = "https://receiver.example/hook", secret: str = SECRET) -> WebhookChannel:
    return WebhookChannel(url=url, secret=SecretStr(secret))


def subscription(**over: object) -> Subscription:
    return Subscription.model_validate({"id": "desk", "channel": webhook()} | over)


def envelope(**over: object) -> Envelope:
    fields: dict[str, object] = {"webhook_id": "msg_1", "revision": 1, "type": MessageType.CREATED, "body": "{}"}
    return Envelope.model_validate(fields | over)


def delivery(**over: object) -> Delivery:
    return Delivery.model_validate({"subscription_id": "desk", "subject": make_id("story")} | over)


def entries(titles: Sequence[str], **over: object) -> list[Entry]:
    return [entry(title=title, **over) for title in titles]
