"""The canary's topic, built in (pure): a rule like any other's, and words that nobody else says together."""

from shared.models import canary
from shared.models.pack import Event, LanguageForms, Rule, TopicPack, TopicRule
from shared.models.topic import Severity

_RULE = TopicRule(
    name="tocsin",
    title="The canary",
    rule=Rule(actor=("bird",), core=("mine",)),
    threshold=6.0,
    events={"song": Event(severity=Severity.LOW)},
    gather=False,
)
PACK = TopicPack(
    # The name that no other topic may have.
    topic=_RULE.model_copy(update={"name": canary.NAME}),
    languages=(
        LanguageForms(
            language="en",
            concepts={"bird": ("tocsin canary",), "mine": ("coal mine",)},
            events={"song": ("sings",)},
        ),
    ),
)
