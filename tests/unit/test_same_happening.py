"""The last rung of the ladder: the same happening in other words. Texts are read by the real topic."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.classifier.cluster import Assignment, assign, index_terms
from services.classifier.fingerprint import fingerprint
from services.classifier.likeness import WEIGHTS, Corpus, Weights, likeness
from shared.models.story import Decision, Story, figure_key
from shared.models.topic import Reply
from tests.factories import NOON, match
from tests.unit.readings import read
from tests.unit.tellings import Telling, figure, joined, opened, told_by

DAY = timedelta(days=1)
BACKGROUND = (
    " About 11,000 North Korean soldiers were sent, Western officials say. Of these about 4,000 are casualties."
)
GONE = (
    "North Korean troops have left the front in Kursk",
    "They were not seen for three weeks, a spokesman for Ukraine's special operations forces said.",
)
GONE_AGAIN = (
    "Kim's soldiers withdrawn from the Kursk front line, Kyiv says",
    "Ukraine's special operations forces have not met North Korean soldiers in Kursk since mid-January.",
)


def assigned(told: Telling, *stories: Story, corpus: Corpus | None = None, weights: Weights = WEIGHTS) -> Assignment:
    entry, _ = told
    return assign(entry, fingerprint(*told), stories, corpus or Corpus(len(stories)), entry.seen_at, weights)


# Time


def test_likeness_fades_with_the_days_and_ends_after_four() -> None:
    first = opened(*read("herald", *GONE))
    days = (0, 1, 2, 3, 3.9, 4.1)
    found = [assigned(read("courier", *GONE_AGAIN, at=NOON + day * DAY), first) for day in days]
    values = [result.similarity for result in found]
    assert values == sorted(values, reverse=True)
    assert (values[-2] > 0, values[-1]) == (True, 0.0)
    assert [found[at].story_id for at in (0, 1, -1)] == [first.id, first.id, None]


# Figures


STAFF, NIS = "Ukraine's General Staff", "South Korea's NIS"
FALLEN = (
    f"1,000 North Korean soldiers killed in Kursk, says {STAFF}",
    "They fell in assaults on Ukrainian positions.",
)


def losses(number: int, voice: str | None) -> Telling:
    who = f"{voice} puts North Korean dead in Kursk at" if voice else "North Korean dead in Kursk are put at"
    return read("courier", f"{who} {number:,}", "The assaults have cost Kim's army dearly.")


@pytest.mark.parametrize(
    ("number", "voice", "one_story"),
    [(1_030, NIS, True), (1_100, NIS, False), (3_100, STAFF, True), (1_600, None, True)],
)
def test_two_known_voices_that_count_otherwise_are_never_one_story(
    number: int, voice: str | None, one_story: bool
) -> None:
    first, other = opened(*read("herald", *FALLEN)), losses(number, voice)
    assert (assigned(other, first).story_id is not None) is one_story


def test_a_background_paragraph_that_all_repeat_joins_nothing() -> None:
    taken = "Two North Korean soldiers captured in Kursk", "Ukraine's president showed the men." + BACKGROUND
    museum = read(
        "courier",
        "Kim plans a museum for North Korean soldiers who fell in Kursk",
        "North Korean state media report that he laid the first stone in Pyongyang." + BACKGROUND,
    )
    figures = figure_key("deployed", 11_000), figure_key("casualties", 4_000)
    often = {term: 19 for term in index_terms(fingerprint(*museum)) if term.startswith("figure:")}
    corpus = Corpus(20, often, dict.fromkeys(figures, "st_other"))
    result = assigned(museum, opened(*read("herald", *taken)), corpus=corpus)
    assert result.story_id is None
    again = read(
        "wire", "Ukraine takes two North Korean soldiers prisoner in Kursk", "Zelenskyy showed them." + BACKGROUND
    )
    assert assigned(again, opened(*read("herald", *taken)), corpus=corpus).decision is Decision.SAME_STORY


def test_a_figure_that_another_story_told_says_little() -> None:
    story, other = opened(*read("herald", *FALLEN)), losses(1_000, NIS)
    key = figure_key("killed", 1_000)
    here, elsewhere = (assigned(other, story, corpus=Corpus(1, figures={key: id_})) for id_ in (story.id, "st_other"))
    assert elsewhere.similarity < here.similarity


# What is compared


def test_the_more_stories_there_are_the_surer_one_must_be() -> None:
    first, other = opened(*read("herald", *GONE)), read("courier", *GONE_AGAIN)
    few, many = (assigned(other, first, corpus=Corpus(live, {"event:withdrawal": live})) for live in (1, 400))
    assert many.similarity < few.similarity


def test_words_are_compared_within_one_language_only() -> None:
    first, told = fingerprint(*read("herald", *GONE)), fingerprint(*read("courier", *GONE_AGAIN))
    foreign = told.model_copy(update={"language": "de"})
    one, other = (likeness(each, first, timedelta(0), Corpus(1).rarity()) for each in (told, foreign))
    assert one.value > other.value > WEIGHTS.same_story_at


def test_a_story_is_as_near_as_its_nearest_article_and_all_of_them_together() -> None:
    near, far = read("herald", *GONE), read("wire", "North Korean soldiers captured in Kursk", "Kyiv shows two men.")
    told = read("courier", *GONE_AGAIN)
    alone = [assigned(told, opened(*each)).similarity for each in (near, far)]
    story, _ = joined(opened(*near), *far)
    assert alone[0] > alone[1]
    assert assigned(told, story).similarity == pytest.approx((alone[0] + sum(alone) / 2) / 2)


# Replies


def reply() -> Telling:
    told, verdict = read("courier", *GONE_AGAIN)
    return told, verdict.model_copy(update={"reply": Reply.DENIED})


def test_a_reply_is_as_near_as_the_article_that_it_answers() -> None:
    near, far = read("herald", *GONE), read("wire", "North Korean soldiers captured in Kursk", "Kyiv shows two men.")
    story, _ = joined(opened(*near), *far)
    assert assigned(reply(), story).similarity == pytest.approx(assigned(reply(), opened(*near)).similarity)


def test_less_is_enough_for_a_reply() -> None:
    first = opened(*read("herald", *GONE))
    strict = replace(WEIGHTS, same_story_at=1.0, reply_at=0.5)
    assert WEIGHTS.reply_at < WEIGHTS.same_story_at
    assert assigned(read("courier", *GONE_AGAIN), first, weights=strict).decision is Decision.RELATED
    assert assigned(reply(), first, weights=strict).decision is Decision.SAME_STORY


def test_what_is_less_alike_is_related_and_says_to_what() -> None:
    first = opened(*read("herald", *GONE))
    result = assigned(read("courier", *GONE_AGAIN), first, weights=replace(WEIGHTS, same_story_at=1.0))
    assert (result.story_id, result.beside) == (None, first.id)
    assert result.reason.startswith(f"beside {first.id}, {result.similarity:.2f} < 1.00: ")


def test_a_new_story_names_the_nearest_and_its_score() -> None:
    captured = read("wire", "North Korean soldiers captured in Kursk", "Kyiv shows two men.")
    first = opened(*captured)
    result = assigned(read("courier", *GONE_AGAIN, at=NOON + 3 * DAY), first)
    assert result.decision is Decision.NEW
    assert result.reason == f"nearest is {first.id}, {result.similarity:.2f} < {WEIGHTS.related_at:.2f}"


# Who tells on


def coffins(outlet: str, *numbers: int, days: float = 1, voice: str = "") -> Telling:
    """A title that counts. No other outlet has an event in common with it."""
    at = NOON + days * DAY
    told = told_by(outlet, f"{voice}: {', not '.join(map(str, numbers))} killed", published=at, seen_at=at)
    said = {"kind": outlet, "attribution": voice or None}
    claims = tuple(figure(told, str(number), "killed", number, **said) for number in numbers)
    return told, match(event_type=outlet, claims=claims, speakers=(voice,))


def told_on(first: Telling, later: Telling, corpus: Corpus | None = None) -> bool:
    return assigned(later, opened(*first), corpus=corpus).reason.startswith("tells on: killed")


@pytest.mark.parametrize(
    ("numbers", "told", "joins"),
    [
        ((48,), (62, 48), True),
        ((48,), (62,), False),  # cites nothing
        ((48,), (48,), False),  # counts nothing new
        ((50,), (62, 50), False),  # a count that many happenings share
        ((17,), (22, 17), False),
    ],
)
def test_who_cites_a_count_and_counts_otherwise_tells_on(
    numbers: tuple[int, ...], told: tuple[int, ...], joins: bool
) -> None:
    assert told_on(coffins("capture", *numbers, days=0), coffins("other", *told)) is joins


def test_a_count_that_another_story_told_first_leads_to_none() -> None:
    first, later = coffins("capture", 48, days=0), coffins("other", 62, 48)
    key = figure_key("killed", 48)
    assert told_on(first, later, Corpus(2, figures={key: opened(*first).id}))
    assert not told_on(first, later, Corpus(2, figures={key: "st_other"}))


@pytest.mark.parametrize(("voice", "joins"), [("Seoul", True), ("Seoul's NIS", True), ("Kyiv", False), ("", False)])
def test_however_late_who_counted_may_raise_his_count(voice: str, joins: bool) -> None:
    first = coffins("capture", 600, days=0, voice="Seoul")
    assert told_on(first, coffins("other", 2_000, 600, days=60, voice=voice)) is joins
