"""The values of labels that are no part of any model."""

from enum import StrEnum


class ConfigFile(StrEnum):
    """What people edit while the system runs."""

    FEEDS = "feeds"
    SUBSCRIPTIONS = "subscriptions"
    TOPICS = "topics"


class QueueName(StrEnum):
    CLASSIFY = "classify"
    EXAMINE = "examine"  # what people ask of classifiers


class StreamGroup(StrEnum):
    NOTIFIERS = "notifiers"


class WorkerState(StrEnum):
    IDLE = "idle"
    BUSY = "busy"


class MemoryKind(StrEnum):
    USED = "used"
    MAX = "max"  # 0: no bound


class Quantile(StrEnum):
    MEDIAN = "0.5"
    TENTH = "0.9"
    WORST = "1"


class GatewayArea(StrEnum):
    """What a request asks for: the first word of its path under /v1, or what stands beside that."""

    FEEDS = "feeds"
    TOPICS = "topics"
    STORIES = "stories"
    ALERTS = "alerts"
    SUBSCRIPTIONS = "subscriptions"
    SYSTEM = "system"
    BOARD = "board"
    HUBS = "hubs"


class StatusClass(StrEnum):
    SUCCESSFUL = "2xx"
    REDIRECTION = "3xx"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
