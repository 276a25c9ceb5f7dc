"""Entries in as lines of JSON, verdicts out: one line for each entry and topic, in the order in which entries came."""

from collections.abc import Iterator
from json import JSONEncoder

from services.classifier.match import Matcher
from services.classifier.verdicts import verdicts as judged
from services.cli.topics.lines import EntryLine

_ENCODER = JSONEncoder(ensure_ascii=False)
_TOLD = {"topic", "relevant", "score", "event_type", "tier", "severity", "evidence", "claims"}


def verdicts(matcher: Matcher, entry: EntryLine) -> Iterator[str]:
    """A line for each topic, also for one that finds its actor nowhere: `lang` is then as declared, or as it seems."""
    for verdict in judged(matcher, entry.whole, entry.lang, entry.day):
        told = verdict.model_dump(mode="json", include=_TOLD)
        yield _ENCODER.encode({"id": entry.id, **told, "lang": verdict.language})
