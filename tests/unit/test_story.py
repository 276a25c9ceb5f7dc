from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.classifier.alerting import Ring
from services.classifier.cluster import Assignment
from services.classifier.fingerprint import fingerprint, position
from services.classifier.story import extend, open_story, reread, revise, story_id
from shared.models.entry import Entry
from shared.models.story import AlertType, Decision, Fingerprint, Reason, Story
from shared.models.topic import Claim, Severity, Tier, TopicMatch
from tests.factories import NOON, match
from tests.unit.tellings import Telling, figure, follow, opened, says, told_by

LATER = NOON + timedelta(minutes=1)
FIRST = Assignment(None, Decision.NEW, 0.0, "nothing like it is told")
LEAD = "Ukrainian special forces have met no North Korean soldiers on the Kursk front for three weeks."


def vanished(outlet: str, title: str, summary: str, *numbers: tuple[str, str, float]) -> Telling:
    told = told_by(outlet, title, summary)
    event = says(told, title) if title else says(told, summary[:20])
    return told, match(claims=(event, *(figure(told, *number) for number in numbers)))


TELLINGS = (
    vanished("herald", "Kim's soldiers vanish", LEAD),
    vanished("wire", "North Koreans gone from Kursk", f"{LEAD} 4,000 fell.", ("4,000", "casualties", 4_000)),
    vanished("courier", "North Koreans gone from Kursk", f"KYIV - {LEAD} 4,000 fell.", ("4,000", "killed", 4_000)),
    vanished("mirror", "Kim's soldiers vanish", LEAD),
    vanished(
        "вежа",
        "Солдатів КНДР не видно",
        "Три тижні їх немає. Їх було 11 тисяч, загинуло 4 тис.",
        ("11 тисяч", "deployed", 11_000),
    ),
    vanished("소식", "북한군 사라져", "3주째 안 보인다. 4천명이 죽거나 다쳤다.", ("4천명", "casualties", 4_000)),
    vanished(
        "причал", "Военных КНДР не видно", "Украина: три недели никого. 4100 убиты.", ("4100", "casualties", 4_100)
    ),
)


def extended(story: Story, told: Entry, verdict: TopicMatch, decision: Decision = Decision.SAME_STORY) -> Story:
    derived_from = story.articles[0].source if decision in (Decision.EXACT, Decision.COPY) else None
    assignment = Assignment(story.id, decision, 0.5, "near enough", derived_from)
    return extend(story, told, verdict, fingerprint(told, verdict), assignment, LATER)


def test_a_story_is_named_by_its_topic_and_first_entry() -> None:
    told, verdict = TELLINGS[0]
    first = open_story(told, verdict, fingerprint(told, verdict), FIRST, NOON)
    again = open_story(told, verdict, fingerprint(told, verdict), FIRST, LATER)
    assert first.id == again.id == story_id("dprk-kursk", told.id)
    assert first.id != story_id("another", told.id)
    assert (first.id[:3], len(first.id)) == ("st_", 19)


def test_an_opened_story_has_one_article_and_has_not_rung() -> None:
    told, verdict = TELLINGS[1]
    story = open_story(told, verdict, fingerprint(told, verdict), FIRST, NOON)
    assert [article.decision for article in story.articles] == [Decision.NEW]
    assert story.revision == 0
    assert {(claim.sources, claim.entry_id) for claim in story.claims} == {(("wire",), told.id)}


def test_extending_with_an_entry_that_the_story_has_changes_nothing() -> None:
    story = opened(*TELLINGS[0])
    assert extended(story, *TELLINGS[0]) is story


def test_a_claim_said_again_gains_a_source_and_keeps_its_first_article() -> None:
    story = extended(opened(*TELLINGS[1]), *TELLINGS[6])
    (losses,) = (claim for claim in story.claims if claim.value)
    assert (losses.value, losses.sources, losses.entry_id) == (4_000, ("wire", "причал"), TELLINGS[1][0].id)


def test_one_source_counts_once_for_a_claim() -> None:
    told, verdict = vanished("wire", "Losses of 4,000", "", ("4,000", "casualties", 4_000))
    assert extended(opened(*TELLINGS[1]), told, verdict).claims[0].sources == ("wire",)


def test_a_figure_that_differs_by_more_than_a_twentieth_stands_beside_the_old_one() -> None:
    told, verdict = vanished("herald", "Losses of 4,300", "", ("4,300", "casualties", 4_300))
    assert [claim.value for claim in extended(opened(*TELLINGS[1]), told, verdict).claims] == [None, 4_000, 4_300]


def test_the_gravest_severity_the_core_tier_and_the_best_score_win_whatever_the_order() -> None:
    grave = match(severity=Severity.HIGH, tier=Tier.RELATED, score=5.0)
    sure = match(severity=Severity.LOW, tier=Tier.CORE, score=9.0)
    for first, second in ((grave, sure), (sure, grave)):
        story = extended(opened(TELLINGS[0][0], first), TELLINGS[1][0], second)
        assert (story.severity, story.tier, story.score) == (Severity.HIGH, Tier.CORE, 9.0)


def test_the_first_title_stays_unless_there_was_none() -> None:
    assert extended(opened(*TELLINGS[0]), *TELLINGS[1]).title == "Kim's soldiers vanish"
    untitled = vanished("herald", "", LEAD)
    assert extended(opened(*untitled), *TELLINGS[1]).title == "North Koreans gone from Kursk"


def test_an_article_that_derives_from_another_is_listed_but_not_compared_again() -> None:
    story = extended(opened(*TELLINGS[0]), *TELLINGS[1], decision=Decision.COPY)
    copy = story.articles[1]
    assert (copy.decision, copy.reason, copy.similarity) == (Decision.COPY, "near enough", 0.5)
    assert copy.fingerprint == Fingerprint(text_hash=fingerprint(*TELLINGS[1]).text_hash)


def test_revisions_count_from_one() -> None:
    told, verdict = TELLINGS[0]
    story = open_story(told, verdict, fingerprint(told, verdict), FIRST, NOON)
    for number in (1, 2, 3):
        story = revise(story, Ring(AlertType.UPDATED, Reason.FIGURE_CHANGED, "killed 1 → 2"), LATER)
        assert story.revision == number
    assert story.revisions[-1].detail == "killed 1 → 2"
    assert story.updated_at == LATER


@given(st.permutations(TELLINGS))
def test_one_happening_is_one_story_that_rings_once_in_whatever_order_it_is_told(order: list[Telling]) -> None:
    stories, decisions = follow(order)
    (story,) = stories.values()
    assert {article.entry_id for article in story.articles} == {told.id for told, _ in TELLINGS}
    assert [type(decision) for decision in decisions].count(Ring) == 1
    assert [revision.type for revision in story.revisions] == [AlertType.CREATED]


@given(st.lists(st.sampled_from(TELLINGS), min_size=1, max_size=20))
def test_an_entry_that_comes_again_adds_nothing(order: list[Telling]) -> None:
    once = list({told.id: (told, verdict) for told, verdict in reversed(order)}.values())[::-1]
    first_seen = [telling for place, telling in enumerate(order) if telling not in order[:place]]
    stories, _ = follow(order)
    again, _ = follow(first_seen)
    assert len(once) == len(first_seen) == sum(len(story.articles) for story in stories.values())
    assert stories.keys() == again.keys()


# Read anew


TEXT = "The port's own count was given at noon. Of 600 men 45 were lost on the way, and some 90 more are in hospital."


def with_text(told: Entry) -> Entry:
    return told.model_copy(update={"text": TEXT})


def read_anew(story: Story, told: Entry, *claims: Claim, **over: object) -> Story:
    verdict = match(claims=claims, **over)
    return reread(story, told, verdict, fingerprint(told, verdict), LATER)


def test_an_entry_read_anew_takes_its_own_place_and_how_it_came_there_stays() -> None:
    first, second = TELLINGS[1], TELLINGS[5]
    story = extended(opened(*first), *second)
    told = with_text(second[0])
    after = read_anew(story, told, figure(told, "45", "killed", 45), event_type="casualties")
    assert [article.entry_id for article in after.articles] == [first[0].id, second[0].id]
    assert after.articles[0] is story.articles[0]
    before, now = story.articles[1], after.articles[1]
    assert (now.decision, now.similarity, now.reason) == (before.decision, before.similarity, before.reason)
    assert (now.event_type, after.event_type) == ("casualties", story.event_type)
    assert now.fingerprint.text_hash == before.fingerprint.text_hash


def test_the_entry_that_opened_the_story_says_what_the_story_is_about() -> None:
    told, verdict = TELLINGS[1]
    after = read_anew(opened(told, verdict), with_text(told), event_type="return", severity=Severity.HIGH)
    assert (after.event_type, after.severity) == ("return", Severity.HIGH)
    lower = read_anew(after, with_text(told), event_type="return", severity=Severity.MEDIUM)
    assert lower.severity is Severity.MEDIUM


def test_the_claims_of_an_entry_read_anew_replace_its_old_ones_and_leave_those_of_others() -> None:
    first, second = TELLINGS[1], TELLINGS[4]
    story = extended(opened(*first), *second)
    told = with_text(second[0])
    after = read_anew(story, told, figure(told, "11 тисяч", "to_be_sent", 11_000), figure(told, "45", "killed", 45))
    mine = {(claim.role, claim.value) for claim in after.claims if claim.entry_id == told.id}
    assert mine == {("to_be_sent", 11_000), ("killed", 45)}
    assert after.claims[: len(first[1].claims)] == story.claims[: len(first[1].claims)]


def test_no_figure_and_no_place_is_forgotten_when_an_entry_is_read_anew() -> None:
    told = told_by("herald", "About 4,000 fell at Sudzha")
    before = opened(told, match(claims=(figure(told, "4,000", "casualties", 4_000, region="kursk"),)))
    told = with_text(told)
    after = read_anew(before, told, figure(told, "45", "killed", 45, region="belgorod"))
    assert {claim.value for claim in after.claims} == {4_000, 45}
    assert {claim.region for claim in after.claims} == {"kursk", "belgorod"}


def test_a_story_without_the_entry_is_left_alone() -> None:
    story = opened(*TELLINGS[1])
    assert read_anew(story, TELLINGS[5][0]) is story


def test_a_sentence_of_the_text_stands_behind_those_of_the_summary() -> None:
    told = with_text(told_by("herald", "Kim's soldiers vanish", "They are gone. Nobody saw them."))
    places = [position(told, told.whole.index(words)) for words in ("Kim", "gone", "Nobody", "port's", "45")]
    assert places == [0, 1, 2, 3, 4]


@given(st.lists(st.sampled_from([45.0, 90.0, 600.0]), unique=True), st.sets(st.sampled_from(["kursk", "belgorod"])))
def test_to_read_an_entry_anew_twice_is_to_read_it_once(values: list[float], regions: set[str]) -> None:
    story = extended(opened(*TELLINGS[1]), *TELLINGS[4])
    told = with_text(TELLINGS[4][0])
    claims = [figure(told, f"{value:.0f}", "killed", value) for value in values]
    claims += [says(told, "The port", region=region) for region in sorted(regions)]
    once = read_anew(story, told, *claims)
    assert read_anew(once, told, *claims) == once
    assert {claim.value for claim in story.claims} <= {claim.value for claim in once.claims}
