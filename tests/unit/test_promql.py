"""The queries of the boards: what is added up, what is not, and what is shown while nothing happens."""

import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.grafana.promql import RATE, count, level, per_second, quantile, share
from deploy.grafana.slo import budget_left, burn_rate, kept_promise

ALERTS = 'tocsin_alerts_total{type="created", reason="new_story"'
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def holds(tmp_path: Path, series: dict[str, str], expected: dict[str, list[float]]) -> None:
    """Each expression has these values, rounded, an hour after `series` began with one sample a minute."""
    asked = [
        {"expr": f"round({expression}, 0.01)", "eval_time": "1h", "exp_samples": [{"value": each} for each in values]}
        for expression, values in expected.items()
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    test = {"tests": [{"interval": "1m", "input_series": inputs, "promql_expr_test": asked}]}
    YAML().dump(test, tmp_path / "test.yml")
    ran = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "test.yml"], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_a_process_counts_for_itself_is_summed() -> None:
    assert per_second("tocsin_feed_polls_total", "outcome") == (
        "sum by (outcome) (rate(tocsin_feed_polls_total[$__rate_interval]))"
    )


def test_what_stands_in_redis_is_not() -> None:
    assert per_second("tocsin_alerts_total", "type", "reason") == (
        "max by (type, reason) (rate(tocsin_alerts_total[$__rate_interval]))"
    )
    assert per_second("tocsin_alerts_total", "type") == (
        "sum by (type) (max by (type, reason) (rate(tocsin_alerts_total[$__rate_interval])))"
    )


def test_the_parts_of_a_kept_histogram_keep_their_bounds() -> None:
    assert count("tocsin_job_duration_seconds_bucket", "le", over=RATE) == (
        "max by (le) (increase(tocsin_job_duration_seconds_bucket[$__rate_interval]))"
    )


def test_a_gauge_is_as_high_as_the_process_says_that_knows_most() -> None:
    assert level("tocsin_feeds", "state", where='state="healthy"') == 'max by (state) (tocsin_feeds{state="healthy"})'


@needs_promtool
def test_two_classifiers_that_serve_the_same_count_once(tmp_path: Path) -> None:
    series = {f'{ALERTS}, instance="{name}"}}': "0+1x60" for name in "ab"}
    holds(tmp_path, series, {count("tocsin_alerts_total", over="30m"): [30.0]})


@needs_promtool
def test_what_was_counted_before_the_classifiers_were_replaced_counts_too(tmp_path: Path) -> None:
    series = {f'{ALERTS}, instance="old"}}': "0+1x30 stale", f'{ALERTS}, instance="new"}}': "_x30 30+1x30"}
    holds(tmp_path, series, {count("tocsin_alerts_total", over="50m"): [50.0]})


@needs_promtool
def test_nothing_is_shown_where_nothing_happened(tmp_path: Path) -> None:
    latency = "tocsin_alert_latency_seconds"
    series = {f'{latency}_bucket{{stage="total", le="{le}"}}': "7+0x60" for le in ("120.0", "+Inf")}
    series[f'{latency}_count{{stage="total"}}'] = "7+0x60"
    holds(tmp_path, series, {quantile(0.99, latency, over="30m"): [], kept_promise("30m"): []})


@needs_promtool
def test_a_share_of_what_failed_is_between_none_and_all(tmp_path: Path) -> None:
    series = {
        'tocsin_feed_polls_total{outcome="new"}': "0+3x60",
        'tocsin_feed_polls_total{outcome="timeout"}': "0+1x60",
    }
    failed = count("tocsin_feed_polls_total", where='outcome="timeout"', over="30m")
    holds(tmp_path, series, {share(failed, count("tocsin_feed_polls_total", over="30m")): [0.25]})


@needs_promtool
def test_one_late_alert_in_fifty_burns_the_budget_at_twice_the_rate(tmp_path: Path) -> None:
    latency = "tocsin_alert_latency_seconds"
    series = {
        f'{latency}_bucket{{stage="total", le="120.0"}}': "0+49x60",
        f'{latency}_count{{stage="total"}}': "0+50x60",
    }
    month = budget_left().replace("30d", "1h")
    holds(tmp_path, series, {kept_promise("1h"): [0.98], burn_rate("1h"): [2.0], month: [-1.0]})
