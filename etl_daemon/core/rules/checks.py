"""The rules of each kind of dataset: columns in, reason flags out. No rule looks beyond its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow
from etl_daemon.core.datasets import INSTANT, PRICE, QUANTITY, TEXT, Kind, Schema
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules import reasons
from etl_daemon.core.rules.numbers import Numbers, parse_numbers, quantities
from etl_daemon.core.rules.scale import BLOCK_ROWS
from etl_daemon.core.rules.symbols import Symbols, encode_text, parse_symbols
from etl_daemon.core.rules.timestamps import Instants, parse_timestamps

Mask = np.ndarray[Any, Any]
Micros = np.ndarray[Any, np.dtype[np.int64]]

PRICE_NAMES = ("open", "high", "low", "close")
INDICATOR_NAMES = ("rsi", "macd", "sma_20", "sma_50")
SEVERITIES = ("low", "medium", "high", "critical")

FUTURE_TOLERANCE_MICROS = 86_400_000_000
"""A row may be a day ahead of its object: exchanges date sessions by their own calendars and clocks."""

DECIMAL_LIMIT = 1e12
"""What NUMBER(20,8) cannot hold any more."""

QUANTITY_LIMIT = 1e20
"""What NUMBER(28,8) cannot hold any more."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A slice's columns, parsed; each has one entry per row. A column that the object lacks is missing throughout."""

    symbols: Symbols
    instants: Instants
    numbers: Mapping[str, Numbers]
    texts: Mapping[str, pa.DictionaryArray]

    def __len__(self) -> int:
        return len(self.symbols.codes)

    def blocks(self) -> Iterator[Cells]:
        """The rows in pieces small enough for the processor's cache; nothing is copied."""
        for at in range(0, len(self), BLOCK_ROWS):
            rows = slice(at, at + BLOCK_ROWS)
            symbols, instants = self.symbols, self.instants
            yield Cells(
                Symbols(symbols.dictionary, symbols.codes[rows], symbols.missing[rows], symbols.invalid[rows]),
                Instants(instants.micros[rows], instants.missing[rows], instants.invalid[rows], instants.cut[rows]),
                {
                    name: Numbers(column.values[rows], column.missing[rows], column.invalid[rows], None)
                    for name, column in self.numbers.items()
                },
                {name: column.slice(at, BLOCK_ROWS) for name, column in self.texts.items()},
            )

    @property
    def missing(self) -> Mapping[str, Mask]:
        """Per column, which rows have no value."""
        named = {name: column.missing for name, column in self.numbers.items()}
        blank = {name: ~_filled(column) for name, column in self.texts.items()}
        return {"symbol": self.symbols.missing, "timestamp": self.instants.missing, **named, **blank}


@dataclass(frozen=True, slots=True)
class Reading:
    """How the text of a dataset is read; see ``Dataset`` for the meaning of the fields."""

    timestamp_formats: tuple[str, ...] = ()
    thousands_separators: bool = False


def read_cells(table: pa.Table, schema: Schema, rules: Rules, reading: Reading) -> Cells:
    """Parse the columns of a slice (canonical names, any type that a format gives)."""

    def column(name: str) -> pa.ChunkedArray | pa.Array:
        return table[name] if name in table.column_names else pa.nulls(table.num_rows)

    numeric = [each.name for each in schema.columns if pa.types.is_decimal(each.type)]
    texts = [each.name for each in schema.columns if each.type == TEXT and each.name != "symbol"]
    instants = [each.name for each in schema.columns if each.type == INSTANT]
    return Cells(
        parse_symbols(column("symbol"), rules.symbol_pattern),
        parse_timestamps(column(instants[0]), rules.timezone, reading.timestamp_formats),
        {name: parse_numbers(column(name), thousands_separators=reading.thousands_separators) for name in numeric},
        {name: encode_text(column(name)) for name in texts},
    )


def check(kind: Kind, cells: Cells, rules: Rules, latest_micros: Micros) -> reasons.Flags:
    """All reasons of every row. ``latest_micros``: each row's object's LastModified, microseconds since 1970 UTC."""
    latest = (latest_micros[at : at + BLOCK_ROWS] for at in range(0, len(cells), BLOCK_ROWS))
    flags = [
        _common(block, limit) | _KINDS[kind](block, rules) for block, limit in zip(cells.blocks(), latest, strict=True)
    ]
    flags.append(np.zeros(0, np.uint32))
    return np.concatenate(flags) | _overflow(kind, cells, rules)


def _common(cells: Cells, latest_micros: Micros) -> reasons.Flags:
    return reasons.flag(
        len(cells),
        symbol_format=cells.symbols.invalid & ~cells.symbols.missing,
        timestamp_invalid=cells.instants.invalid,
        timestamp_future=cells.instants.micros > latest_micros + FUTURE_TOLERANCE_MICROS,
    )


def _prices(cells: Cells, rules: Rules) -> reasons.Flags:
    numbers, missing = cells.numbers, cells.missing
    opened, high, low, close = (numbers[name].values for name in PRICE_NAMES)
    volume = numbers["volume"]
    low_limit, high_limit = float(rules.min_price), float(rules.max_price)
    # comparisons with NaN are false, so a price that is absent breaks no rule but its own
    return reasons.flag(
        len(cells),
        missing_field=_any(missing[name] for name in ("symbol", "timestamp", *PRICE_NAMES, "volume")),
        price_not_numeric=_any(numbers[name].invalid for name in PRICE_NAMES),
        price_range=_any((each < low_limit) | (each > high_limit) for each in (opened, high, low, close)),
        ohlc_relation=(low > opened) | (low > close) | (high < opened) | (high < close) | (high < low),
        volume_invalid=volume.invalid,
        volume_negative=volume.values < float(rules.min_volume),
        scale_overflow=volume.values >= QUANTITY_LIMIT,
    )


def _indicators(cells: Cells, rules: Rules) -> reasons.Flags:
    numbers, missing = cells.numbers, cells.missing
    rsi, averages = numbers["rsi"], [numbers[name] for name in ("sma_20", "sma_50")]
    convergence = [numbers[name] for name in ("macd", "macd_signal", "macd_histogram")]
    return reasons.flag(
        len(cells),
        missing_field=missing["symbol"] | missing["timestamp"] | _all(missing[name] for name in INDICATOR_NAMES),
        rsi_range=rsi.invalid | (rsi.values < float(rules.min_rsi)) | (rsi.values > float(rules.max_rsi)),
        macd_invalid=_any(each.invalid for each in convergence),
        sma_not_positive=_any(each.invalid | (each.values <= 0) for each in averages),
        scale_overflow=_any(np.abs(each.values) >= DECIMAL_LIMIT for each in (*convergence, *averages)),
    )


def _anomalies(cells: Cells, _rules: Rules) -> reasons.Flags:
    value, threshold = cells.numbers["value"], cells.numbers["threshold"]
    known = arrow.texts(SEVERITIES)
    severity = normal_severity(cells.texts["severity"])
    unknown = ~arrow.values(pc.is_in(severity.dictionary, known))
    missing = cells.missing
    return reasons.flag(
        len(cells),
        missing_field=_any(missing[name] for name in ("symbol", "timestamp", "anomaly_type", "severity", "value")),
        severity_unknown=_lookup(unknown, severity) & ~missing["severity"],
        value_invalid=value.invalid | threshold.invalid,
        scale_overflow=(np.abs(value.values) >= QUANTITY_LIMIT) | (np.abs(threshold.values) >= QUANTITY_LIMIT),
    )


_KINDS: Mapping[Kind, Callable[[Cells, Rules], reasons.Flags]] = {
    Kind.PRICES: _prices,
    Kind.INDICATORS: _indicators,
    Kind.ANOMALIES: _anomalies,
}


def normal_severity(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Severities stripped and in lower case."""
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column.dictionary))
    return pa.DictionaryArray.from_arrays(column.indices, words)


def _overflow(kind: Kind, cells: Cells, rules: Rules) -> reasons.Flags:
    """Prices and volumes finer than their columns hold, where the operator wants those rows kept out."""
    if kind is not Kind.PRICES or rules.scale_overflow == "round":
        return np.zeros(len(cells), np.uint32)
    rows, types = np.arange(len(cells)), {**dict.fromkeys(PRICE_NAMES, PRICE), "volume": QUANTITY}
    finer = _any(quantities(cells.numbers[name], rows, type_)[1] for name, type_ in types.items())
    return reasons.flag(len(cells), scale_overflow=finer)


def _filled(column: pa.DictionaryArray) -> Mask:
    blank = arrow.values(pc.binary_length(pc.utf8_trim_whitespace(column.dictionary))) == 0
    return np.logical_not(_lookup(blank, column, absent=True))


def _lookup(table: Mask, column: pa.DictionaryArray, *, absent: bool = False) -> Mask:
    """``table`` (one entry per distinct value) spread over the rows; nulls give ``absent``."""
    places = arrow.values(column.indices.cast(pa.int32()), len(table))
    found: Mask = np.append(table, absent).take(places)
    return found


def _any(masks: Any) -> Mask:
    return np.asarray(np.logical_or.reduce(list(masks)))


def _all(masks: Any) -> Mask:
    return np.asarray(np.logical_and.reduce(list(masks)))
