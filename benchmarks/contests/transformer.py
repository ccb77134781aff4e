"""`DataTransformer.validate_and_clean_price_data` on a dirty frame, against vectorised pandas and against pandera."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmarks.contests.pandas_idiom import validate
from benchmarks.data import write_prices
from benchmarks.processes import worker
from benchmarks.race import OURS, Bound, Contender, Given, Heat
from etl_daemon import DataTransformer

PANDAS, PANDERA = "vectorised pandas", "pandera, lazy"


def heats(given: Given) -> Iterator[Heat]:
    """One, with pandera in a process of its own."""
    rows = given.size(1_000_000, 100_000)
    path = given.folder / "prices.whole.json"
    write_prices(path, rows)
    with path.open() as lines:
        frame = pd.DataFrame(map(json.loads, lines))
    results: dict[str, Any] = {}
    transformer = DataTransformer()

    def ours() -> None:
        _, results[OURS] = transformer.validate_and_clean_price_data(frame)

    def idiom() -> None:
        *_, results[PANDAS] = validate(frame)

    with worker("validate_by_pandera.py", str(path)) as pandera:
        failing = pandera.ask()[-1]

        def check() -> None:
            expected = {name: value for name, value in results[OURS].items() if value or name in results[PANDAS]}
            assert results[PANDAS] == expected, (results[PANDAS], expected)
            assert failing == results[OURS]["invalid_records"], (failing, results[OURS])

        contenders = (
            Contender(OURS, rows, ours),
            Contender(PANDAS, rows, idiom),
            Contender(PANDERA, rows, pandera.work),
        )
        bounds = (Bound(PANDAS, 4.0), Bound(PANDERA, 20.0))
        yield Heat("validate and clean a frame of prices", contenders, bounds, check)
