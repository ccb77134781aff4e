"""Whether the demo behaved: every row accounted for, every table as long as the receipts say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.cli.demo.data import Delivery
from etl_daemon.cli.outcome import totals
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import Outcome
from etl_daemon.daemon import DatasetReport


def unaccounted(report: DatasetReport, delivered: Sequence[Delivery]) -> Iterator[str]:
    """What the receipts say that cannot be."""
    lines = [line for receipt in report.receipts for line in receipt.objects]
    if report.failed:
        yield f"{report.dataset}: failed: {report.error}"
    if {line.ref.key for line in lines} != {each.key for each in delivered}:
        yield f"{report.dataset}: {len(lines)} objects were settled of {len(delivered)}."
    expected = {each.key: each.rows for each in delivered}
    for line in lines:
        if line.counts.read != (expected.get(line.ref.key) or 0) or not line.counts.conserved:
            yield f"{line.ref.key}: of {expected.get(line.ref.key)} rows these are accounted for: {line.counts}."
        if (expected.get(line.ref.key) is None) != (line.outcome is Outcome.REFUSED):
            yield f"{line.ref.key}: {line.outcome} {line.reason}"


def miscounted(reports: Sequence[DatasetReport], datasets: Sequence[Dataset], file: DuckDBFile) -> list[str]:
    """Tables that do not hold what the receipts say."""
    found = {report.dataset: totals(report.receipts).loaded for report in reports}
    found["anomalies"] += sum(sum(receipt.anomalies.values()) for report in reports for receipt in report.receipts)
    problems = []
    with file.connection(read_only=True) as connection:
        for dataset in datasets:
            rows = connection.table(dataset.table).count("*").fetchall()[0][0]
            if rows != found[dataset.name]:
                problems.append(f"{dataset.table} holds {rows} rows, not {found[dataset.name]}.")
    return problems
