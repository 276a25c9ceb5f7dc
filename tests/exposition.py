"""What stands at /metrics, read as Prometheus reads it."""

from collections.abc import Iterable, Mapping

from prometheus_client.parser import text_string_to_metric_families

from shared.metrics import TABLE, Exposed

ENDINGS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
# Sample name and labels → value.
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str | bytes | Exposed) -> Samples:
    told = text.text() if isinstance(text, Exposed) else text
    told = told.decode() if isinstance(told, bytes) else told
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """Of this one; KeyError if it is not said."""
    return found[name, frozenset(labels.items())]


def named(found: Samples, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """All with this name, by their labels."""
    return {labels: number for (own, labels), number in found.items() if own == name}


def names(found: Samples) -> set[str]:
    return {name for name, _ in found}


def sample_names(metrics: Iterable[str] = TABLE) -> set[str]:
    """Every name under which these metrics, or all of them, have samples."""
    return {name + ending for name in metrics for ending in ENDINGS[TABLE[name][0].kind]}
