"""The shipped files of Prometheus, and at which pace each alert is tried: minutes as seconds, or hours as seconds."""

from functools import cache
from typing import Any

from ruamel.yaml import YAML

from tests.acceptance.shortened import DAY, Group, Pace, Rule, longest
from tests.project.series import PROMETHEUS, rules

SCRAPE_SECONDS = 1.0
# What is promised within 120 s is promised within 5 s at either pace: on a busy machine 2 s are no sign of trouble.
_BOUNDS = {"120.0": "5.0"}
MINUTES = Pace(60, 4 * SCRAPE_SECONDS, _BOUNDS)
DAYS = Pace(3600, 4 * SCRAPE_SECONDS, _BOUNDS)


def shipped_config() -> dict[str, Any]:
    config: dict[str, Any] = YAML(typ="safe").load(PROMETHEUS / "prometheus.yml")
    return config


def shipped_groups() -> list[Group]:
    groups: list[Group] = YAML(typ="safe").load(PROMETHEUS / "rules.yml")["groups"]
    return groups


def of_days(rule: Rule) -> bool:
    """Whether it looks over a day or more."""
    return longest(rule, _recorded()) >= DAY


@cache
def _recorded() -> dict[str, str]:
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
