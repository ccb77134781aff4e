"""Makes the dashboard of panels.toml: `make dashboard`."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import QueryEditorMode

PANELS, FILE = (Path(__file__).with_name(name) for name in ("panels.toml", "etl-pipeline.json"))
SOURCE = model.DataSourceRef("prometheus", "${datasource}")
TARGET = 'job=~"$job", instance=~"$instance"'
DATASET = f'{TARGET}, dataset=~"$dataset"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel, as the table has it."""

    title: str
    means: str
    query: str
    kind: Literal["lines", "bars", "figure", "states"] = "lines"
    legend: str = ""
    unit: str = "none"
    width: int = 0
    steps: tuple[tuple[float, str], ...] = ()
    colours: tuple[str, str] = ("red", "green")


def made() -> model.Dashboard:
    """The whole dashboard."""
    whole = (
        dashboard.Dashboard("etl-pipeline")
        .uid("etl-pipeline")
        .description("etl_daemon: what it loads, how far behind it is, what it rejects, what it costs.")
        .tags(["etl_daemon"])
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("1m")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_choice("job", "label_values(etl_build_info, job)"))
        .with_variable(_choice("instance", 'label_values(etl_build_info{job=~"$job"}, instance)'))
        .with_variable(_choice("dataset", f"label_values(etl_pending_objects{{{TARGET}}}, dataset)"))
    )
    number = 0
    for row in tomllib.loads(PANELS.read_text("utf-8"))["rows"]:
        number += 1
        whole.with_row(dashboard.Row(row["title"]).id(number))
        for panel in row["panels"]:
            number += 1
            whole.with_panel(_panel(Panel(**panel)).id(number))
    return whole.build()


def text() -> str:
    """The dashboard as Grafana reads it."""
    return json.dumps(made(), cls=JSONEncoder, indent=2) + "\n"


def _choice(name: str, query: str) -> dashboard.QueryVariable:
    """Label values to choose from, all of them at first."""
    return (
        dashboard.QueryVariable(name)
        .datasource(SOURCE)
        .query(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _panel(of: Panel) -> timeseries.Panel | stat.Panel | statetimeline.Panel:
    make = {"lines": _lines, "bars": _bars, "figure": _figure, "states": _states}[of.kind]
    return make(of).title(of.title).description(of.means).datasource(SOURCE)


def _lines(of: Panel) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .span(of.width or 8)
        .height(8)
        .unit(of.unit)
        .min(0)
        .line_width(1)
        .fill_opacity(10)
        .show_points(look.VisibilityMode.NEVER)
        .tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING))
        .legend(_legend())
        .with_target(_query(of).range())
    )


def _bars(of: Panel) -> timeseries.Panel:
    stacked = common.StackingConfig().mode(look.StackingMode.NORMAL).group("A")
    return _lines(of).draw_style(look.GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked)


def _figure(of: Panel) -> stat.Panel:
    (_, lowest), *higher = of.steps
    steps = [model.Threshold(None, lowest), *(model.Threshold(value, colour) for value, colour in higher)]
    return (
        stat.Panel()
        .span(of.width or 4)
        .height(4)
        .unit(of.unit)
        .thresholds(dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .color_mode(look.BigValueColorMode.BACKGROUND)
        .graph_mode(look.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_query(of).instant())
    )


def _states(of: Panel) -> statetimeline.Panel:
    words = zip("01", ("no", "yes"), of.colours, strict=True)
    shown = {value: model.ValueMappingResult(text=word, color=colour) for value, word, colour in words}
    return (
        statetimeline.Panel()
        .span(of.width or 8)
        .height(8)
        .mappings([model.ValueMap(shown)])
        .show_value(look.VisibilityMode.NEVER)
        .legend(_legend())
        .with_target(_query(of).range())
    )


def _query(of: Panel) -> prometheus.Dataquery:
    expression = of.query.strip().replace("@target", TARGET).replace("@dataset", DATASET)
    return (
        prometheus.Dataquery()
        .ref_id("A")
        .expr(expression)
        .legend_format(of.legend or "__auto")
        .editor_mode(QueryEditorMode.CODE)
        .datasource(SOURCE)
    )


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(look.LegendDisplayMode.LIST)
        .placement(look.LegendPlacement.BOTTOM)
        .calcs([])
    )


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
