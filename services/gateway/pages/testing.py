"""`/test`: what every topic makes of a text, by the classifiers that are running."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from services.gateway.areas.topics import TopicArea
from services.gateway.pages.forms import NOTHING, Written
from services.gateway.pages.marks import Mark, Marked, marked
from services.gateway.pages.rendering import Pages
from services.gateway.pages.words import ClaimWords, claim_words, spaced
from services.gateway.views.topics import Probe
from shared.errors import Unanswered
from shared.models.examination import Examined, TopicVerdict
from shared.models.pack import Place

Text = Annotated[str, Query(max_length=4000)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`marked`: the text with what spoke for it, what was read as a claim, and what spoke against it."""

    verdict: TopicVerdict
    title: str
    marked: Marked
    claims: tuple[ClaimWords, ...]


def test_page(topics: TopicArea, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/test")
    async def examine(request: Request, title: Text = "", summary: Text = "") -> Response:
        """Asked by an address, which can be handed on: nothing is changed by it."""
        form = Written({"title": title.strip(), "summary": summary.strip()})
        if not form.get("title"):
            return pages.page(request, "test.html", form=NOTHING, verdicts=())
        try:
            examined = await topics.test(Probe(title=form.get("title"), summary=form.get("summary")))
        except (ValidationError, Unanswered) as error:
            status = 503 if isinstance(error, Unanswered) else 422
            return pages.page(request, "test.html", status, form=form.refused(error), verdicts=())
        return pages.page(request, "test.html", form=form, verdicts=await _verdicts(topics, examined))

    return router


async def _verdicts(topics: TopicArea, examined: Examined) -> list[Verdict]:
    """The relevant ones first, then those that came near."""
    ranked = sorted(examined.verdicts, key=lambda verdict: (not verdict.relevant, -verdict.score))
    return [await _verdict(topics, verdict, examined.text) for verdict in ranked]


async def _verdict(topics: TopicArea, verdict: TopicVerdict, text: str) -> Verdict:
    topic = await topics.find(verdict.topic)
    places = topic.places if topic else {}
    return Verdict(
        verdict=verdict,
        title=topic.title if topic else verdict.topic,
        marked=marked(text, _marks(verdict, places)),
        claims=tuple(claim_words(claim, places) for claim in verdict.claims),
    )


def _marks(verdict: TopicVerdict, places: dict[str, Place]) -> Sequence[Mark]:
    return [
        *(Mark(found.start, found.end, "evidence", spaced(found.concept)) for found in verdict.evidence),
        *(Mark(found.start, found.end, "against", "speaks against it") for found in verdict.negative),
        *(Mark(claim.start, claim.end, "claim", str(claim_words(claim, places))) for claim in verdict.claims),
    ]
