"""Which subscription wants which story (pure)."""

from collections.abc import Iterable

from shared.models.canary import NAME
from shared.models.story import Story
from shared.models.subscription import Cause, Subscription


def audience(subscriptions: Iterable[Subscription], story: Story) -> list[Subscription]:
    """Those that may be asked at all: the canary's own for the canary, and all others for the rest."""
    return [each for each in subscriptions if (each.id == NAME) is (story.topic == NAME)]


def refusal(subscription: Subscription, story: Story) -> Cause | None:
    """Why this subscription does not want this story, or None when it does."""
    wrong = {
        Cause.DISABLED: not subscription.enabled,
        Cause.MERGED: story.merged_into is not None,
        Cause.TOPIC: bool(subscription.topics) and story.topic not in subscription.topics,
        Cause.LANGUAGE: bool(subscription.languages) and not story.languages & {*subscription.languages},
        Cause.SEVERITY: story.severity.rank < subscription.min_severity.rank,
        Cause.EVENT_TYPE: bool(subscription.event_types) and story.event_type not in subscription.event_types,
        Cause.SOURCE: bool(subscription.sources) and not story.sources & {*subscription.sources},
        Cause.INDEPENDENT_SOURCES: subscription.min_independent_sources > 1
        and story.independent_sources < subscription.min_independent_sources,
        Cause.SCORE: story.score < subscription.min_score,
        Cause.TIER: story.tier not in subscription.tiers,
    }
    return next((reason for reason, holds in wrong.items() if holds), None)
