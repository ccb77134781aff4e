"""The facts of a report, counted by a SQL destination in one session that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.adapters.destination.work import listed
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.quality.facts import (
    Anomalies,
    Anomaly,
    Curve,
    Facts,
    Flagged,
    FlaggedDay,
    Lag,
    Rejected,
    RejectedRow,
    Repeated,
    Restated,
    Restatements,
    Totals,
    Volume,
)
from etl_daemon.core.quality.report import wanted
from etl_daemon.core.quality.sessions import Calendar, Day, Span
from etl_daemon.core.rules.target import OUTSIDE
from etl_daemon.core.sql.quality import Place, QualitySql, Zone, place
from etl_daemon.core.sql.tables import CONTROL_TABLES, control
from etl_daemon.errors import SetupError

DAY = timedelta(days=1)
EARLIEST = date.min + DAY


@dataclass(frozen=True, slots=True)
class SqlQuality:
    """Looks into one database; ``anomalies`` is the dataset whose table takes those that are detected."""

    engine: Engine
    anomalies: Dataset

    def facts(self, datasets: Sequence[tuple[Dataset, Calendar | None]], span: Span) -> Iterator[Facts]:
        """What there is of each dataset, in order; days are those of its calendar's exchange, or UTC.

        Raises:
            SetupError: there are no control tables.
            BusyError: another process held the destination all the while.
        """
        with self.engine.session(read_only=True) as session:
            there = existing(session, self.engine.database)
            missing = [name for name in CONTROL_TABLES if control(self.engine.database, name).upper() not in there]
            if missing:
                detail = f"{self.engine.place} has no {', '.join(missing)}."
                raise SetupError(detail, hint="to make what is missing: etl-daemon init")
            for dataset, calendar in datasets:
                flagging = self.anomalies.table.upper() in there
                look = _Look(session, self.engine, self.anomalies, dataset, span)
                facts = look.ledger()
                if dataset.table.upper() not in there:
                    yield replace(facts, made=False)
                    continue
                at = look.place()
                zone = Zone(calendar.zone, calendar.ahead) if calendar else Zone()
                facts = look.target(facts, at, zone)
                yield replace(facts, anomalies=look.flagged(at)) if flagging and look.flags else facts


class _Look:
    """Looks at one dataset."""

    def __init__(self, session: Session, engine: Engine, anomalies: Dataset, dataset: Dataset, span: Span) -> None:
        self._session = session
        self._dialect = engine.dialect
        self._dataset = dataset
        self._span = _naive(span.since), _naive(span.until)
        first, last = span.days
        self._days = datetime.combine(max(first, EARLIEST), time()) - DAY, datetime.combine(last, time()) + 2 * DAY
        outside = dataset.kind is Kind.ANOMALIES
        self._sql = QualitySql(engine.database, dataset.table if outside else anomalies.table, engine.dialect)
        self._found = (OUTSIDE if outside else dataset.detector, *self._span)
        self._mine = (dataset.name, dataset.table)

    @property
    def flags(self) -> bool:
        """Whether its rules find anomalies, or its rows are some."""
        return self._dataset.kind is not Kind.TABLE

    def place(self) -> Place:
        found = self._session.rows(f"DESCRIBE TABLE {self._dataset.table}")
        columns = self._dialect.described([(str(name), str(type_)) for name, type_, *_ in found])
        return place(self._dataset, columns, self._dialect)

    def ledger(self) -> Facts:
        """What ledger and quarantine say."""
        rows, sql, mine = self._session.rows, self._sql, (*self._mine, *self._span)
        ((commits, replaced, last),) = rows(sql.commits(), *self._span, *self._span, *self._mine, self._span[1])
        ((median, most_of, most),) = rows(sql.lag(), *mine)
        again = (*self._mine, *mine)
        ((objects, versions, restated),) = rows(sql.restatements(), *again)
        latest = tuple(
            Restated(bucket, key, int(count), int(of), _aware(at))
            for bucket, key, count, of, at in rows(sql.restated(), *again)
        )
        rejected = tuple(map(_rejected, rows(sql.rejected(), self._dataset.name, *self._span)))
        return Facts(
            self._dataset.name,
            self._dataset.kind,
            self._dataset.table,
            last_commit=_aware(last),
            commits=int(commits),
            lag=None if median is None else Lag(float(median), float(most_of), float(most)),
            volumes=tuple(Volume(day, Totals(*map(int, counts))) for day, *counts in rows(sql.volumes(), *mine)),
            rejected=rejected,
            examples=self._examples(rejected),
            restatements=Restatements(int(objects), int(versions), int(restated), int(replaced), latest),
        )

    def _examples(self, rejected: Sequence[Rejected]) -> tuple[RejectedRow, ...]:
        ids = wanted(rejected)
        if not ids:
            return ()
        values = (self._dataset.name, *self._span, listed({"KEY": id_} for id_ in ids))
        return tuple(
            RejectedRow(key, int(number), tuple(reasons.split(",")), raw or "", _aware(at))
            for key, number, reasons, raw, at in self._session.rows(self._sql.examples(), *values)
        )

    def target(self, facts: Facts, at: Place, zone: Zone) -> Facts:
        """With what the table itself says."""
        rows, sql = self._session.rows, self._sql
        until, span = ((self._span[1],), self._span) if at.instant else ((), ())
        ((count, latest, latest_day),) = rows(sql.extent(at, zone), *until)
        days = None
        if at.instant:
            found = rows(sql.days(at, zone), *self._days)
            days = tuple(Day(day, int(n), int(symbols) if at.symbol else None) for day, n, symbols in found)
        repeated = None
        if at.key:
            ((keys, of),) = rows(sql.repeated(at), *span)
            repeated = Repeated(int(keys), int(of))
        return replace(
            facts, rows=int(count), latest=_aware(latest), latest_day=latest_day, days=days, repeated=repeated
        )

    def flagged(self, at: Place) -> Anomalies:
        """The anomalies among its rows."""
        rows, sql, found = self._session.rows, self._sql, self._found
        days = tuple(FlaggedDay(day, severity, int(n)) for day, severity, n in rows(sql.flagged_days(), *found))
        if not days:
            return Anomalies()
        types = tuple(Flagged(name, severity, int(n)) for name, severity, n in rows(sql.flagged(), *found))
        return Anomalies(days, types, tuple(map(_anomaly, rows(sql.worst(), *found))), self._curves(at))

    def _curves(self, at: Place) -> tuple[Curve, ...]:
        if self._dataset.kind is not Kind.PRICES or not at.instant:
            return ()
        symbols = [symbol for (symbol,) in self._session.rows(self._sql.striking(), *self._found)]
        among = listed({"KEY": symbol} for symbol in symbols)
        marks = self._session.rows(self._sql.marks(), *self._found, among)
        closes = self._session.rows(self._sql.closes(at), *self._span, among)
        return tuple(
            Curve(
                symbol,
                tuple((day, float(close)) for of, day, close in closes if of == symbol),
                tuple((day, int(n), severity) for of, day, n, severity in marks if of == symbol),
            )
            for symbol in symbols
        )


def _rejected(line: tuple[Any, ...]) -> Rejected:
    reasons, rows, left, replayed, discarded, *ids = line
    given = tuple(reasons.split(",")), int(rows), int(left), int(replayed), int(discarded)
    return Rejected(*given, tuple(dict.fromkeys(ids)))


def _anomaly(line: tuple[Any, ...]) -> Anomaly:
    symbol, at, kind, severity, value, threshold, description = line
    return Anomaly(symbol, _aware(at), kind, severity, _number(value), _number(threshold), description or "")


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _aware(moment: Any) -> Any:
    return moment.replace(tzinfo=UTC) if moment else None


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
