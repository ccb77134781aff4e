"""Kept rows as columns of the target, in its exact types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.core import arrow
from etl_daemon.core.datasets import INSTANT, PRICE, Column, Dataset, Kind
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.checks import Cells, normal_severity
from etl_daemon.core.rules.enrich import EXACT_BELOW, PRICE_COLUMNS, change_percent, enrich, price_units
from etl_daemon.core.rules.numbers import Numbers, in_units, quantities
from etl_daemon.core.rules.scale import Bools, Floats, Ints, at_scale, decimals, to_scale

Maker = Callable[[], pa.Array]

SHORT = pa.decimal64(18, PRICE.scale)
"""Half as wide as ``PRICE``: a column is the very array of its units, and nothing of it is copied."""

OUTSIDE = "external"
"""``DETECTED_BY`` of anomalies that arrive as objects."""


@dataclass(frozen=True, slots=True)
class Target:
    """The accepted rows: ``table`` makes them, ``finer`` marks, per column, the rows that were brought to scale.

    ``numbers`` are those that anomalies are looked for in. Who only counts leaves the table unmade.
    """

    table: Callable[[], pa.Table]
    finer: Sequence[Bools]
    numbers: Mapping[str, Any]


def target(cells: Cells, rows: Ints, dataset: Dataset, rules: Rules) -> Target:
    """The given rows with their derived columns."""
    if dataset.kind is Kind.PRICES and units_fit(rules):
        return _prices(cells, rows, dataset, price_type(rules))
    scales = {column.name: column.type.scale for column in dataset.schema.columns if column.name in cells.numbers}
    values = {name: at_scale(column.values[rows], scales[name]) for name, column in cells.numbers.items()}
    derived = enrich(dataset.kind, values)
    makers, finer = _given(cells, rows, dataset.schema.columns)
    columns = {name: make() for name, make in makers.items()}
    types = dict(dataset.schema.derived)
    for name, derivation in derived.items():
        text = isinstance(derivation, pa.DictionaryArray)
        columns[name.upper()] = derivation if text else in_decimals(derivation, types[name.upper()])
    if dataset.kind is Kind.ANOMALIES:
        columns["DETECTED_BY"] = arrow.constant(OUTSIDE, len(rows))
    return Target(lambda: pa.table(columns), finer, {**values, **derived})


def units_fit(rules: Rules) -> bool:
    """Whether every price within the limits, and all that is derived from it, is a whole number of 1e-8 in int64."""
    least, greatest = _limits(rules)
    return least > 0 and float(rules.max_price) < EXACT_BELOW and greatest < 5 * 10**8 * least


def price_type(rules: Rules) -> pa.DataType:
    """The narrowest type for all of these; percentages of the least price are the longest."""
    least, greatest = _limits(rules)
    return SHORT if greatest < 10**18 and greatest - least < 10**8 * least else PRICE


def widened(accepted: pa.Table) -> pa.Table:
    """The rows with their prices in the type of the target, for files that others read."""
    for at, (name, column) in enumerate(zip(accepted.column_names, accepted.columns, strict=True)):
        if column.type == SHORT:
            units = arrow.chunk(column).view(pa.int64())
            accepted = accepted.set_column(at, name, decimals(arrow.values(units), PRICE))
    return accepted


def _limits(rules: Rules) -> tuple[int, int]:
    """The least and the greatest price that are let in, in units."""
    least, greatest = to_scale(np.array([rules.min_price, rules.max_price], np.float64), PRICE.scale)[0].tolist()
    return least, greatest


def _prices(cells: Cells, rows: Ints, dataset: Dataset, type_: pa.DataType) -> Target:
    """The usual way: each price is brought to units once, and all else follows in integers."""
    names = ("open", "high", "low", "close")
    scaled = {name: to_scale(cells.numbers[name].values[rows], PRICE.scale) for name in names}
    others = [column for column in dataset.schema.columns if column.name not in names]
    makers, finer = _given(cells, rows, others)
    percent = change_percent(scaled["open"][0], scaled["close"][0])

    def table() -> pa.Table:
        given = {column.target: scaled[column.name][0] for column in dataset.schema.columns if column.name in names}
        derived = price_units([scaled[name][0] for name in names], percent)
        units = given | {name.upper(): values for name, values in zip(PRICE_COLUMNS, derived, strict=True)}
        made = {name: decimals(values.astype(np.int64, copy=False), type_) for name, values in units.items()}
        made |= {name: make() for name, make in makers.items()}
        return pa.table({field.name: made[field.name] for field in dataset.schema.target})

    numbers = {"close": cells.numbers["close"].values[rows], "price_change_percent": percent / 1e8}
    return Target(table, [*finer, *(marks for _, marks in scaled.values())], numbers)


def _given(cells: Cells, rows: Ints, wanted: Iterable[Column]) -> tuple[dict[str, Maker], list[Bools]]:
    """Per target column what makes it, and per numeric one which values had more decimals than it holds."""
    finer: list[Bools] = []
    makers: dict[str, Maker] = {}
    for column in wanted:
        if column.name in cells.numbers:
            makers[column.target], marks = _numbers(cells.numbers[column.name], rows, column.type)
            finer.append(marks)
        else:
            makers[column.target] = partial(_words, cells, rows, column)
    return makers, finer


def _words(cells: Cells, rows: Ints, column: Column) -> pa.Array:
    """A column without numbers in its target type."""
    if column.name == "symbol":
        return pa.DictionaryArray.from_arrays(arrow.array(cells.symbols.codes[rows]), cells.symbols.dictionary)
    if column.type == INSTANT:
        return arrow.array(cells.instants.micros[rows]).cast(INSTANT)
    text = cells.texts[column.name]
    return (normal_severity(text) if column.name == "severity" else text).take(arrow.array(rows))


def _numbers(numbers: Numbers, rows: Ints, type_: pa.Decimal128Type) -> tuple[Maker, Bools]:
    values = numbers.values[rows]
    if in_units(numbers, values, type_):
        units, finer = to_scale(values, type_.scale)
        return partial(decimals, units, type_), finer
    if type_.precision > 18:  # more digits than int64 holds
        made, finer, _ = quantities(numbers, rows, type_)
        return lambda: made, finer
    present = ~numbers.missing[rows]
    units, finer = to_scale(values, type_.scale)
    return partial(decimals, units, type_, present), finer & present


def in_decimals(values: Floats, type_: pa.Decimal128Type) -> pa.Array:
    """Doubles in a decimal type, null where there is none or none that fits."""
    absent = np.isnan(values)
    return quantities(Numbers(values, absent, absent), np.arange(len(values)), type_)[0]
