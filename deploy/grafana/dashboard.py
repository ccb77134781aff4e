"""The dashboard as code: `make dashboard` writes etl-pipeline.json, which is what Grafana reads."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, VariableRefresh

FILE = Path(__file__).with_name("etl-pipeline.json")
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
INSTANCE = 'job=~"$job", instance=~"$instance"'
DATASET = f'{INSTANCE}, dataset=~"$dataset"'
Query = tuple[str, str]
"""An expression, and how its series are called."""


def query(expression: str, legend: str, number: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))


def graph(title: str, means: str, unit: str, *queries: Query, stacked: bool = False) -> timeseries.Panel:
    legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
    panel = timeseries.Panel().title(title).description(means).unit(unit).datasource(SOURCE).legend(legend)
    panel = panel.span(8).height(8).min(0).fill_opacity(30.0 if stacked else 5.0)
    if stacked:
        panel = panel.stacking(StackingConfig().mode(StackingMode.NORMAL))
    for number, (expression, called) in enumerate(queries):
        panel = panel.with_target(query(expression, called, number))
    return panel


def figure(title: str, means: str, unit: str, expression: str) -> stat.Panel:
    panel = stat.Panel().title(title).description(means).unit(unit).datasource(SOURCE).span(4).height(4)
    panel = panel.reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    return panel.with_target(query(expression, "", 0))


def variable(name: str, label: str, values: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).query(values).datasource(SOURCE)
    return made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(True).include_all(True).all_value(".*")


ROWS: dict[str, tuple[timeseries.Panel | stat.Panel, ...]] = {
    "Now": (
        figure("Ready", "Daemons that can work now; one that stands by cannot.", "short",
               f"count(sum by (instance) (etl_not_ready{{{INSTANCE}}}) == 0) or vector(0)"),
        figure("Lease", "Daemons that have the lease: one of each name.", "short",
               f"sum(etl_lease_held{{{INSTANCE}}})"),
        figure("Lag", "How long the oldest object has been waiting.", "s",
               f"max(time() - (etl_oldest_pending_timestamp_seconds{{{DATASET}}} > 0)) or vector(0)"),
        figure("Waiting", "Objects that were listed and are not settled.", "short",
               f"sum(etl_pending_objects{{{DATASET}}})"),
        figure("Rows loaded", "In the time shown.", "short",
               f'sum(increase(etl_rows_total{{{DATASET}, outcome="loaded"}}[$__range]))'),
        figure("Rows rejected", "Share of rows that went to the quarantine, in the time shown.", "percentunit",
               f'sum(increase(etl_rows_total{{{DATASET}, outcome="quarantined"}}[$__range])) '
               f"/ sum(increase(etl_rows_total{{{DATASET}}}[$__range]))"),
    ),
    "Throughput": (
        graph("Rows", "Rows a second by what became of them.", "rowsps",
              (f"sum by (outcome) (rate(etl_rows_total{{{DATASET}}}[$__rate_interval]))", "{{outcome}}"), stacked=True),
        graph("Rows loaded by dataset", "Rows a second.", "rowsps",
              (f'sum by (dataset) (rate(etl_rows_total{{{DATASET}, outcome="loaded"}}[$__rate_interval]))',
               "{{dataset}}"), stacked=True),
        graph("Objects", "Object versions by what became of them.", "short",
              (f"sum by (outcome) (increase(etl_objects_total{{{DATASET}}}[$__rate_interval]))", "{{outcome}}")),
    ),
    "Lag": (
        graph("Oldest object waiting", "Its age; 0 where nothing waits.", "s",
              (f"time() - (etl_oldest_pending_timestamp_seconds{{{DATASET}}} > 0)", "{{dataset}}")),
        graph("Backlog", "Objects that were listed and are not settled, and their size.", "short",
              (f"sum by (dataset) (etl_pending_objects{{{DATASET}}})", "{{dataset}}"),
              (f"sum(etl_pending_bytes{{{DATASET}}}) / 1048576", "MiB")),
        graph("Since the last success, and the watermark", "Age of the last cycle that went well, and of the time up "
              "to which every object is settled.", "s",
              (f"time() - (etl_last_success_timestamp_seconds{{{DATASET}}} > 0)", "{{dataset}} success"),
              (f"time() - (etl_watermark_timestamp_seconds{{{DATASET}}} > 0)", "{{dataset}} watermark")),
    ),
    "Quality": (
        graph("Rejected rows by reason", "A row counts once for each of its reasons.", "short",
              (f"sum by (reason) (increase(etl_quarantined_rows_total{{{DATASET}}}[$__rate_interval])) > 0",
               "{{reason}}"), stacked=True),
        graph("Share of rejected rows", "By dataset.", "percentunit",
              ((f'sum by (dataset) (rate(etl_rows_total{{{DATASET}, outcome="quarantined"}}[$__rate_interval])) '
               f"/ sum by (dataset) (rate(etl_rows_total{{{DATASET}}}[$__rate_interval]))"), "{{dataset}}")),
        graph("Anomalies", "Found in loaded rows, by severity.", "short",
              (f"sum by (severity) (increase(etl_anomalies_total{{{DATASET}}}[$__rate_interval]))", "{{severity}}"),
              stacked=True),
    ),
    "Where time goes": (
        graph("Stage times, median", "A listing, an object, a slice of rows, a batch.", "s",
              ((f"histogram_quantile(0.5, sum by (le, stage) (rate(etl_stage_duration_seconds_bucket{{{INSTANCE}}}"
               "[$__rate_interval])))"), "{{stage}}")),
        graph("Stage times, 95 of 100", "The same, the slow ones.", "s",
              ((f"histogram_quantile(0.95, sum by (le, stage) (rate(etl_stage_duration_seconds_bucket{{{INSTANCE}}}"
               "[$__rate_interval])))"), "{{stage}}")),
        graph("Cycle", "A look at all datasets, loading included.", "s",
              ((f"sum by (instance) (rate(etl_cycle_duration_seconds_sum{{{INSTANCE}}}[$__rate_interval])) "
               f"/ sum by (instance) (rate(etl_cycle_duration_seconds_count{{{INSTANCE}}}[$__rate_interval]))"),
               "{{instance}}")),
    ),
    "Cost": (
        graph("Statements per batch", "What a commit asks of the destination; an idle daemon asks nothing.", "short",
              ((f"sum(increase(etl_destination_statements_total{{{INSTANCE}}}[$__rate_interval])) "
               f'/ (sum(increase(etl_batches_total{{{INSTANCE}, outcome="committed"}}[$__rate_interval])) > 0)'),
               "statements")),
        graph("Batches and statements", "How many there were.", "short",
              (f"sum by (outcome) (increase(etl_batches_total{{{DATASET}}}[$__rate_interval]))", "batches {{outcome}}"),
              (f"sum(increase(etl_destination_statements_total{{{INSTANCE}}}[$__rate_interval]))", "statements")),
        graph("List requests", "Pages of listings, by dataset.", "short",
              (f"sum by (dataset) (increase(etl_list_requests_total{{{DATASET}}}[$__rate_interval]))", "{{dataset}}")),
    ),
    "Trouble": (
        graph("Dependencies", "1: the last call went well.", "short",
              (f"min by (dependency) (etl_dependency_up{{{INSTANCE}}})", "{{dependency}}"),
              (f"1 - max by (dataset) (etl_dataset_failing{{{DATASET}}})", "{{dataset}}")),
        graph("Errors", "By class; DataError is a refused object.", "short",
              (f"sum by (kind) (increase(etl_errors_total{{{INSTANCE}}}[$__rate_interval]))", "{{kind}}")),
        graph("Retries", "Calls that were made again.", "short",
              (f"sum by (dependency) (increase(etl_retries_total{{{INSTANCE}}}[$__rate_interval]))",
               "{{dependency}}")),
    ),
    "Process": (
        graph("Memory", "Resident.", "bytes", (f"process_resident_memory_bytes{{{INSTANCE}}}", "{{instance}}")),
        graph("CPU", "Cores.", "short",
              (f"rate(process_cpu_seconds_total{{{INSTANCE}}}[$__rate_interval])", "{{instance}}")),
        graph("Up since, and version", "How long the process has been running.", "s",
              ((f"(time() - process_start_time_seconds{{{INSTANCE}}}) * on (job, instance) group_left (version) "
               "etl_build_info"), "{{instance}} {{version}}")),
    ),
}  # fmt: skip


def build() -> dashboard.Dashboard:
    made = dashboard.Dashboard("etl_daemon").uid("etl-pipeline").tags(["etl_daemon"]).editable()
    made = made.description("What comes in, what becomes of it, how long it takes and what is wrong.")
    made = made.time("now-6h", "now").refresh("1m").timezone("utc").tooltip(DashboardCursorSync.CROSSHAIR)
    made = made.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    made = made.with_variable(variable("job", "Job", "label_values(etl_build_info, job)"))
    made = made.with_variable(variable("instance", "Instance", 'label_values(etl_build_info{job=~"$job"}, instance)'))
    dataset = 'label_values(etl_pending_objects{job=~"$job", instance=~"$instance"}, dataset)'
    made = made.with_variable(variable("dataset", "Dataset", dataset))
    for title, panels in ROWS.items():
        made = made.with_row(dashboard.Row(title))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def text() -> str:
    """The file, as Grafana reads it."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build().build()) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
