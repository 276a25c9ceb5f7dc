"""The numbers at the head of the overview: twelve that say whether to look further."""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Panel

from deploy.grafana import slo
from deploy.grafana.panels import BAD, GOOD, NUMBER_HEIGHT, WARNING, Query, Style, Words, numbers
from deploy.grafana.promql import count, level, or_zero, share
from shared.models.feed import Outcome

SERVICES = ("poller", "classifier", "notifier", "gateway")
_SUCCESSES = "|".join(outcome.value for outcome in Outcome if outcome.succeeded)
_FAILED = f'outcome!~"{_SUCCESSES}"'


def glance() -> Iterator[Panel]:
    yield numbers(
        Words(
            "Alarms",
            "Alert rules that fire now.",
            "The table at the bottom of this board names them; each has a runbook.",
        ),
        _number("none", (1, BAD)),
        Query(or_zero('count(ALERTS{alertstate="firing"})')),
    )
    yield numbers(
        Words(
            "Processes down",
            "Scrape targets that do not answer, and services of which there is none.",
            "See *Processes* below for which, then that service's log; the others go on with what they have.",
            alarm="TargetDown",
        ),
        _number("none", (1, BAD)),
        Query(_down()),
    )
    yield numbers(
        Words(
            "Canary",
            "How long ago a made-up entry last went the whole way, from a feed to a receiver. One sets out every ten "
            "minutes.",
            "Something between poller and notifier stands still, even if all else looks quiet: follow the runbook.",
            alarm="CanaryMissing",
            board="pipeline",
        ),
        _number("s", (2 * slo.CANARY_SECONDS, WARNING), (3 * slo.CANARY_SECONDS, BAD), empty="off, or none yet"),
        Query(slo.CANARY_AGE),
    )
    yield numbers(
        Words(
            "Delivered within 120 s",
            "Share of the alerts of 30 days that a receiver had within 120 s of the fetch. Promised are 99 %.",
            "*Are we late?* says in which stage the time is lost.",
            alarm="DeliveryLatencyBurnSlow",
            board="delivery",
        ),
        Style("percentunit", ((0, BAD), (slo.OBJECTIVE, GOOD)), width=4, height=NUMBER_HEIGHT, empty="none sent yet"),
        Query(slo.kept_promise(slo.PERIOD)),
    )
    yield numbers(
        Words(
            "Error budget left",
            "How much of the 1 % that may be late within 30 days is not used up. Below 0 the promise is broken.",
            "Change nothing that is not needed until it has grown again, and mend what made alerts late.",
            alarm="DeliveryLatencyBurnSlow",
        ),
        Style("percentunit", ((-10, BAD), (0, WARNING), (0.25, GOOD)), 4, NUMBER_HEIGHT, empty="none sent yet"),
        Query(slo.budget_left()),
    )
    yield numbers(
        Words(
            "Burn rate, 1 h",
            "How fast the error budget is being used: at 1 it lasts 30 days, at 14.4 two days.",
            "Above 14.4 act now, above 6 today.",
            alarm="DeliveryLatencyBurnFast",
        ),
        _number("none", (1, WARNING), (slo.FAST, BAD), empty="none sent"),
        Query(slo.burn_rate("1h")),
    )
    yield numbers(
        Words(
            "Oldest batch",
            "How long the batch at the head of the queue has waited for a classifier.",
            "Classifiers are dead, stuck or too few.",
            alarm="QueueStuck",
            board="pipeline",
        ),
        _number("s", (60, WARNING), (300, BAD)),
        Query(level("tocsin_queue_oldest_job_age_seconds")),
    )
    yield numbers(
        Words(
            "Oldest delivery",
            "For how long the most overdue endpoint has been due.",
            "No notifier takes up what is due: none runs, or all hang.",
            board="delivery",
        ),
        _number("s", (60, WARNING), (300, BAD)),
        Query(level("tocsin_delivery_oldest_pending_age_seconds")),
    )
    yield numbers(
        Words(
            "Feeds read within",
            "Nine in ten of the feeds that should be read were read successfully within this time.",
            "Many feeds fail at once: one cause for all is this network or its DNS.",
            alarm="FeedsFailing",
            board="pipeline",
        ),
        _number("s", (2 * 3600, WARNING), (6 * 3600, BAD)),
        Query(level("tocsin_feed_staleness_seconds", where='quantile="0.9"')),
    )
    yield numbers(
        Words(
            "Failed polls",
            "Share of the polls in the window that failed. A few per cent are the weather of the web.",
            "*Polls by outcome* names the cause.",
            alarm="FeedsFailing",
            board="pipeline",
        ),
        _number("percentunit", (0.1, WARNING), (0.5, BAD)),
        Query(share(count("tocsin_feed_polls_total", where=_FAILED), count("tocsin_feed_polls_total"))),
    )
    yield numbers(
        Words(
            "Dead letters",
            "Entries set aside because they could not be classified.",
            "`tocsin dead-letters list` says why; `retry` or `drop` them when the cause is known.",
            alarm="DeadLetters",
        ),
        _number("none", (1, WARNING)),
        Query(level("tocsin_dead_letters")),
    )
    yield numbers(
        Words(
            "Given up",
            "Deliveries that were given up within the window: the receiver has not been told.",
            "`tocsin subscriptions log` shows what it answered; `recover` tells it after all.",
            alarm="EndpointFailing",
            board="delivery",
        ),
        _number("none", (0.5, BAD)),
        Query(count("tocsin_deliveries_total", where='result="gave_up"')),
    )


def _down() -> str:
    absent = " or ".join(f'absent(up{{job="{name}"}})' for name in SERVICES)
    return f"({or_zero('count(up == 0)')}) + ({or_zero(f'sum({absent})')})"


def _number(unit: str, *limits: tuple[float, str], empty: str = "nothing yet") -> Style:
    return Style(unit, limits, width=4, height=NUMBER_HEIGHT, empty=empty)
