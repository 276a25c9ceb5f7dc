"""What `list`, `show` and `log` tell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.text import Text

from services.cli.render import ahead, counted, facts, moment, print_table, remark, say, show
from services.cli.subscriptions.known import OFF, Known, known, meant
from services.cli.subscriptions.words import (
    ATTEMPT_COLUMNS,
    STYLES,
    attempt_row,
    filters,
    home,
    is_story,
    quiet,
    state_of,
    succeeded,
    told,
    where,
)
from services.cli.wiring import Delivering
from services.notifier.calendar import next_digest, quiet_until
from shared.models import canary
from shared.models.endpoint import EndpointState, EndpointStatus
from shared.models.subscription import Attempt, EmailChannel, Signing, Subscription
from shared.settings import Settings
from shared.store.endpoints import LOGGED_ATTEMPTS

COLUMNS = ("id", "channel", "where", "state", "waiting", "last success", "last outcome", "managed by", "told")
ATTEMPTS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """How an endpoint is doing. `next_at`: when what waits there is looked at."""

    state: EndpointState
    waiting: int
    next_at: datetime | None = None
    attempts: Sequence[Attempt] = ()
    signing: Signing | None = None


async def every(settings: Settings, stores: Delivering) -> tuple[list[Known], dict[str, Standing]]:
    """Each subscription, and by its id how it is doing."""
    found = await known(settings, stores)
    ids = [each.id for each in found]
    states, waiting = await stores.endpoints.load_many(ids), await stores.endpoints.waiting(ids)
    return found, {each: Standing(state, many) for each, state, many in zip(ids, states, waiting, strict=True)}


async def one(settings: Settings, stores: Delivering, subscription_id: str) -> tuple[Known, Standing, dict[str, str]]:
    """With the titles of the stories that its last attempts were about."""
    found = await meant(settings, stores, subscription_id)
    standing = await _standing(stores, found.id)
    return found, standing, await titles(stores, standing.attempts)


async def logged(
    settings: Settings, stores: Delivering, subscription_id: str, count: int, *, failed: bool
) -> tuple[list[Attempt], dict[str, str]]:
    """Also of one that is removed, as long as its log is there; never the canary's."""
    attempts = await stores.endpoints.attempts(subscription_id, LOGGED_ATTEMPTS if failed else count)
    if not attempts or subscription_id == canary.NAME:
        await meant(settings, stores, subscription_id)
    found = [attempt for attempt in attempts if not (failed and succeeded(attempt))][:count]
    return found, await titles(stores, found)


async def _standing(stores: Delivering, subscription_id: str) -> Standing:
    at = await stores.endpoints.next_at(subscription_id)
    (waiting,) = await stores.endpoints.waiting([subscription_id])
    return Standing(
        await stores.endpoints.load(subscription_id),
        waiting,
        None if at is None else datetime.fromtimestamp(at, UTC),
        await stores.endpoints.attempts(subscription_id, ATTEMPTS_SHOWN),
        await stores.signings.find(subscription_id),
    )


async def titles(stores: Delivering, attempts: Iterable[Attempt]) -> dict[str, str]:
    """Story id → title, of those that are still kept."""
    ids = list(dict.fromkeys(attempt.subject for attempt in attempts if is_story(attempt.subject)))
    return {story.id: story.title for story in await stores.stories.load_many(ids) if story}


def show_list(subscriptions: Sequence[Known], standings: Mapping[str, Standing] | None) -> None:
    if not subscriptions:
        remark("nobody is told: there is no subscription; add one with `tocsin subscriptions add`")
        return
    rows = (_row(each, standings[each.id] if standings is not None else None) for each in subscriptions)
    print_table(COLUMNS, rows, elastic="where")


def _row(known: Known, standing: Standing | None) -> Sequence[object]:
    subscription = known.subscription
    begin = (known.id, subscription.channel.type, where(subscription.channel))
    end = (known.managed_by.value, told(subscription))
    if standing is None:
        return (*begin, OFF if not subscription.enabled else "", "", "", "", *end)
    state = standing.state
    return (
        *begin,
        _state(subscription, state),
        standing.waiting,
        moment(state.last_success_at),
        state.last_outcome,
        *end,
    )


def _state(subscription: Subscription, state: EndpointState) -> Text:
    name, reason = state_of(subscription, state)
    return Text(f"{name}: {reason}" if reason else name, STYLES[name])


def show_one(settings: Settings, known: Known, standing: Standing, titles: dict[str, str]) -> None:
    now, subscription = datetime.now(UTC), known.subscription
    show(Text(known.id, "bold"))
    show(facts([*_configured(settings, known), *filters(subscription), *_times(subscription, now)]))
    say("")
    show(facts([("state", _state(subscription, standing.state)), *_delivering(standing, now)]))
    say("")
    if standing.attempts:
        show_attempts(standing.attempts, titles)
    else:
        say("nothing was sent yet")


def show_attempts(attempts: Sequence[Attempt], titles: dict[str, str]) -> None:
    print_table(ATTEMPT_COLUMNS, (attempt_row(each, titles) for each in attempts), elastic="title")


def _configured(settings: Settings, known: Known) -> list[tuple[str, object]]:
    channel = known.subscription.channel
    return [
        ("channel", channel.type),
        ("where", where(channel)),
        ("to", ", ".join(channel.to) if isinstance(channel, EmailChannel) else None),
        ("managed by", home(known, settings.subscriptions_file)),
    ]


def _times(subscription: Subscription, now: datetime) -> list[tuple[str, object]]:
    digest, held, zone = subscription.digest, subscription.quiet, subscription.timezone
    due = next_digest(digest, zone, now) if digest else None
    quiet_now = quiet_until(held, zone, now) if held else None
    facts = [
        ("told", told(subscription)),
        ("next digest", due and f"{moment(due)}, {ahead(due, now)}"),
        ("quiet", quiet(subscription)),
        ("quiet now", quiet_now and f"until {moment(quiet_now)}"),
        ("at most", f"{counted(subscription.per_minute, 'message')} a minute"),
        ("also told", subscription.endpoints and "when other endpoints fail, are disabled or recover"),
    ]
    return [(name, fact) for name, fact in facts if fact]


def _delivering(standing: Standing, now: datetime) -> list[tuple[str, object]]:
    state = standing.state
    failures = state.failures and f"{state.failures} in a row since {moment(state.failing_since)}"
    last = ": ".join(filter(None, (state.last_outcome, state.last_detail)))
    facts = [
        ("since", moment(state.changed_at)),
        ("failures", failures),
        ("down since", moment(state.down_since) if state.is_down else None),
        ("recovered", moment(state.recovered_at)),
        ("warned", state.warned and f"at {state.warned} % of the way to being disabled"),
        ("asked to wait", _later(state.throttled_until, now)),
        ("next probe", _later(state.resume_at, now)),
        ("probes", _probes(state)),
        ("last success", moment(state.last_success_at)),
        ("last failure", moment(state.last_failure_at)),
        ("last outcome", last),
        ("waiting", _waiting(standing, now)),
        ("signs", _signs(standing.signing, now)),
    ]
    return [(name, fact) for name, fact in facts if fact]


def _later(at: datetime | None, now: datetime) -> str | None:
    return f"{moment(at)}, {ahead(at, now)}" if at and at > now else None


def _probes(state: EndpointState) -> str | None:
    if state.status is not EndpointStatus.DISABLED:
        return None
    if state.resume_at is None:
        return "none: a person enables it again"
    return f"until {moment(state.probe_until)}, {state.probes_passed} passed"


def _waiting(standing: Standing, now: datetime) -> str:
    if not standing.waiting:
        return "nothing"
    return f"{counted(standing.waiting, 'message')}, looked at {ahead(standing.next_at, now)}"


def _signs(signing: Signing | None, now: datetime) -> str | None:
    """How many secrets; never which."""
    if signing is None:
        return None
    former = [each for each in signing.former if each.until > now]
    if not former:
        return "one secret"
    return f"{len(former) + 1} secrets; the former until {moment(former[0].until)}"
