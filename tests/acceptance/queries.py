"""Every query of the boards, as Grafana asks it when a board is opened, and of the rules; and what comes of each."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.prometheus import Prometheus, Sample
from tests.acceptance.shortened import Group, Rule
from tests.project.series import page_expressions
from tests.project.sources import ROOT

BOARDS = ROOT / "deploy/grafana/dashboards"
RUNBOOKS = ROOT / "docs/runbooks"
# As Grafana puts them in: what is chosen at first, and four scrapes.
VARIABLES = {"$__rate_interval": "4s", "$__range": "6h", "$interval": "1h", "$topic": ".*", "$subscription": ".*"}
_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
ALERTS, RECORDS = "alerts", "records"
# Nothing comes of these, nor of the alerts themselves, while all is well. When this rings, something must.
RIGHTLY_EMPTY = {
    "Firing alarms": "EndpointFailing",  # there is no alert that fires
    "Changes of state": "EndpointFailing",  # no endpoint has changed its state
    "Disabled endpoints": "EndpointDisabled",  # no endpoint is disabled
}


@dataclass(slots=True)
class Query:
    """`label`: whose values are asked for, by a variable of a board. `found`: what came the last time.

    `provoked`: the fault under which it came to return data, where it had returned none.
    """

    where: str
    title: str
    expr: str
    of: Prometheus
    label: str = ""
    found: list[Sample] = field(default_factory=list)
    provoked: str = ""

    async def ask(self) -> None:
        if self.label:
            self.found = [Sample({self.label: each}, 1.0) for each in await self.of.values(self.label, self.expr)]
        else:
            self.found = await self.of.ask(self.expr)

    @property
    def empty_until(self) -> str:
        """Which alert must ring before anything comes; empty: something always does."""
        return self.title if self.where == ALERTS else RIGHTLY_EMPTY.get(self.title, "")

    @property
    def answered(self) -> bool:
        return bool(self.found) and all(each.is_number for each in self.found)

    @property
    def is_as_it_should_be(self) -> bool:
        """On a healthy system."""
        return not self.found if self.empty_until else self.answered

    def __str__(self) -> str:
        """What came."""
        if not self.answered:
            return "NaN" if self.found else "nothing"
        least, most = min(each.value for each in self.found), max(each.value for each in self.found)
        return f"{len(self.found)} × {least:g}" if least == most else f"{len(self.found)} × {least:g} … {most:g}"


def of_boards(of: Prometheus) -> Iterator[Query]:
    for path in sorted(BOARDS.glob("*.json")):
        board = json.loads(path.read_text("utf-8"))
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield Query(path.stem, panel["title"], filled_in(target["expr"]), of)
        for annotation in board["annotations"]["list"]:
            yield Query(path.stem, annotation["name"], filled_in(annotation["expr"]), of)
        asked = (each for each in board["templating"]["list"] if each["type"] == "query")
        yield from (_of_variable(path.stem, each, of) for each in asked)


def _of_variable(board: str, variable: dict[str, Any], of: Prometheus) -> Query:
    found = _VALUES.fullmatch(variable["query"])
    assert found, variable["query"]
    return Query(board, f"${variable['name']}", found[1], of, label=found[2])


def of_rules(groups: Sequence[Group], of: Prometheus) -> Iterator[Query]:
    """As they are evaluated there."""
    for rule in (rule for group in groups for rule in group["rules"]):
        if "record" in rule:
            yield Query(RECORDS, rule["record"], rule["expr"], of)
        else:
            yield Query(ALERTS, title_of(rule), rule["expr"], of)


def of_runbook(alert: str, of: Prometheus) -> Iterator[Query]:
    """What its page tells people to look at."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", alert).lower()
    yield from (Query("runbook", alert, expr, of) for expr in page_expressions(RUNBOOKS / f"{name}.md"))


def title_of(rule: Rule) -> str:
    """As a `Ring` has it."""
    return f"{rule['alert']} {rule['labels'].get('of', '')}".strip()


def filled_in(expr: str) -> str:
    """Raises ValueError for a variable that nobody has thought of."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    if "$" in expr:
        raise ValueError(f"a variable is left in {expr}")
    return expr
