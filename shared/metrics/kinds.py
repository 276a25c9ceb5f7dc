"""What a metric can be. Each is declared once, with who exposes it and the values of its labels.

There are three ways of keeping values, and for queries they differ:

    counter, gauge, histogram   by its process, in memory: `sum` over processes
    lasting                     by a worker in memory during a job, then in Redis: what it counted outlives it
    standing                    nowhere: read from Redis at each scrape

Whoever exposes what stands in Redis says the same as his neighbours: `max` over processes, never `sum`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate, product
from math import inf
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

# A time of its own for each series doubles them, and nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the client has not typed it

Family = Metric
# What is read anew at each scrape.
Read = Callable[[], Iterable[Family]]
# None: an open label, whose values `know` tells.
Values = Iterable[StrEnum] | None


class Service(StrEnum):
    """Whose process it is."""

    POLLER = "poller"
    CLASSIFIER = "classifier"
    NOTIFIER = "notifier"
    GATEWAY = "gateway"


Services = Service | tuple[Service, ...]


class Kept(StrEnum):
    """Where the values are."""

    IN_PROCESS = "in the process"
    LASTING = "in Redis, by every worker"
    STANDING = "read from Redis"


@dataclass(frozen=True, slots=True)
class About:
    """`name`: of the samples, but for a histogram's endings. `labels`: None for an open one."""

    name: str
    kind: str
    help: str
    services: tuple[Service, ...]
    kept: Kept
    labels: Mapping[str, tuple[str, ...] | None]
    at_start: bool = True

    @property
    def sets(self) -> list[tuple[str, ...]]:
        """Of labels, those that stand from the start; none while an open label has no value."""
        values = ((of if of is not None else _known[label]) for label, of in self.labels.items())
        return list(product(*values)) if self.at_start else []


TABLE: dict[str, tuple[About, "MetricWrapperBase | Lasting | Standing"]] = {}
_known: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
K = TypeVar("K", bound=str | tuple[str, ...])
M = TypeVar("M", bound="MetricWrapperBase | Lasting | Standing")


def _about(name: str, kind: str, text: str, by: Services, kept: Kept, labels: Mapping[str, Values]) -> About:
    closed = {label: None if of is None else tuple(str(value) for value in of) for label, of in labels.items()}
    return About(name, kind, text, (by,) if isinstance(by, Service) else by, kept, closed)


def _declared(about: About, metric: M) -> M:
    TABLE[about.name] = about, metric
    return metric


# In the process


def counter(name: str, text: str, by: Services, **labels: Values) -> Counter:
    """`name`: with its `_total`."""
    about = _about(name, "counter", text, by, Kept.IN_PROCESS, labels)
    return _declared(about, Counter(name, text, list(labels), registry=None))


def gauge(name: str, text: str, by: Services, *, at_start: bool = True, **labels: Values) -> Gauge:
    """`at_start` False: 0 would say something, so its label sets come with their values."""
    about = replace(_about(name, "gauge", text, by, Kept.IN_PROCESS, labels), at_start=at_start)
    return _declared(about, Gauge(name, text, list(labels), registry=None))


def histogram(name: str, text: str, by: Services, *, buckets: Sequence[float], **labels: Values) -> Histogram:
    about = _about(name, "histogram", text, by, Kept.IN_PROCESS, labels)
    return _declared(about, Histogram(name, text, list(labels), registry=None, buckets=buckets))


def know(label: str, values: Collection[str]) -> None:
    """The values that an open label has from now on: their label sets stand at 0, and those of others go."""
    gone, _known[label] = {*_known[label]} - {*values}, tuple(sorted(values))
    for about, metric in TABLE.values():
        if isinstance(metric, MetricWrapperBase) and about.labels.get(label, ()) is None:
            for value in gone:
                metric.remove_by_labels({label: value})
            _begin(about, metric)


def _begin(about: About, metric: MetricWrapperBase) -> None:
    for values in about.sets if about.labels else ():
        metric.labels(*values)


# In Redis, by every worker

# By field of the hash: the metric and its labels' values, and what of a histogram it is, with blanks between.
_tally: defaultdict[str, float] = defaultdict(float)


def begin_job() -> None:
    """What a job had counted before it failed is forgotten: it is repeated, and counts then."""
    _tally.clear()


def end_job() -> dict[str, float]:
    """What the job has counted: field → by how much it grows."""
    counted = dict(_tally)
    _tally.clear()
    return counted


@dataclass(slots=True, eq=False)
class Lasting:
    """A counter, or with buckets a histogram, that outlives its process. Of one thread: that of the jobs."""

    about: About
    buckets: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    # Each entry counts, so its names are put together once: its own, its sum's, and its buckets'.
    name: str = field(init=False)
    total: str = field(init=False)
    places: tuple[str, ...] = field(init=False)
    children: dict[tuple[str, ...], "Lasting"] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.name, self.total = self.field(), self.field("sum")
        self.places = tuple(self.field(_le(bound)) for bound in self.buckets)

    def labels(self, **values: str) -> "Lasting":
        wanted = tuple(values[label] for label in self.about.labels)
        return self.children.get(wanted) or self._child(tuple(map(str, wanted)))

    def _child(self, values: tuple[str, ...]) -> "Lasting":
        return self.children.setdefault(values, Lasting(self.about, self.buckets, values))

    def inc(self, amount: float = 1.0) -> None:
        _tally[self.name] += amount

    def observe(self, value: float) -> None:
        _tally[self.places[bisect_left(self.buckets, value)]] += 1.0
        _tally[self.total] += value

    def field(self, *part: str) -> str:
        """Where it stands in the hash."""
        return " ".join((self.about.name, *self.values, *part))

    def read(self, stored: Mapping[str, float]) -> Family:
        """What all workers have counted, and 0 for what never happened."""
        keys = [name.split(" ") for name in stored]
        met = {tuple(key[1 : 1 + len(self.about.labels)]) for key in keys if key[0] == self.about.name}
        each = [self._child(values) for values in sorted(met.union(self.about.sets))]
        names = self.about.name, self.about.help
        if not self.buckets:
            family = CounterMetricFamily(*names, labels=list(self.about.labels))
            for one in each:
                family.add_metric(one.values, stored.get(one.name, 0.0))
            return family
        spread = HistogramMetricFamily(*names, labels=list(self.about.labels))
        for one in each:
            spread.add_metric(one.values, one.cumulative(stored), stored.get(one.total, 0.0))
        return spread

    def cumulative(self, stored: Mapping[str, float]) -> list[tuple[str, float]]:
        """Of a histogram: how many were observed up to each bound."""
        many = accumulate(stored.get(place, 0.0) for place in self.places)
        return list(zip(map(floatToGoString, self.buckets), many, strict=True))


def _le(bound: float) -> str:
    return f"le={bound:g}"


def lasting(stored: Mapping[str, float]) -> Iterator[Family]:
    """All that outlives its process. `stored`: the hash."""
    return (metric.read(stored) for _, metric in TABLE.values() if isinstance(metric, Lasting))


def lasting_counter(name: str, text: str, by: Services, **labels: Values) -> Lasting:
    about = _about(name, "counter", text, by, Kept.LASTING, labels)
    return _declared(about, Lasting(about))


def lasting_histogram(name: str, text: str, by: Services, *, buckets: Sequence[float], **labels: Values) -> Lasting:
    about = _about(name, "histogram", text, by, Kept.LASTING, labels)
    return _declared(about, Lasting(about, (*buckets, inf)))


# Read from Redis


@dataclass(frozen=True, slots=True)
class Standing:
    """A gauge of what stands in Redis, or, by quantiles, a summary."""

    about: About

    def read(self, values: float | Mapping[K, float]) -> Family:
        """By the value of its label, or the values of its labels. What closed labels alone do not say stands at 0."""
        family = Family(self.about.name, self.about.help, self.about.kind)
        given = values.items() if isinstance(values, Mapping) else [((), values)]
        found = {(key,) if isinstance(key, str) else (*key,): value for key, value in given}
        closed = () if None in self.about.labels.values() else self.about.sets
        for key in sorted({*found, *closed}):
            labels = dict(zip(self.about.labels, map(str, key), strict=True))
            family.add_sample(self.about.name, labels, found.get(key, 0.0))
        return family


def standing(name: str, text: str, by: Services, **labels: Values) -> Standing:
    kind = "summary" if "quantile" in labels else "gauge"
    about = _about(name, kind, text, by, Kept.STANDING, labels)
    return _declared(about, Standing(about))


# At /metrics


class Exposed:
    """What a process of this service says. `read`: what stands in Redis; while that cannot be read it says nothing."""

    def __init__(self, service: Service, read: Read = tuple) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        for about, metric in TABLE.values():
            if service in about.services and isinstance(metric, MetricWrapperBase):
                _begin(about, metric)
                self._registry.register(metric)
        self._registry.register(_Reader(read))

    def text(self) -> bytes:
        """In the Prometheus text format 0.0.4."""
        return generate_latest(self._registry)


class _Reader(Collector):
    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterable[Family]:
        return self._read()

    def describe(self) -> Iterable[Family]:
        """Nothing, or it would be read when it is registered."""
        return ()
