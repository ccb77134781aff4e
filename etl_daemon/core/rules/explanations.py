"""What each reason code means, and what to do about it: one line each; docs/rules.md has the details."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

AGAIN = "etl-daemon quarantine replay"


@dataclass(frozen=True, slots=True)
class Explanation:
    """``what`` is wrong with the row or object, and what an operator can ``do``."""

    what: str
    do: str


def _source(what: str) -> Explanation:
    return Explanation(what, "have the source corrected: a new version of the object replaces its rows")


def _setting(what: str, names: str) -> Explanation:
    return Explanation(what, f"if the value is right, set {names} and run `{AGAIN}`; else have the source corrected")


def _again(what: str, do: str) -> Explanation:
    return Explanation(what, f"{do}, then `{AGAIN} --refused`")


ROWS: Mapping[str, Explanation] = {
    "undecodable": _source("The line is no record: cut JSON, wrong number of fields, a repeated header, not UTF-8."),
    "missing_field": _setting(
        "A required value is missing or empty.", "`columns` of the dataset, if it has another name there,"
    ),
    "symbol_format": _setting("The symbol, stripped and in upper case, does not fit the pattern.", "SYMBOL_PATTERN"),
    "timestamp_invalid": _setting(
        "The timestamp is in none of the accepted forms, or no such date or time exists.",
        "`timestamp_formats` of the dataset or SOURCE_TIMEZONE",
    ),
    "timestamp_future": _source("The timestamp is more than a day beyond the object's LastModified."),
    "price_not_numeric": _source("A price is present but no finite number."),
    "price_range": _setting("A price is outside the limits.", "MIN_PRICE_VALUE or MAX_PRICE_VALUE"),
    "ohlc_relation": _source("low is above open or close, or high is below one of them."),
    "volume_invalid": _source("The volume is present but no finite number."),
    "volume_negative": _setting("The volume is below the limit.", "MIN_VOLUME_VALUE"),
    "scale_overflow": _setting("A number does not fit its column.", "SCALE_OVERFLOW=round"),
    "rsi_range": _setting("RSI is no number within the limits.", "MIN_RSI_VALUE or MAX_RSI_VALUE"),
    "macd_invalid": _source("macd, macd_signal or macd_histogram is present but no finite number."),
    "sma_not_positive": _source("sma_20 or sma_50 is present but no number above 0."),
    "severity_unknown": _source("The severity is not low, medium, high or critical."),
    "value_invalid": _source("The value or threshold is present but no finite number."),
    "type_mismatch": _setting("A value has no exact place in its column's type.", "`types` of the dataset"),
}
"""Why a row is in the quarantine."""

OBJECTS: Mapping[str, Explanation] = {
    "unsupported_format": _source("It is no JSON, CSV or Parquet, plain or by gzip, zstd or bzip2."),
    "undecodable": _source("It is cut short, or broken as a whole."),
    "too_large": _again("It is larger than the limit.", "raise MAX_OBJECT_MB"),
    "decompression_bomb": _again(
        "It grows beyond the limits when it is decompressed.", "raise MAX_EXPANDED_MB or MAX_EXPANSION_RATIO"
    ),
    "nesting_too_deep": _source("Its JSON is nested deeper than 100 levels."),
    "missing_columns": _again("It has no column for a required one.", "name it in `columns` of the dataset"),
    "ambiguous_columns": _again("Several of its columns could be one.", "say which in `columns` of the dataset"),
    "symbol_from_key": _again("Its key does not fit the pattern.", "correct `symbol_from_key` of the dataset"),
    "records_path_missing": _again("It has no records there.", "correct `records_path` of the dataset"),
    "archived": _again("It lies in a storage class that cannot be read at once.", "restore it"),
    "internal_error": _again("It met a defect of etl_daemon.", "report it, and update"),
    "unreadable": Explanation("The file cannot be opened.", "check its name and rights"),
    "reject_share": _again("More of its rows are unfit than is allowed.", "correct the rules or REFUSE_ABOVE_SHARE"),
    "delivery_incomplete": _source("Another object of its delivery was refused."),
    "value_rejected": _source("The destination did not take a value of it."),
    "older_delivery": Explanation("A newer delivery was loaded before it.", "nothing"),
    "column_type": _source("It has values that a column of the table does not hold."),
    "extra_columns": _again("It has columns that a frozen table does not have.", "allow them in the dataset"),
    "column_name": _source("It has a column whose name is kept for the daemon, or too long."),
    "too_many_columns": _source("It has more columns than a table may have, or brings it above that."),
}
"""Why an object was refused as a whole."""

_AT = {"symbol": "AAPL", "timestamp": "2026-01-02T15:30:00Z"}
_FIT: Mapping[str, Mapping[str, object]] = {
    "price_data": {**_AT, "open": 10, "high": 11, "low": 9, "close": 10.5, "volume": 700},
    "technical_indicators": {**_AT, "rsi": 55.5, "macd": 0.4, "sma_20": 10.1, "sma_50": 9.8},
    "anomalies": {**_AT, "anomaly_type": "price_outlier", "severity": "high", "value": 99.5},
}
_UNFIT: Mapping[str, tuple[str, str, object]] = {
    "missing_field": ("price_data", "close", None),
    "symbol_format": ("price_data", "symbol", "AAPL US"),
    "timestamp_invalid": ("price_data", "timestamp", "2026-02-30"),
    "timestamp_future": ("price_data", "timestamp", "2062-01-02T15:30:00Z"),
    "price_not_numeric": ("price_data", "close", "n/a"),
    "price_range": ("price_data", "low", 0.001),
    "ohlc_relation": ("price_data", "low", 10.2),
    "volume_invalid": ("price_data", "volume", True),
    "volume_negative": ("price_data", "volume", -700),
    "scale_overflow": ("price_data", "volume", 1e21),
    "rsi_range": ("technical_indicators", "rsi", 101),
    "macd_invalid": ("technical_indicators", "macd", "NaN"),
    "sma_not_positive": ("technical_indicators", "sma_20", 0),
    "severity_unknown": ("anomalies", "severity", "severe"),
    "value_invalid": ("anomalies", "value", "high"),
}
"""Per reason of a row: a dataset, one of its columns, and a value there that gives it."""


def example(reason: str) -> str:
    """A row as JSON that is rejected for this reason alone; nothing where it depends on more than the row."""
    if reason == "undecodable":
        return json.dumps(_FIT["price_data"])[:40]
    if reason not in _UNFIT:
        return ""
    dataset, column, value = _UNFIT[reason]
    return json.dumps({**_FIT[dataset], column: value})


UNKNOWN = Explanation("There is no explanation of this code.", "see docs/rules.md")
