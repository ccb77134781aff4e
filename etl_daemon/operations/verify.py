"""Whether a deployment holds what it should: tables, counts, objects, and contents read again from the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from etl_daemon.core.datasets import SYSTEM_COLUMNS, Dataset, Kind
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.medallion.silver import KEPT
from etl_daemon.core.model import BatchPlan, CleanSlice, ObjectRef, Outcome
from etl_daemon.core.sameness import same
from etl_daemon.core.sql.tables import CONTROL_TABLES, control
from etl_daemon.core.tables.mapping import fit
from etl_daemon.operations.audit import audit
from etl_daemon.operations.batches import current
from etl_daemon.pipeline import Corridor, read, transform
from etl_daemon.ports import Review
from etl_daemon.ports.inventory import Held, Inventory

SPOT_BYTES = 64 * 2**20
"""Bigger objects are not read again."""

SPOT_ROWS = 1_000
"""So many rows of each object are compared, at most."""

INIT = "run etl-daemon init; deploy/snowflake has the scripts of an administrator"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: objects modified since then (UTC), and so many of each dataset's latest in their contents."""

    since: datetime
    objects: int = 3


def verify(
    datasets: Sequence[Dataset], corridor: Corridor, review: Review, inventory: Inventory, scope: Scope
) -> Iterator[Finding]:
    """Every check in turn; where tables are missing, what would look into them is left out.

    Raises:
        BusyError, TransientError, SetupError: source or destination did not answer as they should.
    """
    held = inventory.held()
    control_tables = _control(corridor, held, datasets[0].database)
    yield control_tables
    if control_tables.state is State.FAIL:
        return
    for dataset in datasets:
        table = _table(dataset, held, inventory)
        yield table
        if table.state is State.FAIL or dataset.table.upper() not in held:
            continue
        yield _counted(dataset, inventory)
        yield _audited(dataset, corridor, review, scope)
        yield _spotted(dataset, corridor, review, inventory, scope)
        if dataset.silver:
            yield _silver(dataset, held)


def _control(corridor: Corridor, held: Mapping[str, Held], database: str) -> Finding:
    lacking = [name for name in CONTROL_TABLES if control(database, name).upper() not in held]
    if lacking:
        return Finding("control tables", State.FAIL, f"{database} has no {', '.join(lacking)}.", INIT)
    gaps = {
        name: [column for column in columns.names if column not in held[control(database, name).upper()].columns]
        for name, columns in CONTROL_TABLES.items()
    }
    if wrong := [f"{name}: {', '.join(columns)}" for name, columns in gaps.items() if columns]:
        return Finding("control tables", State.FAIL, f"Columns are missing: {'; '.join(wrong)}.", INIT)
    return Finding("control tables", State.OK, f"{database} has all {len(CONTROL_TABLES)} of them.")


def _table(dataset: Dataset, held: Mapping[str, Held], inventory: Inventory) -> Finding:
    name, found = f"table {dataset.name}", held.get(dataset.table.upper())
    if found is None:
        if dataset.kind is Kind.TABLE and not inventory.expected(dataset):
            return Finding(name, State.OK, f"{dataset.table} is made with its first rows.", dataset=dataset.name)
        return Finding(name, State.FAIL, f"There is no {dataset.table}.", INIT, dataset.name)
    wanted = (*dataset.schema.target.names, *SYSTEM_COLUMNS.names)
    if lacking := [column for column in wanted if column not in found.columns]:
        hint = "somebody made it otherwise: compare it with etl-daemon init --print"
        return Finding(name, State.FAIL, f"{dataset.table} has no {', '.join(lacking)}.", hint, dataset.name)
    return Finding(name, State.OK, f"{dataset.table} has its {len(found.columns)} columns.", dataset=dataset.name)


def _counted(dataset: Dataset, inventory: Inventory) -> Finding:
    """The catalogue's count against the ledger's; asked twice, since commits go on."""
    name, expected, rows = f"rows {dataset.name}", -1, 0
    for _ in range(2):
        expected, rows = inventory.expected(dataset), inventory.held()[dataset.table.upper()].rows or 0
        if expected == rows:
            return Finding(name, State.OK, f"{dataset.table} has {rows:,} rows, as the ledger says.", "", dataset.name)
    detail = f"{dataset.table} has {rows:,} rows, the ledger {expected:,}."
    return Finding(name, State.FAIL, detail, "etl-daemon audit tells of which objects", dataset.name)


def _audited(dataset: Dataset, corridor: Corridor, review: Review, scope: Scope) -> Finding:
    name, report = f"objects {dataset.name}", audit(dataset, corridor, review, scope.since)
    if report.findings:
        first = report.findings[0]
        detail = f"{len(report.findings):,} objects do not agree; {first.key}: {first.gap}, {first.detail}."
        return Finding(name, State.FAIL, detail, f"etl-daemon audit --dataset {dataset.name}", dataset.name)
    detail = f"Source, ledger and table agree on {report.loaded:,} loaded and {report.refused:,} refused objects."
    return Finding(name, State.OK, detail, dataset=dataset.name)


def _spotted(dataset: Dataset, corridor: Corridor, review: Review, inventory: Inventory, scope: Scope) -> Finding:
    """The latest objects, read again and judged by the rules of today, against what the table has of them."""
    name, refs = f"contents {dataset.name}", _latest(dataset, corridor, review, scope.objects)
    compared, wrong = 0, []
    plan = BatchPlan(dataset, tuple(sorted(refs)))
    for part in transform(read(plan, corridor.intake), corridor.intake).results if refs else ():
        if isinstance(part, CleanSlice) and part.first_row == 1:
            rows, differing = _differing(dataset, part, inventory)
            compared += rows
            wrong += differing
    if wrong:
        hint = "a rule or setting has changed since, or somebody has changed the table"
        return Finding(name, State.FAIL, f"{len(wrong):,} values differ; {wrong[0]}.", hint, dataset.name)
    detail = f"{compared:,} rows of {len(refs)} objects, read again, are in {dataset.table} as they should be."
    return Finding(name, State.OK, detail, dataset=dataset.name)


def _latest(dataset: Dataset, corridor: Corridor, review: Review, most: int) -> list[ObjectRef]:
    lines = [each.line for each in review.balanced(dataset) if each.line and each.held]
    mine = [line for line in lines if line.bucket == corridor.bucket and line.outcome == Outcome.LOADED]
    mine.sort(key=lambda line: (line.modified, line.key), reverse=True)
    versions = {line.key: line.version for line in mine[:most]}
    found = current(versions, corridor)
    return [ref for key, ref in found.items() if ref.version == versions[key] and ref.size <= SPOT_BYTES]


def _differing(dataset: Dataset, part: CleanSlice, inventory: Inventory) -> tuple[int, list[str]]:
    """How many rows were compared, and what is not the same in them."""
    if dataset.kind is Kind.TABLE:
        fitted = fit([part], inventory.described(dataset), dataset)
        if fitted.refusals:
            return 0, [f"{part.ref.key} would be refused: {fitted.refusals[0].detail}"]
        (part,) = fitted.slices
    names = [name for name in part.accepted.column_names if name != "_OBJECT_ROW"]
    found = inventory.rows(dataset, part.ref, names, SPOT_ROWS)
    should = _by_number(part.accepted, names)
    wrong = []
    for number, *values in found:
        if int(number) not in should:
            if int(number) < part.first_row + part.counts.read:
                wrong.append(f"{part.ref.key} row {number} is in the table, and would be rejected")
            continue
        wrong += [
            f"{part.ref.key} row {number} {name}: the table has {value!r}, the object {expected!r}"
            for name, value, expected in zip(names, values, should[int(number)], strict=True)
            if not same(value, expected)
        ]
    return len(found), wrong


def _by_number(accepted: pa.Table, names: Sequence[str]) -> dict[int, tuple[Any, ...]]:
    numbers = accepted["_OBJECT_ROW"].to_pylist()
    columns = [accepted[name].to_pylist() for name in names]
    return dict(zip(numbers, zip(*columns, strict=True), strict=True))


def _silver(dataset: Dataset, held: Mapping[str, Held]) -> Finding:
    """Silver and gold are there; `models test` looks into them."""
    refined = dataset.silver
    if refined is None:
        raise ValueError(f"{dataset.name} has no silver")
    name = f"silver {dataset.name}"
    lacking = [table for table in (refined.table, refined.view) if table.upper() not in held]
    if lacking:
        return Finding(
            name, State.FAIL, f"There is no {' and no '.join(lacking)}.", "etl-daemon models run", dataset.name
        )
    columns = [column for column in KEPT if column not in held[refined.table.upper()].columns]
    if columns:
        detail = f"{refined.table} has no {', '.join(columns)}."
        return Finding(name, State.FAIL, detail, "drop it, then etl-daemon models run", dataset.name)
    return Finding(name, State.OK, f"{refined.table} and {refined.view} are there.", dataset=dataset.name)
