"""What is told of a story, in short and in full (pure)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.gateway.pages.figures import Chart, History, chart, histories
from services.gateway.pages.maps import Map, drawn
from services.gateway.pages.marks import Mark, Marked, marked
from services.gateway.pages.names import country_name, language_name
from services.gateway.pages.words import ClaimWords, claim_words, spaced, subject
from services.gateway.views.reading import ArticleReading, Reading
from services.gateway.views.stories import StoryView
from shared.models.pack import Place
from shared.models.story import Decision, KnownClaim, Revision, same_figure

CLAIMS_ON_CARD = 4
CHARTS_ON_CARD = 1
NAMES_ON_CARD = 5

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """`before`: the same speaker has named another figure since."""

    words: ClaimWords
    sources: tuple[str, ...]
    before: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """Of a story. Counts are of sources, the most first."""

    story: StoryView
    claims: tuple[ClaimLine, ...]
    histories: tuple[tuple[History, Chart], ...]
    map: Map | None
    languages: Counts
    countries: Counts
    articles: int

    @property
    def newest(self) -> Revision | None:
        return self.story.revisions[-1] if self.story.revisions else None


@dataclass(frozen=True, slots=True)
class ArticleLine:
    article: ArticleReading
    marked: Marked
    why: str
    country: str
    language: str


def card(reading: Reading) -> Card:
    """In short, for a list."""
    whole = page(reading)
    return Card(
        story=whole.story,
        claims=whole.claims[:CLAIMS_ON_CARD],
        histories=tuple(each for each in whole.histories if each[0].changes)[:CHARTS_ON_CARD],
        map=whole.map,
        languages=_cut(whole.languages),
        countries=_cut(whole.countries),
        articles=whole.articles,
    )


def page(reading: Reading) -> Card:
    story, places = reading.story, reading.places
    said = [claim for claim in story.claims if claim.sources]
    first_said = _first_said(reading.articles)
    changed = histories(said, first_said, places)
    return Card(
        story=story,
        claims=tuple(_claims(said, first_said, [history.what for history in changed], places)),
        histories=tuple((history, chart(history, story.updated_at)) for history in changed),
        map=drawn(_named(said), places),
        languages=_counts((article.source, language_name(article.language)) for article in reading.articles),
        countries=_counts(
            (article.source, country_name(article.country)) for article in reading.articles if article.country
        ),
        articles=len(reading.articles) + reading.unlisted,
    )


def _claims(
    said: Sequence[KnownClaim], first_said: Mapping[str, datetime], order: Sequence[str], places: Mapping[str, Place]
) -> Iterable[ClaimLine]:
    """Figures first, in the order of what they count and of each the newest, then what most say; what reads the same
    is told once."""

    def said_at(claim: KnownClaim) -> datetime:
        return first_said.get(claim.entry_id, claim.said_at)

    def rank(claim: KnownClaim) -> tuple[float, ...]:
        if claim.value is None:
            return 1, 0, -len(claim.sources), claim.position
        return 0, order.index(subject(claim)), -said_at(claim).timestamp(), -len(claim.sources)

    lines: dict[str, ClaimLine] = {}
    newest: dict[tuple[str, str], float] = {}
    for claim in sorted(said, key=rank):
        words = claim_words(claim, places)
        before = claim.value is not None and not same_figure(
            newest.setdefault((words.what, words.who), claim.value), claim.value
        )
        lines.setdefault(str(words), ClaimLine(words, claim.sources, before))
    return lines.values()


def _named(said: Iterable[KnownClaim]) -> dict[str, int]:
    """Place → how many sources name it."""
    named: dict[str, set[str]] = {}
    for claim in said:
        if claim.place:
            named.setdefault(claim.place, set()).update(claim.sources)
    return {place: len(sources) for place, sources in named.items()}


def _first_said(articles: Iterable[ArticleReading]) -> dict[str, datetime]:
    return {article.entry_id: min(article.published or article.seen_at, article.seen_at) for article in articles}


def _counts(pairs: Iterable[tuple[str, str]]) -> Counts:
    """Of distinct sources by a name, the most first."""
    counts = Counter(name for _, name in dict.fromkeys(pairs))
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _cut(counts: Counts) -> Counts:
    if len(counts) <= NAMES_ON_CARD:
        return counts
    rest = sum(many for _, many in counts[NAMES_ON_CARD - 1 :])
    return (*counts[: NAMES_ON_CARD - 1], ("others", rest))


def articles(reading: Reading) -> list[ArticleLine]:
    """In the order of their coming."""
    said = [claim for claim in reading.story.claims if claim.sources]
    return [_article(article, said, reading) for article in reading.articles]


def _article(article: ArticleReading, said: Iterable[KnownClaim], reading: Reading) -> ArticleLine:
    whole = article.whole or article.title
    marks = [Mark(found.start, found.end, "evidence", spaced(found.concept)) for found in article.evidence]
    if article.whole:
        marks += [
            Mark(claim.start, claim.end, "claim", str(claim_words(claim, reading.places)))
            for claim in said
            if claim.entry_id == article.entry_id
        ]
    return ArticleLine(
        article=article,
        marked=marked(whole, marks),
        why=why(article),
        country=country_name(article.country) if article.country else "",
        language=language_name(article.language),
    )


_WHY = {
    Decision.NEW: "opened the story",
    Decision.RELATED: "opened the story, beside another",
    Decision.EXACT: "the same item again",
    Decision.COPY: "a copy",
    Decision.SAME_STORY: "other words, the same happening",
    Decision.MOVED: "moved here by a merge or split",
}


def why(article: ArticleReading) -> str:
    """Why it stands in this story, in words."""
    told = _WHY[article.decision]
    return f"{told} of {article.derived_from}" if article.decision is Decision.COPY and article.derived_from else told
