"""The classifier's composition root."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.classifier import canary as own
from services.classifier import jobs
from services.classifier.caretaker import Caretaker
from services.classifier.classifier import Classifier
from services.classifier.describing import in_force
from services.classifier.examiner import Examiner
from services.classifier.match import Matcher
from services.classifier.observing import Observer
from services.classifier.packs import pack_cache
from services.classifier.topics_dir import TopicsDir
from shared import metrics
from shared.models import canary
from shared.models.pack import TopicInForce
from shared.queue import ExamineQueue, JobQueue
from shared.runtime.status import StatusServer
from shared.settings import Settings
from shared.store.connection import Patience, connect_sync, readiness
from shared.store.counters import CounterStore
from shared.store.entries import EntryStore
from shared.store.examinations import ExaminationStore
from shared.store.standing import Standing
from shared.store.stories import StoryStore
from shared.store.topics import TopicStore


@contextmanager
def wired(settings: Settings, redis_url: str, patience: Patience) -> Iterator[tuple[JobQueue, TopicsDir]]:
    """The queue whose jobs this process does, and the topics that it follows meanwhile.

    Raises ConfigError for a pack that does not load.
    """
    redis = connect_sync(redis_url)
    entries = EntryStore(redis, retention_seconds=settings.entry_retention_seconds)
    stories = StoryStore(
        redis,
        window_seconds=settings.story_window_seconds,
        retention_seconds=settings.story_retention_seconds,
    )

    answers, described = ExaminationStore(redis), list[TopicInForce]()

    def take(matcher: Matcher) -> None:
        classifier = Classifier(matcher=matcher, entries=entries, stories=stories, full_text=settings.full_text)
        jobs.bind(classifier, CounterStore(redis))
        jobs.bind_examiner(Examiner(matcher, answers, entries, stories, ExamineQueue(redis)))
        metrics.know("topic", matcher.versions)
        described[:] = [in_force(topic) for topic in matcher.topics if topic.pack.name != canary.NAME]

    topics = TopicsDir(settings.topics_dir, pack_cache(settings), take, [own.PACK])
    topics.load()
    exposed = metrics.Exposed(metrics.Service.CLASSIFIER, observer(redis_url))
    with (
        StatusServer(
            settings.metrics_host, settings.metrics_port, exposed.text, readiness(redis_url), topics.complaint
        ),
        Caretaker(
            job_queue(settings, redis_url),
            lost=lambda examination_id: answers.fail(examination_id, "the classifier that was at it has died"),
            announce=lambda: TopicStore(redis).announce(described),
        ),
        topics,
    ):
        yield job_queue(settings, redis_url, patience), topics


def observer(redis_url: str) -> Observer:
    redis = connect_sync(redis_url, hurried=True)
    return Observer(CounterStore(redis), Standing(redis), JobQueue(redis))


def job_queue(settings: Settings, redis_url: str, patience: Patience | None = None) -> JobQueue:
    return JobQueue(
        connect_sync(redis_url, patience=patience),
        batch_size=settings.batch_size,
        job_timeout_seconds=settings.job_timeout_seconds,
    )
