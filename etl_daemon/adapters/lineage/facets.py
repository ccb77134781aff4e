"""Inputs, outputs and what is told of them: facets of the standard, and one of ours, ``etlDaemon_batch``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import pyarrow as pa
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    input_statistics_input_dataset,
    lifecycle_state_change_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from etl_daemon.adapters.lineage.places import Places
from etl_daemon.core.datasets import SYSTEM_COLUMNS
from etl_daemon.core.model import BatchPlan, ObjectReceipt, ObjectRef, Outcome, Receipt
from etl_daemon.core.planning.discovery import static_prefix

MAX_OBJECTS = 25
"""Objects of a batch that are inputs of their own; the input that stands for the prefix speaks of all of them.

An event stays short enough for one line of the journal."""

InputFacets = dict[str, InputDatasetFacet]
Assertion = data_quality_assertions_dataset.Assertion
Assertions = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet
Metrics = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet
Overwritten = lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet
Read = input_statistics_input_dataset.InputStatisticsInputDatasetFacet
Version = dataset_version_dataset.DatasetVersionDatasetFacet
Written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet


def inputs(plan: BatchPlan, places: Places, receipt: Receipt | None = None) -> list[InputDataset]:
    """The prefix that the objects are under, then the objects themselves; with what was read, once it was."""
    lines = {line.ref: line for line in receipt.objects} if receipt else {}
    prefix = places.under(plan.bucket, static_prefix(plan.dataset.prefix).strip("/") or "/")
    quality = _quality(receipt) if receipt else {}
    return [
        InputDataset(*prefix, inputFacets=quality),
        *(_object(ref, places, lines.get(ref)) for ref in plan.objects[:MAX_OBJECTS]),
    ]


def outputs(
    plan: BatchPlan, places: Places, receipt: Receipt | None = None, columns: pa.Schema | None = None
) -> list[OutputDataset]:
    """The table; and that of detected anomalies, where there were some."""
    table = (places.destination, plan.dataset.table)
    if receipt is None:
        return [OutputDataset(*table)]
    facets: dict[str, DatasetFacet] = {"schema": _schema(columns, places)} if columns is not None else {}
    if plan.dataset.mode.replaces:
        facets["lifecycleStateChange"] = Overwritten(lifecycle_state_change_dataset.LifecycleStateChange.OVERWRITE)
    written = [OutputDataset(*table, facets=facets, outputFacets=_written(receipt.counts.loaded))]
    if receipt.anomalies:
        anomalies = _written(sum(receipt.anomalies.values()))
        written.append(OutputDataset(places.destination, places.anomalies, outputFacets=anomalies))
    return written


def told(plan: BatchPlan, cycle_id: str, receipt: Receipt | None = None) -> dict[str, object]:
    """What our own facet of a run holds."""
    of_plan: dict[str, object] = {
        "batchId": plan.batch_id,
        "cycleId": cycle_id or None,
        "dataset": plan.dataset.name,
        "mode": str(plan.dataset.mode),
        "objects": len(plan.objects),
        "objectsListed": min(len(plan.objects), MAX_OBJECTS),
    }
    if receipt is None:
        return of_plan
    return {
        **of_plan,
        "rows": {**asdict(receipt.counts), "replaced": receipt.replaced},
        "outcomes": {str(each): sum(line.outcome is each for line in receipt.objects) for each in Outcome},
        "deferred": len(receipt.deferrals),
        "watermark": receipt.watermark.isoformat() if receipt.watermark else None,
    }


def _object(ref: ObjectRef, places: Places, line: ObjectReceipt | None) -> InputDataset:
    facets: InputFacets = {}
    if line:
        facets["inputStatistics"] = Read(rowCount=line.counts.read, size=ref.size, fileCount=1)
    if line and line.outcome is Outcome.REFUSED:
        refused = Assertion("accepted", success=False, severity="error", actual=line.reason)
        facets["dataQualityAssertions"] = Assertions([refused])
    return InputDataset(*places.of_object(ref), facets={"version": Version(ref.version)}, inputFacets=facets)


def _quality(receipt: Receipt) -> InputFacets:
    read = [line for line in receipt.objects if line.outcome is not Outcome.SUPERSEDED]
    size = sum(line.ref.size for line in read)
    rows = receipt.counts.read
    return {
        "inputStatistics": Read(rowCount=rows, size=size, fileCount=len(read)),
        "dataQualityMetrics": Metrics({}, rowCount=rows, bytes=size, fileCount=len(read)),
        "dataQualityAssertions": Assertions(list(_assertions(receipt, len(read)))),
    }


def _assertions(receipt: Receipt, objects: int) -> Iterator[Assertion]:
    """That every row and every object is fit; and each reason why some are not."""
    quarantined = receipt.counts.quarantined
    refused = sum(line.outcome is Outcome.REFUSED for line in receipt.objects)
    yield _at_most_none("rows_quarantined", quarantined, f"of {receipt.counts.read} rows")
    yield _at_most_none("objects_refused", refused, f"of {objects} objects")
    for reason, count in sorted(receipt.reasons.items()):
        yield _at_most_none(reason, count, "a rule; a row counts once for each that it breaks")


def _at_most_none(name: str, count: int, description: str) -> Assertion:
    """Nothing that a rejected row stops: it is kept, and the others go on."""
    return Assertion(name, success=not count, severity="warn", expected="0", actual=str(count), description=description)


def _schema(columns: pa.Schema, places: Places) -> schema_dataset.SchemaDatasetFacet:
    every: Sequence[pa.Field] = [*columns, *SYSTEM_COLUMNS]
    return schema_dataset.SchemaDatasetFacet(
        [
            schema_dataset.SchemaDatasetFacetFields(
                field.name, places.dialect.column_type(field.type), ordinal_position=place
            )
            for place, field in enumerate(every, start=1)
        ]
    )


def _written(rows: int) -> dict[str, OutputDatasetFacet]:
    return {"outputStatistics": Written(rowCount=rows)}
