"""`tocsin stories`: what was gathered under one alert, and why; and how good that is."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from services.classifier.classifier import Classifier
from services.classifier.match import Matcher
from services.classifier.packs import installed_matcher
from services.cli import wiring
from services.cli.commands.topics import describe
from services.cli.progress import counting
from services.cli.render import counted, facts, moment, plain, print_json, print_table, remark, say, show
from services.cli.stories.changing import merge, split, undo
from services.cli.stories.evaluation import evaluate
from services.cli.stories.lines import LabelledStory, StoryLine, labelled_by
from services.cli.stories.replay import Outcome, as_line, in_order, of_topic, replay
from services.cli.stories.scorecard import as_json, show_evaluation
from services.cli.topics.lines import BadLine, read_file, read_lines
from shared.errors import ConfigError, TocsinError
from shared.models.story import Article, Story

app = typer.Typer(
    help="Show, merge and split stories; replay and measure them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Topic = Annotated[str | None, typer.Option(help="This one alone; else whichever an entry says most of.")]

NAMED_VOICES = 3
COLUMNS = ("updated", "id", "revision", "event", "articles", "sources", "languages", "title")


@app.command("list")
def list_stories(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 20, json: Json = False
) -> None:
    """The stories that changed last."""
    stories = asyncio.run(_newest(count))
    if json:
        print_json([_described(story) for story in stories])
    else:
        print_table(COLUMNS, map(_row, stories), elastic="title")


@app.command("show")
def show_story(
    story_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` and alerts name it.")], json: Json = False
) -> None:
    """Its revisions and claims, and why each article is there."""
    story = asyncio.run(_load(story_id))
    if json:
        print_json(_described(story))
    else:
        _show(story)


@app.command("merge")
def merge_stories(
    one: Annotated[str, typer.Argument(metavar="ID")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The elder of the two takes over the articles.")],
) -> None:
    """Two stories turn out to be one."""
    _tell(merge(asyncio.run(_load(one)), other))


@app.command("split")
def split_story(
    story_id: Annotated[str, typer.Argument(metavar="ID")],
    entry_ids: Annotated[list[str], typer.Argument(metavar="ENTRY...", help="As `show` names them.")],
) -> None:
    """Some articles of a story turn out to tell another one."""
    _tell(split(asyncio.run(_load(story_id)), entry_ids))


@app.command("undo")
def undo_change(
    story_id: Annotated[
        str, typer.Argument(metavar="ID", help="The story that was merged into another, or split from one.")
    ],
) -> None:
    """Undo a merge or a split, for good: no classifier repeats it."""
    _tell(undo(asyncio.run(_load(story_id))))


def _tell(lines: Sequence[str]) -> None:
    for line in lines:
        say(line)


@app.command("replay")
def replay_entries(topic: Topic = None) -> None:
    """Classify entries again as they came, a JSON object a line.

    From standard input, in the order of `published`; a line is printed for each entry: its story, why, and what rang.
    """
    matcher = _matcher(topic)
    lines, bad = list[tuple[int, StoryLine]](), 0
    for number, line in read_lines(StoryLine, counting(sys.stdin.buffer, "read")):
        if isinstance(line, BadLine):
            bad += 1
            remark(f"line {number}: {'; '.join(line.problems)}")
        else:
            lines.append((number, line))
    for outcome in _replayed(lines, matcher):
        sys.stdout.write(as_line(outcome) + "\n")
    raise typer.Exit(1 if bad else 0)


@app.command("eval")
def evaluate_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Labelled entries, a JSON object a line.")],
    key: Annotated[str, typer.Option(help="The field that says which happening an entry tells.")] = "story",
    topic: Topic = None,
    json: Json = False,
) -> None:
    """Measure stories and alerts on labelled entries.

    Replays them; then B³ and pairs, needless and late alerts, what was split and what was merged.
    """
    matcher, lines = _matcher(topic), _labelled(file, key)
    evaluation = evaluate(_replayed([(n, line.as_line(n)) for n, line in lines.items()], matcher), lines)
    if json:
        print_json(as_json(evaluation, matcher.versions))
    else:
        show_evaluation(evaluation, matcher.versions)


def _matcher(topic: str | None) -> Matcher:
    return of_topic(installed_matcher(wiring.settings()), topic)


def _replayed(lines: Sequence[tuple[int, StoryLine]], matcher: Matcher) -> Iterator[Outcome]:
    arrivals = in_order(lines, datetime.now(UTC))
    with wiring.opened_scratch(wiring.settings()) as scratch:
        classifier = Classifier(matcher, scratch.entries, scratch.stories)
        yield from replay(classifier, counting(arrivals, "replayed", len(arrivals)))


def _labelled(file: Path, key: str) -> dict[int, LabelledStory]:
    """By the numbers of the lines. Raises ConfigError with every bad line, each by line and field."""
    good, problems = dict[int, LabelledStory](), list[str]()
    for number, line in read_file(labelled_by(key), file):
        if isinstance(line, BadLine):
            problems += (f"{file}:{number}: {problem}" for problem in line.problems)
        else:
            good[number] = line
    if not problems and all(line.label is None for line in good.values()):
        problems.append(f"--key: no line of {file} has a `{key}`")
    if problems:
        raise ConfigError(*problems)
    return good


async def _newest(count: int) -> list[Story]:
    async with wiring.opened_stores(wiring.settings()) as stores:
        return await stores.stories.newest(count)


async def _load(story_id: str) -> Story:
    async with wiring.opened_stores(wiring.settings()) as stores:
        story = await stores.stories.load(story_id)
    if story is None:
        raise TocsinError(f"no story {story_id}: never there, or expired; `tocsin stories list` has the newest")
    return story


def _described(story: Story) -> dict[str, object]:
    """Fingerprints are for comparing only."""
    told = story.model_dump(mode="json", exclude={"articles": {"__all__": {"fingerprint"}}})
    return {**told, "revision": story.revision}


def _row(story: Story) -> tuple[object, ...]:
    return (
        moment(story.updated_at),
        story.id,
        story.revision,
        story.event_type,
        len(story.articles),
        len(story.sources),
        " ".join(sorted(story.languages)),
        story.title,
    )


def _show(story: Story) -> None:
    show(Text(plain(story.title), "bold"))
    show(facts(_facts(story)))
    for article in story.articles:
        say("")
        say(f"{article.decision.value}  {article.source} ({article.language or 'language unknown'}): {article.title}")
        show(facts(_article_facts(article)))


def _article_facts(article: Article) -> list[tuple[str, object]]:
    return [
        ("reason", article.reason),
        ("said", moment(article.moment)),
        ("address", article.url),
        ("entry", article.entry_id),
        ("derived from", article.derived_from),
        ("withdrawn", article.withdrawn),
    ]


def _facts(story: Story) -> list[tuple[str, object]]:
    return [
        ("id", story.id),
        ("topic", f"{story.topic}, version {story.topic_version}"),
        ("status", story.status.value),
        ("merged into", story.merged_into),
        ("merged from", ", ".join(story.merged_from)),
        ("split from", story.split_from),
        ("related to", story.related_to),
        ("never merged with", ", ".join(story.apart)),
        ("event", story.event_type),
        ("severity", f"{story.severity.value}, tier {story.tier.value}"),
        ("score", f"{story.score:g}, {story.threshold:g} needed"),
        ("first seen", moment(story.first_seen_at)),
        ("updated", moment(story.updated_at)),
        ("sources", ", ".join(sorted(story.sources))),
        ("languages", ", ".join(sorted(story.languages))),
        *((f"revision {r.number}", f"{moment(r.at)} {r.type.value}, {r.reason}: {r.detail}") for r in story.revisions),
        *(("claim", f"{describe(claim)} ({_voices(claim.sources)})") for claim in story.claims),
    ]


def _voices(sources: Sequence[str]) -> str:
    return ", ".join(sources) if len(sources) <= NAMED_VOICES else counted(len(sources), "source")
