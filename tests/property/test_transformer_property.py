"""What holds for every frame: nothing is lost or changed, and no row's verdict depends on its neighbours."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from etl_daemon import DataTransformer
from etl_daemon.core.rules.reasons import CODES
from tests.support.rows import NOW

NAN = float("nan")
SYMBOLS = ["AAPL", " aapl ", "msft", "NA", "nan", "1", "", None, True, NAN]
TIMES = ["2026-01-02", "2026-01-02T00:00:00Z", 20260102, 1767312000.0, "2026-01-03", "x", None, True, "2027-01-01"]
PRICES = [
    10.0,
    "10.25",
    9,
    Decimal("9.5"),
    11,
    "12",
    0,
    "x",
    "1,000",
    None,
    NAN,
    True,
    float("inf"),
    b"10",
    np.float32(10),
]
VOLUMES = [0, "0.5", 10**12, -1, "x", None, True, 1e20]
INDEX = st.sampled_from(["range", "same", "text", "pairs"])
OFTEN = {"symbol": 3, "timestamp": 5, "volume": 3}


def cell(name: str, values: list[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.sampled_from(values[: OFTEN.get(name, 5)]), st.sampled_from(values))


CELLS = {
    "symbol": SYMBOLS,
    "timestamp": TIMES,
    **dict.fromkeys(("open", "high", "low", "close"), PRICES),
    "volume": VOLUMES,
}
ROWS = st.lists(st.fixed_dictionaries({name: cell(name, values) for name, values in CELLS.items()}), max_size=10)


def frame(rows: list[dict[str, object]], index: str = "range") -> pd.DataFrame:
    columns = {name: pd.Series([row[name] for row in rows], dtype=object) for name in CELLS}
    made = pd.DataFrame({**columns, "tag": range(len(rows))})
    if index == "same":
        return made.set_index(pd.Index([7] * len(rows)))
    if index == "text":
        return made.set_index(pd.Index([chr(97 + row % 3) for row in range(len(rows))], dtype=object))
    return made.set_index(["tag", "tag"], drop=False).rename_axis(["one", "two"]) if index == "pairs" else made


def verdicts(given_frame: pd.DataFrame) -> tuple[dict[int, str], pd.DataFrame, dict[str, int]]:
    """Reasons by tag, ``kept`` where the row stayed; the clean rows; the counts."""
    transformer = DataTransformer(clock=lambda: NOW)
    clean, stats = transformer.validate_and_clean_price_data(given_frame)
    found = dict(zip(transformer.quarantined["tag"], transformer.quarantined["reasons"], strict=True))
    return {**found, **dict.fromkeys(clean["tag"], "kept")}, clean, stats


@given(ROWS, INDEX)
def test_every_row_is_kept_rejected_or_superseded_and_the_input_is_untouched(rows, index) -> None:
    given_frame = frame(rows, index)
    before = given_frame.copy(deep=True)
    found, clean, stats = verdicts(given_frame)

    pd.testing.assert_frame_equal(given_frame, before)
    assert stats["total_records"] == len(rows)
    assert len(rows) == stats["valid_records"] + stats["invalid_records"] + stats["duplicate_records"]
    assert (stats["valid_records"], stats["invalid_records"]) == (len(clean), len(found) - len(clean))
    assert stats["missing_values"] == sum(pd.isna(value) or value == "" for row in rows for value in row.values())
    texts = [reasons.split(",") for reasons in found.values() if reasons != "kept"]
    assert {code: sum(code in text for text in texts) for code in CODES} == {code: stats[code] for code in CODES}
    assert all(text == sorted(text, key=CODES.index) for text in texts)


@given(ROWS, INDEX)
def test_kept_rows_hold_their_own_values_one_per_key(rows, index) -> None:
    given_frame = frame(rows, index)
    _, clean, _ = verdicts(given_frame)

    assert not clean.duplicated(["symbol", "timestamp"]).any()
    for label, tag, symbol, close in zip(clean.index, clean["tag"], clean["symbol"], clean["close"], strict=True):
        row = rows[tag]
        assert label == given_frame.index[tag]
        assert symbol == row["symbol"].strip().upper()
        assert close == float(row["close"])


@given(ROWS, st.randoms(use_true_random=False))
def test_a_rows_verdict_is_its_own(rows, random) -> None:
    whole = frame(rows)
    found, _, _ = verdicts(whole)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled, _, _ = verdicts(whole.iloc[order])
    alone = {tag: verdicts(whole.iloc[[tag]])[0][tag] for tag in order}

    assert {tag: text for tag, text in found.items() if text != "kept"} == {
        tag: text for tag, text in shuffled.items() if text != "kept"
    }
    assert {tag for tag, text in alone.items() if text == "kept"} >= {
        tag for tag, text in found.items() if text == "kept"
    }
    assert {tag: text for tag, text in alone.items() if text != "kept"} == {
        tag: text for tag, text in found.items() if text != "kept"
    }


@given(ROWS, st.integers(0, 10))
def test_the_last_fit_row_of_a_key_stays_however_the_frame_is_cut(rows, cut) -> None:
    whole = frame(rows)
    _, clean, _ = verdicts(whole)
    parts = pd.concat([verdicts(part)[1] for part in (whole.iloc[:cut], whole.iloc[cut:]) if len(part)] or [clean])
    last = parts.drop_duplicates(["symbol", "timestamp"], keep="last")

    assert last["tag"].tolist() == clean["tag"].tolist()


@given(ROWS)
def test_clean_rows_are_clean_and_flags_change_nothing(rows) -> None:
    transformer = DataTransformer(clock=lambda: NOW)
    clean, _ = transformer.validate_and_clean_price_data(frame(rows))
    again, stats = transformer.validate_and_clean_price_data(clean)
    pd.testing.assert_frame_equal(again, clean, check_dtype=False)
    assert stats["valid_records"] == stats["total_records"]

    enriched = transformer.enrich_data(clean, "price_data")
    found = transformer.detect_anomalies(enriched, "price_data")
    pd.testing.assert_frame_equal(clean, again, check_dtype=False)
    pd.testing.assert_frame_equal(enriched[clean.columns], clean)
    moved = enriched[enriched["price_change_percent"].abs() >= 20]
    assert found["value"].tolist() == moved["price_change_percent"].tolist()
    assert transformer.detect_anomalies(clean, "price_data").equals(found)


@given(st.lists(st.tuples(st.integers(10**6, 10**14), st.integers(0, 8)), min_size=1, max_size=20))
def test_prices_of_eight_decimals_are_the_floats_of_their_text(numbers) -> None:
    texts = [f"{Decimal(units - units % 10**places).scaleb(-8):f}" for units, places in numbers]
    given_frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), texts))
    clean, _ = DataTransformer(clock=lambda: NOW).validate_and_clean_price_data(
        given_frame.assign(symbol="A", timestamp=range(len(texts)))
    )
    kept = [text for text in texts if Decimal("0.01") <= Decimal(text)]

    assert clean["close"].tolist() == clean["volume"].tolist() == [float(text) for text in kept]
