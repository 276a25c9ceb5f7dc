"""Lines through every panel: what was done to the system while its curves changed."""

from grafana_foundation_sdk.models import dashboard

from deploy.grafana.panels import DATASOURCE

_MILLISECONDS = "* 1000"


class Annotation(dashboard.AnnotationQuery):
    """Prometheus' own keys besides the common ones, which are all that the SDK knows.

    `words`: a legend, shown at the line. `at_value`: the query's value is the time, in milliseconds, and not its bare
    presence; so a start is marked when it was, however coarse the steps of the query are.
    """

    def __init__(self, name: str, color: str, expr: str, *, words: str, at_value: bool) -> None:
        super().__init__(name=name, datasource=DATASOURCE, icon_color=color, expr=expr)
        self.words, self.at_value = words, at_value

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"titleFormat": self.words, "useValueForTime": self.at_value}


def annotations() -> list[dashboard.AnnotationQuery]:
    started = "process_start_time_seconds * on (job, instance) group_left (version) tocsin_build_info"
    return [
        Annotation(
            "Starts and deploys",
            "blue",
            f"max by (job, version) ({started}) {_MILLISECONDS}",
            words="{{job}} {{version}} started",
            at_value=True,
        ),
        Annotation(
            "Reloads",
            "purple",
            f"max by (file) (tocsin_config_last_reload_timestamp_seconds > 0) {_MILLISECONDS}",
            words="{{file}} reloaded",
            at_value=True,
        ),
        Annotation(
            "Disabled endpoints",
            "red",
            'max by (subscription) (tocsin_endpoint_state{state="disabled"}) == 1',
            words="{{subscription}} is disabled",
            at_value=False,
        ),
    ]
