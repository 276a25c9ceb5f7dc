"""What rings in a story beside its figures: verdicts, replies, what follows days later, a graver event."""

import pytest

from services.classifier.alerting import Ring, Silent
from shared.models.entry import Entry
from shared.models.story import AlertType, Decision, Reason, Story
from shared.models.topic import Certainty, Claim, Reply, Severity, TopicMatch
from tests.factories import match
from tests.unit.tellings import AT_ONCE, DAYS_LATER, SETTLED, Telling, decided, joined, opened, says, told_by

NOTHING_NEW = Silent(Reason.NOTHING_NEW, "told again")


def ring(reason: Reason, detail: str) -> Ring:
    return Ring(AlertType.UPDATED, reason, detail)


# Verdicts


def withdrawal(
    certainty: Certainty, title: str = "They left", voice: str | None = "Kyiv", **over: object
) -> tuple[Entry, Claim]:
    told = told_by("courier", title)
    return told, says(told, title, certainty=certainty, attribution=voice, **over)


def claimed(voice: str | None = "Seoul") -> Story:
    told = told_by("herald", "They left")
    return opened(told, match(claims=(withdrawal(Certainty.CLAIMED, voice=voice)[1],)))


def test_a_confirmation_rings_once() -> None:
    told, claim = withdrawal(Certainty.CONFIRMED)
    story, decision = joined(claimed(), told, match(claims=(claim,)))
    assert decision == ring(Reason.CONFIRMED, "withdrawal confirmed by Kyiv")
    assert decided(story, *withdrawal(Certainty.CONFIRMED, "Really gone")) == NOTHING_NEW


def test_a_confirmation_waits_until_the_picture_is_complete() -> None:
    decision = decided(claimed(), *withdrawal(Certainty.CONFIRMED), now=AT_ONCE)
    assert decision == Silent(Reason.COMPLETING, "withdrawal confirmed by Kyiv")


@pytest.mark.parametrize("claimant", ["Kyiv", "Kyiv's general staff"])
def test_who_claimed_a_thing_does_not_confirm_it_by_saying_it_again(claimant: str) -> None:
    assert decided(claimed(claimant), *withdrawal(Certainty.CONFIRMED)) == NOTHING_NEW


def test_a_second_voice_that_confirms_is_news_again() -> None:
    told, claim = withdrawal(Certainty.CONFIRMED)
    story, _ = joined(claimed(), told, match(claims=(claim,)))
    decision = decided(story, *withdrawal(Certainty.CONFIRMED, "Really gone", "Washington"))
    assert decision == ring(Reason.CONFIRMED, "withdrawal confirmed by Washington")


def test_a_denial_is_an_update_that_does_not_wait() -> None:
    decision = decided(claimed(), *withdrawal(Certainty.DENIED), now=AT_ONCE)
    assert decision == ring(Reason.DENIED, "withdrawal denied by Kyiv")


def test_a_denial_of_what_nobody_told_is_no_news() -> None:
    assert decided(claimed(), *withdrawal(Certainty.DENIED, kind="capture")) == NOTHING_NEW


def test_a_denial_in_the_background_is_no_news() -> None:
    told = told_by("courier", "They left", "It rains. It was denied.")
    claim = says(told, "It was denied", certainty=Certainty.DENIED, attribution="Kyiv")
    assert decided(claimed(), told, claim) == NOTHING_NEW


@pytest.mark.parametrize("certainty", [Certainty.CLAIMED, Certainty.POSSIBLE])
def test_a_weaker_certainty_is_no_news(certainty: Certainty) -> None:
    assert decided(claimed(), *withdrawal(certainty)) == NOTHING_NEW


# Replies of an article as a whole


def told_of(outlet: str, *sides: str, reply: Reply | None = None) -> Telling:
    """An article in whose title these sides speak."""
    told = told_by(outlet, f"What {', '.join(sides)} told the {outlet}")
    claims = tuple(says(told, side, attribution=side, attribution_class=side) for side in sides)
    return told, match(claims=claims, speakers=sides, reply=reply)


def answered(*replies: tuple[Reply, tuple[str, ...]]) -> list[Ring | Silent]:
    """Of a story that the Ukrainian side told; all replies come within the first twelve hours."""
    story, decisions = opened(*told_of("herald", "ukrainian")), []
    for place, (reply, sides) in enumerate(replies):
        story, decision = joined(story, *told_of(f"courier{place}", *sides, reply=reply), AT_ONCE)
        decisions.append(decision)
    return decisions


def test_a_denial_rings_at_once_and_once_for_each_side_that_denies() -> None:
    russian, dprk = ("russian",), ("dprk",)
    assert answered((Reply.DENIED, russian), (Reply.DENIED, russian), (Reply.DENIED, dprk)) == [
        ring(Reason.DENIED, "denied by russian"),
        NOTHING_NEW,
        ring(Reason.DENIED, "denied by dprk"),
    ]


def test_a_correction_rings_at_once_and_once_even_where_who_corrects_has_spoken() -> None:
    own = ("ukrainian",)
    assert answered((Reply.CORRECTED, own), (Reply.CORRECTED, own)) == [
        ring(Reason.CORRECTED, "corrected by ukrainian"),
        NOTHING_NEW,
    ]


def test_a_correction_by_nobody_in_particular_rings_once() -> None:
    assert answered((Reply.CORRECTED, ()), (Reply.CORRECTED, ())) == [ring(Reason.CORRECTED, "corrected"), NOTHING_NEW]


def test_an_admission_waits_and_who_claimed_it_admits_nothing() -> None:
    assert answered((Reply.CONFIRMED, ("ukrainian",)), (Reply.CONFIRMED, ("russian",))) == [
        NOTHING_NEW,
        Silent(Reason.COMPLETING, "confirmed by russian"),
    ]


def test_an_admission_by_another_side_rings_when_the_picture_is_complete() -> None:
    story = opened(*told_of("herald", "ukrainian"))
    _, decision = joined(story, *told_of("courier", "russian", reply=Reply.CONFIRMED), SETTLED)
    assert decision == ring(Reason.CONFIRMED, "confirmed by russian")


# What follows days later


def placed(title: str, region: str) -> Telling:
    told = told_by("courier", title)
    return told, match(claims=(says(told, title, region=region),))


FOLLOWING = [
    ((told_by("courier", "Two were taken"), match(event_type="capture")), ring(Reason.NEW_EVENT_TYPE, "also capture")),
    ((told_by("courier", "Two are taken"), match(events=("capture",))), ring(Reason.NEW_EVENT_TYPE, "also capture")),
    (placed("They left the town", "sumy"), ring(Reason.NEW_PLACE, "also sumy")),
    (told_of("courier", "russian"), ring(Reason.NEW_VOICE, "now speaks: russian")),
]


def began() -> Story:
    told = told_by("herald", "They left Kursk, says Kyiv")
    spoken = {"attribution": "Kyiv", "attribution_class": "ukrainian"}
    return opened(told, match(claims=(says(told, "They left Kursk", region="kursk", **spoken),), speakers=("Kyiv",)))


@pytest.mark.parametrize(("told", "rings"), FOLLOWING)
def test_another_event_place_or_voice_rings_days_later_and_not_before(told: Telling, rings: Ring) -> None:
    assert joined(began(), *told, SETTLED)[1] == NOTHING_NEW
    assert joined(began(), *told, DAYS_LATER)[1] == rings


@pytest.mark.parametrize(("told", "_"), FOLLOWING)
def test_what_followed_once_is_known(told: Telling, _: Ring) -> None:
    story, _again = joined(began(), *told, DAYS_LATER)
    other = told[0].model_copy(update={"id": "again", "source": "wire"})
    assert joined(story, other, told[1], DAYS_LATER)[1] == NOTHING_NEW


@pytest.mark.parametrize(("told", "_"), FOLLOWING)
def test_a_copy_follows_nothing_up(told: Telling, _: Ring) -> None:
    assert isinstance(joined(began(), *told, DAYS_LATER, Decision.COPY)[1], Silent)


def test_three_sources_that_see_another_event_within_a_day_are_no_news() -> None:
    story, decisions = began(), []
    for outlet in ("north", "south", "east"):
        story, decision = joined(story, told_by(outlet, f"Taken, says {outlet}"), match(event_type="capture"))
        decisions.append(decision)
    assert decisions == [NOTHING_NEW] * 3


def test_the_first_place_only_completes_the_story() -> None:
    assert joined(claimed(), *placed("They left the town", "sumy"), DAYS_LATER)[1] == NOTHING_NEW


@pytest.mark.parametrize("voice", ["outlet", "other"])
def test_an_outlet_that_speaks_for_itself_is_no_new_voice(voice: str) -> None:
    assert joined(began(), *told_of("courier", voice), DAYS_LATER)[1] == NOTHING_NEW


def test_who_is_named_only_in_the_background_does_not_speak() -> None:
    told, verdict = told_of("courier", "russian")
    assert joined(began(), told, verdict.model_copy(update={"speakers": ()}), DAYS_LATER)[1] == NOTHING_NEW


# A graver event


def test_a_graver_severity_rings_once_when_a_third_source_sees_it() -> None:
    graver: TopicMatch = match(severity=Severity.HIGH)
    story, decisions = claimed(), []
    for place, outlet in enumerate(("north", "north", "south", "east", "west")):
        told = told_by(outlet, f"They left, says {outlet}, in words of its own {place}")
        story, decision = joined(story, told, graver)
        decisions.append(decision)
    silent, rings = NOTHING_NEW, ring(Reason.SEVERITY_RAISED, "severity low → high")
    assert decisions == [silent, silent, silent, rings, silent]
    assert story.severity is Severity.HIGH
