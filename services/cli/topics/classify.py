"""Entries in as lines of JSON, verdicts out: one line for each entry and topic, in the order in which entries came."""

from collections.abc import Iterator, Mapping
from json import JSONEncoder

from services.classifier.match import Matcher
from services.classifier.text import language_of
from services.cli.topics.lines import EntryLine
from shared.models.topic import TopicMatch

_ENCODER = JSONEncoder(ensure_ascii=False)
_NOTHING = {"relevant": False, "score": 0.0, "event_type": None, "tier": None, "severity": None}


def verdicts(matcher: Matcher, entry: EntryLine) -> Iterator[str]:
    """A line for each topic, also for one that finds its actor nowhere: `lang` is then as declared, or as it seems."""
    found = {match.topic: match for match in matcher.match(entry.whole, entry.lang, entry.day)}
    for topic in matcher.versions:
        match = found.get(topic)
        told = _told(match) if match else _NOTHING | {"lang": _language(entry), "evidence": [], "claims": []}
        yield _ENCODER.encode({"id": entry.id, "topic": topic, **told})


def _told(match: TopicMatch) -> Mapping[str, object]:
    """Tier and severity are those of an event: without one there are none."""
    told = match.model_dump(mode="json", include={"relevant", "score", "event_type", "evidence", "claims"})
    tier, severity = (match.tier, match.severity) if match.event_type else (None, None)
    return told | {"tier": tier, "severity": severity, "lang": match.language}


def _language(entry: EntryLine) -> str | None:
    return entry.lang or language_of(entry.whole)
