"""Delivery: rate, errors and duration by subscription (RED), and how its receivers do."""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana.board import board, choice
from deploy.grafana.panels import (
    BAD,
    ENDPOINT_COLORS,
    NUMBER_HEIGHT,
    WARNING,
    Query,
    Style,
    Words,
    lines,
    numbers,
    states,
)
from deploy.grafana.promql import count, level, per_second, quantile, share
from deploy.grafana.slo import LATENCY, SECONDS
from shared.models.endpoint import EndpointStatus

SUBSCRIPTION = 'subscription=~"$subscription"'
FAILED = f'{SUBSCRIPTION}, outcome!="delivered"'


def delivery() -> Dashboard:
    return board(
        "delivery",
        "Who is told, how fast, and who is not.",
        {
            "Now": list(_now()),
            "By subscription: rate, errors, duration": list(_red()),
            "Outcomes": list(_outcomes()),
            "Endpoints": list(_endpoints()),
            "What was not told": list(_untold()),
            "The gateway: who reads and follows": list(_gateway()),
        },
        choice("subscription", "tocsin_endpoint_state", "Whose deliveries are shown"),
    )


def _now() -> Iterator[Panel]:
    number = Style("none", width=6, height=NUMBER_HEIGHT)
    yield numbers(
        Words(
            "Endpoints",
            "Receivers of all subscriptions by state. `open`: too many failures in a row, only probes pass.",
            "`failing` and `open` heal by themselves when the receiver does; `disabled` needs a person.",
            alarm="EndpointDisabled",
        ),
        Style("none", width=12, height=NUMBER_HEIGHT, colors=ENDPOINT_COLORS),
        Query(level("tocsin_endpoints", "state"), "{{state}}"),
    )
    yield numbers(
        Words(
            "Waiting",
            "Subjects that wait to be told, over the subscriptions chosen.",
            "See *Waiting by subscription*: one, and its receiver is down; all, and no notifier works.",
            alarm="EndpointFailing",
        ),
        number,
        Query(f"sum({level('tocsin_endpoint_waiting', 'subscription', where=SUBSCRIPTION)})"),
    )
    yield numbers(
        Words(
            "Oldest delivery",
            "For how long the most overdue endpoint has been due.",
            "No notifier takes up what is due: none runs, or all hang.",
            alarm="TargetDown",
        ),
        Style("s", ((60, WARNING), (300, BAD)), width=6, height=NUMBER_HEIGHT),
        Query(level("tocsin_delivery_oldest_pending_age_seconds")),
    )


def _red() -> Iterator[Panel]:
    yield lines(
        Words(
            "Rate: attempts",
            "Attempts to deliver within the window.",
            "One far above the others: it is tried again and again, or its filter lets all through.",
        ),
        Style("none"),
        Query(_attempts(SUBSCRIPTION), "{{subscription}}"),
    )
    yield lines(
        Words(
            "Errors: share that failed",
            "Share of the attempts within the window that did not end in `delivered`.",
            "`tocsin subscriptions log` shows what the receiver answered; *Attempts by outcome* shows it for all.",
            alarm="EndpointFailing",
        ),
        Style("percentunit", ((0.05, WARNING), (0.5, BAD))),
        Query(share(_attempts(FAILED), _attempts(SUBSCRIPTION)), "{{subscription}}"),
    )
    yield lines(
        Words(
            "Duration: attempts, p95",
            "How long an attempt takes, from connecting to the answer.",
            "A receiver that does its work before it answers: it should answer at once and work afterwards.",
        ),
        Style("s", ((10, WARNING),)),
        Query(
            quantile(0.95, "tocsin_delivery_duration_seconds", "subscription", where=SUBSCRIPTION), "{{subscription}}"
        ),
    )


def _attempts(where: str) -> str:
    return count("tocsin_delivery_attempts_total", "subscription", where=where)


def _outcomes() -> Iterator[Panel]:
    yield lines(
        Words(
            "Attempts by outcome",
            "Attempts within the window by how they ended.",
            "`timeout`, `connect_error`: the receiver is away. `not_let_in`, `refused`: its secret or address is "
            "wrong.",
            alarm="EndpointFailing",
        ),
        Style("none", stacked=True),
        Query(
            f"{count('tocsin_delivery_attempts_total', 'outcome', where=SUBSCRIPTION)} > 0",
            "{{outcome}}",
        ),
    )
    yield lines(
        Words(
            "Deliveries by result",
            "Deliveries to all subscriptions that came to an end within the window.",
            "`gave_up`: `tocsin subscriptions recover` tells it after all, once the receiver is well.",
            alarm="EndpointFailing",
        ),
        Style("none"),
        Query(count("tocsin_deliveries_total", "result"), "{{result}}"),
    )
    yield lines(
        Words(
            "Latency of delivery",
            "From the revision of a story to the receiver's word that it has it.",
            "All quantiles: notifiers are too few or slow. p99 alone: one receiver, see *Duration*.",
            alarm="DeliveryLatencyBurnFast",
        ),
        Style("s", ((SECONDS, BAD),)),
        *(Query(quantile(q, LATENCY, where='stage="delivery"'), f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)),
    )


def _endpoints() -> Iterator[Panel]:
    of = {number: (status.value, ENDPOINT_COLORS[status]) for number, status in enumerate(EndpointStatus)}
    yield states(
        Words(
            "State of each endpoint",
            "What state each subscription's receiver was in.",
            "Orange and red: nothing is told there. When it is well again, what waited is told, as far as it is not "
            "too old.",
            alarm="EndpointDisabled",
        ),
        Style("none", width=24),
        Query(" or ".join(_state(number, status) for number, status in enumerate(EndpointStatus)), "{{subscription}}"),
        of,
    )
    yield lines(
        Words(
            "Changes of state",
            "Changes of endpoints' states within the window, by what they became and why.",
            "The same two again and again: a receiver that wavers; its operators should know.",
            alarm="EndpointFailing",
        ),
        Style("none", width=12),
        Query(f"{count('tocsin_endpoint_transitions_total', 'state', 'reason')} > 0", "{{state}}: {{reason}}"),
    )
    yield lines(
        Words(
            "Waiting by subscription",
            "Subjects that wait to be told.",
            "Climbs while the endpoint is `active`: its rate limit, its quiet hours or its digest hold them back.",
            alarm="EndpointFailing",
        ),
        Style("none", width=12),
        Query(level("tocsin_endpoint_waiting", "subscription", where=SUBSCRIPTION), "{{subscription}}"),
    )


def _state(number: int, status: EndpointStatus) -> str:
    """The subscriptions in that state, with its number as their value."""
    where = f'{SUBSCRIPTION}, state="{status.value}"'
    return f"({level('tocsin_endpoint_state', 'subscription', where=where)} == 1) * {number}"


def _untold() -> Iterator[Panel]:
    yield lines(
        Words(
            "Suppressed by cause",
            "Stories that a subscription might have been told of within the window and was not, by why.",
            "Filters are as they were asked for. `tocsin subscriptions dry-run` shows what would pass one.",
        ),
        Style("none", stacked=True),
        Query(count("tocsin_alerts_suppressed_total", "cause"), "{{cause}}"),
    )
    yield lines(
        Words(
            "Overdue",
            "For how long the most overdue endpoint has been due.",
            "Climbs by a second each second: no notifier takes anything up.",
            alarm="TargetDown",
        ),
        Style("s", ((300, BAD),)),
        Query(level("tocsin_delivery_oldest_pending_age_seconds"), "overdue"),
    )
    yield lines(
        Words(
            "Not taken up",
            "Alerts that no notifier has fanned out yet, and entries that could not be classified.",
            "Alerts: notifiers are dead or stuck. Dead letters: `tocsin dead-letters list` says why.",
            alarm="DeadLetters",
        ),
        Style("none"),
        Query(level("tocsin_streams_pending", "group"), "alerts for {{group}}"),
        Query(level("tocsin_dead_letters"), "dead letters"),
    )


def _gateway() -> Iterator[Panel]:
    yield lines(
        Words(
            "Requests by area",
            "Requests that the gateway answered per second, by what they asked for. `board`: pages for people; `hubs`: "
            "callbacks of WebSub.",
            "A rise by one area: a client that polls too fast, or a board that is open everywhere; follow the stream "
            "instead.",
        ),
        Style("cps"),
        Query(per_second("tocsin_gateway_requests_total", "area"), "{{area}}"),
    )
    yield lines(
        Words(
            "Requests by status",
            "The same by the class of their status.",
            "`5xx`: Redis is away, or an error of ours; the gateway's log says which. `4xx`: a client of yours asks "
            "wrongly, or with a token that is none.",
        ),
        Style("cps", colors={"5xx": BAD, "4xx": WARNING}),
        Query(per_second("tocsin_gateway_requests_total", "status"), "{{status}}"),
    )
    yield lines(
        Words(
            "Duration of requests, p95",
            "Within which time the gateway began 95 % of its answers, by what was asked for.",
            "All areas: Redis or the machine is slow. Stories alone: many ask with filters that hardly anything meets.",
        ),
        Style("s", ((1, WARNING),), width=4),
        Query(quantile(0.95, "tocsin_gateway_request_duration_seconds", "area"), "{{area}}"),
    )
    yield lines(
        Words(
            "Followers",
            "Connections that follow alerts as they ring.",
            "A saw: they are cut off, by a proxy or because they are too slow; the log counts `gateway.stream_cut`.",
        ),
        Style("none", width=4),
        Query("sum(tocsin_gateway_streams)", "followers"),
    )
