"""The destination port over SQL: staging is Arrow, in memory or mapped, until the commit, which is one transaction."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from etl_daemon.adapters.destination import commit, replay
from etl_daemon.adapters.destination.copying import CopyingSession, copied, files_of
from etl_daemon.adapters.destination.fitting import Fitting
from etl_daemon.adapters.destination.recall import all_cursors, recalled
from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.adapters.destination.shelf import Shelf
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.adapters.destination.upgrade import upgrade
from etl_daemon.adapters.destination.work import Work, staged_findings, staged_rows
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import CleanBatch, Cursor, Fence, Known, Receipt, StagedBatch
from etl_daemon.core.review import AuditLine
from etl_daemon.core.rules.precedence import gather, settle, whole
from etl_daemon.core.sql.ledger import LedgerSql
from etl_daemon.core.sql.tables import creating
from etl_daemon.core.sql.versions import SCHEMA_VERSION, versions
from etl_daemon.errors import ConfigError, EtlError, OutcomeUnknownError, SetupError


class SqlDestination:
    """Loads into one database. ``anomalies`` is the dataset whose target takes detected anomalies.

    ``shelf`` takes what memory is not to hold of a batch; None: memory holds all.
    """

    def __init__(self, engine: Engine, anomalies: Dataset, shelf: Shelf | None = None) -> None:
        self._engine = engine
        self._shelf = shelf or Shelf(sys.maxsize)
        self._anomalies = anomalies
        self._fitting = Fitting(engine)
        self._sql = LedgerSql(engine.database, engine.dialect)

    def prepare(self, datasets: Sequence[Dataset]) -> None:
        """Bring older control tables up to date; create those, targets and cursors that do not exist yet.

        Raises:
            ConfigError: a dataset goes to another database, or a later program has upgraded the control tables.
        """
        database, dialect = self._engine.database, self._engine.dialect
        for dataset in datasets:
            if dataset.database.upper() != database.upper():
                raise ConfigError(
                    f"Dataset {dataset.name} goes to database {dataset.database}, but the control tables are in "
                    f"{database}.",
                    hint="a commit changes one database: use the same first part in every table name",
                )
        with self._engine.session() as session:
            there = existing(session, database)  # making what is there takes rights that a loader need not have
            for name, statement in creating(database, (*datasets, self._anomalies), dialect).items():
                if name.upper() not in there:
                    session.run(statement)
            upgrade(session, self._engine, new=versions(database).upper() not in there)
            for name in dict.fromkeys(dataset.cursor_name for dataset in datasets):
                session.run(
                    f"INSERT INTO {self._sql.cursors} (DATASET, LEASE_GENERATION, HOLDER) SELECT ?, 0, '' "
                    f"WHERE NOT EXISTS (SELECT 1 FROM {self._sql.cursors} WHERE DATASET = ?)",
                    name,
                    name,
                )

    def recall(self, datasets: Sequence[Dataset], bucket: str) -> Mapping[str, Known]:
        """What the ledger says of each dataset, by name; what is not there yet is made.

        Raises:
            ConfigError: a table was loaded by a dataset of another name.
        """
        try:
            cursors, version = self._cursors()
        except SetupError:
            cursors, version = {}, 0
        if version < SCHEMA_VERSION or any(dataset.cursor_name not in cursors for dataset in datasets):
            self.prepare(datasets)
            cursors, _ = self._cursors()
        with self._engine.session() as session:
            return recalled(session, self._sql, datasets, bucket, cursors)

    def stage(self, batch: CleanBatch) -> StagedBatch:
        """Collect the batch, and have the target ready; rows of a refused or deferred object are let go."""
        staged = gather(replace(batch, results=self._shelf.shelved(batch.results)))
        if batch.plan.dataset.kind is Kind.TABLE and staged.loaded:
            staged = self._fitting.fitted(staged)
        staged = whole(staged)
        return replace(staged, slices=settle(staged.slices, batch.plan.dataset, self._shelf.room))

    def commit(self, batch: StagedBatch, fence: Fence, now: datetime) -> Receipt:
        """Rows, quarantine, anomalies, ledger, cursor and fence in one transaction."""
        return self._surely(batch, fence, now, lambda work: commit.run(work, fence))

    def replay(self, batch: StagedBatch, fence: Fence, line: AuditLine, *, delivered: bool = False) -> Receipt:
        """Bring rows of loaded objects in that leave the quarantine, and settle all counts, in one transaction."""
        return self._surely(batch, fence, line.at, lambda work: replay.run(work, fence, line, delivered=delivered))

    def _surely(self, batch: StagedBatch, fence: Fence, now: datetime, steps: Callable[[Work], Receipt]) -> Receipt:
        """Once more where the answer to COMMIT was lost, and the batch is not there."""
        made: list[Receipt] = []
        try:
            self._attempt(batch, now, lambda work: made.append(steps(work)))
        except OutcomeUnknownError:
            if not (made and self._there(made[0], fence)):
                self._attempt(batch, now, lambda work: made.append(steps(work)))
        return made[-1]

    def _attempt(self, batch: StagedBatch, now: datetime, steps: Callable[[Work], None]) -> None:
        """Stage outside the transaction, run the steps inside."""
        with self._engine.session() as session:
            session.tag(batch.plan.dataset.name, batch.plan.batch_id)
            work = self._staged(session, batch, now)
            try:
                with session.transaction():
                    steps(work)
            except EtlError:
                self._fitting.forget()  # somebody may have altered a table
                raise

    def _staged(self, session: Session, batch: StagedBatch, now: datetime) -> Work:
        work = Work(session, self._engine.dialect, batch, self._anomalies, now.replace(tzinfo=None))
        if not batch.loaded:
            return work
        let_go = self._shelf.let_go if self._shelf.used else None
        if files := files_of(batch):
            work = copied(work, cast("CopyingSession", session), files)
        else:
            rows, stays = staged_rows(batch)
            count = rows.num_rows if stays is None else int(stays.sum())
            work = replace(work, rows=session.stage("STAGED_ROWS", rows, stays, let_go), rows_staged=count)
        findings = staged_findings(batch)
        if findings:
            work = replace(work, findings=session.stage("STAGED_FINDINGS", findings, None, let_go))
        return work

    def _there(self, receipt: Receipt, fence: Fence) -> bool:
        """Whether a commit whose answer was lost has happened."""
        with self._engine.session() as session:
            committed_at = receipt.committed_at.replace(tzinfo=None) if receipt.committed_at else None
            return bool(session.rows(self._sql.batch_of(), receipt.batch_id, fence.holder, committed_at))

    def mark_swept(self, dataset: Dataset, fence: Fence, swept_at: datetime) -> None:
        """Note that everything under the dataset's prefix was compared with the ledger at that time."""
        with self._engine.session() as session:
            session.run(
                f"UPDATE {self._sql.cursors} SET SWEPT_AT = ? WHERE DATASET = ? AND LEASE_GENERATION <= ?",
                swept_at.replace(tzinfo=None),
                dataset.cursor_name,
                fence.generation,
            )

    def close(self) -> None:
        """Let go of connections."""
        self._engine.close()

    def _cursors(self) -> tuple[dict[str, Cursor], int]:
        with self._engine.session() as session:
            return all_cursors(session, self._sql)
