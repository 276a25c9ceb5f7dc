"""`tocsin stories`: what was gathered under one alert, and why."""

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from services.cli import wiring
from services.cli.commands.topics import describe
from services.cli.render import console, facts, moment, plain, print_json, print_table
from shared.errors import TocsinError
from shared.models.story import Story

app = typer.Typer(
    help="Show stories and the articles in them.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]

LIST_COLUMNS = ("updated", "id", "revision", "event", "articles", "sources", "languages", "title")
ARTICLE_COLUMNS = ("said", "source", "language", "relation", "alike", "reason", "title", "address")


@app.command("list")
def list_stories(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 20, json: Json = False
) -> None:
    """The stories that changed last."""
    stories = asyncio.run(_newest(count))
    if json:
        print_json([_described(story) for story in stories])
    else:
        print_table(LIST_COLUMNS, map(_row, stories), elastic="title")


@app.command("show")
def show(
    story_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` and alerts name it.")], json: Json = False
) -> None:
    """Its revisions and claims, and why each article is there."""
    story = asyncio.run(_load(story_id))
    if json:
        print_json(_described(story))
    else:
        _show(story)


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
    out = console()
    out.print(Text(plain(story.title), "bold"))
    out.print(facts(_facts(story)))
    out.print()
    articles = (
        (
            moment(article.moment),
            article.source,
            article.language,
            article.relation.value,
            f"{article.similarity:.2f}",
            article.reason,
            article.title,
            article.url,
        )
        for article in story.articles
    )
    print_table(ARTICLE_COLUMNS, articles, elastic="title")


def _facts(story: Story) -> list[tuple[str, object]]:
    return [
        ("id", story.id),
        ("topic", f"{story.topic}, version {story.topic_version}"),
        ("event", story.event_type),
        ("severity", f"{story.severity.value}, tier {story.tier.value}"),
        ("score", f"{story.score:g}, {story.threshold:g} needed"),
        ("first seen", moment(story.first_seen_at)),
        ("updated", moment(story.updated_at)),
        ("sources", ", ".join(sorted(story.sources))),
        ("languages", ", ".join(sorted(story.languages))),
        *((f"revision {r.number}", f"{moment(r.at)} {r.type.value}, {r.reason}: {r.detail}") for r in story.revisions),
        *(("claim", f"{describe(claim)} ({', '.join(claim.sources)})") for claim in story.claims),
    ]
