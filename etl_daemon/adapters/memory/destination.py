"""A destination in memory, row by row in plain Python: for tests, and to hold the SQL of the others against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from etl_daemon.adapters.memory.meeting import Lost, Row, meet
from etl_daemon.core.datasets import Dataset, Kind, Mode
from etl_daemon.core.model import (
    CleanBatch,
    CleanSlice,
    Counts,
    Cursor,
    Deferral,
    Fence,
    Known,
    ObjectReceipt,
    ObjectRef,
    Outcome,
    Receipt,
    Refusal,
    StagedBatch,
)
from etl_daemon.errors import EtlError, LeaseLostError, ObjectChangedError, SetupError


@dataclass(slots=True)
class State:
    """Everything that a commit changes: tables by full name, and the control tables, as lists of rows."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    objects: list[Row] = field(default_factory=list)
    batches: list[Row] = field(default_factory=list)
    quarantine: list[Row] = field(default_factory=list)
    cursors: dict[str, Cursor] = field(default_factory=dict)


class MemoryDestination:
    """As the port says. ``anomalies`` is the dataset whose target takes detected anomalies."""

    def __init__(self, anomalies: Dataset) -> None:
        self.state = State()
        self._anomalies = anomalies

    def prepare(self, datasets: Sequence[Dataset]) -> None:
        """Create what does not exist yet."""
        for dataset in (*datasets, self._anomalies):
            self.state.tables.setdefault(dataset.table, [])
        for dataset in datasets:
            self.state.cursors.setdefault(dataset.cursor_name, Cursor())

    def recall(self, datasets: Sequence[Dataset], bucket: str) -> Mapping[str, Known]:
        """What the ledger says of each dataset, by name."""
        self.prepare(datasets)
        return {each.name: self._known(each, bucket) for each in datasets}

    def stage(self, batch: CleanBatch) -> StagedBatch:
        """Collect the batch; who stays is decided in the commit."""
        results = list(batch.results)
        slices = [item for item in results if isinstance(item, CleanSlice)]
        refusals = [item for item in results if isinstance(item, Refusal)]
        late = tuple(item for item in results if isinstance(item, Deferral))
        if refusals and batch.plan.dataset.mode is Mode.TRUNCATE_INSERT:
            refused = {item.ref for item in refusals}
            others = [ref for ref in batch.plan.objects if ref not in refused]
            refusals += [Refusal(ref, "delivery_incomplete", refusals[0].ref.key) for ref in others]
        out = {item.ref for item in refusals} | {item.ref for item in late}
        kept = tuple(item for item in slices if item.ref not in out)
        return StagedBatch(batch.plan, kept, tuple(refusals), late)

    def commit(self, batch: StagedBatch, fence: Fence, now: datetime) -> Receipt:
        """All or nothing: the changes are made to a copy, which takes the place of the state at the end."""
        work = _Commit(deepcopy(self.state), batch, self._anomalies, now)
        work.claim(fence)
        receipt = work.run(fence)
        self.state = work.state
        return receipt

    def mark_swept(self, dataset: Dataset, fence: Fence, swept_at: datetime) -> None:
        """Note when everything was compared."""
        cursor = self.state.cursors[dataset.cursor_name]
        if cursor.generation <= fence.generation:
            self.state.cursors[dataset.cursor_name] = replace(cursor, swept_at=swept_at)

    def close(self) -> None:
        """Nothing to let go of."""

    def _known(self, dataset: Dataset, bucket: str) -> Known:
        lines = _lines(self.state, dataset, bucket)
        cursor = self.state.cursors[dataset.cursor_name]
        latest = {line["KEY"]: line for line in sorted(lines, key=lambda line: line["COMMITTED_AT"])}
        settled = [key for key, line in latest.items() if cursor.watermark and line["MODIFIED"] <= cursor.watermark]
        return Known(
            {key: line["VERSION"] for key, line in latest.items()},
            cursor,
            {key for key, line in latest.items() if line["OUTCOME"] == Outcome.REFUSED},
            max(settled, default=""),
            {key: line["MODIFIED"] for key, line in latest.items() if dataset.mode is Mode.TRUNCATE_INSERT},
        )


def _mine(lines: Iterable[Row], dataset: Dataset) -> list[Row]:
    return [line for line in lines if (line["DATASET"], line["TARGET_TABLE"]) == (dataset.name, dataset.table)]


def _lines(state: State, dataset: Dataset, bucket: str) -> list[Row]:
    return [line for line in _mine(state.objects, dataset) if line["BUCKET"] == bucket]


class _Commit:
    """One commit on a state of its own."""

    def __init__(self, state: State, batch: StagedBatch, anomalies: Dataset, now: datetime) -> None:
        self.state, self.batch, self.plan = state, batch, batch.plan
        self.dataset = batch.plan.dataset
        self.anomalies = anomalies
        keys = {ref.key for ref in (*batch.settled, *batch.plan.superseded)}
        self.lines = [line for line in _lines(state, self.dataset, batch.plan.bucket) if line["KEY"] in keys]
        before = _mine(state.batches, self.dataset)
        self.now = max([now, *(line["COMMITTED_AT"] + timedelta(microseconds=1) for line in before)])
        self.target = state.tables.setdefault(self.dataset.table, [])
        self.gone: list[Row] = []
        self.lost = Lost()

    def claim(self, fence: Fence) -> None:
        """The fence, the watermark, and whether all versions are new."""
        name = self.dataset.cursor_name
        if name not in self.state.cursors:
            raise SetupError(f"Dataset {self.dataset.name} has no cursor {name}.", hint="run `etl-daemon init`")
        cursor = self.state.cursors[name]
        if cursor.generation > fence.generation or (
            cursor.generation == fence.generation and cursor.holder != fence.holder
        ):
            raise LeaseLostError(
                f"Dataset {self.dataset.name} is held by {cursor.holder} in generation {cursor.generation}."
            )
        mark = max([each for each in (cursor.watermark, self.plan.watermark) if each], default=None)
        self.state.cursors[name] = replace(cursor, watermark=mark, generation=fence.generation, holder=fence.holder)
        latest = {line["KEY"]: line for line in sorted(self.lines, key=lambda line: line["COMMITTED_AT"])}
        for ref in self.batch.settled if not self.dataset.mode.replaces else ():
            line = latest.get(ref.key)
            if line and (line["VERSION"], line["OUTCOME"]) == (ref.version, Outcome.LOADED):
                raise ObjectChangedError(f"Another run has committed {ref.key} meanwhile.")

    def run(self, fence: Fence) -> Receipt:
        """Rows, quarantine, anomalies, ledger."""
        if self.batch.loaded:
            self._publish()
            self._quarantine()
        receipt = self._receipt()
        self._enter(receipt, fence)
        return receipt

    def _publish(self) -> None:
        if self.dataset.mode.replaces:
            own = self.dataset.kind is not Kind.ANOMALIES
            self._remove([row for row in self.target if own or not row["DETECTED_BY"].startswith("etl_daemon:")])
        elif not self.dataset.by_timestamp:
            restated = self._restated()
            self._remove([row for row in self.target if row["_OBJECT_KEY"] in restated])
        rows = [row for part in self.batch.slices for row in self._stamped(part.ref, part.accepted.to_pylist())]
        self.lost = meet(rows, self.target, self.dataset)
        self._remove(self.lost.beaten)
        self.target += self.lost.new
        there = {(row["_OBJECT_KEY"], row["_OBJECT_ROW"]) for row in self.lost.new}
        found = [row for part in self.batch.slices for row in self._stamped(part.ref, part.anomalies.to_pylist())]
        found = [row for row in found if (row["_OBJECT_KEY"], row["_OBJECT_ROW"]) in there]
        self.severities = Counter(row["SEVERITY"] for row in found)
        self.state.tables[self.anomalies.table] += found

    def _restated(self) -> set[str]:
        """Keys of which the target has rows; of this bucket only, or it is not known which rows give way."""
        loaded, bucket = {ref.key for ref in self.batch.loaded}, self.plan.bucket
        present: Counter[tuple[bool, str]] = Counter()
        for line in _mine(self.state.objects, self.dataset):
            present[line["BUCKET"] == bucket, line["KEY"]] += line["ROWS_LOADED"] - line["ROWS_REPLACED"]
        restated = {key for key in loaded if present[True, key] > 0}
        if others := [key for key in restated if present[False, key]]:
            raise SetupError(f"{self.dataset.table} has rows of {others[0]} from another bucket too.")
        return restated

    def _stamped(self, ref: ObjectRef, rows: list[Row]) -> list[Row]:
        place = {"_OBJECT_KEY": ref.key, "_OBJECT_MODIFIED": ref.modified.replace(tzinfo=None)}
        stamps = dict.fromkeys(self.dataset.stamps, self.now.replace(tzinfo=None))
        more = {**place, "_BATCH_ID": self.plan.batch_id, **stamps}
        return [{**row, **more} for row in rows]

    def _remove(self, rows: list[Row]) -> None:
        """Rows of the target, and the anomalies that were found in them; the ledger counts them."""
        places = {_place(row) for row in rows}
        self.gone += rows
        self.target[:] = [row for row in self.target if _place(row) not in places]
        table, detector = self.state.tables[self.anomalies.table], self.dataset.detector
        table[:] = [row for row in table if row["DETECTED_BY"] != detector or _place(row) not in places]

    def _quarantine(self) -> None:
        read = {(ref.key, ref.version) for ref in self.batch.loaded}
        self.state.quarantine[:] = [
            row
            for row in self.state.quarantine
            if row["DATASET"] != self.dataset.name
            or (row["OBJECT_KEY"], row["OBJECT_VERSION"]) not in read
            or row["REPLAYED_AT"]
            or row["DISCARDED_AT"]
        ]
        kept = {row["QUARANTINE_ID"] for row in self.state.quarantine}
        for part in self.batch.slices:
            for row in part.quarantined.to_pylist():
                identity = (self.dataset.name, part.ref.key, part.ref.version, str(row["OBJECT_ROW"]))
                mark = sha256("\x1f".join(identity).encode()).hexdigest()
                if mark not in kept:
                    place = {
                        "DATASET": self.dataset.name,
                        "OBJECT_KEY": part.ref.key,
                        "OBJECT_VERSION": part.ref.version,
                    }
                    times = {"QUARANTINED_AT": self.now, "REPLAYED_AT": None, "DISCARDED_AT": None}
                    mine = {"QUARANTINE_ID": mark, "BATCH_ID": self.plan.batch_id}
                    self.state.quarantine.append({**mine, **place, **row, **times})

    def _receipt(self) -> Receipt:
        reasons: Counter[str] = Counter()
        totals: dict[str, Counts] = {}
        for part in self.batch.slices:
            reasons.update(part.reasons)
            totals[part.ref.key] = totals.get(part.ref.key, Counts()) + part.counts
        refused = {item.ref: item.reason for item in self.batch.refusals}
        objects = []
        for ref in self.batch.settled:
            lost, filtered = self.lost.superseded[ref.key], self.lost.filtered[ref.key]
            counts = totals.get(ref.key, Counts()) + Counts(loaded=-lost - filtered, superseded=lost, filtered=filtered)
            loaded = sum(row["_OBJECT_KEY"] == ref.key for row in self.lost.new)
            if not counts.conserved or counts.loaded != loaded:
                raise EtlError(f"Rows of {ref.key} do not add up: {counts}, in the table {loaded}.")
            outcome = Outcome.REFUSED if ref in refused else Outcome.LOADED
            objects.append(ObjectReceipt(ref, outcome, refused.get(ref, ""), counts))
        objects += [ObjectReceipt(ref, Outcome.SUPERSEDED, "older_delivery") for ref in self.plan.superseded]
        found = dict(self.severities) if self.batch.loaded else {}
        lines = (tuple(objects), self.batch.deferrals, dict(reasons), found)
        return Receipt(self.plan.batch_id, self.dataset.name, *lines, len(self.gone), self.plan.watermark, self.now)

    def _enter(self, receipt: Receipt, fence: Fence) -> None:
        """Older lines say which of their rows are gone; FULL keeps none of them."""
        older = _mine(self.state.objects, self.dataset)
        if self.batch.loaded and self.dataset.mode is Mode.FULL:
            self.state.objects[:] = [line for line in self.state.objects if line not in older]
        elif self.batch.loaded and self.dataset.mode is Mode.TRUNCATE_INSERT:
            for line in older:
                line["ROWS_REPLACED"] = line["ROWS_LOADED"]
        else:
            for key, rows in Counter(row["_OBJECT_KEY"] for row in self.gone).items():
                loaded = [line for line in older if (line["KEY"], line["OUTCOME"]) == (key, Outcome.LOADED)]
                max(loaded, key=lambda line: line["COMMITTED_AT"])["ROWS_REPLACED"] += rows
        place = {"DATASET": self.dataset.name, "TARGET_TABLE": self.dataset.table, "BATCH_ID": receipt.batch_id}
        for each in receipt.objects:
            ref, outcome = each.ref, {"OUTCOME": each.outcome, "REASON": each.reason}
            named = {"BUCKET": ref.bucket, "KEY": ref.key, "VERSION": ref.version, "MODIFIED": ref.modified}
            self.state.objects.append({**place, **named, **outcome, **self._counted(each.counts, 0)})
        whose = {"LEASE_GENERATION": fence.generation, "HOLDER": fence.holder}
        self.state.batches.append({**place, **whose, **self._counted(receipt.counts, receipt.replaced)})

    def _counted(self, counts: Counts, replaced: int) -> Row:
        named = {f"ROWS_{name.upper()}": rows for name, rows in asdict(counts).items()}
        return {**named, "ROWS_REPLACED": replaced, "COMMITTED_AT": self.now}


def _place(row: Row) -> tuple[Any, ...]:
    return row["_OBJECT_KEY"], row["_OBJECT_ROW"], row["_LOADED_AT"]
