"""Every metric, declared once. Names by the Prometheus conventions; no address and no story ever stands in a label.

Those that are `lasting` or `standing` every classifier exposes, with the same values: `max by (…)`, never `sum`.
"""

from importlib.metadata import PackageNotFoundError, version
from time import time

from shared.metrics.kinds import (
    TABLE,
    About,
    Exposed,
    Family,
    Read,
    Service,
    begin_job,
    counter,
    end_job,
    gauge,
    histogram,
    know,
    lasting,
    lasting_counter,
    lasting_histogram,
    standing,
)
from shared.metrics.labels import (
    ConfigFile,
    GatewayArea,
    MemoryKind,
    Quantile,
    QueueName,
    StatusClass,
    StreamGroup,
    WorkerState,
)
from shared.models.endpoint import EndpointStatus
from shared.models.endpoint import Reason as TransitionReason
from shared.models.entry import EntryResult
from shared.models.feed import FeedHealth, Outcome, ParsePath
from shared.models.page import PageOutcome
from shared.models.story import SILENT, AlertType, Reason, Stage, StoryDecision
from shared.models.subscription import Cause, DeliveryOutcome, DeliveryStatus
from shared.models.topic import Verdict
from shared.models.websub import AskOutcome, AskReason, HubAnswer, PushResult

__all__ = ["TABLE", "About", "Exposed", "Family", "Read", "Service", "begin_job", "end_job", "know", "lasting"]

_POLLER, _CLASSIFIER, _NOTIFIER, _GATEWAY = Service.POLLER, Service.CLASSIFIER, Service.NOTIFIER, Service.GATEWAY
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_LATENCY = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3600, 21_600, 86_400)
_SHARE = (0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5)

# Feeds

FEED_POLLS = counter("tocsin_feed_polls_total", "Polls by how they ended.", _POLLER, outcome=Outcome)
FEED_POLL_SECONDS = histogram(
    "tocsin_feed_poll_duration_seconds",
    "From the claim of a feed to the commit of its poll.",
    _POLLER,
    buckets=_SECONDS,
)
FEED_DUE_LAG_SECONDS = histogram(
    "tocsin_feed_due_lag_seconds", "How late a feed was claimed, against its due time.", _POLLER, buckets=_SECONDS
)
FEED_PARSES = counter(
    "tocsin_feed_parses_total", "Documents read, by the path that read them.", _POLLER, path=ParsePath
)
PAGES = counter(
    "tocsin_pages_total",
    "Pages of relevant entries, by how reading or checking them ended.",
    _POLLER,
    outcome=PageOutcome,
)
ENTRIES = counter(
    "tocsin_entries_total", "Entries read from feeds, by what became of them.", _POLLER, result=EntryResult
)
FEEDS = standing("tocsin_feeds", "Feeds by state.", _CLASSIFIER, state=FeedHealth)
FEED_STALENESS_SECONDS = standing(
    "tocsin_feed_staleness_seconds",
    "How long ago feeds were last read successfully: the median, the age that one in ten exceeds, and the greatest. "
    "Without those that are switched off.",
    _CLASSIFIER,
    quantile=Quantile,
)
FEED_AGE_SECONDS = standing(
    "tocsin_feed_age_seconds",
    "How long ago a feed was last read successfully: the 20 for which that is longest, by name.",
    _CLASSIFIER,
    feed=None,
)
WEBSUB_REQUESTS = counter(
    "tocsin_websub_requests_total",
    "Hubs asked for pushes, by why and how it ended.",
    _POLLER,
    reason=AskReason,
    outcome=AskOutcome,
)
WEBSUB_ANSWERS = counter(
    "tocsin_websub_answers_total", "What hubs said at a callback, by what we made of it.", _GATEWAY, result=HubAnswer
)
WEBSUB_PUSHES = counter(
    "tocsin_websub_pushes_total", "Pushes that arrived, by what became of them.", _GATEWAY, result=PushResult
)

# The gateway

GATEWAY_REQUESTS = counter(
    "tocsin_gateway_requests_total",
    "Requests answered, by what they asked for and the class of the status.",
    _GATEWAY,
    area=GatewayArea,
    status=StatusClass,
)
GATEWAY_SECONDS = histogram(
    "tocsin_gateway_request_duration_seconds",
    "From a request to the beginning of its answer.",
    _GATEWAY,
    buckets=_SECONDS,
    area=GatewayArea,
)
GATEWAY_STREAMS = gauge("tocsin_gateway_streams", "Connections that follow alerts as they ring.", _GATEWAY)

# Queue and classifiers

QUEUE_DEPTH = standing("tocsin_queue_depth", "Batches that wait, and what people ask.", _CLASSIFIER, queue=QueueName)
QUEUE_OLDEST_SECONDS = standing(
    "tocsin_queue_oldest_job_age_seconds",
    "Age of the batch that waits longest.",
    _CLASSIFIER,
    queue=[QueueName.CLASSIFY],
)
WORKERS = standing("tocsin_workers", "Classifiers by what they are at.", _CLASSIFIER, state=WorkerState)
DEAD_LETTERS = standing("tocsin_dead_letters", "Entries set aside because they could not be classified.", _CLASSIFIER)
JOB_SECONDS = lasting_histogram(
    "tocsin_job_duration_seconds", "Time to classify one batch.", _CLASSIFIER, buckets=_SECONDS
)
ENTRIES_CLASSIFIED = lasting_counter("tocsin_entries_classified_total", "Entries classified.", _CLASSIFIER)
CLASSIFICATIONS = lasting_counter(
    "tocsin_classifications_total",
    "Verdicts on entries that name what a topic is about.",
    _CLASSIFIER,
    topic=None,
    verdict=Verdict,
)
CLASSIFICATION_SCORE = lasting_histogram(
    "tocsin_classification_score",
    "Scores of the entries that were weighed, as shares of the topic's threshold.",
    _CLASSIFIER,
    buckets=_SHARE,
    topic=None,
)
TOPIC_PROBLEMS = gauge(
    "tocsin_topic_problems",
    "What is wrong in the topic packs on disk; above 0, those before them are in force.",
    _CLASSIFIER,
)
STORY_DECISIONS = lasting_counter(
    "tocsin_story_decisions_total", "What became of relevant entries.", _CLASSIFIER, decision=StoryDecision
)
ALERTS = lasting_counter(
    "tocsin_alerts_total",
    "Revisions of stories written to the alerts stream.",
    _CLASSIFIER,
    type=AlertType,
    reason=[reason for reason in Reason if reason not in SILENT],
)

# Alerts on their way to people

STREAMS_PENDING = standing(
    "tocsin_streams_pending",
    "Records of the alerts stream that its readers have not yet done with; more than 1,000 count as so many.",
    _CLASSIFIER,
    group=StreamGroup,
)
ALERTS_SUPPRESSED = counter(
    "tocsin_alerts_suppressed_total",
    "Stories that a subscription might have been told of and was not, by why.",
    _NOTIFIER,
    cause=Cause,
)
ALERT_LATENCY_SECONDS = histogram(
    "tocsin_alert_latency_seconds",
    "How long each part of its way took an alert that a subscription acknowledged, if nothing held it: "
    "no quiet hours, no digest, no pause between updates, no outage.",
    _NOTIFIER,
    buckets=_LATENCY,
    stage=Stage,
)
ENDPOINTS = standing("tocsin_endpoints", "Endpoints by state.", _CLASSIFIER, state=EndpointStatus)
ENDPOINT_STATE = standing(
    "tocsin_endpoint_state",
    "1 for the state that the endpoint is in, 0 for the others.",
    _CLASSIFIER,
    subscription=None,
    state=EndpointStatus,
)
ENDPOINT_WAITING = standing(
    "tocsin_endpoint_waiting", "What waits for the endpoint, due or not.", _CLASSIFIER, subscription=None
)
ENDPOINT_TRANSITIONS = counter(
    "tocsin_endpoint_transitions_total",
    "Changes of endpoints' states, by what they became and why.",
    _NOTIFIER,
    state=EndpointStatus,
    reason=TransitionReason,
)
DELIVERY_ATTEMPTS = counter(
    "tocsin_delivery_attempts_total",
    "Attempts to deliver, by how they ended.",
    _NOTIFIER,
    subscription=None,
    outcome=DeliveryOutcome,
)
DELIVERY_SECONDS = histogram(
    "tocsin_delivery_duration_seconds",
    "How long an attempt to deliver took.",
    _NOTIFIER,
    buckets=_SECONDS,
    subscription=None,
)
DELIVERIES = counter(
    "tocsin_deliveries_total",
    "Deliveries that came to an end.",
    _NOTIFIER,
    result=(DeliveryStatus.DELIVERED, DeliveryStatus.GAVE_UP),
)
DELIVERY_OLDEST_SECONDS = standing(
    "tocsin_delivery_oldest_pending_age_seconds",
    "How long the endpoint that is most overdue has been due.",
    _CLASSIFIER,
)

# The system itself

CANARY_SUCCESS = standing(
    "tocsin_canary_last_success_timestamp_seconds",
    "When a canary last came to its end, in Unix seconds; 0 before the first. Not said where none is sent.",
    _CLASSIFIER,
)
CANARY_SECONDS = histogram(
    "tocsin_canary_duration_seconds",
    "How long a canary took from its publication to its end.",
    _NOTIFIER,
    buckets=_LATENCY,
)
CONFIG_GOOD = gauge(
    "tocsin_config_last_reload_successful",
    "1 if what people edit was read the last time, 0 if it was refused and what was before is in force.",
    (_POLLER, _CLASSIFIER, _NOTIFIER),
    at_start=False,
    file=ConfigFile,
)
CONFIG_READ_AT = gauge(
    "tocsin_config_last_reload_timestamp_seconds",
    "When it was last read, or refused, in Unix seconds.",
    (_POLLER, _CLASSIFIER, _NOTIFIER),
    at_start=False,
    file=ConfigFile,
)
REDIS_MEMORY_BYTES = standing(
    "tocsin_redis_memory_bytes", "What Redis uses, and the most that it may; 0: no bound.", _CLASSIFIER, kind=MemoryKind
)
REDIS_KEYS = standing("tocsin_redis_keys", "Keys in Redis.", _CLASSIFIER)
BUILD_INFO = gauge("tocsin_build_info", "Constant 1, labelled with the version.", tuple(Service), version=None)


def config_read(file: ConfigFile, *, good: bool) -> None:
    """Note that it was read anew, or refused."""
    CONFIG_GOOD.labels(file=file).set(good)
    CONFIG_READ_AT.labels(file=file).set(time())


def package_version() -> str:
    try:
        return version("tocsin")
    except PackageNotFoundError:
        return "unknown"


know("version", [package_version()])
BUILD_INFO.labels(version=package_version()).set(1)
