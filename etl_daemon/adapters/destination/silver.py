"""Silver and gold over SQL: commits of bronze that were not merged yet go to silver, in one transaction, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.adapters.destination.work import listed
from etl_daemon.core.datasets import BESIDE, Dataset
from etl_daemon.core.medallion.refinement import Refinement
from etl_daemon.core.medallion.silver import Merged, Run, silver
from etl_daemon.core.sql.ledger import LedgerSql
from etl_daemon.core.sql.silver import SilverSql
from etl_daemon.core.sql.silver_ledger import MergesSql
from etl_daemon.core.sql.tables import growing
from etl_daemon.core.sql.versions import accepted
from etl_daemon.errors import EtlError, LeaseLostError, OutcomeUnknownError, SetupError


@dataclass(frozen=True, slots=True)
class _Model:
    """A dataset on its way to silver, with the statements for it."""

    dataset: Dataset
    sql: SilverSql
    merges: MergesSql
    cursor: str
    generation: int


class SqlSilver:
    """Merges within one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ledger = LedgerSql(engine.database, engine.dialect)

    def merge(self, dataset: Dataset, refinement: Refinement, run: Run) -> Merged:
        """Bring what is new in bronze into silver; where nothing is, nothing is sent but the question.

        Raises:
            LeaseLostError: another merge of the dataset has begun meanwhile.
            SetupError: bronze has not the columns that silver goes by, or a grant is missing.
            BusyError, TransientError: as ``Engine.session``.
        """
        merges = MergesSql(self._engine.database, self._engine.dialect, dataset, refinement)
        with self._engine.session() as session:
            session.tag(dataset.name, run.id)
            there = existing(session, self._engine.database)
            if dataset.table.upper() not in there:
                return Merged()
            new = refinement.table.upper() not in there
            self._remember(session, merges, there, new=new)
            if not new and not session.rows(*merges.pending()):
                return Merged()
            return self._surely(session, self._ready(session, merges, there), run)

    def inspect(self, dataset: Dataset, refinement: Refinement) -> tuple[dict[str, int], int]:
        """How many rows of silver are not as they should be, by what is wrong; and how many commits are to be merged.

        Without bronze there is nothing to look into.

        Raises:
            SetupError: silver or gold are not there.
        """
        merges = MergesSql(self._engine.database, self._engine.dialect, dataset, refinement)
        with self._engine.session() as session:
            there = existing(session, self._engine.database)
            if dataset.table.upper() not in there:
                return {}, 0
            there |= _views(session, self._engine.database)
            if lacking := [name for name in (refinement.table, refinement.view) if name.upper() not in there]:
                raise SetupError(f"There is no {' and no '.join(lacking)}.", hint="run `etl-daemon models run`")
            sql = self._sql(session, merges)
            session.run(sql.shelf())
            with session.transaction():
                session.run(sql.refining(), "test", "", datetime.now(UTC).replace(tzinfo=None))
            faults = {what: int(session.rows(statement)[0][0]) for what, statement in sql.faults().items()}
            return faults, len(session.rows(*merges.pending()))

    def _remember(self, session: Session, merges: MergesSql, there: set[str], *, new: bool) -> None:
        """See that there is a place to note merges; what an earlier silver of the name had is forgotten with it."""
        if merges.table.upper() not in there:
            session.run(merges.creating())
        elif new:
            session.run(*merges.forgotten())

    def _sql(self, session: Session, merges: MergesSql) -> SilverSql:
        dialect = self._engine.dialect
        model = silver(merges.dataset, merges.refinement, self._described(session, merges.dataset.table))
        shelf = dialect.shelf(self._engine.database, f"WORK_{merges.refinement.table.rpartition('.')[2]}_XFM")
        return SilverSql(model, shelf, dialect)

    def _described(self, session: Session, table: str) -> pa.Schema:
        columns = [(str(name), str(type_)) for name, type_, *_ in session.rows(f"DESCRIBE TABLE {table}")]
        return self._engine.dialect.described(columns)

    def _ready(self, session: Session, merges: MergesSql, there: set[str]) -> _Model:
        """Silver, gold, cursor and the session's table are there, with the columns that bronze has by now."""
        sql, refined = self._sql(session, merges), merges.refinement
        for name, statement in sql.creating().items():
            if name.upper() not in there:  # making what is there takes rights that this role need not have
                session.run(statement)
        present = self._described(session, refined.table)
        added = pa.schema([each for each in sql.silver.columns if each.name not in present.names])
        wider = [each for each in sql.silver.columns if each.name not in added.names]
        widened = pa.schema([each for each in wider if not each.type.equals(present.field(each.name).type)])
        changes = growing(refined.table, present, (added, widened), self._engine.dialect)
        for statement in changes:
            session.run(statement)
        if changes or refined.view.upper() not in _views(session, self._engine.database):
            session.run(sql.view())
        cursor = f"{merges.dataset.cursor_name}{BESIDE}silver"
        session.run(*merges.claimable(cursor))
        ((generation,),) = session.rows(*merges.generation(cursor))
        session.run(sql.shelf())
        return _Model(merges.dataset, sql, merges, cursor, int(generation) + 1)

    def _surely(self, session: Session, model: _Model, run: Run) -> Merged:
        """Once more where the answer to COMMIT was lost: what was merged is noted, and not merged again."""
        made: list[Merged] = []
        try:
            self._merged(session, model, run, made)
        except OutcomeUnknownError:
            session.run(model.sql.shelf())  # the one before went with its session
            self._merged(session, model, run, made)
        return next((each for each in reversed(made) if each.batches), Merged())

    def _merged(self, session: Session, model: _Model, run: Run, made: list[Merged]) -> None:
        with session.transaction():
            self._take_fence(session, model, run)
            pending = session.rows(*model.merges.pending())
            made.append(self._steps(session, model, run, pending) if pending else Merged())

    def _take_fence(self, session: Session, model: _Model, run: Run) -> None:
        claim = (model.generation, run.id)
        session.run(self._ledger.fence(), *claim, None, None, model.cursor, model.generation, *claim)
        ((version, *holder),) = session.rows(*model.merges.holder(model.cursor))
        accepted(version)
        if tuple(holder) != claim:
            raise LeaseLostError(
                f"Another merge of {model.dataset.name} has begun.",
                hint="let that one end, then run this again: nothing is merged twice",
            )

    def _steps(self, session: Session, model: _Model, run: Run, pending: Sequence[tuple[Any, ...]]) -> Merged:
        """The latest rows of the keys that came; of all keys where rows gave way, since those are in bronze no more."""
        sql, commits = model.sql, listed({"BATCH_ID": batch, "COMMITTED_AT": at} for batch, at, _ in pending)
        restating = listed({"BATCH_ID": batch, "COMMITTED_AT": at} for batch, at, replaced in pending if replaced)
        news = model.merges.news()
        ((unkeyed,),) = session.rows(sql.unkeyed(news), commits)
        stamp = (run.name, run.id, run.at.astimezone(UTC).replace(tzinfo=None))
        if restating == "[]":
            session.run(sql.refining(news), *stamp, commits)
        else:
            session.run(sql.refining(), *stamp)
        ((inserted, updated),) = session.rows(sql.outlook())
        deleted = 0
        if restating != "[]":
            session.run(sql.moved(model.merges.restated()), restating)
            deleted = session.run(sql.gone(model.merges.restated()), restating)
        changed = session.run(sql.merge())
        if changed != inserted + updated:
            raise EtlError(
                f"{changed} rows of {sql.silver.table} changed instead of {inserted + updated}.",
                hint="nothing was merged; please report this with the dataset",
            )
        session.run(*model.merges.noted(commits, stamp[2]))
        return Merged(len(pending), int(inserted), int(updated), deleted, int(unkeyed))


def _views(session: Session, database: str) -> set[str]:
    """Full names of the views that are there, in upper case."""
    rows = session.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.VIEWS WHERE UPPER(TABLE_CATALOG) = ?", database.upper()
    )
    return {".".join((database, *names)).upper() for names in rows}
