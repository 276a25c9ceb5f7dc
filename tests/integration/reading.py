"""Reading pages in a test: real Redis and queue, a real client and child, a topic of its own, pages on loopback."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.classifier.classifier import Classifier
from services.classifier.grammars import Grammars
from services.classifier.match import compile_topics
from services.poller.pages import Pages, Reading
from services.poller.parsing import ParsingPool
from shared import keys
from shared.http import GuardedClient, Limits
from shared.metrics import PAGES
from shared.models.entry import Entry
from shared.models.pack import TopicPack
from shared.models.story import Story
from shared.queue import JobQueue
from shared.store.alerts import AlertStream
from shared.store.due import DueSet
from shared.store.entries import EntryStore
from shared.store.hosts import HostGovernor
from shared.store.pages import DUE_PAGES, PageStore
from shared.store.stories import StoryReader, StoryStore
from tests.factories import entry
from tests.servers import Answer, loopback_client
from tests.stores import run_sync

FLEET = TopicPack.model_validate(
    {
        "topic": {
            "name": "fleet",
            "title": "Ships of Atlantis",
            "rule": {"actor": ["atlantis"], "noun": ["ship"], "core": ["strait"]},
            "threshold": 3.0,
            "weights": {"negative": 5},
            "events": {"sailing": {"severity": "medium"}, "sinking": {"severity": "critical", "weight": 9}},
            "roles": {"sunk": "sinking"},
            "unit": "ships",
        },
        "languages": [
            {
                "language": "en",
                "concepts": {"atlantis": ["atlantis"], "ship": ["ship", "ships"], "strait": ["black strait"]},
                "events": {"sailing": ["sail*"], "sinking": ["sank", "sunk"]},
                "roles": {"sunk": ["sank", "sunk"]},
                "negatives": ["regatta"],
            }
        ],
    }
)
TITLE = "Ships of Atlantis sail in the Black Strait"
LEAD = "Two ships of Atlantis sank in the Black Strait on Monday, the harbour master of Lemuria told reporters."
MORE = (
    "The weather had been calm for a week, and the light at the northern mole was burning as it should.",
    "Fishermen heard a dull noise at dusk, and saw nothing more when the fog had lifted in the morning.",
    "A tug left the harbour within the hour, and its crew counted what was left of the cargo on the water.",
    "Nobody in the town could say what the vessels had been carrying, or who had paid for the voyage.",
)
READING = Reading(
    concurrency=8,
    lease_seconds=30,
    limits=Limits(total_seconds=20, max_bytes=300_000),
    most_characters=20_000,
    agent="Tocsin",
)


def page(*paragraphs: str, head: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    told = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    body = (
        f"<!doctype html><html><head><title>T</title>{head}</head><body><nav><a href='/'>Home</a> <a href='/a'>All</a>"
        f"</nav><article><h1>{TITLE}</h1><p>By a reporter</p>{told}</article><footer>Imprint</footer></body></html>"
    )
    return Answer(200, body.encode(), {"Content-Type": "text/html; charset=utf-8"} | dict(headers or {}))


ARTICLE = page(LEAD, *MORE)
NO_ROBOTS = Answer(404)


def told(letter: str, url: str | None, **over: object) -> Entry:
    """A relevant entry of just now."""
    now = datetime.now(UTC)
    fields: dict[str, object] = {"title": TITLE, "published": now, "seen_at": now, "source": letter, "guid": letter}
    return entry(id=letter * 16, url=url, **fields | over)


@dataclass(frozen=True)
class Desk:
    """What stands around the reading of pages."""

    redis: Redis
    sync_redis: SyncRedis
    http: GuardedClient
    parser: ParsingPool
    due: DueSet

    @property
    def queue(self) -> JobQueue:
        return JobQueue(self.sync_redis)

    @property
    def entries(self) -> EntryStore:
        return EntryStore(self.sync_redis, retention_seconds=3600)

    def pages(self, reading: Reading = READING) -> Pages:
        return Pages(
            http=self.http,
            extractor=self.parser,
            due=self.due,
            pages=PageStore(self.redis, retention_seconds=3600),
            hosts=HostGovernor(self.redis, concurrent=8, gap_seconds=0.001, slot_seconds=30),
            entries=self.entries,
            queue=self.queue,
            reading=reading,
        )

    def classify(self, *entry_ids: str, full_text: bool = True) -> None:
        """One batch."""
        stories = StoryStore(self.sync_redis, window_seconds=3600, retention_seconds=3600)
        Classifier(compile_topics([FLEET], Grammars()), self.entries, stories, full_text).classify(entry_ids)

    def relevant(self, letter: str) -> bool:
        verdict = compile_topics([FLEET], Grammars()).classify(self.entry(letter), datetime.now(UTC))
        return any(match.relevant for match in verdict.matches)

    def publish(self, *entries: Entry, full_text: bool = True) -> None:
        """As polled, and classified for the first time."""
        run_sync(self.sync_redis, self.entries.save_commands(entries))
        self.classify(*(each.id for each in entries), full_text=full_text)

    def queued(self) -> list[list[str]]:
        """The batches that wait."""
        return [list(job.args[0]) for job in self.queue.queue.get_jobs()]

    def entry(self, letter: str) -> Entry:
        return self.entries.load([letter * 16])[0]

    async def stories(self) -> list[Story]:
        return await StoryReader(self.redis).newest(10)

    async def rung(self) -> list[str]:
        """The reasons, oldest first."""
        return [record.alert.reason for record in reversed(await AlertStream(self.redis).newest(10))]

    async def hasten(self, letter: str) -> None:
        """As if what it waits for had passed."""
        await self.redis.zadd(keys.due_times(DUE_PAGES), {letter * 16: 0}, xx=True)

    async def wanted(self) -> set[str]:
        return {member[0] for member in await self.due.members()}


@asynccontextmanager
async def desk_of(redis: Redis, sync_redis: SyncRedis) -> AsyncIterator[Desk]:
    async with loopback_client(total_seconds=20) as http, ParsingPool(1, 10) as parser:
        yield Desk(redis, sync_redis, http, parser, DueSet(redis, DUE_PAGES))


@asynccontextmanager
async def reading(*pages: Pages) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(each.run(stop)) for each in pages]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def ends() -> dict[str, int]:
    """How pages have ended in this process so far."""
    return {
        sample.labels["outcome"]: int(sample.value)
        for metric in PAGES.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def since(before: dict[str, int]) -> dict[str, int]:
    return {outcome: n - before.get(outcome, 0) for outcome, n in ends().items() if n != before.get(outcome, 0)}


def checking(*seconds: float) -> Reading:
    return replace(READING, checks=seconds)


def limited(**limits: float) -> Reading:
    return replace(READING, limits=replace(READING.limits, **limits))  # type: ignore[arg-type]
