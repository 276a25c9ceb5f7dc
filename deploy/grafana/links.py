"""Where the boards lead: to each other, to the page of stories, to the runbooks."""

import re

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

# As the reader's browser reaches them. The runbooks' address is that of the alarms in deploy/prometheus/rules.yml.
GATEWAY = "http://localhost:8080"
RUNBOOKS = "https://github.com/tocsin-monitor/tocsin/blob/main/docs/runbooks"

# A board's address ends in its name. What all of them have in common goes along.
BOARDS = {"overview": "Overview", "pipeline": "Pipeline", "delivery": "Delivery"}
_ALONG = "${datasource:queryparam}&${interval:queryparam}&${__url_time_range}"


def board_uid(name: str) -> str:
    return f"tocsin-{name}"


def board_url(name: str) -> str:
    return f"/d/{board_uid(name)}?{_ALONG}"


def runbook_url(alarm: str) -> str:
    """What to do about `FeedStale` stands in feed-stale.md."""
    page = re.sub(r"(?<!^)(?=[A-Z])", "-", alarm).lower()
    return f"{RUNBOOKS}/{page}.md"


def board_link(name: str) -> DashboardLink:
    return _link(f"Closer: {BOARDS[name]}", board_url(name))


def runbook_link(alarm: str) -> DashboardLink:
    return _link(f"Runbook: {alarm}", runbook_url(alarm)).target_blank(True)


def links_of(board: str) -> list[DashboardLink]:
    """At the head of a board."""
    others = [_link(title, board_url(name)).icon("dashboard") for name, title in BOARDS.items() if name != board]
    page = _link("Stories", GATEWAY).icon("external link").target_blank(True)
    return [*others, page.tooltip("The page of stories"), _runbooks()]


def _runbooks() -> DashboardLink:
    return (
        _link("Runbooks", f"{RUNBOOKS}/README.md").icon("doc").tooltip("What to do about each alarm").target_blank(True)
    )


def _link(title: str, url: str) -> DashboardLink:
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url)
