"""What is done with subscriptions, on what `tocsin subscriptions` does as well."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr, ValidationError

from services.gateway.merge_patch import merged
from services.gateway.views.subscription_requests import Draft, NewSubscription, SubscriptionPatch
from services.gateway.views.subscriptions import (
    Asked,
    AttemptView,
    MissedStory,
    RecoveryView,
    RehearsalView,
    SubscriptionInFull,
    SubscriptionView,
    WithSecret,
)
from services.operations.subscriptions import making, ordering, standing
from services.operations.subscriptions.describing import Home, Known
from services.operations.subscriptions.known import known, meant, stored
from services.operations.subscriptions.rehearsing import rehearsed
from services.operations.subscriptions.secrets import new_secret, rotate_stored
from services.operations.subscriptions.standing import Standing
from services.operations.subscriptions.stores import Delivering
from services.operations.subscriptions.watching import Silence
from shared.config.problems import explain
from shared.errors import Refused
from shared.models.endpoint import EndpointStatus, Order
from shared.models.subscription import REVEAL, JournalChannel, Subscription, Wishes
from shared.settings import Settings
from shared.store.endpoints import Logged

# The most that whoever asked for something is kept waiting for the notifier.
WAIT_SECONDS = 10.0
TRIES = 5

Check = Callable[[SubscriptionInFull], None]


@dataclass(frozen=True, slots=True)
class SubscriptionArea:
    """Methods raise Unknown, Refused, ReadOnly, Invalid, and ConfigError while the file of subscriptions is wrong.

    A `check` is given the subscription as it is shown before it is changed, and raises if that is not what was meant.
    """

    settings: Settings
    stores: Delivering

    # What there is.

    async def page(self, limit: int, after: str = "") -> tuple[list[SubscriptionView], bool]:
        """By id, from the one that follows `after`; and whether there are more."""
        there = sorted(await known(self.settings, self.stores), key=lambda each: each.id)
        left = [each for each in there if each.id > after]
        doing = await standing.standings(self.stores, [each.id for each in left[:limit]])
        return [_seen(each, doing[each.id]) for each in left[:limit]], len(left) > limit

    async def find(self, subscription_id: str) -> SubscriptionInFull:
        return await self._in_full(await meant(self.settings, self.stores, subscription_id))

    async def deliveries(
        self, subscription_id: str, limit: int, before: str, *, failed: bool
    ) -> tuple[list[AttemptView], bool]:
        """Attempts, the newest first, from the one that stands before this place; and whether there are more."""
        found, titles = await standing.logged(
            self.settings, self.stores, subscription_id, limit + 1, failed=failed, before=before
        )
        return _attempts(found[:limit], titles), len(found) > limit

    # Making and changing.

    async def create(self, new: NewSubscription) -> WithSecret:
        channel, made = new.channel.model_dump(), None
        if new.channel.type == "webhook" and new.channel.secret is None:
            made = new_secret()
            channel["secret"] = SecretStr(made)
        subscription = _made({**new.model_dump(exclude={"channel"}), "channel": channel})
        self._check(subscription)
        if await making.make(self.settings, self.stores, subscription) is None:
            raise Refused(f"there is a subscription {new.id} already; change that, or choose another id")
        return WithSecret.showing(await self._in_full(Known(subscription, Home.STORE)), made)

    async def change(self, subscription_id: str, patch: SubscriptionPatch, check: Check) -> SubscriptionInFull:
        for _ in range(TRIES):
            before = await self._stored(subscription_id, "change it there", check)
            after = patched(before, patch)
            self._check(after)
            if before == after or await making.change(self.stores, before, after):
                return await self._in_full(Known(after, Home.STORE))
        raise Refused("others are changing it at this moment; try again")

    async def remove(self, subscription_id: str, check: Check) -> None:
        await self._stored(subscription_id, "take it out there", check)
        await making.remove(self.settings, self.stores, subscription_id)

    async def rotate(self, subscription_id: str, given: str | None, check: Check) -> WithSecret:
        check(await self.find(subscription_id))
        secret = given or new_secret()
        rotated = await rotate_stored(self.settings, self.stores, subscription_id, secret)
        view = await self._in_full(Known(rotated, Home.STORE))
        return WithSecret.showing(view, None if given else secret)

    # What is asked of the notifier. Asked: it has not come to it yet.

    async def send_test(self, subscription_id: str) -> AttemptView | Asked:
        answer = await ordering.send_test(self.settings, self.stores, subscription_id, WAIT_SECONDS)
        return await self._answer("test", subscription_id, answer)

    async def redeliver(self, subscription_id: str, story_id: str) -> AttemptView | Asked:
        answer = await ordering.redeliver(self.settings, self.stores, subscription_id, story_id, WAIT_SECONDS)
        return await self._answer("redeliver", subscription_id, answer)

    async def recover(self, subscription_id: str, since: datetime) -> RecoveryView:
        await meant(self.settings, self.stores, subscription_id)
        if since > datetime.now(UTC):
            raise Refused("since: is still to come; allowed: a time that is past")
        found, silence = await ordering.recover(self.settings, self.stores, subscription_id, since)
        return RecoveryView(
            since=since,
            stories=tuple(MissedStory(id=story.id, title=story.title, why=why) for story, why in found.missed),
            others=dict(found.others),
            detail=silence.value if silence else None,
        )

    async def switch(self, subscription_id: str, what: Order) -> SubscriptionInFull | Asked:
        """Nobody is spared the test that a new address must answer."""
        if (await self.stores.endpoints.load(subscription_id)).status is EndpointStatus.PENDING:
            raise Refused(
                f"{subscription_id} is pending: it becomes active by answering a test, and nothing else is sent"
            )
        _, silence = await ordering.switch(self.settings, self.stores, subscription_id, what)
        if silence:
            return Asked(asked=what.value, subscription_id=subscription_id, detail=silence.value)
        return await self.find(subscription_id)

    # What it would have been told.

    async def rehearse(self, subscription_id: str, days: float) -> RehearsalView:
        return await self._rehearsed((await meant(self.settings, self.stores, subscription_id)).subscription, days)

    async def rehearse_draft(self, draft: Draft, days: float) -> RehearsalView:
        nowhere = JournalChannel(path="nowhere")
        wishes = {name: getattr(draft, name) for name in Wishes.model_fields}
        subscription = _made({**wishes, "id": draft.id, "channel": nowhere})
        self._check_topics(subscription)
        return await self._rehearsed(subscription, days)

    async def _rehearsed(self, subscription: Subscription, days: float) -> RehearsalView:
        now = datetime.now(UTC)
        since = now - timedelta(days=days)
        told = await rehearsed(self.settings, self.stores, subscription, since, now)
        return RehearsalView.of(since, *((told.messages, told.untold) if told else ((), ())))

    # What stands behind these.

    async def _stored(self, subscription_id: str, instead: str, check: Check) -> Subscription:
        found = await stored(self.settings, self.stores, subscription_id, instead)
        check(await self._in_full(Known(found, Home.STORE)))
        return found

    async def _in_full(self, known: Known) -> SubscriptionInFull:
        doing = await standing.standing_of(self.stores, known.id)
        titles = await standing.titles(self.stores, doing.attempts)
        secrets = len(doing.signing.at(datetime.now(UTC))) if doing.signing else 0
        return SubscriptionInFull.in_full(
            _seen(known, doing), doing.next_at, secrets, _attempts(doing.attempts, titles)
        )

    async def _answer(self, asked: str, subscription_id: str, answer: Logged | Silence) -> AttemptView | Asked:
        if isinstance(answer, Silence):
            return Asked(asked=asked, subscription_id=subscription_id, detail=answer.value)
        (attempt,) = _attempts([answer], await standing.titles(self.stores, [answer]))
        return attempt

    def _check(self, subscription: Subscription) -> None:
        self._check_topics(subscription)
        if fault := making.address_fault(_address(subscription), self.settings.allow_networks):
            raise Refused(f"channel.url: {fault}")

    def _check_topics(self, subscription: Subscription) -> None:
        if wrong := making.unknown_topics(self.settings, subscription.topics):
            raise Refused("; ".join(f"topics: {each}" for each in wrong))


def patched(before: Subscription, patch: SubscriptionPatch) -> Subscription:
    """Raises Refused: what the patch by itself allows does not go together with what is there."""
    written = before.model_dump(mode="json", context={REVEAL: True})
    return _made(merged(written, patch.model_dump(mode="json", exclude_unset=True, context={REVEAL: True})))


def _made(fields: object) -> Subscription:
    try:
        return Subscription.model_validate(fields)
    except ValidationError as error:
        raise Refused("; ".join(_explained(error))) from None


def _explained(error: ValidationError) -> Iterator[str]:
    schema = Subscription.model_json_schema()
    for detail in error.errors(include_url=False):
        problem = explain(detail, schema)
        steps = [*map(str, problem.location), *([problem.missing] if problem.missing else [])]
        yield f"{'.'.join(steps)}: {problem.text}"


def _address(subscription: Subscription) -> str:
    url: SecretStr | str = getattr(subscription.channel, "url", "")
    return url.get_secret_value() if isinstance(url, SecretStr) else url


def _seen(known: Known, doing: Standing) -> SubscriptionView:
    return SubscriptionView.of(known, doing.state, doing.waiting)


def _attempts(logged: Iterable[Logged], titles: Mapping[str, str]) -> list[AttemptView]:
    return [AttemptView.of(each.place, each.attempt, titles.get(each.attempt.subject)) for each in logged]
