"""What people complain of elsewhere, each as a scenario. Where the classifier decides, it is the real one."""

from services.notifier.render import MAX_BODY_BYTES
from shared.models.story import KnownClaim
from tests.acceptance.stage import Meanwhile, Stage
from tests.acceptance.wants import DAY, HOUR, MINUTE, at, created, created_anew, merged, test_message, updated
from tests.answers import HANGS, Status
from tests.factories import NOON, article, claim, entry

TITLE = "North Korean troops not seen on Kursk front for three weeks, Ukraine says"
OUTLETS = [f"Outlet {number}" for number in range(30)]


async def test_complaint_the_same_story_thirty_times(stage: Stage) -> None:
    """Thirty outlets print one report of an agency, within six hours."""
    desk = stage.desk()
    for number, outlet in enumerate(OUTLETS):
        stage.at(number * 12 * MINUTE, stage.reads(outlet, TITLE))
    desk.wants(at(15), created_anew(revision=1))
    await stage.plays(until=2 * DAY)
    (story,) = await stage.stories()
    assert len(story.articles) + story.unlisted == 30


async def test_complaint_an_old_article_resurfaces(stage: Stage) -> None:
    """A feed lists what was published three days ago, and then others copy it."""
    desk = stage.desk()
    stage.at(0, stage.reads("Archive", TITLE, published_ago=3 * DAY))
    stage.at(HOUR, stage.reads("Mirror", TITLE))
    desk.wants_nothing()
    await stage.plays(until=2 * DAY)
    (story,) = await stage.stories()
    assert len(story.articles) == 2


async def test_complaint_two_different_stories_were_merged(stage: Stage) -> None:
    """Nothing is hidden: each article that was moved is listed with the reason; and a person can undo it."""
    desk, kursk, front = stage.desk(), stage.tale("kursk"), stage.tale("front", source="Another")
    stage.at(0, kursk.breaks())
    stage.at(1, front.breaks())
    stage.at(HOUR, kursk.takes_over(front))
    stage.at(2 * HOUR, kursk.is_split_again(front))
    desk.wants(at(15), created(kursk))
    desk.wants(at(16), created(front))
    desk.wants(at(HOUR), merged(kursk, 2, merged_story_ids=[front.id], articles_truncated=False))
    desk.wants(at(2 * HOUR), updated(kursk, 3, merged_story_ids=[], reason="split"))
    desk.wants(at(2 * HOUR), updated(front, 2, reason="split"))
    await stage.plays(until=DAY)
    listed = desk.received[2].data["articles"]
    assert isinstance(listed, list)
    assert [(each["source"], each["decision"]) for each in listed] == [("Example News", "new"), ("Another", "moved")]
    assert listed[1]["reason"]


async def test_complaint_everything_rings_again_after_a_restart(stage: Stage) -> None:
    desk, tales = stage.desk(), [stage.tale(f"story {number}") for number in range(5)]
    for number, tale in enumerate(tales):
        stage.at(number, tale.breaks())
        desk.wants(at(15 + number), created(tale))
    for hour in range(1, 5):
        stage.at(hour * HOUR, stage.kills(f"n{hour}"))
        stage.at(hour * HOUR + 1, stage.joins(f"n{hour + 1}"))
    await stage.plays(until=2 * DAY)


async def test_complaint_notified_although_nothing_has_changed(stage: Stage) -> None:
    """It is looked at again: sources join it, its alert is repeated, the file is written anew."""
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, kursk.gets_sources(*OUTLETS[:5]))
    stage.at(HOUR, kursk.is_announced_again())
    stage.at(2 * HOUR, stage.rewrites(desk))
    desk.wants(at(15), created(kursk))
    await stage.plays(until=2 * DAY)


def known_claim(**over: object) -> KnownClaim:
    where = {"entry_id": entry().id, "sources": ("Example News",), "position": 0, "said_at": NOON}
    return KnownClaim.model_validate(claim(**over).model_dump() | where)


async def test_complaint_a_long_message_is_lost(stage: Stage) -> None:
    """Sixty articles and forty claims with endless texts in Korean: cut to what everybody takes, and delivered."""
    long = "가" * 5000
    claims = tuple(known_claim(attribution=long, value=float(number)) for number in range(40))
    articles = tuple(article(entry(title=f"{number} {long}", source=f"Outlet {number}")) for number in range(60))
    desk, kursk = (
        stage.desk(),
        stage.tale("kursk", articles=articles, title=long, summary=long, claims=claims, language="ko"),
    )
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk, articles_truncated=True))
    await stage.plays()
    (message,) = desk.received
    assert MAX_BODY_BYTES / 4 < len(message.request.body) <= MAX_BODY_BYTES
    assert message.data["counts"]["articles"] == 60  # type: ignore[index]


async def test_complaint_a_test_message_is_unlike_a_real_one(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk", claims=())
    stage.at(0, desk.is_tested())
    stage.at(1, kursk.breaks())
    desk.wants(at(0), test_message())
    desk.wants(at(16), created(kursk))
    await stage.plays()
    test, real = desk.received
    assert {*test.data} == {*real.data, "test"}
    assert {*test.message} == {*real.message}
    assert {*test.request.headers} == {*real.request.headers}
    assert (test.request.path, test.id == real.id) == (real.request.path, False)


async def test_complaint_one_dead_endpoint_clogs_the_rest(stage: Stage) -> None:
    dead, failing, well = (
        stage.desk(HANGS, name="dead"),
        stage.desk(Status(500), name="failing"),
        stage.desk(name="well"),
    )
    tales = [stage.tale(f"story {number}") for number in range(4)]
    for number, tale in enumerate(tales):
        stage.at(number * MINUTE, tale.breaks())
        well.wants(at(number * MINUTE + 15), created(tale))
        for ill in (dead, failing):
            ill.takes(created(tale))
    await stage.plays(until=5 * MINUTE)
    assert dead.received
    assert failing.received


async def test_who_answers_only_after_the_others_have_their_messages_is_no_trouble(stage: Stage) -> None:
    """Nobody stands in line behind it."""
    stage.sets(delivery_total_seconds=5)
    well, kursk = stage.desk(name="well"), stage.tale("kursk")
    slow = stage.desk(Meanwhile(well.has_received(2)), name="slow")
    late = stage.tale("late")
    stage.at(0, kursk.breaks(), late.breaks())
    well.wants(at(15), created(kursk))
    well.wants(at(15), created(late))
    slow.wants(at(15), created(kursk))
    slow.wants(at(15), created(late))
    slow.logs("delivered", "delivered")
    await stage.plays()
