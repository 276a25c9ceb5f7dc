"""What is shown of watching: the rules' times, what each query returned, and what rang."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rich.box import SIMPLE
from rich.table import Table

from tests.acceptance.faults import Ring
from tests.acceptance.paces import DAYS, MINUTES, of_days
from tests.acceptance.queries import Query, title_of
from tests.acceptance.shortened import changes
from tests.project.series import rules


@dataclass(slots=True)
class Rung:
    """`after`: seconds until it rang; `over`: until it had ceased, from the mending on; None: never.

    `shown`: what its runbook says to look at, as it was then.
    """

    fault: str
    ring: Ring
    after: float | None = None
    over: float | None = None
    shown: list[Query] = field(default_factory=list)

    @property
    def telling(self) -> int:
        """How many of the runbook's queries show something."""
        return sum(each.answered for each in self.shown)

    def problems(self) -> Iterator[str]:
        if self.after is None:
            yield f"{self.ring} did not ring: {self.fault}"
        elif not self.telling:
            yield f"the runbook of {self.ring} shows nothing: {self.fault}"
        if self.over is None:
            yield f"{self.ring} did not cease: {self.fault}"


def paces() -> Table:
    table = Table("alert", "a second is", "its times", box=SIMPLE)
    for rule in rules():
        if "alert" in rule:
            word, pace = ("an hour", DAYS) if of_days(rule) else ("a minute", MINUTES)
            table.add_row(title_of(rule), word, ", ".join(f"{old} → {new}" for old, new in changes(rule, pace)))
    return table


def answers(queries: Sequence[Query]) -> Table:
    """A line for each panel or rule."""
    table = Table("where", "what is asked", "queries", "return data", "series × values, or provoked by", box=SIMPLE)
    for (where, title), each in groupby(queries, lambda query: (query.where, query.title)):
        group = list(each)
        came = dict.fromkeys(f"provoked: {query.provoked}" if query.provoked else str(query) for query in group)
        table.add_row(where, title, str(len(group)), str(sum(query.answered for query in group)), "; ".join(came))
    return table


def rings(rung: Sequence[Rung]) -> Table:
    table = Table("fault", "alert", "rang after", "ceased after", "its runbook's queries", box=SIMPLE)
    for each in rung:
        looked = f"{each.telling} of {len(each.shown)} show something"
        table.add_row(each.fault, str(each.ring), _seconds(each.after), _seconds(each.over), looked)
    return table


def _seconds(of: float | None) -> str:
    return "never" if of is None else f"{of:.0f} s"
