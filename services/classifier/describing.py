"""A topic in few words (pure)."""

from dataclasses import dataclass

from services.classifier.match import Topic
from shared.models.pack import TopicInForce, TopicPack


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of a pack."""

    languages: tuple[str, ...]
    forms: int
    examples: int


def measure(pack: TopicPack) -> Measure:
    return Measure(
        languages=tuple(forms.language for forms in pack.languages),
        forms=sum(
            sum(
                len(named)
                for group in (own.concepts, own.events, own.roles, own.aspects, own.speakers)
                for named in group.values()
            )
            + len(own.masks)
            + len(own.negatives)
            for own in pack.languages
        ),
        examples=sum(len(own.examples.match) + len(own.examples.no_match) for own in pack.languages),
    )


def in_force(topic: Topic) -> TopicInForce:
    rule, size = topic.pack.topic, measure(topic.pack)
    return TopicInForce(
        name=rule.name,
        title=rule.title,
        version=topic.version,
        threshold=rule.threshold,
        events={name: event.severity for name, event in rule.events.items()},
        languages=size.languages,
        forms=size.forms,
        examples=size.examples,
        places=topic.pack.places,
    )
