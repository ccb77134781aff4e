"""Tables whose columns are those of their rows: they are made, and grow, before the transaction."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.core.datasets import SYSTEM_COLUMNS
from etl_daemon.core.model import StagedBatch
from etl_daemon.core.sql.dialect import Dialect
from etl_daemon.core.sql.tables import growing
from etl_daemon.core.tables.mapping import fit
from etl_daemon.errors import SetupError


class Fitting:
    """Brings batches and tables together.

    Each batch asks what columns its table has: others may alter it, and a value must never be rounded or cut to a type
    that was another one before. Whether it is there is asked once, and again after ``forget``.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._there: set[str] = set()

    def fitted(self, batch: StagedBatch) -> StagedBatch:
        """The batch with its rows in the columns of the target, which has gained those that it lacked.

        Objects that do not fit are refused.

        Raises:
            SetupError: the table is somebody else's, without the columns that tell where rows come from.
        """
        dataset, dialect = batch.plan.dataset, self._engine.dialect
        with self._engine.session() as session:
            session.tag(dataset.name, batch.plan.batch_id)
            present = self._described(session, dataset.table, dialect)
            found = fit(batch.slices, present, dataset)
            for statement in growing(dataset.table, present, (found.added, found.widened), dialect):
                session.run(statement)
        self._there.add(dataset.table)
        return replace(batch, slices=found.slices, refusals=(*batch.refusals, *found.refusals), columns=found.schema)

    def forget(self) -> None:
        """Ask again which tables are there."""
        self._there.clear()

    def _described(self, session: Session, table: str, dialect: Dialect) -> pa.Schema | None:
        if table not in self._there and table.upper() not in existing(session, table.split(".", maxsplit=1)[0]):
            return None
        self._there.discard(table)  # until this has gone well
        columns = [(str(name), str(type_)) for name, type_, *_ in session.rows(f"DESCRIBE TABLE {table}")]
        lacking = {*SYSTEM_COLUMNS.names} - {name.upper() for name, _ in columns}
        if lacking:
            raise SetupError(
                f"The table {table} was not made for a dataset: it has no {', '.join(sorted(lacking))}.",
                hint="name another table for the dataset, or rename that one",
            )
        return dialect.described(columns)
