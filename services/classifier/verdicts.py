"""What every topic makes of a text that is no entry (pure)."""

from collections.abc import Iterator
from datetime import date

from services.classifier.match import MOST_CHARACTERS, Matcher, Topic
from services.classifier.text import language_of
from shared.models import canary
from shared.models.examination import Examined, TopicVerdict
from shared.models.topic import TopicMatch, Verdict

_TOLD = {*TopicVerdict.model_fields} - {"tier", "severity"}


def examine(matcher: Matcher, text: str, language: str | None, day: date | None) -> Examined:
    """`day`: of its publication, for the times that it tells."""
    told = tuple(verdicts(matcher, text, language, day))
    spoken = next((each.language for each in told if each.evidence), None) or language or language_of(text)
    return Examined(
        text=text[:MOST_CHARACTERS], language=spoken, relevant=any(each.relevant for each in told), verdicts=told
    )


def verdicts(matcher: Matcher, text: str, language: str | None, day: date | None) -> Iterator[TopicVerdict]:
    """One for each topic but the canary's, also for one that finds its actor nowhere: its language is then as
    declared, or as it seems."""
    found = {match.topic: match for match in matcher.match(text, language, day)}
    for topic in matcher.topics:
        name = topic.pack.name
        if name != canary.NAME:
            yield _of(found[name]) if name in found else _nothing(topic, language or language_of(text))


def _of(match: TopicMatch) -> TopicVerdict:
    tier, severity = (match.tier, match.severity) if match.event_type else (None, None)
    return TopicVerdict(**match.model_dump(include=_TOLD), tier=tier, severity=severity)


def _nothing(topic: Topic, language: str | None) -> TopicVerdict:
    return TopicVerdict(
        topic=topic.pack.name,
        version=topic.version,
        relevant=False,
        score=0.0,
        threshold=topic.pack.topic.threshold,
        reason=Verdict.NO_ACTOR.value,
        language=language,
    )
