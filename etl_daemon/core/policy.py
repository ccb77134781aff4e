"""Limits and choices as values: what the rules, the reader and the retries go by."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

SYMBOL_PATTERNS = {
    "us_equity": r"^[A-Z]{1,5}$",
    "us_equity_classes": r"^[A-Z]{1,5}([.\-][A-Z]{1,2})?$",
    "crypto_pair": r"^[A-Z0-9]{2,12}[-/]?[A-Z0-9]{2,6}$",
    "any": r"^\S.{0,63}$",
}
"""Named presets for ``SYMBOL_PATTERN``."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a row must hold to be loaded, and when it is flagged.

    Prices and volumes are in the units of the source; ``move_percent`` is in percent of the open; ``outlier_z`` is the
    robust z-score 0.6745 |x - median| / MAD (Iglewicz and Hoaglin, 1993) from which a price counts as an outlier.
    """

    min_price: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(1_000_000)
    min_volume: Decimal = Decimal(0)
    min_rsi: Decimal = Decimal(0)
    max_rsi: Decimal = Decimal(100)
    symbol_pattern: str = SYMBOL_PATTERNS["us_equity"]
    scale_overflow: Literal["round", "quarantine"] = "round"
    timezone: str = "UTC"
    move_percent: float = 20.0
    outlier_method: Literal["mad", "quantile"] = "mad"
    outlier_z: float = 3.5
    outlier_min_rows: int = 20


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much of an object is read before it is refused; sizes in bytes.

    ``typed_bytes``: rows that are kept while the types of their columns are found; an object with more is parsed twice.
    """

    max_object_bytes: int = 8 * 2**30
    max_expanded_bytes: int = 64 * 2**30
    max_expansion_ratio: float = 200.0
    max_nesting: int = 100
    max_record_bytes: int = 16 * 2**20
    typed_bytes: int = 2**28


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a call to a dependency is made again; times in seconds."""

    attempts: int = 3
    delay_seconds: float = 5.0
    max_delay_seconds: float = 60.0
    timeout_seconds: float = 300.0
