"""What stands on the board in tests: a story as the demo tells it, in several scripts, with its texts."""

from collections.abc import Sequence
from datetime import timedelta

from redis import Redis

from services.classifier.describing import in_force
from shared.models.change import Change, Marks
from shared.models.entry import Entry
from shared.models.story import Article, Decision, KnownClaim, Story
from shared.models.topic import Certainty, Evidence, Severity
from shared.store.entries import EntryStore
from shared.store.stories import StoryStore
from shared.store.topics import TopicStore
from tests.factories import after, alert, article, claim, entry, revision, story
from tests.packs import installed
from tests.stores import run_sync

SAID = (
    (
        "en",
        "Eastern Ledger",
        "North Korean troops not seen on Kursk front",
        "About 4,000 were killed.",
        "Kursk",
    ),
    ("uk", "Вежа", "Військових КНДР не видно на курському фронті", "Втрати сягають близько 4 тисяч.", "курському"),
    ("ko", "솔바람일보", "쿠르스크 전선의 북한군, 3주 가까이 모습 감춰", "사상자는 약 4천 명이다.", "쿠르스크"),
    ("ar", "النهار", "القوات الكورية الشمالية تغيب عن جبهة كورسك", "الخسائر نحو أربعة آلاف.", "كورسك"),
    ("zh", "晨报", "库尔斯克前线三周未见朝鲜军队", "伤亡约四千人。", "库尔斯克"),
)


def entries() -> list[Entry]:
    return [
        entry(language=language, source=name, feed_name=name, title=title, summary=summary)
        for language, name, title, summary, _ in SAID
    ]


def told(told_by: Sequence[Entry]) -> list[Article]:
    """The last one is a copy of the first."""
    found = list[Article]()
    for (_, _, title, _, place), each in zip(SAID, told_by, strict=True):
        start = title.index(place)
        hit = Evidence(concept="kursk", text=place, start=start, end=start + len(place))
        found.append(article(each, evidence=(hit,), decision=Decision.SAME_STORY if found else Decision.NEW))
    copied = {"decision": Decision.COPY, "derived_from": told_by[0].source, "reason": "90% of the wording"}
    return [*found[:-1], found[-1].model_copy(update=copied)]


def figure(value: float, by: Entry, seconds: float, **over: object) -> KnownClaim:
    fields = claim(kind="casualties", role="casualties", value=value, place="sudzha", **over).model_dump()
    said = {"entry_id": by.id, "sources": (by.source,), "position": 1, "said_at": after(seconds)}
    return KnownClaim.model_validate(fields | {"attribution": "Ukraine", "certainty": Certainty.CLAIMED} | said)


def the_story(**over: object) -> tuple[Story, list[Entry]]:
    by = entries()
    later = by[1].model_copy(update={"published": after(3600), "seen_at": after(3600)})
    by[1] = later
    fields: dict[str, object] = {
        "id": "kursk",
        "severity": Severity.HIGH,
        "title": by[0].title,
        "summary": by[0].summary,
        "articles": tuple(told(by)),
        "claims": (figure(4000, by[0], 0, start=44, end=55), figure(5000, later, 3600, start=0, end=5)),
        "revisions": (
            revision(),
            revision(number=2, type="updated", detail="casualties 4,000 → 5,000", at=after(3600)),
        ),
        "updated_at": after(3600),
    }
    return story(**fields | over), by


def another(number: int) -> Story:
    """A later one, of which nobody has heard."""
    first = article(entry(title=f"Story number {number} breaks"))
    return story(
        id=f"another-{number}",
        title=first.title,
        articles=(first,),
        updated_at=after(7200) + timedelta(minutes=number),
    )


def announce(redis: Redis) -> None:
    """The topics of the seed, with their gazetteers, as classifiers say that they are in force."""
    TopicStore(redis).announce(map(in_force, installed().topics))


def put(redis: Redis, told: Story, texts: Sequence[Entry] = ()) -> None:
    """As a classifier stores it, with its alert if it rings."""
    stories = StoryStore(redis, window_seconds=1e9, retention_seconds=1_000_000_000)
    change = Change(told, alert(told) if told.revisions else None)
    newest = told.articles[-1].entry_id
    assert stories.assign(told.topic, f"{newest}-{told.revision}", Marks(), told.updated_at, lambda _: change)
    run_sync(redis, EntryStore(redis, retention_seconds=3600).save_commands(texts))
