"""What dbt leaves behind of a run, as outcomes: ``run_results.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etl_daemon.core.medallion.modelling import ModelOutcome
from etl_daemon.errors import EtlError, SetupError, TransientError

DBT = "dbt"

MADE = frozenset({"model", "seed", "snapshot"})
"""Kinds of node that are told of each; of the others, which are tests, those that found something."""

WELL = frozenset({"success", "pass", "no-op"})
SKIPPED = "skipped"


def outcomes(target: Path) -> list[ModelOutcome]:
    """A line per model, seed and snapshot, and per test that did not pass; in the order in which they ended.

    Raises:
        TransientError: there are no results that can be read.
    """
    try:
        results = json.loads((target / "run_results.json").read_bytes())["results"]
        return list(_lines(results))
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise TransientError(f"dbt left no results in {target}: {error!r}.", hint="run it again") from error


def count_tests(target: Path) -> int:
    """How many tests were made; those that were skipped say nothing."""
    results = json.loads((target / "run_results.json").read_bytes())["results"]
    return sum(_kind(each) not in MADE and each["status"] != SKIPPED for each in results)


def _lines(results: list[dict[str, Any]]) -> Iterator[ModelOutcome]:
    for each in results:
        made, status = _kind(each) in MADE, str(each["status"])
        if not made and (status in WELL or status == SKIPPED):
            continue
        name = str(each["unique_id"]).split(".", 2)[2]
        yield ModelOutcome(DBT, name, float(each["execution_time"]), _counts(each), _error(each, status))


def _kind(result: dict[str, Any]) -> str:
    return str(result["unique_id"]).partition(".")[0]


def _counts(result: dict[str, Any]) -> dict[str, int]:
    rows = (result.get("adapter_response") or {}).get("rows_affected")
    found = {"rows": rows, "failures": result.get("failures")}
    return {name: int(count) for name, count in found.items() if isinstance(count, int) and count >= 0}


def _error(result: dict[str, Any], status: str) -> EtlError | None:
    if status in WELL or status == "warn":
        return None
    if status == SKIPPED:
        return SetupError("It was left out, since one that it is made of failed.", hint="mend that one first")
    said = " ".join(str(result.get("message") or status).split())
    return SetupError(f"{said}.".replace("..", "."), hint="dbt's log has more of it: logs/dbt.log in ETL_STATE_DIR/dbt")
