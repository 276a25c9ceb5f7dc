"""Stories merged, split, and either undone, while classifiers run; each told in words."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from services.classifier import by_hand
from services.classifier.merging import part_id
from services.cli import wiring
from services.cli.render import counted
from shared.models.change import Change
from shared.models.story import Story

Decide = Callable[[Sequence[Story], datetime], Change | None]


def merge(story: Story, other_id: str) -> list[str]:
    """Raises Refused, as the others do."""
    ids = (story.id, other_id)
    change = _changed(story, ids, lambda stories, now: by_hand.merge(ids, stories, now))
    if change is None:
        return [f"nothing to do: {story.id} and {other_id} are merged already"]
    return [_end(change, "is merged into"), *_rings(change), f"undo: tocsin stories undo {change.also[0].story.id}"]


def split(story: Story, entry_ids: Sequence[str]) -> list[str]:
    part = part_id(story, entry_ids)
    change = _changed(
        story, (story.id, part), lambda stories, now: by_hand.split_off(story.id, entry_ids, stories, now)
    )
    if change is None:
        return [f"nothing to do: {part} is a story of its own already"]
    return [_beginning(change, "is a story of its own now"), *_rings(change), f"undo: tocsin stories undo {part}"]


def undo(story: Story) -> list[str]:
    ids = (story.id, by_hand.partner(story) or story.id)
    change = _changed(story, ids, lambda stories, now: by_hand.undo(story.id, stories, now))
    if change is None:
        back = f"part of {story.merged_into}" if story.merged_into else "a story of its own"
        return [f"nothing to do: {story.id} is {back} already"]
    parted = change.story.id == story.id
    done = _beginning(change, "is a story of its own again") if parted else _end(change, "is part again of")
    return [done, *_rings(change)]


def _changed(story: Story, story_ids: Sequence[str], decide: Decide) -> Change | None:
    with wiring.opened_story_store(wiring.settings()) as stories:
        now = datetime.now(UTC)
        return stories.change(story.topic, list(dict.fromkeys(story_ids)), lambda found: decide(found, now))


def _end(change: Change, how: str) -> str:
    left = change.also[0].story.id
    moved, now = counted(len(change.moved), "article"), len(change.story.articles)
    return f"{left} {how} {change.story.id}: {moved} moved, {now:,} there now"


def _beginning(change: Change, how: str) -> str:
    rest = change.also[0].story
    moved, left = counted(len(change.moved), "article"), len(rest.articles)
    return f"{change.story.id} {how}: {moved} moved, {left:,} left in {rest.id}"


def _rings(change: Change) -> Iterator[str]:
    alerts = [each.alert for each in (change, *change.also) if each.alert and not each.alert.again]
    for alert in alerts:
        yield f"{alert.story_id} rings: {alert.type.value}, revision {alert.revision}: {alert.detail}"
    if not alerts:
        yield "silently, for one of the two never rang"
