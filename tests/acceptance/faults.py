"""Every fault that is provoked, and the alerts that ring for it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial

from tests.acceptance import provoking
from tests.acceptance.newsroom import TOPIC, on_host
from tests.acceptance.prometheus import Alert
from tests.acceptance.running import DEAD, GONE, System

HOST = 0


@dataclass(frozen=True, slots=True)
class Ring:
    """An alert, by its name and some of its labels."""

    alert: str
    labels: Mapping[str, str]

    @property
    def title(self) -> str:
        """Two alerts of one name are told apart by what they are of."""
        return f"{self.alert} {self.labels.get('of', '')}".strip()

    def is_told_by(self, alerts: Sequence[Alert]) -> bool:
        wanted = {"alertname": self.alert, **self.labels}
        return any(each.fires and wanted.items() <= each.labels.items() for each in alerts)

    def __str__(self) -> str:
        return " ".join([self.alert, *self.labels.values()])


@dataclass(frozen=True, slots=True)
class Fault:
    """`patience`: seconds until it rings, and again until that is over."""

    what: str
    during: Callable[[System], AbstractAsyncContextManager[None]]
    rings: tuple[Ring, ...]
    patience: float = 90.0


def ring(alert: str, **labels: str) -> Ring:
    return Ring(alert, labels)


def among_news() -> list[Fault]:
    """Those that need somebody to be told, and do not touch what is found relevant. All at once."""
    late = ring("DeliveryLatencyBurnFast"), ring("DeliveryLatencyBurnSlow")
    return [
        Fault("a dead receiver", provoking.dead_receiver, (ring("EndpointFailing", subscription=DEAD),)),
        Fault("a receiver says 410", provoking.receiver_gone, (ring("EndpointDisabled", subscription=GONE),)),
        Fault("slow receivers", provoking.slow_receivers, late),
    ]


def silence() -> Fault:
    """It goes on while other things happen."""
    rings = ring("FeedSilent"), ring("ClassifierRateCollapse", of="verdicts", topic=TOPIC)
    return Fault("nobody publishes anything", provoking.silence, rings, patience=300.0)


def in_silence() -> list[Fault]:
    """Those that need no news, one after the other."""
    feeds = ring("ConfigReloadFailed", job="poller", file="feeds")
    subscriptions = ring("ConfigReloadFailed", job="notifier", file="subscriptions")
    notifier, gateway = (
        partial(provoking.dead_process, name="notifier"),
        partial(provoking.process_gone, name="gateway"),
    )
    stale = tuple(ring("FeedStale", feed=name) for name in on_host(HOST))
    return [
        Fault("a wrong topic pack", provoking.spoilt_pack, (ring("TopicPacksRefused"),)),
        Fault("a wrong feeds file", provoking.spoilt_feeds, (feeds,)),
        Fault("a wrong subscriptions file", provoking.spoilt_subscriptions, (subscriptions,)),
        Fault("an entry that kills its batch", provoking.poison, (ring("DeadLetters"),)),
        Fault("a Redis that is nearly full", provoking.full_redis, (ring("RedisMemoryHigh"),)),
        Fault("a dead notifier", notifier, (ring("TargetDown", job="notifier"),)),
        Fault("a gateway that is gone", gateway, (ring("TargetDown", job="gateway"),)),
        Fault("a Redis that is gone", provoking.no_redis, (ring("TargetDown", job="redis"),)),
        Fault("a dead feed host", partial(provoking.dead_host, number=HOST), stale),
        Fault("most feed hosts are dead", provoking.dead_hosts, (ring("FeedsFailing"),)),
    ]


def at_last() -> list[Fault]:
    """What nothing is classified under, among news."""
    rings = ring("QueueStuck"), ring("CanaryMissing"), ring("ClassifierRateCollapse", of="batches")
    return [Fault("classifiers hang", provoking.hanging_classifiers, rings)]
