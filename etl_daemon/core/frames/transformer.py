"""DataTransformer: the rules of the corridor on pandas frames."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl_daemon.config import Settings, settings_from
from etl_daemon.core import configure, frames
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.rules import reasons
from etl_daemon.core.rules.anomalies import SEVERITIES, Found
from etl_daemon.core.rules.clean import find_anomalies, judge, sentences
from etl_daemon.core.rules.enrich import enrich
from etl_daemon.core.rules.numbers import parse_numbers
from etl_daemon.core.rules.reasons import Judged
from etl_daemon.core.tables.rules import judge_table
from etl_daemon.errors import ConfigError

Stats = dict[str, int]
Validated = tuple[pd.DataFrame, Stats]

STATS = ("total_records", "valid_records", "invalid_records", "duplicate_records", "missing_values")
ANOMALY_COLUMNS = ["symbol", "timestamp", "anomaly_type", "severity", "value", "threshold", "description"]
_ENRICHED = (Kind.PRICES, Kind.INDICATORS)


class DataTransformer:
    """Validates, cleans, enriches and flags market data in pandas frames, by the rules that the daemon applies.

    ``config`` is a ``Settings``, or a mapping of setting names such as ``{"MAX_PRICE_VALUE": 5000}``; without one the
    defaults hold. No credentials are needed and nothing is opened. Columns may come in any case and under the
    built-in aliases (ticker, name, date, datetime, time). Frames given in are never changed.

    ``quarantined`` holds the rejected rows of the last ``validate_...`` call as they came in, with a column
    ``reasons``: all reason codes of the row, joined by commas.
    """

    def __init__(
        self,
        config: Settings | Mapping[str, object] | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        settings = config if isinstance(config, Settings) else settings_from(config or {})
        self._rules = configure.rules(settings)
        self._datasets = {dataset.name: dataset for dataset in configure.datasets(settings)}
        self._clock = clock
        self.quarantined = pd.DataFrame()

    def validate_and_clean_price_data(self, df: pd.DataFrame) -> Validated:
        """Fit price rows, one per (symbol, timestamp): the last one stays.

        Args:
            df: n rows with symbol, timestamp, open, high, low, close, volume, and optionally source.

        Returns:
            The fit rows: symbol stripped and in upper case, timestamp ``datetime64[us, UTC]``, prices and volume
            float64 (exact for up to 8 decimals); other columns and index labels as they were. And counts of rows:
            ``total_records valid_records invalid_records duplicate_records``, of empty cells ``missing_values``, and
            rows per reason code.

        Raises:
            DataError: a required column is missing, or two columns could be the same one.
        """
        return self.validate(df, Kind.PRICES)

    def validate_and_clean_technical_indicators(self, df: pd.DataFrame) -> Validated:
        """Fit indicator rows; RSI within 0 to 100, averages positive, a null where a series warms up.

        Args:
            df: n rows with symbol, timestamp, rsi, macd, sma_20, sma_50, and optionally macd_signal, macd_histogram.

        Returns:
            Rows and counts as ``validate_and_clean_price_data`` gives them.

        Raises:
            DataError: a required column is missing, or two columns could be the same one.
        """
        return self.validate(df, Kind.INDICATORS)

    def validate_and_clean_anomalies(self, df: pd.DataFrame) -> Validated:
        """Fit anomaly rows, one per (symbol, timestamp, anomaly_type); severity is low, medium, high or critical.

        Args:
            df: n rows with symbol, timestamp, anomaly_type, severity, value, and optionally threshold, description.

        Returns:
            Rows and counts as ``validate_and_clean_price_data`` gives them.

        Raises:
            DataError: a required column is missing, or two columns could be the same one.
        """
        return self.validate(df, Kind.ANOMALIES)

    def enrich_data(self, df: pd.DataFrame, data_type: str) -> pd.DataFrame:
        """The frame with derived columns behind its own.

        Prices: price_change = close - open, price_change_percent (of open), price_range = high - low,
        price_range_percent (of open), typical_price = (high + low + close) / 3, all float64 rounded to 8 decimals.
        Indicators: rsi_signal (oversold below 30, overbought above 70: Wilder 1978), macd_signal_type by the sign of
        the histogram, sma_trend by sma_20 against sma_50; text, null where a value is missing. Anomalies: nothing.

        Raises:
            ConfigError: ``data_type`` is not price_data, technical_indicators or anomalies.
            DataError: a column is missing.
        """
        dataset = self._dataset(data_type)
        derived = enrich(dataset.kind, self._numbers(df, dataset)) if dataset.kind in _ENRICHED else {}
        plain = {name: v.cast(pa.string()).to_pandas() if isinstance(v, pa.Array) else v for name, v in derived.items()}
        return df.assign(**{name: np.asarray(values) for name, values in plain.items()})

    def detect_anomalies(self, df: pd.DataFrame, data_type: str) -> pd.DataFrame:
        """Anomalies in validated rows, which stay what they are; rows without symbol or timestamp are passed over.

        Prices: ``extreme_price_movement`` (absolute change from open to close at or above ``EXTREME_MOVE_PERCENT``)
        and ``price_outlier`` (robust z-score of the close, 0.6745 (x - median) / MAD, beyond ``OUTLIER_Z`` among the
        symbol's rows, from 20 rows on: Iglewicz and Hoaglin 1993; with ``OUTLIER_METHOD=quantile`` a change beyond
        the symbol's 95th percentile). Indicators: ``extreme_rsi`` below 10 or above 90.

        Returns:
            One row per anomaly: symbol timestamp anomaly_type severity value threshold description.

        Raises:
            ConfigError: ``data_type`` is not price_data, technical_indicators or anomalies.
            DataError: a column is missing.
        """
        dataset = self._dataset(data_type)
        if dataset.kind not in _ENRICHED or df.empty:
            return pd.DataFrame(columns=ANOMALY_COLUMNS)
        names = frames.match_frame(df, dataset).found
        keys = [names[name][0] for name in ("symbol", "timestamp")]
        df = df.dropna(subset=keys)
        symbols, timestamps = (df[name] for name in keys)
        numbers = self._numbers(df, dataset)
        columns = {**numbers, **enrich(dataset.kind, numbers)}
        found = find_anomalies(pd.factorize(symbols)[0], columns, dataset.kind, self._rules)
        parts = [_anomaly_frame(each, symbols, timestamps) for each in found if len(each.rows)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=ANOMALY_COLUMNS)

    def validate(self, df: pd.DataFrame, data_type: str) -> Validated:
        """Fit rows of any configured data type, and counts, as the method of its kind gives them."""
        dataset = self._dataset(data_type)
        matching = frames.match_frame(df, dataset)
        table = frames.to_arrow(df, matching, dataset)
        if dataset.kind is Kind.TABLE:
            return self._validate_table(df, table, dataset)
        judged = judge(table, dataset, self._rules, int(self._clock().timestamp() * 1e6))
        codes = reasons.codes(judged.flags[judged.rejected]).to_pandas()
        self.quarantined = df.iloc[judged.rejected].assign(reasons=np.asarray(codes, dtype=object))
        return frames.cleaned(df, matching, dataset, judged.cells, judged.kept), _stats(judged, matching.found)

    def _validate_table(self, df: pd.DataFrame, table: pa.Table, dataset: Dataset) -> Validated:
        """Fit rows of any columns, as they came in."""
        judged = judge_table(table, dataset, self._rules)
        codes = reasons.codes(judged.flags[judged.rejected]).to_pandas()
        self.quarantined = df.iloc[judged.rejected].assign(reasons=np.asarray(codes, dtype=object))
        counts = (len(judged.flags), len(judged.kept), len(judged.rejected), judged.superseded)
        stats = dict(zip(STATS, (*counts, sum(column.null_count for column in table.columns)), strict=True))
        return df.iloc[judged.kept], {**stats, **dict.fromkeys(reasons.CODES, 0), **reasons.count(judged.flags)}

    def _dataset(self, data_type: str) -> Dataset:
        if data_type not in self._datasets:
            raise ConfigError(
                f"There is no data type {data_type!r}.", hint=f"use one of {', '.join(sorted(self._datasets))}"
            )
        return self._datasets[data_type]

    def _numbers(self, df: pd.DataFrame, dataset: Dataset) -> dict[str, Any]:
        """Every numeric column of the dataset as float64; absent optional ones are NaN throughout."""
        table = frames.to_arrow(df, frames.match_frame(df, dataset), dataset)
        absent, separators = pa.nulls(len(df)), dataset.thousands_separators
        present = {name: table[name] for name in table.column_names}
        return {
            column.name: parse_numbers(present.get(column.name, absent), thousands_separators=separators).values
            for column in dataset.schema.columns
            if pa.types.is_decimal(column.type)
        }


def _stats(judged: Judged[Any], present: Collection[str]) -> Stats:
    missing = judged.cells.missing
    counts = (len(judged.flags), len(judged.kept), len(judged.rejected), judged.superseded)
    return {
        **dict(zip(STATS, (*counts, sum(int(missing[name].sum()) for name in present)), strict=True)),
        **dict.fromkeys(reasons.CODES, 0),
        **reasons.count(judged.flags),
    }


def _anomaly_frame(found: Found, symbols: pd.Series[Any], timestamps: pd.Series[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": symbols.iloc[found.rows].to_numpy(),
            "timestamp": timestamps.iloc[found.rows].array,
            "anomaly_type": found.anomaly_type,
            "severity": np.array(SEVERITIES)[found.severity],
            "value": found.value,
            "threshold": found.threshold,
            "description": sentences(found).to_pandas(),
        }
    )
