"""The few kinds of panels that the boards are made of, all dressed alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.links import board_link, runbook_link
from shared.models.endpoint import EndpointStatus
from shared.models.feed import FeedHealth

DATASOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
LINES_HEIGHT = 8
NUMBER_HEIGHT = 4
GOOD, UNEASY, WARNING, BAD, DULL = "green", "yellow", "orange", "red", "#808080"
FEED_COLORS: Mapping[str, str] = {
    FeedHealth.HEALTHY: GOOD,
    FeedHealth.SLOW: UNEASY,
    FeedHealth.FAILING: WARNING,
    FeedHealth.DISABLED: DULL,
    FeedHealth.QUARANTINED: BAD,
}
ENDPOINT_COLORS: Mapping[str, str] = {
    EndpointStatus.PENDING: DULL,
    EndpointStatus.ACTIVE: GOOD,
    EndpointStatus.FAILING: UNEASY,
    EndpointStatus.OPEN: WARNING,
    EndpointStatus.DISABLED: BAD,
}

P = TypeVar("P", heatmap.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)
# Where a value becomes bad: from each number on it has the colour beside it.
Limits = Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on a panel: its name, what it shows, what to do when that looks bad.

    `alarm`: the rule that watches the same, whose runbook is linked. `board`: where to look closer.
    """

    title: str
    shows: str
    act: str
    alarm: str | None = None
    board: str | None = None

    @property
    def description(self) -> str:
        return f"{self.shows}\n\n**When it looks bad:** {self.act}"


@dataclass(frozen=True, slots=True)
class Query:
    """`legend` names each series; a panel of one number needs none."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Style:
    """How values are shown: in which unit, where they become bad, how wide the panel is; `colors`: by legend."""

    unit: str
    limits: Limits = ()
    width: int = 8
    height: int = LINES_HEIGHT
    stacked: bool = False
    colors: Mapping[str, str] = field(default_factory=dict)
    magnitudes: bool = False
    empty: str = "nothing yet"


def lines(words: Words, style: Style, *queries: Query) -> dashboard.Panel:
    """Over time. `stacked`: the parts of a whole. `magnitudes`: values that differ by orders of them."""
    panel = _dressed(timeseries.Panel(), words, style, [_over_time(query) for query in queries])
    panel = (
        panel.legend(_legend()).tooltip(_tooltip()).color_scheme(_colors(dashboard.FieldColorModeId.PALETTE_CLASSIC))
    )
    panel = panel.line_width(1).fill_opacity(60 if style.stacked else 8).axis_soft_min(0)
    if style.limits:
        dashed = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(dashed)
    if style.stacked:
        panel = panel.stacking(common_builders.StackingConfig().group("A").mode(common.StackingMode.NORMAL))
    if style.magnitudes:
        scale = common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.SYMLOG).log(10)
        panel = panel.scale_distribution(scale.linear_threshold(0.1))
    return panel.build()


def numbers(words: Words, style: Style, *queries: Query) -> dashboard.Panel:
    """As they are now; several stand beside each other under their legends."""
    panel = _dressed(stat.Panel(), words, style, [_now(query) for query in queries])
    last = common_builders.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    return (
        panel.color_scheme(_colors(dashboard.FieldColorModeId.THRESHOLDS))
        .reduce_options(last)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
        .text_mode(common.BigValueTextMode.AUTO)
        .build()
    )


def buckets(words: Words, style: Style, query: Query, *, label: str) -> dashboard.Panel:
    """A histogram over time; `label` says what its height is."""
    target = _over_time(query).format(PromQueryFormat.HEATMAP)
    axis = heatmap.YAxisConfig().unit(style.unit).axis_placement(common.AxisPlacement.LEFT).axis_label(label)
    color = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64).fill("dark-orange")
    color = color.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).reverse(False)
    linear = common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.LINEAR)
    panel = _dressed(heatmap.Panel(), words, style, [target]).scale_distribution(linear)
    return panel.calculate(False).y_axis(axis).color(color).cell_gap(1).show_legend().build()


def states(words: Words, style: Style, query: Query, of: Mapping[int, tuple[str, str]]) -> dashboard.Panel:
    """What state each series is in over time; `of`: value → name and colour."""
    named = {
        str(value): dashboard.ValueMappingResult(text=name, color=color, index=value)
        for value, (name, color) in of.items()
    }
    panel = _dressed(statetimeline.Panel(), words, style, [_over_time(query)]).line_width(0).fill_opacity(70)
    return panel.mappings([dashboard.ValueMap(options=named)]).merge_values(True).row_height(0.8).build()


def rows(words: Words, style: Style, query: Query, columns: Mapping[str, str]) -> dashboard.Panel:
    """A table. `columns`: label → heading, in their order; the rest is left out. `Value` is the number."""
    panel = _dressed(table.Panel(), words, style, [_now(query).format(PromQueryFormat.TABLE)])
    panel = panel.align(common.FieldTextAlignment.AUTO).inspect(False)
    order = {name: place for place, name in enumerate(columns)}
    options = {"indexByName": order, "renameByName": dict(columns), "includeByName": dict.fromkeys(columns, True)}
    panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=options))
    if style.limits:
        painted = _property("custom.cellOptions", {"type": "color-text"})
        panel = panel.override_by_name(columns["Value"], [painted])
    return panel.build()


def _legend() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().display_mode(common.LegendDisplayMode.LIST).show_legend(True)
    return legend.placement(common.LegendPlacement.BOTTOM).calcs([])


def _tooltip() -> common_builders.VizTooltipOptions:
    return common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)


def _colors(mode: dashboard.FieldColorModeId) -> dashboard_builders.FieldColor:
    return dashboard_builders.FieldColor().mode(mode)


def _property(name: str, value: object) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue(id_val=name, value=value)


def _over_time(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend).range().datasource(DATASOURCE)


def _now(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend).instant().datasource(DATASOURCE)


def _dressed(panel: P, words: Words, style: Style, targets: Sequence[prometheus.Dataquery]) -> P:
    for letter, target in zip(ascii_uppercase, targets, strict=False):
        panel = panel.with_target(target.ref_id(letter))
    panel = panel.title(words.title).description(words.description).datasource(DATASOURCE)
    panel = panel.unit(style.unit).no_value(style.empty).span(style.width).height(style.height)
    panel = panel.thresholds(_thresholds(style.limits))
    for legend, color in style.colors.items():
        panel = panel.override_by_name(legend, [_property("color", {"mode": "fixed", "fixedColor": color})])
    return panel.links(list(_links(words)))


def _links(words: Words) -> Iterator[Builder[dashboard.DashboardLink]]:
    if words.board:
        yield board_link(words.board)
    if words.alarm:
        yield runbook_link(words.alarm)


def _thresholds(limits: Limits) -> dashboard_builders.ThresholdsConfig:
    steps = [dashboard.Threshold(value=None, color=GOOD)]
    steps += [dashboard.Threshold(value=value, color=color) for value, color in limits]
    return dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)
