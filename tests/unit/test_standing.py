"""How a story stands, how many stand by it, and by which article it is told."""

from datetime import timedelta

import pytest

from services.classifier.alerting import Ring
from services.classifier.story import revise, status_of, withdraw
from shared.models.story import UNNAMED, AlertType, Article, Decision, KnownClaim, Reason, Relation, Status, Story
from shared.models.topic import Certainty
from tests.factories import NOON, article, claim, entry, revision, story


def by(source: str, **over: object) -> Article:
    """An article of that source, on a page of its own site."""
    url = f"https://{source.replace(' ', '-')}.example/1"
    return article(entry(title=f"They left, says {source}", source=source, url=url), **over)


def of(*articles: Article, **over: object) -> Story:
    return story(articles=articles, **over)


def copied(source: str, whom: str, **over: object) -> Article:
    return by(source, derived_from=whom, decision=Decision.COPY, **over)


# Status


def test_one_source_is_breaking_and_two_are_developing() -> None:
    assert status_of(of(by("herald"))) is Status.BREAKING
    assert status_of(of(by("herald"), copied("mirror", "herald"))) is Status.BREAKING
    assert status_of(of(by("herald"), by("courier"))) is Status.DEVELOPING


def test_a_story_of_one_source_that_has_changed_is_developing() -> None:
    ring = Ring(AlertType.UPDATED, Reason.FIGURE_CHANGED, "killed 1 → 2")
    assert revise(of(by("herald")), ring, NOON).status is Status.DEVELOPING


def said(certainty: Certainty, **over: object) -> KnownClaim:
    """By an official in the lead, of the story's own event."""
    official = {"attribution": "Kyiv", "attribution_class": "ukrainian", "certainty": certainty}
    held = {"entry_id": "e", "sources": ("herald",), "position": 1, "said_at": NOON}
    return KnownClaim.model_validate(claim(role=None, value=None).model_dump() | official | held | over)


def verdict(*claims: KnownClaim) -> Status:
    return status_of(of(by("herald"), claims=claims))


@pytest.mark.parametrize("certainty", [Certainty.CONFIRMED, Certainty.DENIED])
def test_an_official_confirms_or_denies_the_story(certainty: Certainty) -> None:
    assert verdict(said(certainty)) == certainty.value


def test_the_last_word_counts_whatever_the_order_of_coming() -> None:
    confirmed, denied = said(Certainty.CONFIRMED), said(Certainty.DENIED, said_at=NOON + timedelta(hours=1))
    assert verdict(confirmed, denied) is verdict(denied, confirmed) is Status.DENIED


@pytest.mark.parametrize(
    "over",
    [
        {"kind": "capture"},
        {"position": 2},
        {"attribution_class": None},
        {"attribution_class": "outlet"},
        {"attribution_class": "milblogger"},
        {"attribution_class": "think-tank"},
        {"attribution_class": "captive"},
        {"attribution_class": "other"},
    ],
)
def test_another_event_the_background_and_who_is_no_official_settle_nothing(over: dict[str, object]) -> None:
    assert verdict(said(Certainty.CONFIRMED, **over)) is Status.BREAKING


def test_what_nobody_stands_by_is_retracted_whatever_was_confirmed() -> None:
    told = of(by("herald"), claims=(said(Certainty.CONFIRMED),))
    assert withdraw(told, told.articles[0].entry_id, "gone", NOON).status is Status.RETRACTED


def test_a_story_is_not_retracted_while_a_copy_stands() -> None:
    told = of(by("herald"), copied("mirror", "herald"))
    first, copy = (each.entry_id for each in told.articles)
    left = withdraw(told, first, "gone", NOON)
    assert left.status is not Status.RETRACTED
    assert withdraw(left, copy, "gone", NOON).status is Status.RETRACTED


def test_a_copy_at_the_address_that_is_gone_is_gone_too() -> None:
    first = by("herald")
    told = of(first, copied("aggregator", "herald", url=first.url))
    assert withdraw(told, first.entry_id, "gone", NOON).status is Status.RETRACTED


def test_what_was_announced_as_retracted_stays_so() -> None:
    told = of(by("herald"), by("courier"), revisions=(revision(), revision(number=2, type=AlertType.RETRACTED)))
    assert status_of(told) is Status.RETRACTED


# Independent sources


def at(source: str, url: str | None) -> Article:
    return article(entry(title=f"{source} {url}", source=source, url=url))


@pytest.mark.parametrize(
    ("articles", "sources"),
    [
        ([at("Herald", "https://herald.example/1"), at("Herald", "https://herald-sport.example/1")], 1),
        ([at("Herald", "https://herald.example/1"), at("Herald World", "https://www.herald.example/2")], 1),
        ([at("Herald", "https://herald.example/1"), at("Herald Mobile", "https://m.herald.example/2")], 1),
        ([at("Herald", "https://herald.example/1"), at("Courier", "https://courier.example/1")], 2),
        ([at("Herald", "https://t.me/herald"), at("Courier", "https://t.me/courier")], 2),
        ([at("Herald", None), at("Courier", None)], 2),
        ([at("Herald", "nonsense"), at("Courier", "nonsense")], 2),
        ([at(UNNAMED, None), at("Courier", "https://courier.example/1")], 1),
        ([at(UNNAMED, None)], 1),
    ],
)
def test_sources_are_counted_by_owner_and_site(articles: list[Article], sources: int) -> None:
    assert of(*articles).independent_sources == sources
    assert of(*reversed(articles)).independent_sources == sources


def test_an_owner_with_pages_on_two_sites_joins_those_who_share_them() -> None:
    one, two = at("Herald", "https://herald.example/1"), at("Courier", "https://courier.example/1")
    both = at("Herald", "https://courier.example/2")
    assert of(one, two).independent_sources == 2
    assert of(one, two, both).independent_sources == 1


def test_what_repeats_or_is_withdrawn_is_no_source_of_its_own() -> None:
    told = of(by("herald"), copied("mirror", "herald"), by("courier", withdrawn="gone"), by("wire"))
    assert [each.relation for each in told.articles[:2]] == [Relation.INDEPENDENT, Relation.DERIVED]
    assert [each.source for each in told.standing] == ["herald", "wire"]
    assert told.independent_sources == 2


def test_copies_without_what_they_repeat_are_one_source() -> None:
    told = of(copied("mirror", "herald"), copied("echo", "mirror"), copied("post", "wire"))
    assert [each.source for each in told.standing] == ["mirror", "post"]


# By which article it is told


def test_a_story_is_told_in_the_language_that_the_reader_likes_best() -> None:
    told = of(by("herald", language="en"), by("вежа", language="uk"), by("소식", language="ko-KR"))
    chosen = [told.told_in(languages).source for languages in (("uk", "en"), ("fr", "ko"), ("fr",), ())]
    assert chosen == ["вежа", "소식", "herald", "herald"]


def test_a_story_is_told_by_the_better_tier_and_then_by_the_earlier_article() -> None:
    late = NOON + timedelta(hours=1)
    blog, first, second = by("blog", tier=3), by("herald", tier=1, published=NOON), by("wire", tier=1, seen_at=late)
    assert of(blog, second.model_copy(update={"published": late}), first).told_in().source == "herald"


@pytest.mark.parametrize(
    "worse",
    [
        {"withdrawn": "gone"},
        {"title": ""},
        {"derived_from": "courier", "decision": Decision.COPY},
    ],
)
def test_a_language_is_no_reason_to_tell_what_is_withdrawn_untitled_or_copied(worse: dict[str, object]) -> None:
    told = of(by("вежа", language="uk", tier=1, **worse), by("courier", language="en", tier=3))
    assert told.told_in(("uk",)).source == "courier"
