"""A changed pack over the entries that are kept: what it finds, and what is new or lost against the pack in force."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from services.classifier.match import Matcher, compile_topics
from services.classifier.packs import load_pack
from shared.errors import ConfigError
from shared.models.entry import Entry
from shared.models.pack import RULE_FILE
from shared.models.topic import TopicMatch


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that one of the two finds. `match`: the verdict of the one that finds it."""

    entry: Entry
    match: TopicMatch


@dataclass(slots=True)
class Backtest:
    """Of `entries`, so many are found by the changed pack, and by both. `new`: by it alone; `lost`: no more."""

    entries: int = 0
    found: int = 0
    both: int = 0
    new: list[Hit] = field(default_factory=list)
    lost: list[Hit] = field(default_factory=list)


def changed_pack(name_or_directory: str, topics_dir: Path) -> tuple[str, Matcher]:
    """The topic's name, and its pack alone, held to its examples. Raises ConfigError."""
    home = Path(name_or_directory)
    if not (home / RULE_FILE).exists():
        home = topics_dir / name_or_directory
    if not (home / RULE_FILE).exists():
        names = sorted(rule.parent.name for rule in topics_dir.glob(f"*/{RULE_FILE}"))
        allowed = f"{', '.join(names)}, or a directory with a {RULE_FILE}"
        raise ConfigError(f"--topic: no topic `{name_or_directory}`; allowed: {allowed}")
    pack = load_pack(home)
    return pack.name, compile_topics([pack])


def backtest(entries: Iterable[Entry], topic: str, changed: Matcher, in_force: Matcher) -> Backtest:
    result = Backtest()
    for entry in entries:
        result.entries += 1
        now, before = _relevant(changed, entry, topic), _relevant(in_force, entry, topic)
        result.found += now is not None
        result.both += now is not None and before is not None
        if now and not before:
            result.new.append(Hit(entry, now))
        elif before and not now:
            result.lost.append(Hit(entry, before))
    return result


def _relevant(matcher: Matcher, entry: Entry, topic: str) -> TopicMatch | None:
    matches = matcher.classify(entry, entry.seen_at).matches
    return next((match for match in matches if match.topic == topic and match.relevant), None)
