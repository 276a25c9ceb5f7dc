"""A story as it is read: its articles with what in them decided, where they come from, and what they say."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from services.gateway.views.stories import ArticleView, StoryView
from shared.models.base import Model
from shared.models.entry import Entry
from shared.models.pack import Place
from shared.models.story import Article, Story
from shared.models.topic import Evidence


class ArticleReading(ArticleView):
    """`evidence` points into `whole`, the entry's text as it was classified; empty where that is no longer kept."""

    country: Annotated[str | None, Field(description="of its feed, ISO 3166-1 alpha-2")] = None
    evidence: tuple[Evidence, ...] = ()
    whole: str = ""

    @classmethod
    def of(cls, article: Article, entry: Entry | None, country: str | None) -> "ArticleReading":
        shown = {name: getattr(article, name) for name in ArticleView.model_fields}
        whole = entry.whole if entry else ""
        return cls(**shown, country=country, evidence=_standing(article.evidence, whole), whole=whole)


class Reading(Model):
    story: StoryView
    articles: tuple[ArticleReading, ...]
    unlisted: Annotated[int, Field(description="articles beyond those that are kept")]
    countries: Annotated[dict[str, str], Field(description="name of a feed → its country")]
    places: Annotated[dict[str, Place], Field(description="the topic's gazetteer")]

    @classmethod
    def of(
        cls,
        story: Story,
        entries: dict[str, Entry],
        countries: dict[str, str],
        places: dict[str, Place],
        languages: Sequence[str] = (),
    ) -> "Reading":
        """`languages`: the reader's, the one that he likes best first: the story is told in them if one of its articles
        is."""
        return cls(
            story=_told_in(languages, story),
            articles=tuple(
                ArticleReading.of(article, entries.get(article.entry_id), countries.get(article.feed_name))
                for article in story.articles
            ),
            unlisted=story.unlisted,
            countries=countries,
            places=places,
        )


def _told_in(languages: Sequence[str], story: Story) -> StoryView:
    view, best = StoryView.of(story), story.told_in(languages)
    if (best.language or "").split("-")[0] not in languages:
        return view
    return view.model_copy(update={"title": best.title, "summary": best.summary, "language": best.language})


def _standing(evidence: tuple[Evidence, ...], whole: str) -> tuple[Evidence, ...]:
    """Without what was found in another edition of the text."""
    return tuple(found for found in evidence if whole[found.start : found.end] == found.text)
