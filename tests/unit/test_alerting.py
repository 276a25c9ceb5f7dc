from datetime import datetime, timedelta

import pytest

from services.classifier.alerting import HOLD, Ring, Silent, decide
from services.classifier.fingerprint import fingerprint
from services.classifier.story import reread
from shared.models.entry import Entry
from shared.models.story import AlertType, Decision, Reason, Story
from shared.models.topic import Claim, Severity, TopicMatch
from tests.factories import NOON, match
from tests.unit.tellings import (
    AT_ONCE,
    SETTLED,
    count,
    decided,
    figure,
    joined,
    known,
    opened,
    take,
    told_by,
)

NOTHING_NEW = Silent(Reason.NOTHING_NEW, "told again")


def test_a_new_story_rings_created() -> None:
    _, decision = take((told_by("herald", "Kim's soldiers vanish"), match()), (), NOON)
    assert decision == Ring(AlertType.CREATED, Reason.NEW_STORY, "first told by herald")


@pytest.mark.parametrize(("hours", "rings"), [(47, True), (49, False)])
def test_an_old_article_rings_nothing_and_leaves_its_story_unannounced(hours: int, rings: bool) -> None:
    old = told_by("herald", "Kim's soldiers vanish", published=NOON - timedelta(hours=hours))
    story, decision = take((old, match()), (), NOON)
    assert isinstance(decision, Ring) is rings
    assert story.revision == int(rings)
    assert rings or decision == Silent(Reason.STALE, "published 49 h ago")


def test_the_first_fresh_article_announces_a_story_that_began_with_an_old_one() -> None:
    old = told_by("herald", "Kim's soldiers vanish", published=NOON - timedelta(hours=49))
    story = opened(old, match())
    fresh = told_by("courier", "Nobody seen at the front")
    assert decided(story, fresh) == Ring(AlertType.CREATED, Reason.NEW_STORY, "first told by herald")
    _, copied = joined(story, fresh, match(), decision=Decision.COPY)
    assert copied == Silent(Reason.COPY, "told again")


def test_a_date_in_the_future_is_no_reason_to_be_silent() -> None:
    dreamt = told_by("herald", "Kim's soldiers vanish", published=NOON + timedelta(days=300))
    assert isinstance(take((dreamt, match()), (), NOON)[1], Ring)


@pytest.mark.parametrize("now", [AT_ONCE, SETTLED])
def test_a_changed_figure_rings_updated_even_within_the_hold(now: datetime) -> None:
    decision = decided(known(("4,000", "casualties", 4_000)), *count("5,000", "casualties", 5_000), now=now)
    assert decision == Ring(AlertType.UPDATED, Reason.FIGURE_CHANGED, "casualties 4,000 → 5,000")


@pytest.mark.parametrize("value", [3_850, 4_000, 4_150])
def test_a_figure_within_a_twentieth_is_the_same_figure(value: float) -> None:
    decision = decided(known(("4,000", "casualties", 4_000)), *count("many", "casualties", value))
    assert decision == NOTHING_NEW


def test_neither_the_old_nor_the_new_figure_rings_again() -> None:
    story = known(("4,000", "casualties", 4_000))
    told, claim = count("5,000", "casualties", 5_000)
    story, _ = joined(story, told, match(claims=(claim,)))
    assert story.revision == 2
    for outlet, value in (("north", 4_000), ("south", 5_000), ("east", 4_900)):
        again = told_by(outlet, f"Losses of {value}")
        decision = decided(
            story, again, figure(again, str(value), "casualties", value), now=SETTLED + timedelta(hours=9)
        )
        assert decision == NOTHING_NEW


def test_an_older_article_changes_no_figure() -> None:
    earlier = NOON - timedelta(hours=3)
    decision = decided(known(("4,000", "casualties", 4_000)), *count("3,000", "casualties", 3_000, published=earlier))
    assert decision == NOTHING_NEW


def test_a_correction_downwards_rings_when_it_stands_up_front() -> None:
    decision = decided(known(("4,000", "casualties", 4_000)), *count("3,000", "casualties", 3_000))
    assert decision == Ring(AlertType.UPDATED, Reason.FIGURE_CHANGED, "casualties 4,000 → 3,000")


@pytest.mark.parametrize(
    ("sentence", "value", "rings"), [(2, 4_300, True), (2, 3_000, False), (2, 9_000, False), (3, 4_300, False)]
)
def test_a_figure_rings_by_its_place_and_proportion(sentence: int, value: float, rings: bool) -> None:
    told = told_by("courier", "Kim's men are away", "They rest. " * (sentence - 1) + f"Lost were {value}.")
    claim = figure(told, str(value), "casualties", value)
    assert isinstance(decided(known(("4,000", "casualties", 4_000)), told, claim), Ring) is rings


def test_a_figure_known_in_another_role_is_no_news() -> None:
    decision = decided(known(("4,000", "casualties", 4_000)), *count("4,000", "killed", 4_000))
    assert decision == NOTHING_NEW


@pytest.mark.parametrize(
    ("words", "role", "value", "rings"),
    [
        ("15,000", "casualties", 15_000, False),  # both together
        ("7,000", "casualties", 7_000, False),  # what is left of the greater
        ("13,000", "casualties", 13_000, True),
    ],
)
def test_what_known_figures_make_together_is_no_news(words: str, role: str, value: float, rings: bool) -> None:
    story = known(("11,000", "deployed", 11_000), ("4,000", "killed", 4_000))
    assert isinstance(decided(story, *count(words, role, value)), Ring) is rings


@pytest.mark.parametrize(("before", "now", "rings"), [(10, 5, False), (30, 19, False), (30, 21, True), (5, 10, True)])
def test_a_small_figure_corrects_upwards_only(before: int, now: int, rings: bool) -> None:
    story = known((str(before), "captured", before))
    assert isinstance(decided(story, *count(str(now), "captured", now)), Ring) is rings


@pytest.mark.parametrize(("value", "rings"), [(3_400, True), (3_600, False), (300, True), (280, False)])
def test_a_figure_out_of_proportion_counts_something_else(value: int, rings: bool) -> None:
    story = known(("1,000", "killed", 1_000))
    assert isinstance(decided(story, *count(f"{value:,}", "killed", value)), Ring) is rings


def test_a_figure_told_as_the_growth_of_a_known_one_is_news_out_of_any_proportion() -> None:
    told = told_by("courier", "Now 6,000, up from 1,000")
    claims = figure(told, "6,000", "killed", 6_000), figure(told, "1,000", "killed", 1_000)
    decision = decided(known(("1,000", "killed", 1_000)), told, *claims)
    assert decision == Ring(AlertType.UPDATED, Reason.FIGURE_CHANGED, "killed 1,000 → 6,000")


def test_what_was_background_is_corrected_by_a_title_or_by_a_figure_that_is_near() -> None:
    first = told_by("herald", "Kim's soldiers vanish", "They are gone. Nobody knows. In autumn 4,000 fell.")
    story = opened(first, match(claims=(figure(first, "4,000", "casualties", 4_000),)))
    for words, value, rings in (("5,000", 5_000, True), ("9,000", 9_000, False)):
        lead = told_by("courier", "Kim's soldiers are still away", f"By now {words} have fallen.")
        assert isinstance(decided(story, lead, figure(lead, words, "casualties", value)), Ring) is rings
        assert isinstance(decided(story, *count(words, "casualties", value)), Ring)


def test_a_changed_figure_is_told_against_the_nearest_that_was_known() -> None:
    story = known(("3,000", "deployed", 3_000), ("11,000", "deployed", 11_000))
    decision = decided(story, *count("12,000", "deployed", 12_000))
    assert decision.detail == "deployed 11,000 → 12,000"


@pytest.mark.parametrize(("minutes", "rings"), [(-1, False), (1, True)])
def test_a_new_role_rings_once_the_picture_had_time_to_complete(minutes: int, rings: bool) -> None:
    decision = decided(known(("11,000", "deployed", 11_000)), *count("600", "killed", 600), now=at_hold(minutes))
    ring = Ring(AlertType.UPDATED, Reason.NEW_FIGURE, "killed 600")
    assert decision == (ring if rings else Silent(Reason.COMPLETING, "killed 600"))


def at_hold(minutes: int) -> datetime:
    return NOON + HOLD + timedelta(minutes=minutes)


@pytest.mark.parametrize(("title", "rings"), [("Some 600 fell", True), ("Kim's men are away", False)])
def test_a_new_role_rings_from_the_title_alone(title: str, rings: bool) -> None:
    told = told_by("courier", title, "In all 600 fell.")
    assert isinstance(decided(known(), told, figure(told, "600", "killed", 600)), Ring) is rings


def test_a_completing_figure_is_known_from_then_on() -> None:
    story = known(("11,000", "deployed", 11_000))
    told, claim = count("600", "killed", 600)
    story, _ = joined(story, told, match(claims=(claim,)), AT_ONCE)
    again = told_by("north", "Losses of 600")
    assert decided(story, again, figure(again, "600", "killed", 600)) == NOTHING_NEW


def test_a_copy_that_says_nothing_new_is_told_as_a_copy_and_one_that_does_rings() -> None:
    story = known(("4,000", "casualties", 4_000))
    same, changed = count("4,000", "casualties", 4_000), count("5,000", "casualties", 5_000)
    for relation in (Decision.COPY, Decision.EXACT):
        _, silent = joined(story, same[0], match(claims=same[1:]), decision=relation)
        _, ring = joined(story, changed[0], match(claims=changed[1:]), decision=relation)
        assert silent == Silent(Reason(relation.value), "told again")
        assert isinstance(ring, Ring)


def test_an_entry_that_the_story_has_already_decides_nothing() -> None:
    story = known()
    assert decide(story, story, story.articles[0].entry_id, SETTLED) == Silent(
        Reason.EXACT, "this entry is in the story already"
    )


# Read anew


def anew(story: Story, told: Entry, *claims: Claim, now: datetime = SETTLED, **over: object) -> Ring | Silent:
    told = told if told.text else told.model_copy(update={"text": "The port gives 45 dead, others speak of 6,000."})
    verdict = match(claims=claims, **over)
    return decide(story, reread(story, told, verdict, fingerprint(told, verdict), now), told.id, now)


def test_an_article_read_anew_that_says_the_same_rings_nothing() -> None:
    told, claim = count("4,000", "casualties", 4_000)
    story = opened(told, match(claims=(claim,)))
    decision = anew(story, told, claim)
    assert decision == Silent(Reason.NOTHING_NEW, story.articles[0].reason)


def test_a_copy_read_anew_rings_for_what_only_its_page_corrects() -> None:
    """A copy keeps no fingerprint but its figures, so that as an article it may read as before."""
    copy = told_by("courier", "Kim's soldiers vanish again")
    story, _ = joined(known(("4,000", "killed", 4_000)), copy, match(), decision=Decision.COPY)
    told = copy.model_copy(update={"text": "The port gives 4,500 dead."})
    decision = anew(story, told, figure(told, "4,500", "killed", 4_500))
    assert decision == Ring(AlertType.UPDATED, Reason.FIGURE_CHANGED, "killed 4,000 → 4,500")


def test_an_article_does_not_correct_itself_by_its_own_text_but_it_does_correct_others() -> None:
    told, claim = count("4,000", "casualties", 4_000)
    alone = opened(told, match(claims=(claim,)))
    other = claim.model_copy(update={"value": 6_000})
    assert isinstance(anew(alone, told, other, now=AT_ONCE), Silent)
    beside, second = joined(alone, *_telling("4,000", 4_000))
    assert isinstance(second, Silent)
    decision = anew(beside, told, other)
    assert decision == Ring(AlertType.UPDATED, Reason.FIGURE_CHANGED, "casualties 4,000 → 6,000")


def _telling(words: str, value: float) -> tuple[Entry, TopicMatch]:
    told = told_by("herald", f"They say {words}")
    return told, match(claims=(figure(told, words, "casualties", value),))


def test_what_enough_sources_saw_already_does_not_tip_once_more_when_one_of_them_is_read_anew() -> None:
    story = opened(told_by("herald", "Kim's soldiers vanish"), match())
    tipped: list[bool] = []
    for outlet in ("courier", "wire", "mirror"):
        story, decision = joined(story, told_by(outlet, f"{outlet}: captured"), match(severity=Severity.HIGH))
        tipped.append(isinstance(decision, Ring))
    assert tipped == [False, False, True]
    wire = told_by("wire", "wire: captured")
    assert isinstance(anew(story, wire, severity=Severity.HIGH), Silent)


def test_an_article_that_agrees_only_with_its_text_tips_the_balance() -> None:
    story = opened(told_by("herald", "Kim's soldiers vanish"), match())
    for outlet, severity in (("courier", Severity.HIGH), ("wire", Severity.HIGH), ("mirror", Severity.LOW)):
        story, _ = joined(story, told_by(outlet, f"{outlet}: news"), match(severity=severity))
    decision = anew(story, told_by("mirror", "mirror: news"), severity=Severity.HIGH)
    assert decision == Ring(AlertType.UPDATED, Reason.SEVERITY_RAISED, "severity low → high")


def test_a_stale_article_read_anew_stays_stale() -> None:
    old = told_by("herald", "Kim's soldiers vanish", published=NOON - timedelta(hours=49))
    story = opened(old, match())
    assert anew(story, old, event_type="capture", now=NOON) == Silent(Reason.STALE, "published 49 h ago")


def test_at_least_fewer_than_are_known_corrects_nothing() -> None:
    told, claim = count("dozens dead", "killed", 24)
    story = known(("60 dead", "killed", 60))
    assert isinstance(decided(story, told, claim), Ring)
    assert isinstance(decided(story, told, claim.model_copy(update={"qualifier": "over"})), Silent)
