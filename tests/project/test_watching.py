"""What `tests.acceptance.watching` proves is all there is: it passes over no alert, no job and no variable."""

import json

import pytest

from tests.acceptance.faults import among_news, at_last, in_silence, silence
from tests.acceptance.paces import shipped_config
from tests.acceptance.prometheus import local
from tests.acceptance.queries import RIGHTLY_EMPTY, filled_in, title_of
from tests.acceptance.running import PROCESSES, job_of
from tests.project.series import DASHBOARDS, panel_expressions, rules
from tests.project.sources import ROOT

RINGS = [ring for fault in (*among_news(), silence(), *in_silence(), *at_last()) for ring in fault.rings]


def test_each_alert_is_provoked() -> None:
    assert {ring.title for ring in RINGS} == {title_of(rule) for rule in rules() if "alert" in rule}


def test_each_job_is_scraped_and_has_a_process() -> None:
    jobs = [job["job_name"] for job in local(shipped_config(), ROOT, 1.0)["scrape_configs"]]
    assert set(jobs) == set(map(job_of, PROCESSES))


def test_no_variable_of_a_board_is_left_without_a_value() -> None:
    assert all("$" not in filled_in(expression) for expression in panel_expressions())
    with pytest.raises(ValueError, match="a variable is left"):
        filled_in("x[$forgotten]")


def test_what_may_be_empty_stands_on_a_board_and_is_asked_for_when_something_rings() -> None:
    boards = [json.loads(path.read_text("utf-8")) for path in DASHBOARDS]
    titles = {panel["title"] for board in boards for panel in board["panels"]}
    titles |= {annotation["name"] for board in boards for annotation in board["annotations"]["list"]}
    assert set(RIGHTLY_EMPTY) <= titles
    assert set(RIGHTLY_EMPTY.values()) <= {ring.title for ring in RINGS}
