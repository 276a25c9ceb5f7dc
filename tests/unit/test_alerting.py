from datetime import datetime, timedelta

import pytest

from services.classifier.alerting import Reason, Ring, Silent, decide
from services.classifier.cluster import Assignment
from services.classifier.fingerprint import fingerprint
from services.classifier.story import extend, reread, revise
from shared.models.entry import Entry
from shared.models.story import AlertType, Decision, Story
from shared.models.topic import Certainty, Claim, Severity, TopicMatch
from tests.factories import NOON, match
from tests.unit.tellings import figure, opened, says, take, told_by

SETTLED = NOON + timedelta(hours=1)
AT_ONCE = NOON + timedelta(minutes=2)


def known(*claims: tuple[str, str, float]) -> Story:
    """A story that rang at noon with these figures in its lead."""
    told = told_by("herald", "Kim's soldiers vanish", f"Told were {', '.join(words for words, _, _ in claims)}.")
    return opened(told, match(claims=tuple(figure(told, *claim) for claim in claims)))


def joined(
    story: Story,
    told: Entry,
    verdict: TopicMatch,
    now: datetime = SETTLED,
    decision: Decision = Decision.SAME_STORY,
) -> tuple[Story, Ring | Silent]:
    derived_from = story.articles[0].source if decision in (Decision.EXACT, Decision.COPY) else None
    assignment = Assignment(story.id, decision, 0.5, "told again", derived_from)
    after = extend(story, told, verdict, fingerprint(told, verdict), assignment, now)
    verdict_ = decide(story, after, told.id, now)
    return (revise(after, verdict_, now) if isinstance(verdict_, Ring) else after), verdict_


def decided(story: Story, told: Entry, *claims: Claim, now: datetime = SETTLED) -> Ring | Silent:
    return joined(story, told, match(claims=claims), now)[1]


def count(words: str, role: str, value: float, published: datetime = NOON) -> tuple[Entry, Claim]:
    """An article whose title gives a figure."""
    told = told_by("courier", f"Now {words}", published=published)
    return told, figure(told, words, role, value)


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
    assert decision == Silent(Reason.NOTHING_NEW, "told again")


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
        assert decision == Silent(Reason.NOTHING_NEW, "told again")


def test_an_older_article_changes_no_figure() -> None:
    earlier = NOON - timedelta(hours=3)
    decision = decided(known(("4,000", "casualties", 4_000)), *count("3,000", "casualties", 3_000, published=earlier))
    assert decision == Silent(Reason.NOTHING_NEW, "told again")


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
    assert decision == Silent(Reason.NOTHING_NEW, "told again")


def test_a_changed_figure_is_told_against_the_nearest_that_was_known() -> None:
    story = known(("3,000", "deployed", 3_000), ("11,000", "deployed", 11_000))
    decision = decided(story, *count("12,000", "deployed", 12_000))
    assert decision.detail == "deployed 11,000 → 12,000"


def test_a_new_role_rings_once_the_picture_had_time_to_complete() -> None:
    story = known(("11,000", "deployed", 11_000))
    news = count("600", "killed", 600)
    assert decided(story, *news, now=AT_ONCE) == Silent(Reason.COMPLETING, "killed 600")
    assert decided(story, *news) == Ring(AlertType.UPDATED, Reason.NEW_FIGURE, "killed 600")


def test_a_completing_figure_is_known_from_then_on() -> None:
    story = known(("11,000", "deployed", 11_000))
    told, claim = count("600", "killed", 600)
    story, _ = joined(story, told, match(claims=(claim,)), AT_ONCE)
    again = told_by("north", "Losses of 600")
    assert decided(story, again, figure(again, "600", "killed", 600)) == Silent(Reason.NOTHING_NEW, "told again")


def test_a_new_role_in_the_background_is_no_news() -> None:
    told = told_by("courier", "Kim's men are away", "They rest. In autumn 11,000 came.")
    assert isinstance(decided(known(), told, figure(told, "11,000", "deployed", 11_000)), Silent)


def withdrawal(certainty: Certainty, title: str = "They left", **over: object) -> tuple[Entry, Claim]:
    told = told_by("courier", title)
    return told, says(told, title, certainty=certainty, attribution="Seoul", **over)


def claimed() -> Story:
    return opened(told_by("herald", "They left"), match(claims=(withdrawal(Certainty.CLAIMED)[1],)))


def test_a_confirmation_rings_once() -> None:
    told, claim = withdrawal(Certainty.CONFIRMED)
    story, decision = joined(claimed(), told, match(claims=(claim,)))
    assert decision == Ring(AlertType.UPDATED, Reason.CONFIRMED, "withdrawal confirmed by Seoul")
    assert decided(story, *withdrawal(Certainty.CONFIRMED, "Really gone")) == Silent(Reason.NOTHING_NEW, "told again")


def test_a_denial_is_an_update_that_does_not_wait() -> None:
    decision = decided(claimed(), *withdrawal(Certainty.DENIED), now=AT_ONCE)
    assert decision == Ring(AlertType.UPDATED, Reason.DENIED, "withdrawal denied by Seoul")


@pytest.mark.parametrize("certainty", [Certainty.CLAIMED, Certainty.POSSIBLE])
def test_a_weaker_certainty_is_no_news(certainty: Certainty) -> None:
    assert isinstance(decided(claimed(), *withdrawal(certainty)), Silent)


def test_a_place_beside_a_known_one_rings_and_the_first_place_does_not() -> None:
    told, claim = withdrawal(Certainty.CLAIMED, "They left the town", place="sumy-city", region="sumy")
    placed = opened(
        told_by("herald", "They left"),
        match(claims=(withdrawal(Certainty.CLAIMED, place="sudzha", region="kursk")[1],)),
    )
    assert decided(placed, told, claim) == Ring(AlertType.UPDATED, Reason.NEW_PLACE, "also sumy")
    assert decided(claimed(), told, claim) == Silent(Reason.NOTHING_NEW, "told again")


@pytest.mark.parametrize(
    ("verdict", "ring"),
    [
        (match(event_type="capture"), Ring(AlertType.UPDATED, Reason.NEW_EVENT_TYPE, "also capture")),
        (match(severity=Severity.HIGH), Ring(AlertType.UPDATED, Reason.SEVERITY_RAISED, "severity low → high")),
    ],
)
def test_another_event_or_severity_rings_once_when_a_third_source_sees_it(verdict: TopicMatch, ring: Ring) -> None:
    story = claimed()
    decisions: list[Ring | Silent] = []
    for outlet in ("north", "north", "south", "east", "west"):
        told = told_by(outlet, f"They left, says {outlet}, in words of its own {len(decisions)}")
        story, decision = joined(story, told, verdict)
        decisions.append(decision)
    silent = Silent(Reason.NOTHING_NEW, "told again")
    assert decisions == [silent, silent, silent, ring, silent]
    assert story.severity is verdict.severity


def test_a_copy_that_says_nothing_new_is_told_as_a_copy_and_one_that_does_rings() -> None:
    story = known(("4,000", "casualties", 4_000))
    same, changed = count("4,000", "casualties", 4_000), count("5,000", "casualties", 5_000)
    for relation in (Decision.COPY, Decision.EXACT):
        _, silent = joined(story, same[0], match(claims=same[1:]), decision=relation)
        _, ring = joined(story, changed[0], match(claims=changed[1:]), decision=relation)
        assert silent == Silent(Reason(relation.value), "told again")
        assert isinstance(ring, Ring)


def test_an_entry_that_the_story_has_already_decides_nothing() -> None:
    story = claimed()
    assert decide(story, story, story.articles[0].entry_id, SETTLED) == Silent(
        Reason.EXACT, "this entry is in the story already"
    )


# Read anew


def anew(story: Story, told: Entry, *claims: Claim, now: datetime = SETTLED, **over: object) -> Ring | Silent:
    told = told.model_copy(update={"text": "The port gives 45 dead, and others speak of 6,000."})
    verdict = match(claims=claims, **over)
    return decide(story, reread(story, told, verdict, fingerprint(told, verdict), now), told.id, now)


def test_an_article_read_anew_that_says_the_same_rings_nothing() -> None:
    told, claim = count("4,000", "casualties", 4_000)
    story = opened(told, match(claims=(claim,)))
    decision = anew(story, told, claim)
    assert decision == Silent(Reason.NOTHING_NEW, story.articles[0].reason)


def test_a_copy_read_anew_rings_for_what_only_its_page_says() -> None:
    """A copy keeps no fingerprint, so that as an article it may read as before."""
    story = opened(told_by("herald", "Kim's soldiers vanish"), match())
    copy = told_by("courier", "Kim's soldiers vanish again")
    story, _ = joined(story, copy, match(), decision=Decision.COPY)
    told = copy.model_copy(update={"text": "The port gives 45 dead."})
    decision = anew(story, copy, figure(told, "45", "killed", 45))
    assert decision == Ring(AlertType.UPDATED, Reason.NEW_FIGURE, "killed 45")


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
    first = told_by("herald", "Kim's soldiers vanish")
    story = opened(first, match())
    tipped: list[bool] = []
    for outlet in ("courier", "wire", "mirror"):
        story, decision = joined(story, told_by(outlet, f"{outlet}: captured"), match(event_type="capture"))
        tipped.append(isinstance(decision, Ring))
    assert tipped == [False, False, True]
    wire = told_by("wire", "wire: captured")
    assert isinstance(anew(story, wire, event_type="capture"), Silent)


def test_an_article_that_agrees_only_with_its_text_tips_the_balance() -> None:
    story = opened(told_by("herald", "Kim's soldiers vanish"), match())
    for outlet, event in (("courier", "capture"), ("wire", "capture"), ("mirror", "withdrawal")):
        story, _ = joined(story, told_by(outlet, f"{outlet}: news"), match(event_type=event))
    decision = anew(story, told_by("mirror", "mirror: news"), event_type="capture")
    assert decision == Ring(AlertType.UPDATED, Reason.NEW_EVENT_TYPE, "also capture")


def test_a_stale_article_read_anew_stays_stale() -> None:
    old = told_by("herald", "Kim's soldiers vanish", published=NOON - timedelta(hours=49))
    story = opened(old, match())
    assert anew(story, old, event_type="capture", now=NOON) == Silent(Reason.STALE, "published 49 h ago")


def test_at_least_fewer_than_are_known_corrects_nothing() -> None:
    told, claim = count("dozens dead", "killed", 12)
    story = known(("30 dead", "killed", 30))
    assert isinstance(decided(story, told, claim), Ring)
    assert isinstance(decided(story, told, claim.model_copy(update={"qualifier": "over"})), Silent)
