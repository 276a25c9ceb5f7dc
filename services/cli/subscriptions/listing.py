"""What `list`, `show` and `log` tell."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.text import Text

from services.cli.render import ahead, counted, facts, moment, print_table, remark, say, show
from services.cli.subscriptions.words import ATTEMPT_COLUMNS, STYLES, attempt_row, filters, home, quiet, told
from services.notifier.calendar import next_digest, quiet_until
from services.operations.subscriptions.describing import OFF, Known, state_of, where
from services.operations.subscriptions.standing import Standing
from shared.models.endpoint import EndpointState, EndpointStatus
from shared.models.subscription import EmailChannel, Signing, Subscription
from shared.settings import Settings
from shared.store.endpoints import Logged

COLUMNS = ("id", "channel", "where", "state", "waiting", "last success", "last outcome", "managed by", "told")


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


def show_attempts(attempts: Sequence[Logged], titles: dict[str, str]) -> None:
    print_table(ATTEMPT_COLUMNS, (attempt_row(each.attempt, titles) for each in attempts), elastic="title")


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
