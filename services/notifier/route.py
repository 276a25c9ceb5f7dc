"""Which subscription wants which story (pure)."""

from shared.models.story import Story
from shared.models.subscription import Subscription


def refusal(subscription: Subscription, story: Story) -> str | None:
    """Why this subscription does not want this story, or None when it does."""
    if not subscription.enabled:
        return "disabled"
    if subscription.topics and story.topic not in subscription.topics:
        return "topic"
    if subscription.languages and not story.languages & set(subscription.languages):
        return "language"
    if story.severity.rank < subscription.min_severity.rank:
        return "severity"
    if story.score < subscription.min_score:
        return "score"
    return "tier" if story.tier not in subscription.tiers else None
