"""Overview: are we late, are we blind, are we losing?"""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana import slo
from deploy.grafana.board import board
from deploy.grafana.glance import glance
from deploy.grafana.panels import BAD, ENDPOINT_COLORS, FEED_COLORS, WARNING, Query, Style, Words, lines, numbers, rows
from deploy.grafana.promql import SPAN, count, level, per_second, quantile

_RELEVANT = 'verdict="matched", topic!="canary"'


def overview() -> Dashboard:
    return board(
        "overview",
        "Are we late, are we blind, are we losing? Begin here; the other boards say why.",
        {
            "Now": list(glance()),
            "From polls to deliveries": list(_funnel()),
            "Are we late?": list(_late()),
            "Are we blind?": list(_blind()),
            "Are we losing?": list(_losing()),
            "What runs": list(_runs()),
        },
    )


def _steps(over: str) -> Iterator[Query]:
    """What passes each stage."""
    yield Query(count("tocsin_feed_polls_total", over=over), "polls")
    yield Query(count("tocsin_entries_total", where='result="new"', over=over), "new entries")
    yield Query(
        count("tocsin_classifications_total", where='verdict="matched", topic!="canary"', over=over), "relevant"
    )
    yield Query(count("tocsin_story_decisions_total", where='decision=~"new|related"', over=over), "stories")
    yield Query(count("tocsin_alerts_total", over=over), "alerts")
    yield Query(count("tocsin_deliveries_total", where='result="delivered"', over=over), "deliveries")


def _funnel() -> Iterator[Panel]:
    yield numbers(
        Words(
            "The funnel",
            "What came through each stage in the time shown: polls, new entries, relevant ones, stories that they "
            "opened, alerts on them, deliveries of these to all subscriptions.",
            "The first stage that falls to 0, while the one before does not, is where to look. On quiet days the end "
            "of the row is rightly empty; the canary tells quiet from broken.",
            board="pipeline",
        ),
        Style("short", (), width=24, height=5),
        *_steps(SPAN),
    )
    yield lines(
        Words(
            "The flow",
            "The same over time, per window, on a scale of magnitudes.",
            "All curves falling together: look at polls. One of them: the stage before it.",
            alarm="ClassifierRateCollapse",
            board="pipeline",
        ),
        Style("short", width=24, magnitudes=True),
        *_steps("$interval"),
    )


def _late() -> Iterator[Panel]:
    for q, act in (
        (0.5, "Everything is slow: too few processes, a slow disk under Redis, or a slow network."),
        (
            0.95,
            "One stage stands out: `queue` and `classify`: *Pipeline*; `delivery`: *Delivery*; `listing`: the feeds.",
        ),
        (
            0.99,
            "Only some are late: one slow receiver, one long batch, one restart; the annotations say what was done.",
        ),
    ):
        yield lines(
            Words(
                f"Latency of alerts, p{q * 100:.0f}",
                f"Within which time {q:.0%} of the alerts passed each stage. `listing`: from publication to the poll "
                "that found "
                "it; `queue`: until a classifier took it up; `classify`: until the story's revision was written; "
                "`delivery`: until "
                "the receiver had it; `total`: from fetch to receiver, which is promised within 120 s.",
                act,
                alarm="DeliveryLatencyBurnFast",
                board="delivery",
            ),
            Style("s", ((slo.SECONDS, BAD),)),
            Query(quantile(q, slo.LATENCY, "stage"), "{{stage}}"),
        )
    yield lines(
        Words(
            "Burn rate of the error budget",
            "How many times faster than allowed alerts are late, over windows from an hour to three days. The dashed "
            "lines are where the alarms for 1 h (14.4) and for 6 h (6) begin.",
            "A short window alone: it may be over already. A short and a long one together: it goes on, act.",
            alarm="DeliveryLatencyBurnFast",
        ),
        Style("none", ((slo.SLOW, WARNING), (slo.FAST, BAD)), width=12),
        *(Query(slo.burn_rate(over), over) for over in ("1h", "6h", "1d", "3d")),
    )
    yield lines(
        Words(
            "Canary",
            "How old the last canary that arrived is, and how long canaries took from publication to the receiver.",
            "A saw with teeth of ten minutes is health; a line that climbs on is a canary that does not arrive.",
            alarm="CanaryMissing",
        ),
        Style("s", ((3 * slo.CANARY_SECONDS, BAD),), width=12),
        Query(slo.CANARY_AGE, "age of the last"),
        Query(quantile(0.95, "tocsin_canary_duration_seconds"), "duration, p95"),
    )


def _blind() -> Iterator[Panel]:
    yield lines(
        Words(
            "Feeds by state",
            "All configured feeds by how they are doing.",
            "`failing` grows: see *Polls by outcome*. `disabled` or `quarantined` grows: `tocsin feeds list` says "
            "which and why.",
            alarm="FeedsFailing",
            board="pipeline",
        ),
        Style("none", stacked=True, colors=FEED_COLORS),
        Query(level("tocsin_feeds", "state"), "{{state}}"),
    )
    yield lines(
        Words(
            "Staleness of feeds",
            "How long ago feeds were last read successfully: half of them, nine in ten, and the stalest.",
            "The median rises: all are late, look at the pollers. The stalest rises alone: one feed, see *Worst "
            "feeds*.",
            alarm="FeedStale",
            board="pipeline",
        ),
        Style("s"),
        Query(level("tocsin_feed_staleness_seconds", "quantile"), "{{quantile}}"),
    )
    yield lines(
        Words(
            "New entries",
            "Entries that feeds had not listed before, per second.",
            "Feeds are polled, but bring nothing: blocked, moved, or served old pages by a proxy.",
            alarm="FeedSilent",
            board="pipeline",
        ),
        Style("cps"),
        Query(per_second("tocsin_entries_total", where='result="new"'), "new entries"),
    )


def _losing() -> Iterator[Panel]:
    yield lines(
        Words(
            "Endpoints by state",
            "Receivers of subscriptions by state. `open`: too many failures in a row, only probes pass.",
            "What is not `active` is not told anything now, and is told later; `disabled` needs a person.",
            alarm="EndpointDisabled",
            board="delivery",
        ),
        Style("none", stacked=True, colors=ENDPOINT_COLORS),
        Query(level("tocsin_endpoints", "state"), "{{state}}"),
    )
    yield lines(
        Words(
            "What waits",
            "Entries set aside, alerts that no notifier has taken up yet, and subjects that wait at endpoints.",
            "Waiting at endpoints only: a receiver is down. Alerts waiting: no notifier runs. Dead letters: see the "
            "runbook.",
            alarm="DeadLetters",
            board="delivery",
        ),
        Style("none"),
        Query(level("tocsin_dead_letters"), "dead letters"),
        Query(level("tocsin_streams_pending", "group"), "alerts for {{group}}"),
        Query(f"sum({level('tocsin_endpoint_waiting', 'subscription')})", "at endpoints"),
    )
    yield lines(
        Words(
            "Deliveries",
            "Deliveries that came to an end within the window: with the receiver, or given up.",
            "Those given up are lost to their receiver until a person recovers them.",
            board="delivery",
        ),
        Style("none"),
        Query(count("tocsin_deliveries_total", "result"), "{{result}}"),
    )


def _runs() -> Iterator[Panel]:
    yield rows(
        Words(
            "Firing alarms",
            "Alert rules that fire now, and since when.",
            "Each has a page of its name under *Runbooks*: what it means, how to look, what to do.",
        ),
        Style("dateTimeFromNow", empty="none: all is well"),
        Query('ALERTS_FOR_STATE * 1000 and ignoring (alertstate) ALERTS{alertstate="firing"}'),
        {"alertname": "Alarm", "severity": "Severity", "Value": "Since"},
    )
    yield lines(
        Words(
            "Processes",
            "Processes of each service that answer, and the versions they are of.",
            "A service without one: its log, and `docker compose ps`. Two versions at once: a deploy that has not "
            "ended.",
            alarm="TargetDown",
        ),
        Style("none"),
        Query("sum by (job) (up)", "{{job}}"),
        Query("count by (version) (tocsin_build_info)", "version {{version}}"),
    )
    yield lines(
        Words(
            "Configuration",
            "1 for each file whose last change is in force, 0 for one that was refused; and what is wrong in topic "
            "packs.",
            "What was in force before goes on. `tocsin check` names file, line and field.",
            alarm="ConfigReloadFailed",
        ),
        Style("none"),
        Query("min by (file) (tocsin_config_last_reload_successful)", "{{file}}"),
        Query(level("tocsin_topic_problems"), "problems in topic packs"),
    )
