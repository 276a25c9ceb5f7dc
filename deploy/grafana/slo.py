"""The promise: 99 % of the alerts are with their receivers within 120 s of the fetch that brought the news.

Burn rates as in the workbook on site reliability: 1 uses up just what the promise allows for 30 days, 14.4 uses 2 % of
that in an hour, 6 uses 5 % of it in six hours.
"""

from deploy.grafana.promql import count, level, share

SECONDS = 120
OBJECTIVE = 0.99
PERIOD = "30d"
FAST, SLOW = 14.4, 6
STAGES = ("listing", "queue", "classify", "delivery", "total")
LATENCY = "tocsin_alert_latency_seconds"

CANARY_SECONDS = 600  # between two canaries
CANARY_AGE = f"time() - ({level('tocsin_canary_last_success_timestamp_seconds')} > 0)"


def kept_promise(over: str) -> str:
    """The share of the alerts that were delivered in time."""
    in_time = count(f"{LATENCY}_bucket", where=f'stage="total", le="{SECONDS:.1f}"', over=over)
    return share(in_time, count(f"{LATENCY}_count", where='stage="total"', over=over))


def burn_rate(over: str) -> str:
    return f"(1 - {kept_promise(over)}) / {1 - OBJECTIVE:.2g}"


def budget_left() -> str:
    """Of what the promise allows within its period, between 1 and, when it is broken, below 0."""
    return f"1 - {burn_rate(PERIOD)}"
