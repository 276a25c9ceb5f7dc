"""What every board has: variables, annotations, links; and its rows, laid out from left to right."""

from collections.abc import Iterator, Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from deploy.grafana.annotations import annotations
from deploy.grafana.links import BOARDS, board_uid, links_of
from deploy.grafana.panels import DATASOURCE

WIDTH = 24
WINDOWS = ("5m", "15m", "1h", "6h", "1d")
DEFAULT_WINDOW = "1h"

# The headings of a board, each with the panels under it.
Rows = Mapping[str, Sequence[dashboard.Panel]]


def board(name: str, description: str, rows: Rows, *choices: builders.QueryVariable) -> dashboard.Dashboard:
    """`choices`: variables besides those that every board has."""
    frame = builders.Dashboard(f"Tocsin: {BOARDS[name].lower()}").uid(board_uid(name)).description(description)
    frame = frame.tags(["tocsin"]).readonly().refresh("30s").time("now-6h", "now").timezone("browser").version(1)
    frame = frame.tooltip(dashboard.DashboardCursorSync.CROSSHAIR).links(list(links_of(name)))
    made = frame.variables([_datasource(), _window(), *choices]).build()
    made.annotations = dashboard.AnnotationContainer(list_val=annotations())
    made.panels = list(_laid_out(rows))
    for number, panel in enumerate(made.panels, start=1):
        panel.id_val = number
    return made


def choice(name: str, metric: str, description: str) -> builders.QueryVariable:
    """One, several or all values of the label that the variable is named after."""
    variable = builders.QueryVariable(name).label(name.capitalize()).description(description).datasource(DATASOURCE)
    variable = variable.query(f"label_values({metric}, {name})").multi(True).include_all(True).all_value(".*")
    variable = variable.current(_option("All", "$__all")).sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    return variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)


def _datasource() -> builders.DatasourceVariable:
    variable = builders.DatasourceVariable("datasource").label("Data source").description("The Prometheus to ask")
    return variable.type("prometheus").current(_option("Prometheus", "prometheus"))


def _window() -> builders.IntervalVariable:
    variable = builders.IntervalVariable("interval").label("Window").values(",".join(WINDOWS))
    variable = variable.description("What is rare is counted over this long: alerts, deliveries, latencies")
    variable = variable.options([_option(each, each, each == DEFAULT_WINDOW) for each in WINDOWS])
    return variable.current(_option(DEFAULT_WINDOW, DEFAULT_WINDOW))


def _option(text: str, value: str, selected: bool = True) -> dashboard.VariableOption:
    return dashboard.VariableOption(selected=selected, text=text, value=value)


def _laid_out(rows: Rows) -> Iterator[dashboard.Panel | dashboard.RowPanel]:
    """A panel that no longer fits begins a line, below the highest of the one before."""
    top = 0
    for title, panels in rows.items():
        yield dashboard.RowPanel(title=title, grid_pos=dashboard.GridPos(h=1, w=WIDTH, x=0, y=top))
        x, y, top = 0, top + 1, top + 1
        for panel in panels:
            at = panel.grid_pos or dashboard.GridPos()
            if x + at.w > WIDTH:
                x, y = 0, top
            panel.grid_pos = dashboard.GridPos(h=at.h, w=at.w, x=x, y=y)
            x, top = x + at.w, max(top, y + at.h)
            yield panel
