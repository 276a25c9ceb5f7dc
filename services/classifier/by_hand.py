"""What a person may ask of stories: to merge two, to split one, to undo either.

Pure: the stories as they are go in, the change that is to be stored comes out, or None when that is done already.
Raises Refused for what cannot be done.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from services.classifier.alerting import Ring, Silent
from services.classifier.merging import elder_first, handed_over, merged, part_id, parted, rejoined, split
from services.classifier.telling import merger, ringing
from shared.errors import Refused
from shared.models.change import Change
from shared.models.story import AlertType, Reason, Story

_UNHEARD = Silent(Reason.NOTHING_NEW, "nobody was told of it")


def merge(story_ids: tuple[str, str], stories: Iterable[Story], now: datetime) -> Change | None:
    """The elder takes over the other's articles."""
    one, other = _found(story_ids, stories)
    if one.id == other.id:
        raise Refused(f"{one.id} is one story already")
    if one.topic != other.topic:
        raise Refused(f"{one.id} is of the topic {one.topic}, {other.id} of {other.topic}")
    if one.merged_into == other.id or other.merged_into == one.id:
        return None
    kept, gone = elder_first(_live(one), _live(other))
    together, left = merged(kept, gone, "merged by hand", now)
    return _swallowed(kept, together, gone, left, merger(gone, _UNHEARD), now)


def split_off(story_id: str, entry_ids: Collection[str], stories: Sequence[Story], now: datetime) -> Change | None:
    """These entries become a story of their own. `stories`: with the one that they make, if there is one already."""
    (story,) = _found((story_id,), stories)
    held = next((each for each in stories if each.id == part_id(story, entry_ids)), None)
    if held and not held.merged_into and all(map(held.has_entry, entry_ids)):
        return None
    _live(story)
    if missing := [entry_id for entry_id in entry_ids if not story.has_entry(entry_id)]:
        raise Refused(f"{story_id} has no entry {', '.join(missing)}; `tocsin stories show {story_id}` names them")
    if len(set(entry_ids)) in (0, len(story.articles)):
        raise Refused(f"name some of the entries of {story_id}, and not all: something must be left of it")
    rest, own = split(story, entry_ids, now, held)
    return _two(story, rest, own, f"split from {story_id}", f"{own.id} is a story of its own now", now)


def undo(story_id: str, stories: Sequence[Story], now: datetime) -> Change | None:
    """Undo the merge that ended this story, or the split that began it. `stories`: with its `partner`."""
    (story,) = _found((story_id,), stories)
    other = next((each for each in stories if each.id == partner(story)), None)
    if is_undone(story):
        return None
    if partner(story) is None:
        raise Refused(f"{story_id} was neither merged into another nor split from one{_hint(story)}")
    if other is None:
        raise Refused(f"{partner(story)} is not there any more: expired, or the two have changed just now")
    return _undone_merge(_live(other), story, now) if story.merged_into else _undone_split(_live(other), story, now)


def partner(story: Story) -> str | None:
    """The story with which an undoing has to do."""
    return story.merged_into or story.split_from


def is_undone(story: Story) -> bool:
    """A part that is back where it came from, or a merged story that is one of its own again."""
    if story.split_from:
        return story.merged_into == story.split_from
    return story.merged_into is None and bool(story.apart)


def _undone_merge(story: Story, other: Story, now: datetime) -> Change:
    taken = [article for article in story.articles if other.has_entry(article.entry_id)]
    if not taken:
        raise Refused(f"{story.id} has no article of {other.id} any more")
    if len(taken) == len(story.articles):
        raise Refused(f"{story.id} has only what {other.id} brought: nothing would be left of it")
    rest, own = parted(story, other, now)
    again = f"{other.id} is a story of its own again"
    return _two(story, rest, own, f"no longer part of {story.id}", again, now, heard=bool(other.revisions))


def _undone_split(story: Story, part: Story, now: datetime) -> Change:
    if part.merged_from:
        raise Refused(f"{', '.join(part.merged_from)} has been merged into {part.id} since: undo that first")
    together, left = rejoined(story, part, now)
    again = Ring(AlertType.MERGED, Reason.MERGED, f"{part.id} is part of this story again")
    return _swallowed(story, together, part, left, again, now)


def _swallowed(kept: Story, together: Story, gone: Story, left: Story, ring: Ring, now: datetime) -> Change:
    """Whoever heard of neither is told nothing of their being one."""
    takes = ringing(kept, together, ring if kept.revisions and gone.revisions else _UNHEARD, now)
    takes, gives = handed_over(takes, Change(left), gone, gone.articles)
    return replace(takes, also=(gives,))


def _two(story: Story, rest: Story, own: Story, why: str, of_rest: str, now: datetime, *, heard: bool = True) -> Change:
    """The change of what has become a story of its own, with that of what is left."""
    first = AlertType.UPDATED if own.revisions else AlertType.CREATED
    rings = heard and story.revisions
    takes = ringing(None, own, Ring(first, Reason.SPLIT, why) if rings else _UNHEARD, now)
    gives = ringing(story, rest, Ring(AlertType.UPDATED, Reason.SPLIT, of_rest) if rings else _UNHEARD, now)
    takes, gives = handed_over(takes, gives, story, own.articles)
    return replace(takes, also=(gives,))


def _found(story_ids: Iterable[str], stories: Iterable[Story]) -> list[Story]:
    by_id = {story.id: story for story in stories}
    if unknown := [story_id for story_id in story_ids if story_id not in by_id]:
        raise Refused(f"no story {', '.join(unknown)}: never there, or expired")
    return [by_id[story_id] for story_id in story_ids]


def _live(story: Story) -> Story:
    if story.merged_into:
        raise Refused(f"{story.id} is merged into {story.merged_into}: name that one, or undo the merge first")
    return story


def _hint(story: Story) -> str:
    return f"; merged into it: {', '.join(story.merged_from)}" if story.merged_from else ""
