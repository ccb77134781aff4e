"""Kept rows as columns of the target, in its exact types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.core.checks import Cells, normal_severity
from etl_daemon.core.datasets import INSTANT, PRICE, TEXT, Column, Dataset, Kind
from etl_daemon.core.enrich import EXACT_BELOW, PRICE_COLUMNS, enrich, price_units
from etl_daemon.core.numbers import Numbers, quantities
from etl_daemon.core.policy import Rules
from etl_daemon.core.scale import Floats, Ints, at_scale, decimals, to_scale

OUTSIDE = "external"
"""``DETECTED_BY`` of anomalies that arrive as objects."""


@dataclass(frozen=True, slots=True)
class Target:
    """The accepted rows: ``table`` makes them, ``rounded`` counts the values that were brought to scale.

    ``numbers`` are those that anomalies are looked for in. Who only counts leaves the table unmade.
    """

    table: Callable[[], pa.Table]
    rounded: int
    numbers: Mapping[str, Any]


def target(cells: Cells, rows: Ints, dataset: Dataset, rules: Rules) -> Target:
    """The given rows with their derived columns."""
    if dataset.kind is Kind.PRICES and units_fit(rules):
        return _prices(cells, rows, dataset)
    scales = {column.name: column.type.scale for column in dataset.schema.columns if column.name in cells.numbers}
    values = {name: at_scale(column.values[rows], scales[name]) for name, column in cells.numbers.items()}
    derived = enrich(dataset.kind, values)
    columns, rounded = _given(cells, rows, dataset.schema.columns)
    types = dict(dataset.schema.derived)
    for name, derivation in derived.items():
        text = isinstance(derivation, pa.DictionaryArray)
        columns[name.upper()] = derivation if text else in_decimals(derivation, types[name.upper()])
    if dataset.kind is Kind.ANOMALIES:
        columns["DETECTED_BY"] = pa.repeat(pa.scalar(OUTSIDE, TEXT), len(rows))
    return Target(lambda: pa.table(columns), rounded, {**values, **derived})


def units_fit(rules: Rules) -> bool:
    """Whether every price within the limits, and all that is derived from it, is a whole number of 1e-8 in int64."""
    return rules.min_price > 0 and float(rules.max_price) < EXACT_BELOW and rules.max_price / rules.min_price < 5e8


def _prices(cells: Cells, rows: Ints, dataset: Dataset) -> Target:
    """The usual way: each price is brought to units once, and all else follows in integers."""
    names = ("open", "high", "low", "close")
    scaled = {name: to_scale(cells.numbers[name].values[rows], PRICE.scale) for name in names}
    others = [column for column in dataset.schema.columns if column.name not in names]
    columns, rounded = _given(cells, rows, others)
    derived = price_units(*(scaled[name][0] for name in names))

    def table() -> pa.Table:
        given = {column.target: scaled[column.name][0] for column in dataset.schema.columns if column.name in names}
        units = given | {name.upper(): values for name, values in zip(PRICE_COLUMNS, derived, strict=True)}
        made = {name: decimals(values.astype(np.int64, copy=False), PRICE) for name, values in units.items()} | columns
        return pa.table({field.name: made[field.name] for field in dataset.schema.target})

    rounded += sum(int(finer.sum()) for _, finer in scaled.values())
    numbers = {"close": cells.numbers["close"].values[rows], "price_change_percent": derived[1] / 1e8}
    return Target(table, rounded, numbers)


def _given(cells: Cells, rows: Ints, wanted: Any) -> tuple[dict[str, pa.Array], int]:
    rounded = 0
    columns: dict[str, pa.Array] = {}
    for column in wanted:
        columns[column.target], finer = _column(cells, rows, column)
        rounded += finer
    return columns, rounded


def _column(cells: Cells, rows: Ints, column: Column) -> tuple[pa.Array, int]:
    """A column's rows in its target type, and how many values had more decimals than that holds."""
    if column.name == "symbol":
        return pa.DictionaryArray.from_arrays(pa.array(cells.symbols.codes[rows]), cells.symbols.dictionary), 0
    if column.type == INSTANT:
        return pa.array(cells.instants.micros[rows]).cast(INSTANT), 0
    if column.type == TEXT:
        text = cells.texts[column.name]
        return (normal_severity(text) if column.name == "severity" else text).take(pa.array(rows)), 0
    numbers = cells.numbers[column.name]
    if column.type.precision > 18:  # more digits than int64 holds
        values, finer, _ = quantities(numbers, rows, column.type)
        return values, int(finer.sum())
    present = ~numbers.missing[rows]
    units, finer = to_scale(numbers.values[rows], column.type.scale)
    return decimals(units, column.type, present), int((finer & present).sum())


def in_decimals(values: Floats, type_: pa.Decimal128Type) -> pa.Array:
    """Doubles in a decimal type, null where there is none or none that fits."""
    absent = np.isnan(values)
    return quantities(Numbers(values, absent, absent), np.arange(len(values)), type_)[0]
