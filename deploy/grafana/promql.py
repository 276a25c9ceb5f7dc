"""PromQL for the panels, and which series may be added up.

What stands in Redis is served by every classifier alike: there the largest of the equal series is taken, for a sum
would count each thing once per classifier. What a poller or a notifier counts for itself is summed.
"""

from collections.abc import Mapping

RATE = "$__rate_interval"  # four scrapes or more, at any zoom
WINDOW = "$interval"  # the reader's choice: rare things are counted over it
SPAN = "$__range"  # all that is shown
STEP = "1m"

# The counters and histograms that classifiers keep in Redis, with their labels. Every gauge is read with max anyway.
KEPT: Mapping[str, tuple[str, ...]] = {
    "tocsin_alerts": ("type", "reason"),
    "tocsin_classification_score": ("topic",),
    "tocsin_classifications": ("topic", "verdict"),
    "tocsin_entries_classified": (),
    "tocsin_job_duration_seconds": (),
    "tocsin_story_decisions": ("decision",),
}


def level(gauge: str, *by: str, where: str = "") -> str:
    """A gauge; of several processes that know it the one that says most."""
    return _aggregate("max", by, _select(gauge, where))


def per_second(counter: str, *by: str, where: str = "", over: str = RATE) -> str:
    return _together(counter, f"rate({_select(counter, where)}[{over}])", by)


def count(counter: str, *by: str, where: str = "", over: str = WINDOW) -> str:
    """How many within `over`."""
    labels = _kept_labels(counter)
    if labels is None or over == RATE:
        return _together(counter, f"increase({_select(counter, where)}[{over}])", by)
    # The largest first, since the series goes on where the classifiers that served it were replaced meanwhile.
    whole = f"increase({_aggregate('max', labels, _select(counter, where))}[{over}:{STEP}])"
    return whole if set(by) == set(labels) else _aggregate("sum", by, whole)


def quantile(q: float, histogram: str, *by: str, where: str = "", over: str = WINDOW) -> str:
    """Nothing, and not NaN, while nothing was observed."""
    return f"histogram_quantile({q:g}, {count(f'{histogram}_bucket', *by, 'le', where=where, over=over)}) >= 0"


def share(part: str, whole: str) -> str:
    """`part` of `whole`, between 0 and 1; nothing while there is no whole."""
    return f"{part} / ({whole} > 0)"


def or_zero(expression: str) -> str:
    """For what counts as none where there is no series at all."""
    return f"{expression} or vector(0)"


def _together(name: str, inner: str, by: tuple[str, ...]) -> str:
    labels = _kept_labels(name)
    if labels is None:
        return _aggregate("sum", by, inner)
    once = _aggregate("max", labels, inner)
    return once if set(by) == set(labels) else _aggregate("sum", by, once)


def _kept_labels(name: str) -> tuple[str, ...] | None:
    """The labels that tell the series of a kept metric apart, besides the process that served them."""
    family, _, part = name.rpartition("_")
    labels = KEPT.get(family)
    return labels if labels is None or part != "bucket" else (*labels, "le")


def _select(name: str, where: str) -> str:
    return f"{name}{{{where}}}" if where else name


def _aggregate(how: str, by: tuple[str, ...], inner: str) -> str:
    return f"{how} by ({', '.join(by)}) ({inner})" if by else f"{how}({inner})"
