"""The contests, by name: each a function from what it is given to heats, one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.contests import against_dlt, cycle, extraction, growth, kernel, small, transformer, write_pandas
from benchmarks.race import Heats

CONTESTS: Mapping[str, Heats] = {
    "transformer": transformer.heats,
    "kernel": kernel.heats,
    "cycle": cycle.heats,
    "formats": cycle.formats,
    "small": small.heats,
    "dlt": against_dlt.heats,
    "growth": growth.heats,
    "write_pandas": write_pandas.heats,
    "extraction": extraction.heats,
}
