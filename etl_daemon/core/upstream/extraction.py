"""What is taken out of a database: which rows, to which objects, and how far it has come. All of it values.

An extraction first writes down what it is about to do, then puts its objects, then moves the cursor. So whoever comes
after it finds either all of its objects under way, with their keys, or all done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import NoneType
from typing import Any

from etl_daemon.core.datasets import Dataset, Kind, Mode
from etl_daemon.core.documents import UNFIT, instant, of_kind
from etl_daemon.core.sql.dialect import arrow_type
from etl_daemon.core.tables.naming import target_name
from etl_daemon.errors import SetupError


class Format(StrEnum):
    """How objects are written."""

    CSV = "csv"
    PARQUET = "parquet"


class By(StrEnum):
    """What tells new rows from those that were taken."""

    TIMESTAMP = "timestamp_column"
    KEY = "primary_key"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dataset's rows come from.

    ``url`` is SQLAlchemy's; where it is empty ``secret`` names what holds it. ``source`` is a table, or with ``query``
    a query. ``column`` grows from row to row; without one all rows are taken each time. ``overlap`` is how far behind
    the cursor rows are taken again: seconds of a timestamp, or units of a whole number. ``folder`` ends with a slash.
    """

    url: str = field(repr=False)
    secret: str
    source: str
    query: bool
    folder: str
    column: str = ""
    by: By = By.TIMESTAMP
    overlap: float = 0.0
    every_seconds: float = 0.0
    format: Format = Format.CSV
    partitions: int = 1
    partition_by: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One object to be: of which rows, by the partition column (from ``low`` on, below ``high``), under which key."""

    key: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Rows beyond ``after`` and up to ``upto`` in the column of increments, as the database writes them; None: all."""

    after: str | None = None
    upto: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """What an extraction is about to put."""

    span: Span
    parts: tuple[Part, ...]
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a dataset's extraction has come: the document that lies beside its objects.

    ``cursor`` is the greatest value of ``column`` that is in the bucket. ``types`` are those of the columns, by target
    name. ``digest`` is that of the last object's rows, so that the same are not put again.
    """

    column: str = ""
    cursor: str | None = None
    digest: str = ""
    extracted_at: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    intent: Intent | None = None

    def begun(self, intent: Intent, types: Mapping[str, str], column: str) -> Mark:
        """The mark before the first object is put."""
        cursor = self.cursor if self.column == column else None
        return replace(self, column=column, cursor=cursor, types=dict(types), intent=intent)

    def settled(self, now: datetime) -> Mark:
        """The mark once all objects of its intent are there."""
        if self.intent is None:
            return self
        done = self.intent
        return replace(
            self,
            cursor=done.span.upto or self.cursor,
            digest=done.digest,
            extracted_at=now.isoformat(timespec="seconds"),
            intent=None,
        )

    def due(self, every_seconds: float, now: datetime) -> bool:
        """Whether it is time again, or a half-done extraction waits."""
        if self.intent or not self.extracted_at:
            return True
        return now >= datetime.fromisoformat(self.extracted_at) + timedelta(seconds=every_seconds)


def key_of(origin: Origin, at: datetime, part: int = 0) -> str:
    """``<job_type>/<database>/<table>/<date>/<timestamp>.csv``; further parts of one extraction have their number."""
    number = f"-{part}" if part else ""
    return f"{origin.folder}{at:%Y-%m-%d}/{at:%Y%m%dT%H%M%S%fZ}{number}.{origin.format}"


def cuts(least: int, greatest: int, count: int) -> list[tuple[int | None, int | None]]:
    """Ranges that cover all whole numbers, those from the least to the greatest in about equal shares."""
    width = max(1, -(-(greatest - least + 1) // count))
    inner = [least + width * number for number in range(1, count) if least + width * number <= greatest]
    return list(zip([None, *inner], [*inner, None], strict=True))


def typed(dataset: Dataset, types: Mapping[str, str]) -> Dataset:
    """The dataset with the types that its source has, under those that it declares itself."""
    if dataset.kind is not Kind.TABLE or not types:
        return dataset
    return replace(dataset, types={**{name: arrow_type(text) for name, text in types.items()}, **dataset.types})


def target_types(columns: Sequence[tuple[str, str]], dataset: Dataset) -> dict[str, str]:
    """Types by source name under the names that the columns have in the table."""
    return {target_name(name, dataset.columns): type_ for name, type_ in columns}


def loading(dataset: Dataset) -> Dataset:
    """How extracted objects are loaded: where the table is replaced, the last object is all that there is."""
    return replace(dataset, mode=Mode.TRUNCATE_INSERT) if dataset.mode is Mode.FULL else dataset


def whole(dataset: Dataset, origin: Origin) -> bool:
    """Whether each extraction takes all rows."""
    return dataset.mode.replaces or not origin.column


def to_text(mark: Mark) -> str:
    """The document as JSON."""
    return json.dumps(asdict(mark), indent=1) + "\n"


def from_text(text: str, where: str) -> Mark:
    """The mark of that text.

    Raises:
        SetupError: it is none.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        intent, types = values.pop("intent"), values.pop("types", {})
        made = Mark(**_checked(values, column=TEXT, cursor=TEXT_OR_NONE, digest=TEXT, extracted_at=TEXT))
        if made.extracted_at:
            instant(made.extracted_at)
        for type_ in filter(None, types.values()):
            arrow_type(of_kind(type_, str))
        return replace(made, types=types, intent=intent and _intent(intent))
    except UNFIT as error:
        hint = "move it away to have everything extracted again from the beginning"
        raise SetupError(f"{where} does not say how far an extraction has come.", hint=hint) from error


TEXT, TEXT_OR_NONE, NUMBER_OR_NONE = (str,), (str, NoneType), (int, NoneType)


def _checked(values: Mapping[str, Any], **kinds: tuple[type, ...]) -> dict[str, Any]:
    """The values, each of the kinds that its name has: they become a part of SQL."""
    return {name: of_kind(value, *kinds[name]) for name, value in values.items()}


def _intent(values: Mapping[str, Any]) -> Intent:
    span = Span(**_checked(values["span"], after=TEXT_OR_NONE, upto=TEXT_OR_NONE))
    parts = [Part(**_checked(part, key=TEXT, low=NUMBER_OR_NONE, high=NUMBER_OR_NONE)) for part in values["parts"]]
    return Intent(span, tuple(parts), of_kind(values["digest"], str))
