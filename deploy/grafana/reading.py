"""The pipeline's panels about feeds, and about what was read from them."""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Panel

from deploy.grafana.panels import BAD, FEED_COLORS, WARNING, Query, Style, Words, lines, rows
from deploy.grafana.promql import count, level, per_second, quantile


def feeds() -> Iterator[Panel]:
    yield lines(
        Words(
            "Feeds by state",
            "All configured feeds by how they are doing.",
            "`failing` grows: see *Polls by outcome*. `disabled` or `quarantined` grows: `tocsin feeds list` says "
            "which and why.",
            alarm="FeedsFailing",
        ),
        Style("none", stacked=True, colors=FEED_COLORS),
        Query(level("tocsin_feeds", "state"), "{{state}}"),
    )
    yield lines(
        Words(
            "Polls by outcome",
            "Polls per second by how they ended. `unchanged`, `same_body`, `nothing_new`, `new`, `seeded` and "
            "`identity_break` are successes.",
            "`dns_error`, `connect_error`, `timeout` together: this network. `throttled`, `refused`: we ask too much. "
            "`not_found`, `gone`, `not_a_feed`: the feed's address has to be changed.",
            alarm="FeedsFailing",
        ),
        Style("cps", stacked=True),
        Query(f"{per_second('tocsin_feed_polls_total', 'outcome')} > 0", "{{outcome}}"),
    )
    yield rows(
        Words(
            "Worst feeds",
            "The twenty feeds that were read successfully longest ago.",
            "`tocsin feeds show` tells the last polls of one, and why the next is due when it is.",
            alarm="FeedStale",
        ),
        Style("s", ((6 * 3600, WARNING), (24 * 3600, BAD))),
        Query(f"sort_desc({level('tocsin_feed_age_seconds', 'feed')})"),
        {"feed": "Feed", "Value": "Last read"},
    )
    yield lines(
        Words(
            "Lag of polls",
            "How late feeds were taken up, against the time at which they were due.",
            "Pollers are too few, or hang on slow hosts: start another, or see *Duration of polls*.",
            alarm="FeedStale",
        ),
        Style("s"),
        *_quantiles("tocsin_feed_due_lag_seconds"),
    )
    yield lines(
        Words(
            "Duration of polls",
            "From the claim of a feed to the commit of its poll.",
            "p99 alone: slow hosts. All: this network, or Redis that is slow to commit.",
        ),
        Style("s"),
        *_quantiles("tocsin_feed_poll_duration_seconds"),
    )
    yield lines(
        Words(
            "Staleness of feeds",
            "How long ago feeds were last read successfully: half of them, nine in ten, and the stalest.",
            "The median rises: all are late. The stalest rises alone: one feed, see *Worst feeds*.",
            alarm="FeedStale",
        ),
        Style("s"),
        Query(level("tocsin_feed_staleness_seconds", "quantile"), "{{quantile}}"),
    )


def read() -> Iterator[Panel]:
    yield lines(
        Words(
            "Entries by result",
            "What became of the items that feeds list, per second.",
            "`new` at 0 for long while polls succeed: feeds serve old pages, or changed what tells their items apart.",
            alarm="FeedSilent",
        ),
        Style("cps"),
        Query(per_second("tocsin_entries_total", "result"), "{{result}}"),
    )
    yield lines(
        Words(
            "Documents by parser",
            "Documents read, per second, by the rung of the ladder that read them.",
            "`lenient` grows: feeds are broken, which costs time; `not_a_feed` among the outcomes says which are lost.",
        ),
        Style("cps"),
        Query(per_second("tocsin_feed_parses_total", "path"), "{{path}}"),
    )
    yield lines(
        Words(
            "Pages by outcome",
            "Pages of relevant articles within the window, by how reading or checking them ended.",
            "`disallowed`, `paywall` and `withheld` are their publishers' will. Timeouts and errors for all: this "
            "network.",
        ),
        Style("none", stacked=True),
        Query(f"{count('tocsin_pages_total', 'outcome')} > 0", "{{outcome}}"),
    )
    yield lines(
        Words(
            "Pushes from hubs",
            "What hubs pushed to us within the window, by what became of it.",
            "`unknown` or a bad signature: somebody else than the hub, or a subscription that has run out. Polling "
            "goes on.",
        ),
        Style("none"),
        Query(count("tocsin_websub_pushes_total", "result"), "{{result}}"),
    )
    yield lines(
        Words(
            "Subscriptions at hubs",
            "How often hubs were asked within the window, by why and how it ended.",
            "Hubs refuse or do not answer: their feeds are polled as often as all others until one does.",
        ),
        Style("none"),
        Query(f"{count('tocsin_websub_requests_total', 'reason', 'outcome')} > 0", "{{reason}}: {{outcome}}"),
    )
    yield lines(
        Words(
            "Answers of hubs",
            "What hubs said at our callback within the window, by what we made of it.",
            "Requests without `confirmed`: hubs cannot reach the callback; try its address from outside.",
        ),
        Style("none"),
        Query(count("tocsin_websub_answers_total", "result"), "{{result}}"),
    )


def _quantiles(histogram: str) -> Iterator[Query]:
    for q in (0.5, 0.95, 0.99):
        yield Query(quantile(q, histogram), f"p{q * 100:.0f}")
