"""Tables whose columns are those of their rows: they are made, and grow, before the transaction."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.core.dialect import Dialect
from etl_daemon.core.mapping import fit
from etl_daemon.core.model import StagedBatch
from etl_daemon.core.statements import growing


class Fitting:
    """Brings batches and tables together. What a table has is asked once, and again after ``forget``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, pa.Schema] = {}

    def fitted(self, batch: StagedBatch) -> StagedBatch:
        """The batch with its rows in the columns of the target, which has gained those that it lacked.

        Objects that do not fit are refused.
        """
        dataset, dialect = batch.plan.dataset, self._engine.dialect
        with self._engine.session() as session:
            present = self._known.get(dataset.table) or _described(session, dataset.table, dialect)
            found = fit(batch.slices, present, dataset)
            for statement in growing(dataset.table, present, (found.added, found.widened), dialect):
                session.run(statement)
        self._known[dataset.table] = found.schema
        return replace(batch, slices=found.slices, refusals=(*batch.refusals, *found.refusals), columns=found.schema)

    def forget(self) -> None:
        """Ask again what tables have."""
        self._known.clear()


def _described(session: Session, table: str, dialect: Dialect) -> pa.Schema | None:
    if table.upper() not in existing(session, table.split(".", maxsplit=1)[0]):
        return None
    return dialect.described((str(name), str(type_)) for name, type_, *_ in session.rows(f"DESCRIBE TABLE {table}"))
