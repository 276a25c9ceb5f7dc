"""The rules at another pace: every time in them is shorter, and nothing else is other than it was."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.acceptance.paces import DAYS, MINUTES, of_days, shipped_groups
from tests.acceptance.queries import title_of
from tests.acceptance.shortened import Pace, Rule, changes, duration, faster, longest, seconds, shortened
from tests.project.series import rules

MINUTE = Pace(60, 4, {"120.0": "2.0"})
SAME = Pace(1, 0, {"120.0": "120.0"})
ALL = pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.get("record") or title_of(rule)))


def expr(text: str, pace: Pace = MINUTE) -> str:
    return str(faster({"expr": text}, pace)["expr"])


def test_a_window_and_an_offset_are_shorter() -> None:
    assert expr("min_over_time(x[2h] offset 1h30m)") == "min_over_time(x[120s] offset 90s)"


def test_a_window_is_never_shorter_than_four_scrapes() -> None:
    assert expr("rate(x[1m])") == "rate(x[4s])"


def test_an_age_is_compared_with_a_shorter_one_and_a_rate_multiplied_by_a_shorter_window() -> None:
    assert expr("x_seconds > 900 and rate(y[3h]) * 10800 > 100") == "x_seconds > 15 and rate(y[180s]) * 180 > 100"


def test_counts_shares_names_and_texts_stay() -> None:
    text = 'job:x:rate15m{le="+Inf", a="5m"} > 0.144 * job:x:rate1h and y * 2.5 > 20'
    assert expr(text, Pace(60, 4, {})) == text


def test_a_bucket_is_told_by_the_bound_that_takes_its_place() -> None:
    assert expr('x_bucket{le="120.0"}') == 'x_bucket{le="2.0"}'


def test_a_number_that_nobody_has_spoken_of_is_refused() -> None:
    with pytest.raises(ValueError, match="7200 in a rule"):
        expr("x > 7200")


def test_what_it_waits_for_may_be_shorter_than_four_scrapes() -> None:
    assert faster({"expr": "x", "for": "1m"}, MINUTE)["for"] == "1s"
    assert faster({"expr": "x", "for": "15m"}, Pace(3600, 4, {}))["for"] == "250ms"


def test_what_was_changed_is_told() -> None:
    rule: Rule = {"expr": "rate(x[5m]) * 300 > 1 and rate(y[5m]) > 1", "for": "10m"}
    assert [*changes(rule, MINUTE)] == [("5m", "5s"), ("300", "5"), ("for 10m", "for 10s")]


def test_a_rule_looks_as_far_back_as_what_is_recorded_for_it() -> None:
    recorded = {"a:x:rate1d": "rate(x[1d])", "a:y:max": "max_over_time(a:x:rate1d[2h])"}
    assert longest({"expr": "a:y:max > 3600"}, recorded) == 86_400


def test_only_the_alerts_that_are_wanted_are_left_and_all_that_is_recorded() -> None:
    groups = shortened(shipped_groups(), DAYS, of_days)
    left = [rule for group in groups for rule in group["rules"]]
    alerts = {title_of(rule) for rule in left if "alert" in rule}
    assert alerts == {"FeedStale", "ClassifierRateCollapse verdicts", "DeliveryLatencyBurnSlow"}
    assert [rule["record"] for rule in left if "record" in rule] == [r["record"] for r in rules() if "record" in r]


@ALL
def test_at_its_own_pace_a_rule_means_what_it_meant(rule: Rule) -> None:
    same = faster(rule, SAME)
    assert longest(same, {}) == longest(rule, {})
    assert {seconds(old.removeprefix("for ")) for old, _ in changes(rule, SAME)} == {
        seconds(new.removeprefix("for ")) for _, new in changes(rule, SAME)
    }


@given(st.integers(min_value=1, max_value=10**9))
def test_a_duration_is_read_as_it_was_written(milliseconds: int) -> None:
    assert seconds(duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, of the prometheus package, is not installed")
@pytest.mark.parametrize("pace", [MINUTES, DAYS], ids=["minutes", "days"])
def test_prometheus_accepts_the_rules_at_either_pace(pace: Pace, tmp_path: Path) -> None:
    YAML().dump({"groups": shortened(shipped_groups(), pace, lambda _: True)}, tmp_path / "rules.yml")
    checked = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
