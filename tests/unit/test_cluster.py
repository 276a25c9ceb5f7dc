from datetime import timedelta

import pytest

from services.classifier.cluster import Assignment, assign
from services.classifier.fingerprint import fingerprint, position
from services.classifier.likeness import WEIGHTS, Corpus, likeness
from shared.models.entry import Entry
from shared.models.story import Decision, Story
from shared.models.topic import Certainty, Reply, TopicMatch
from tests.factories import NOON, entry, evidence, match
from tests.unit.tellings import figure, opened, says, told_by

WIRE = (
    "North Korean troops have not been seen on the front line in the Kursk region for about three weeks, "
    "a spokesman for Ukraine's special operations forces told reporters on Friday."
)
BACKGROUND = " Western officials say that 11,000 were deployed. Of these 4,000 are casualties."


def assigned(told: Entry, *stories: Story, verdict: TopicMatch | None = None) -> Assignment:
    return assign(
        told, fingerprint(told, verdict or match()), stories, Corpus(len(stories)), NOON + timedelta(minutes=1)
    )


def test_a_position_is_the_title_the_lead_or_a_later_sentence() -> None:
    told = entry(title="Gone. All of them.", summary="They left. Nobody saw it.")
    text = f"{told.title}\n{told.summary}"
    assert [position(told, text.index(word)) for word in ("Gone", "All", "They", "Nobody")] == [0, 0, 1, 2]


def test_a_term_weighs_by_its_most_prominent_place() -> None:
    told = entry(title="Troops withdrawn", summary="Troops left. 4,000 died there. So it was. Some were at Lgov.")
    claims = (figure(told, "4,000", "killed", 4_000), says(told, "Lgov", place="lgov", region="lgov"))
    hits = (evidence(concept="pause", start=0, end=6), evidence(concept="pause", start=17, end=23))
    terms = fingerprint(told, match(aspects=hits, claims=claims)).terms
    assert terms["aspect:pause"] == pytest.approx(1.2)
    assert terms["figure:4e+03"] == pytest.approx(0.5)
    assert terms["region:lgov"] == pytest.approx(0.2)


def test_only_the_title_and_the_lead_give_figures_and_voices_to_compare() -> None:
    told = entry(title="600 killed, says Seoul", summary="They fell. 4,000 were wounded, Kyiv says.")
    claims = (
        figure(told, "600", "killed", 600, attribution="seoul"),
        figure(told, "4,000", "wounded", 4_000, attribution="kyiv"),
    )
    printed = fingerprint(told, match(claims=claims, speakers=("seoul", "kyiv")))
    assert printed.figures == {"killed": (600,)}
    assert printed.voices == ("seoul",)


def test_who_is_not_named_in_time_is_no_voice() -> None:
    told = entry(title="600 killed", summary="They fell. So it was. Nobody knows. Seoul says so.")
    claims = (figure(told, "600", "killed", 600, attribution="seoul", attribution_class="south-korean"),)
    printed = fingerprint(told, match(claims=claims, speakers=()))
    assert (printed.voices, printed.classes) == ((), ())
    assert "voice:south-korean" not in printed.terms
    named = fingerprint(told, match(claims=claims, speakers=("seoul",)))
    assert (named.voices, named.classes) == (("seoul",), ("south-korean",))
    assert "voice:south-korean" in named.terms


def test_what_confirms_denies_or_corrects_is_a_reply() -> None:
    told = entry(title="They left", summary="It rains. Kyiv denies it.")
    denied = {"certainty": Certainty.DENIED}
    assert fingerprint(told, match(claims=(says(told, "They left", **denied),))).replies
    assert fingerprint(told, match(reply=Reply.CORRECTED)).replies
    assert not fingerprint(told, match(claims=(says(told, "They left"),))).replies
    assert not fingerprint(told, match(claims=(says(told, "denies it", **denied),))).replies


def test_the_fingerprint_of_an_empty_match_and_summary_is_still_one() -> None:
    told = entry(title="¡!", summary="")
    printed = fingerprint(told, match(evidence=(), event_type=None))
    assert printed.terms == {}
    assert printed.shingles == ()
    assert likeness(printed, printed, timedelta(0), Corpus().rarity()).value == 0.0


def test_an_entry_that_a_story_has_already_is_a_duplicate() -> None:
    told = told_by("herald", "Troops leave Kursk")
    result = assigned(told, opened(told, match()))
    assert (result.decision, result.reason) == (Decision.EXACT, "the same entry as herald's")


@pytest.mark.parametrize(
    "address",
    [
        "http://www.herald.example/kursk/",
        "https://herald.example/kursk?utm_source=rss&utm_medium=feed",
        "https://HERALD.example/kursk#comments",
    ],
)
def test_one_page_in_two_feeds_is_a_duplicate_however_its_address_is_spelt(address: str) -> None:
    first = told_by("herald", "Troops leave Kursk", url="https://herald.example/kursk")
    again = told_by("aggregator", "Kursk: the soldiers are gone", url=address)
    assert assigned(again, opened(first, match())).reason == "the same address as herald's"


def test_pages_that_differ_in_their_query_are_not_one() -> None:
    first = told_by("herald", "Troops leave Kursk", url="https://herald.example/?id=1")
    other = told_by("herald", "Kursk: the soldiers are gone", url="https://herald.example/?id=2")
    assert assigned(other, opened(first, match())).decision is not Decision.EXACT


@pytest.mark.parametrize("address", ["https://herald.example/", "https://herald.example", "http://[", "nonsense"])
def test_a_front_page_or_a_broken_address_identifies_nothing(address: str) -> None:
    first = told_by("herald", "Troops leave Kursk", url=address)
    other = told_by("courier", "Kursk: the soldiers are gone", url=address)
    assert assigned(other, opened(first, match())).decision is Decision.SAME_STORY


def test_titles_without_words_are_not_the_same_text() -> None:
    first, other = told_by("herald", "!!!"), told_by("courier", "???")
    assert assigned(other, opened(first, match())).decision is not Decision.EXACT


@pytest.mark.parametrize(("guid", "relation"), [("tag:x,2025:1", Decision.EXACT), ("17", Decision.SAME_STORY)])
def test_a_guid_is_an_identity_across_feeds_only_when_it_is_global(guid: str, relation: Decision) -> None:
    first = told_by("herald", "Troops leave Kursk", guid=guid)
    other = told_by("courier", "Kursk: the soldiers are gone", guid=guid)
    assert assigned(other, opened(first, match())).decision is relation


def test_the_same_words_in_other_type_are_a_duplicate_even_long_after() -> None:
    first = told_by("herald", "Troops leave “Kursk”", "They left – at night.")
    again = told_by("courier", "TROOPS leave 'Kursk'!", "They left - at night.", published=NOON + timedelta(days=30))
    assert assigned(again, opened(first, match())).reason == "the same text as herald's"


def test_a_wire_text_with_another_title_and_dateline_is_a_copy() -> None:
    first = told_by("wire", "North Koreans vanish from the Kursk front", WIRE)
    rerun = told_by("courier", "Kyiv: Kim's men are gone", f"KYIV (Wire) - {WIRE}")
    result = assigned(rerun, opened(first, match()))
    assert result.decision is Decision.COPY
    assert result.similarity >= 0.3


def test_headlines_that_resemble_each_other_by_chance_are_no_copies() -> None:
    first = told_by("herald", "Ten North Korean soldiers captured in Kursk")
    other = told_by("courier", "North Korean soldiers captured in Kursk want to go home")
    assert assigned(other, opened(first, match())).decision is not Decision.COPY


def test_a_telling_in_other_words_and_another_language_joins() -> None:
    first = told_by("wire", "North Koreans vanish from the Kursk front", WIRE + BACKGROUND)
    verdict = match(claims=(figure(first, "11,000", "deployed", 11_000), figure(first, "4,000", "casualties", 4_000)))
    translated = told_by(
        "소식", "북한군 쿠르스크 전선서 사라져", "3주째 보이지 않는다. 1만1천명이 파병됐다. 4천명이 죽거나 다쳤다."
    )
    claims = (figure(translated, "1만1천명", "deployed", 11_000), figure(translated, "4천명", "casualties", 4_000))
    result = assigned(translated, opened(first, verdict), verdict=match(claims=claims))
    assert result.decision is Decision.SAME_STORY
    assert result.similarity >= WEIGHTS.same_story_at


def test_a_date_in_the_future_is_read_as_now() -> None:
    first = told_by("herald", "Troops leave Kursk")
    dreamt = told_by("courier", "Kursk: the soldiers are gone", published=NOON + timedelta(days=400))
    assert assigned(dreamt, opened(first, match())).decision is Decision.SAME_STORY


def losses(outlet: str, number: float, voice: str | None) -> tuple[Entry, TopicMatch]:
    told = told_by(outlet, f"{number:.0f} North Korean soldiers killed", "They fell near Kursk, it is said.")
    said = figure(told, f"{number:.0f}", "killed", number, attribution=voice)
    return told, match(event_type="casualties", claims=(said,), speakers=(voice,) if voice else ())


@pytest.mark.parametrize(
    ("number", "voice", "copy"),
    [
        (1_030, "seoul", True),
        (1_100, "seoul", False),
        (1_500, "kyiv", True),
        (1_500, "kyiv's general staff", True),
        (3_100, "kyiv", False),
        (1_400, None, True),
        (1_600, None, False),
    ],
)
def test_one_wording_with_another_count_is_a_copy_only_where_one_voice_may_have_raised_it(
    number: float, voice: str | None, copy: bool
) -> None:
    first, verdict = losses("herald", 1_000, "kyiv")
    other, other_verdict = losses("courier", number, voice)
    result = assigned(other, opened(first, verdict), verdict=other_verdict)
    assert (result.decision is Decision.COPY) is copy


def test_the_nearest_of_several_stories_is_chosen() -> None:
    left, taken = told_by("herald", "Troops leave Kursk"), told_by("herald", "Two soldiers taken")
    stories = opened(taken, match(event_type="capture")), opened(left, match())
    assert assigned(told_by("courier", "The soldiers are gone"), *stories).story_id == stories[1].id


def test_where_nothing_is_told_a_story_is_new() -> None:
    assert assigned(told_by("courier", "The soldiers are gone")).reason == "nothing like it is told"
