"""`tocsin subscriptions dry-run`: what a subscription would have been told."""

from collections import Counter
from collections.abc import Iterable

from services.cli.render import counted, moment, print_table, say
from services.cli.subscriptions.words import kind
from services.notifier.rehearse import Message, Rehearsal, Untold

COLUMNS = ("at", "type", "severity", "reason", "detail", "title")
UNTOLD_COLUMNS = ("at", "story", "revision", "held back by", "title")


def show_rehearsal(rehearsal: Rehearsal, *, untold: bool) -> None:
    """The messages, and with `untold` the revisions that had none."""
    if rehearsal.messages:
        print_table(COLUMNS, map(_row, rehearsal.messages), elastic="detail")
        say("")
    if untold and rehearsal.untold:
        print_table(UNTOLD_COLUMNS, map(_untold_row, rehearsal.untold), elastic="title")
        say("")
    say(totals(rehearsal))


def totals(rehearsal: Rehearsal) -> str:
    """`3 messages: 2 created, 1 updated; held back: 4 revisions: 3 severity, 1 update interval`."""
    told = counted(len(rehearsal.messages), "message")
    types = _listed(kind(message.type) for message in rehearsal.messages)
    held, reasons = len(rehearsal.untold), _listed(each.reason for each in rehearsal.untold)
    back = f"{counted(held, 'revision')}: {reasons}" if held else "nothing"
    return f"{told}{types and f': {types}'}; held back: {back}"


def as_json(rehearsal: Rehearsal) -> dict[str, object]:
    return {
        "messages": [_message(message) for message in rehearsal.messages],
        "untold": [_untold(each) for each in rehearsal.untold],
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{many:,} {name.replace('_', ' ')}" for name, many in Counter(names).most_common())


def _row(message: Message) -> tuple[object, ...]:
    more = len(message.stories) - 1
    title = f"{message.title} (and {more} more)" if more else message.title
    return (moment(message.at), kind(message.type), message.severity.value, message.reason, message.detail, title)


def _untold_row(each: Untold) -> tuple[object, ...]:
    reason = each.reason.replace("_", " ")
    return (moment(each.at), each.story, each.revision, f"{reason}, then told" if each.later else reason, each.title)


def _message(message: Message) -> dict[str, object]:
    return {
        "at": message.at.isoformat(),
        "type": message.type.value,
        "reason": message.reason,
        "detail": message.detail,
        "title": message.title,
        "severity": message.severity.value,
        "stories": list(message.stories),
        "revision": message.revision,
    }


def _untold(each: Untold) -> dict[str, object]:
    return {
        "at": each.at.isoformat(),
        "reason": each.reason,
        "told_later": each.later,
        "title": each.title,
        "severity": each.severity.value,
        "story": each.story,
        "revision": each.revision,
    }
