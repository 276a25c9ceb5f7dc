"""`tocsin check`: everything a person wrote, examined at once."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from services.classifier.describing import measure
from services.classifier.packs import doubtful, load_matcher
from services.cli.render import counted, print_json, print_table, remark, say
from services.cli.subscriptions import examining
from shared.config.document import read_document
from shared.config.feeds import load_feeds
from shared.config.problems import unknown
from shared.config.subscriptions import load_subscriptions, written_subscriptions
from shared.errors import ConfigError
from shared.models.pack import RULE_FILE
from shared.models.subscription import Subscription
from shared.settings import PREFIX, Settings, load_settings, variable

FILES = ("feeds_file", "subscriptions_file", "topics_dir")
Env = Mapping[str, str]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the configuration holds, or all that is wrong with it; and what is right, but hardly meant.

    `names`: each thing that it holds, where they are few.
    """

    name: str
    place: str
    counts: Mapping[str, int]
    problems: Sequence[str] = ()
    doubts: Sequence[str] = ()
    names: Sequence[str] = ()


@app.command("check")
def check(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Validate settings, feeds, subscriptions and topics."""
    parts = examine(os.environ)
    if json:
        print_json({"ok": not _wrong(parts), "parts": [asdict(part) for part in parts]})
    else:
        _show(parts)
    for text in (*mistyped(os.environ), *(doubt for part in parts for doubt in part.doubts)):
        remark(text)
    raise typer.Exit(ConfigError.exit_code if _wrong(parts) else 0)


def examine(env: Env) -> list[Part]:
    """The files are examined even when other settings are wrong."""
    files = load_settings({variable(name): env.get(variable(name), "") for name in FILES})
    return [
        _part("settings", "environment", lambda: _settings(env)),
        _part("feeds", files.feeds_file, lambda: _feeds(files.feeds_file)),
        _subscriptions_part(files, env),
        replace(
            _part("topics", files.topics_dir, lambda: _topics(files.topics_dir)),
            doubts=tuple(doubtful(files.topics_dir)),
        ),
    ]


def mistyped(env: Env) -> Iterator[str]:
    """Variables that look like a setting and are none. Others may be secrets that a subscription names."""
    names = [variable(name) for name in Settings.model_fields]
    for name in sorted(env):
        if name.startswith(PREFIX) and name not in names and (nearest := get_close_matches(name, names, 1, 0.9)):
            yield f"{name} is no setting; did you mean {nearest[0]}?"


def _part(name: str, place: Path | str, count: Callable[[], Mapping[str, int]]) -> Part:
    try:
        return Part(name, str(place), count())
    except ConfigError as error:
        return Part(name, str(place), {}, error.problems)


def _settings(env: Env) -> Mapping[str, int]:
    load_settings(env)
    names = [variable(name) for name in Settings.model_fields]
    return {"setting": len(names), "set": sum(bool(env.get(name, "").strip()) for name in names)}


def _feeds(path: Path) -> Mapping[str, int]:
    feeds = load_feeds(path)
    return {
        "feed": len(feeds),
        "enabled": sum(feed.enabled for feed in feeds),
        "language": len({feed.language for feed in feeds if feed.language}),
    }


def _subscriptions_part(files: Settings, env: Env) -> Part:
    part = _part("subscriptions", files.subscriptions_file, lambda: _subscriptions(files, env))
    if part.problems:
        return part
    written, document = written_subscriptions(files.subscriptions_file), read_document(files.subscriptions_file)
    doubts = examining.doubtful(document, written, _event_types(files), _sources(files))
    return replace(part, doubts=tuple(doubts), names=examining.channels(written))


def _event_types(files: Settings) -> set[str]:
    """Empty if a pack cannot be read, which is told elsewhere; so are feeds."""
    try:
        rules = [read_document(rule).data for rule in sorted(files.topics_dir.glob(f"*/{RULE_FILE}"))]
    except ConfigError:
        return set()
    return {name for rule in rules if isinstance(events := rule.get("events"), dict) for name in events}


def _sources(files: Settings) -> set[str]:
    try:
        return {feed.source for feed in load_feeds(files.feeds_file)}
    except ConfigError:
        return set()


def _subscriptions(files: Settings, env: Env) -> Mapping[str, int]:
    subscriptions = load_subscriptions(files.subscriptions_file, env)
    document = read_document(files.subscriptions_file)
    if problems := [*_unknown_topics(files, subscriptions), *examining.impossible(files, document, subscriptions)]:
        raise ConfigError(*problems)
    return {"subscription": len(subscriptions), "enabled": sum(subscription.enabled for subscription in subscriptions)}


def _unknown_topics(files: Settings, subscriptions: Sequence[Subscription]) -> Iterator[str]:
    """A subscription to a topic that does not exist would wait for ever."""
    names = sorted(rule.parent.name for rule in files.topics_dir.glob(f"*/{RULE_FILE}"))
    document = read_document(files.subscriptions_file)
    for index, subscription in enumerate(subscriptions):
        for position, topic in enumerate(subscription.topics):
            if topic not in names:
                wrong = unknown(f"no topic `{topic}`", topic, names or [f"none, for {files.topics_dir} is empty"])
                yield document.problem(("subscriptions", index, "topics", position), wrong)


def _topics(directory: Path) -> Mapping[str, int]:
    """Every example is tried: the cache has no part in a check."""
    measures = [measure(topic.pack) for topic in load_matcher(directory).topics]
    return {
        "topic": len(measures),
        "language": len({language for found in measures for language in found.languages}),
        "form": sum(found.forms for found in measures),
        "example met|examples met": sum(found.examples for found in measures),
    }


def _wrong(parts: Sequence[Part]) -> bool:
    return any(part.problems for part in parts)


def _show(parts: Sequence[Part]) -> None:
    print_table(["part", "", "holds", "read from"], [_row(part) for part in parts], elastic="read from")
    for part in parts:
        for line in ("", *part.problems) if part.problems else ():
            say(line)


def _row(part: Part) -> tuple[str, Text, str, str]:
    if part.problems:
        return part.name, Text("wrong", "bold red"), counted(len(part.problems), "problem"), part.place
    holds = ", ".join(_count(*item) for item in part.counts.items())
    return part.name, Text("ok", "green"), ": ".join(filter(None, (holds, ", ".join(part.names)))), part.place


def _count(thing: str, number: int) -> str:
    return f"{number:,} {thing}" if thing in ("set", "enabled") else counted(number, thing)
