"""What people do: order, rotate secrets, edit the file of subscriptions while everything runs."""

from base64 import b64encode
from collections.abc import Sequence
from functools import partial

from standardwebhooks import Webhook

from shared.models.endpoint import Order
from shared.models.subscription import DeliveryStatus, Subscription
from tests.acceptance.stage import Stage
from tests.acceptance.wants import DAY, HOUR, MINUTE, Received, at, created, test_message, updated
from tests.answers import ABORT, OK, Status
from tests.factories import SECRET, webhook

NEW_SECRET = "whsec_" + b64encode(b"a secret of after the rotation").decode()


def signed_by(received: Received, secrets: Sequence[str]) -> bool:
    """By these and no others, in this order."""
    headers = received.request.headers
    signatures = headers["webhook-signature"].split()
    moment = received.request.at.fromtimestamp(int(headers["webhook-timestamp"]), received.request.at.tzinfo)
    body = received.request.body.decode()
    return signatures == [Webhook(secret).sign(headers["webhook-id"], moment, body) for secret in secrets]


async def test_after_a_rotation_both_secrets_sign_for_a_day_and_then_the_new_one_alone(stage: Stage) -> None:
    desk = stage.desk(secrets=[SECRET, NEW_SECRET])
    tales = [stage.tale(f"story {number}") for number in range(4)]
    rotated = desk.subscription.model_copy(update={"channel": webhook(desk.receiver.url, NEW_SECRET)})
    stage.at(0, tales[0].breaks())
    stage.at(HOUR, stage.rewrites(rotated))
    for tale, moment in zip(tales[1:], (2 * HOUR, DAY + HOUR - MINUTE, DAY + HOUR + MINUTE), strict=True):
        stage.at(moment, tale.breaks())
    desk.wants(at(15), created(tales[0]).that("by the old one", lambda got: signed_by(got, [SECRET])))
    for tale, moment in ((tales[1], 2 * HOUR), (tales[2], DAY + HOUR - MINUTE)):
        both = created(tale).that("by both", lambda got: signed_by(got, [NEW_SECRET, SECRET]))
        desk.wants(at(moment + 15), both)
    alone = created(tales[3]).that("by the new one", lambda got: signed_by(got, [NEW_SECRET]))
    desk.wants(at(DAY + HOUR + MINUTE + 15), alone)
    await stage.plays(until=3 * DAY)


async def test_a_retry_after_a_rotation_is_signed_anew_and_its_body_stays(stage: Stage) -> None:
    desk, kursk = stage.desk(Status(500), Status(500), OK, secrets=[SECRET, NEW_SECRET]), stage.tale("kursk")
    rotated = desk.subscription.model_copy(update={"channel": webhook(desk.receiver.url, NEW_SECRET)})
    stage.at(0, kursk.breaks())
    stage.at(16, stage.rewrites(rotated))
    for secrets in ((SECRET,), (NEW_SECRET, SECRET), (NEW_SECRET, SECRET)):
        desk.takes(created(kursk).that("signed", partial(signed_by, secrets=secrets)))
    await stage.plays()
    assert len(desk.received) == 3
    assert len(desk.received[0].request.headers["webhook-signature"].split()) == 1


async def test_a_person_has_one_message_sent_once_more(stage: Stage) -> None:
    desk, kursk, front = stage.desk(), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks(), front.breaks())
    stage.at(DAY, desk.is_ordered(Order.REDELIVER, kursk))
    stage.at(2 * DAY, desk.is_ordered(Order.REDELIVER, kursk))
    desk.wants(at(15), created(kursk))
    desk.wants(at(15), created(front))
    desk.wants(at(DAY), created(kursk, since_revision=1))
    desk.wants(at(2 * DAY), created(kursk, since_revision=1))
    await stage.plays(until=4 * DAY)
    assert len({each.id for each in desk.received}) == 4


async def test_a_person_recovers_what_was_given_up_and_what_is_old(stage: Stage) -> None:
    kursk, old = stage.tale("kursk"), stage.tale("old")
    desk = stage.desk(Status(400, ABORT), OK, min_independent_sources=2)
    stage.at(0, old.breaks())
    stage.at(2 * DAY, kursk.breaks(), kursk.gets_sources("Another"))
    stage.at(2 * DAY + HOUR, old.gets_sources("Another"))
    stage.at(5 * DAY, desk.is_ordered(Order.RECOVER, kursk, old))
    desk.wants(at(2 * DAY + 15), created(kursk))
    desk.wants(at(5 * DAY), created(kursk))
    desk.wants(at(5 * DAY), created(old))
    await stage.plays(until=8 * DAY)
    assert (await desk.delivery(kursk)).status is DeliveryStatus.DELIVERED


async def test_to_recover_what_has_arrived_sends_nothing(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(DAY, desk.is_ordered(Order.RECOVER, kursk))
    desk.wants(at(15), created(kursk))
    await stage.plays(until=2 * DAY)


async def test_an_order_outlives_the_notifier_that_did_not_see_it(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, stage.kills())
    stage.at(2 * HOUR, desk.is_ordered(Order.REDELIVER, kursk))
    stage.at(3 * HOUR, stage.joins("n2"))
    desk.wants(at(15), created(kursk))
    desk.wants(at(3 * HOUR), created(kursk, since_revision=1))
    await stage.plays(until=DAY)


async def test_a_test_passes_even_where_everything_else_is_held(stage: Stage) -> None:
    desk, kursk = stage.desk(Status(410), OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, desk.is_tested())
    desk.wants(at(15), created(kursk))
    desk.wants(at(HOUR), test_message())
    desk.becomes(at(15), "disabled", "gone")
    await stage.plays(until=DAY)


async def test_a_test_that_fails_is_not_repeated(stage: Stage) -> None:
    desk = stage.desk(Status(500))
    stage.at(0, desk.is_tested())
    desk.wants(at(0), test_message())
    await stage.plays(until=DAY)


async def test_what_waits_for_a_subscription_that_was_removed_is_told_when_it_is_back(stage: Stage) -> None:
    desk, kursk, missed = stage.desk(), stage.tale("kursk"), stage.tale("missed")
    stage.at(0, kursk.breaks())
    stage.at(5, stage.rewrites())
    stage.at(HOUR, missed.breaks())
    stage.at(2 * HOUR, stage.rewrites(desk))
    desk.wants(at(2 * HOUR), created(kursk))
    await stage.plays(until=DAY)


async def test_what_came_before_it_was_removed_does_not_come_again_when_it_is_back(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, stage.rewrites())
    stage.at(2 * HOUR, stage.rewrites(desk))
    stage.at(3 * HOUR, kursk.changes())
    desk.wants(at(15), created(kursk))
    desk.wants(at(3 * HOUR), updated(kursk, 2))
    await stage.plays(until=DAY)


async def test_a_subscription_that_is_added_while_it_runs_is_told_from_then_on(stage: Stage) -> None:
    one, two = stage.desk(name="one"), stage.desk(name="two", in_file=False)
    kursk, front = stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, stage.rewrites(one, two))
    stage.at(2 * HOUR, front.breaks())
    one.wants(at(15), created(kursk))
    for desk in (one, two):
        desk.wants(at(2 * HOUR + 15), created(front))
    await stage.plays(until=DAY)


async def test_a_filter_that_is_changed_while_it_runs_holds_from_then_on(stage: Stage) -> None:
    desk, kursk, front = stage.desk(), stage.tale("kursk"), stage.tale("front")
    other = desk.subscription.model_copy(update={"topics": ("weather",)})
    stage.at(0, kursk.breaks())
    stage.at(HOUR, stage.rewrites(other))
    stage.at(2 * HOUR, front.breaks())
    desk.wants(at(15), created(kursk))
    await stage.plays(until=DAY)


async def test_an_address_that_is_changed_while_it_runs_counts_also_for_what_was_tried(stage: Stage) -> None:
    old, new = stage.desk(Status(500)), stage.desk(name="new", in_file=False)
    kursk = stage.tale("kursk")
    moved = old.subscription.model_copy(update={"channel": new.subscription.channel})
    stage.at(0, kursk.breaks())
    stage.at(16, stage.rewrites(moved))
    old.wants(at(15), created(kursk))
    new.takes(created(kursk))
    await stage.plays(until=DAY)
    assert len(new.received) == 1
    assert new.received[0].request.body == old.received[0].request.body


async def test_a_file_that_is_spoilt_leaves_the_subscriptions_before_it_in_force(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, stage.spoils_the_file())
    stage.at(1, kursk.breaks())
    desk.wants(at(16), created(kursk))
    await stage.plays(until=DAY)


async def test_the_file_counts_where_a_subscription_stands_in_the_store_as_well(stage: Stage) -> None:
    file, store, kursk = stage.desk(), stage.desk(name="other", in_file=False), stage.tale("kursk")
    same: Subscription = store.subscription.model_copy(update={"id": "desk"})
    stage.at(0, stage.subscribes(same))
    stage.at(1, kursk.breaks())
    file.wants(at(16), created(kursk))
    store.wants_nothing()
    await stage.plays(until=DAY)
