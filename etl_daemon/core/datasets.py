"""What a dataset is: its columns, its target, and how it is found and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from etl_daemon.core.medallion.refinement import Refinement

PRICE = pa.decimal128(20, 8)
QUANTITY = pa.decimal128(28, 8)
RSI = pa.decimal128(7, 4)
INSTANT = pa.timestamp("us")
TEXT = pa.string()


class Kind(StrEnum):
    """Which rules a dataset follows."""

    PRICES = "price_data"
    INDICATORS = "technical_indicators"
    ANOMALIES = "anomalies"
    TABLE = "table"


class Drift(StrEnum):
    """What happens where an object's columns differ from its table's; for datasets of kind ``table``."""

    EVOLVE = "evolve"
    FREEZE = "freeze"
    RESCUE = "rescue"


class Extra(StrEnum):
    """What happens to columns that a frozen table does not have."""

    IGNORE = "ignore"
    REFUSE = "refuse"


class Raw(StrEnum):
    """What a row of a raw table holds: a JSON document as it came, or each record in it."""

    DOCUMENT = "document"
    RECORDS = "records"


class Mode(StrEnum):
    """How accepted rows meet the rows that the target has."""

    APPEND = "APPEND"
    UPSERT = "UPSERT"
    INCREMENTAL = "INCREMENTAL"
    FULL = "FULL"
    TRUNCATE_INSERT = "TRUNCATE_INSERT"

    @property
    def replaces(self) -> bool:
        """Whether a commit puts its rows in the place of all that the table had."""
        return self in {Mode.FULL, Mode.TRUNCATE_INSERT}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the input and where it goes. ``type`` is the target's exact Arrow type."""

    name: str
    type: pa.DataType
    target: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    """The input columns of a kind, and the target columns that enrichment adds."""

    columns: tuple[Column, ...]
    derived: tuple[tuple[str, pa.DataType], ...] = ()
    primary_key: tuple[str, ...] = ("SYMBOL", "TIMESTAMP")
    timestamp_column: str = "TIMESTAMP"

    @property
    def names(self) -> tuple[str, ...]:
        """The input columns."""
        return tuple(column.name for column in self.columns)

    @property
    def target(self) -> pa.Schema:
        """The target columns in order, without the columns that every target has."""
        return pa.schema([(column.target, column.type) for column in self.columns] + list(self.derived))


def _columns(
    types: Mapping[str, pa.DataType], optional: Mapping[str, pa.DataType], **renamed: str
) -> tuple[Column, ...]:
    return tuple(
        Column(name, type_, renamed.get(name, name.upper()), name in types)
        for name, type_ in {**types, **optional}.items()
    )


SCHEMAS: Mapping[Kind, Schema] = {
    Kind.PRICES: Schema(
        _columns(
            {
                "symbol": TEXT,
                "timestamp": INSTANT,
                "open": PRICE,
                "high": PRICE,
                "low": PRICE,
                "close": PRICE,
                "volume": QUANTITY,
            },
            {"source": TEXT},
            open="OPEN_PRICE",
            high="HIGH_PRICE",
            low="LOW_PRICE",
            close="CLOSE_PRICE",
        ),
        (
            ("PRICE_CHANGE", PRICE),
            ("PRICE_CHANGE_PERCENT", PRICE),
            ("PRICE_RANGE", PRICE),
            ("PRICE_RANGE_PERCENT", PRICE),
            ("TYPICAL_PRICE", PRICE),
        ),
    ),
    Kind.INDICATORS: Schema(
        _columns(
            {"symbol": TEXT, "timestamp": INSTANT, "rsi": RSI, "macd": PRICE},
            {"macd_signal": PRICE, "macd_histogram": PRICE},
        )
        + _columns({"sma_20": PRICE, "sma_50": PRICE}, {}),
        (("RSI_SIGNAL", TEXT), ("MACD_SIGNAL_TYPE", TEXT), ("SMA_TREND", TEXT)),
    ),
    Kind.ANOMALIES: Schema(
        _columns(
            {"symbol": TEXT, "timestamp": INSTANT, "anomaly_type": TEXT, "severity": TEXT, "value": QUANTITY},
            {"threshold": QUANTITY, "description": TEXT},
        ),
        (("DETECTED_BY", TEXT),),
        primary_key=("SYMBOL", "TIMESTAMP", "ANOMALY_TYPE", "DETECTED_BY"),
    ),
}

SYSTEM_COLUMNS = pa.schema(
    [
        ("_OBJECT_KEY", TEXT),
        ("_OBJECT_ROW", pa.int64()),
        ("_OBJECT_MODIFIED", INSTANT),
        ("_BATCH_ID", TEXT),
        ("_LOADED_AT", INSTANT),
    ]
)
"""The columns that every target has besides its own."""

RESCUED = "_RESCUED"
"""The column of values that did not fit, under ``Drift.RESCUE``: a JSON object per row, column name to text."""


RAW_COLUMN = "DATA"
"""The column of a raw table that holds JSON."""

INSERTED = "INSERT_DTS"
"""The column of a raw table that holds the time of the commit, as ``_LOADED_AT`` does."""

ROW_ORDER = ("_OBJECT_MODIFIED", "_OBJECT_KEY", "_OBJECT_ROW")
"""The order of rows with one key and timestamp: the greater is the later."""


BESIDE = "#"
"""Behind this the name of a cursor says which operation beside the daemon it is for."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as configured.

    ``prefix`` may hold ``{year} {month} {day} {hour}``. ``table`` is DATABASE.SCHEMA.TABLE. ``columns`` maps source
    names to column names and comes before the built-in aliases. ``symbol_from_key`` is a regular expression whose group
    ``symbol`` (or first group) gives the symbol of all rows of an object. ``records_path`` leads to the records in
    nested JSON, keys separated by dots. ``timestamp_formats`` are strptime formats, tried where the standard forms do
    not fit. ``primary_key`` and ``timestamp_column`` are target columns, where they differ from the kind's.
    ``incremental_by`` is ``primary_key`` or ``timestamp_column``; empty: the key, if there is one. ``snapshot_group``
    is a regular expression on the key: objects for which it finds the same are one delivery. ``cursor`` names a cursor
    of its own, for loading beside the daemon. ``extracted`` objects were written by an extraction: a quoted empty cell
    is text, and one object holds all rows where the table is replaced. ``fresh_hours`` is how old the last rows may be
    for the monitor; None: as old as is usual at that time of the week. ``calendar`` names that of the exchange whose
    sessions a report expects rows of; None: the usual one, empty: none. ``silver`` says what its rows become next.

    For the kind ``table`` only: ``types`` maps target names to the types that their values must have, whatever the
    object says. With ``raw`` the table has one column of its own, ``DATA``, with JSON as it came, and ``INSERT_DTS``.
    """

    name: str
    kind: Kind
    prefix: str
    table: str
    window_hours: float = 24.0
    mode: Mode = Mode.UPSERT
    columns: Mapping[str, str] = field(default_factory=dict)
    symbol_from_key: str | None = None
    records_path: str | None = None
    timestamp_formats: tuple[str, ...] = ()
    thousands_separators: bool = False
    immutable_keys: bool = False
    primary_key: tuple[str, ...] = ()
    timestamp_column: str = ""
    incremental_by: str = ""
    snapshot_group: str | None = None
    cursor: str = ""
    extracted: bool = False
    fresh_hours: float | None = None
    calendar: str | None = None
    types: Mapping[str, pa.DataType] = field(default_factory=dict)
    drift: Drift = Drift.EVOLVE
    extra_columns: Extra = Extra.IGNORE
    raw: Raw | None = None
    silver: Refinement | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The target columns that tell rows apart; empty where none do."""
        return self.primary_key or self.schema.primary_key

    @property
    def instant(self) -> str:
        """The target column that says when what a row tells of happened; empty where none does."""
        return self.timestamp_column or self.schema.timestamp_column

    @property
    def order(self) -> tuple[str, ...]:
        """The target columns by which the later of two rows with one key is found, the most telling first."""
        instants = (self.instant,) if self.instant and self.instant not in self.key else ()
        return (*instants, *ROW_ORDER)

    @property
    def by_timestamp(self) -> bool:
        """Whether only rows beyond the latest timestamp of the target are inserted."""
        wanted = self.incremental_by == "timestamp_column" or not self.key
        return self.mode is Mode.INCREMENTAL and wanted

    @property
    def stamps(self) -> tuple[str, ...]:
        """The target columns that hold the time of the commit."""
        return ("_LOADED_AT", INSERTED) if self.raw else ("_LOADED_AT",)

    @property
    def cursor_name(self) -> str:
        """The cursor that its commits move and are fenced by."""
        return self.cursor or self.name

    @property
    def detector(self) -> str:
        """``DETECTED_BY`` of the anomalies that its rules find; the same whoever loads the rows."""
        return f"etl_daemon:{self.cursor_name.partition(BESIDE)[0]}"

    @property
    def schema(self) -> Schema:
        """The columns of its kind; the kind ``table`` has none but those that an object brings."""
        return Schema((), (), self.primary_key, "") if self.kind is Kind.TABLE else SCHEMAS[self.kind]

    @property
    def database(self) -> str:
        """The first part of the table's name."""
        return self.table.split(".")[0]
