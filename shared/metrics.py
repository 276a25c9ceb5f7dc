"""Every metric, declared once. Names by the Prometheus conventions; no address and no story ever stands in a label."""

from importlib.metadata import PackageNotFoundError, version

from prometheus_client import Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)

FEED_POLLS = Counter("tocsin_feed_polls", "Polls by how they ended.", ["outcome"])
FEED_POLL_SECONDS = Histogram(
    "tocsin_feed_poll_duration_seconds", "From the claim of a feed to the commit of its poll.", buckets=_SECONDS
)
FEED_DUE_LAG_SECONDS = Histogram(
    "tocsin_feed_due_lag_seconds", "How late a feed was claimed, against its due time.", buckets=_SECONDS
)
FEEDS = Gauge("tocsin_feeds", "Feeds by state, as this poller sees them.", ["state"])
ENTRIES = Counter("tocsin_entries", "Entries read from feeds, by what became of them.", ["result"])
QUEUE_DEPTH = Gauge("tocsin_queue_depth", "Batches that wait.", ["queue"])
QUEUE_OLDEST_SECONDS = Gauge("tocsin_queue_oldest_job_age_seconds", "Age of the batch that waits longest.", ["queue"])
JOB_SECONDS = Histogram("tocsin_job_duration_seconds", "Time to classify one batch.", buckets=_SECONDS)
CLASSIFICATIONS = Counter("tocsin_classifications", "Verdicts on entries.", ["topic", "verdict"])
STORY_DECISIONS = Counter("tocsin_story_decisions", "What became of relevant entries.", ["decision"])
ALERTS = Counter("tocsin_alerts", "Revisions of stories written to the alerts stream.", ["type", "reason"])
DELIVERY_ATTEMPTS = Counter(
    "tocsin_delivery_attempts", "Attempts to deliver, by how they ended.", ["subscription", "outcome"]
)
DELIVERIES = Counter("tocsin_deliveries", "Deliveries that came to an end.", ["result"])
DELIVERY_OLDEST_SECONDS = Gauge(
    "tocsin_delivery_oldest_pending_age_seconds", "How long the delivery that is most overdue has been due."
)
DEAD_LETTERS = Gauge("tocsin_dead_letters", "Entries set aside because they could not be classified.")
BUILD_INFO = Gauge("tocsin_build_info", "Constant 1, labelled with the version.", ["version"])


def package_version() -> str:
    try:
        return version("tocsin")
    except PackageNotFoundError:
        return "unknown"


BUILD_INFO.labels(version=package_version()).set(1)


def exposition() -> bytes:
    """All metrics in the Prometheus text format 0.0.4."""
    return generate_latest()
