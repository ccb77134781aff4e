"""Symbols: words that other readers take for nulls and booleans are tickers, and what is no text is none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.core.policy import SYMBOL_PATTERNS
from etl_daemon.core.rules.symbols import encode_text, parse_symbols

EQUITY = SYMBOL_PATTERNS["us_equity"]


def fits(preset: str, text: str) -> bool:
    parsed = parse_symbols(pa.array([text]), SYMBOL_PATTERNS[preset])
    return not (parsed.invalid | parsed.missing)[0]


def read(column: pa.Array | pa.ChunkedArray) -> list[str | None]:
    """What each row's symbol is: None where missing, ``!`` where it does not fit."""
    parsed = parse_symbols(column, EQUITY)
    names = parsed.dictionary.to_pylist()
    states = zip(parsed.codes.tolist(), parsed.missing.tolist(), parsed.invalid.tolist(), strict=True)
    return [None if missing else "!" if invalid else names[code] for code, missing, invalid in states]


@pytest.mark.parametrize("ticker", ["NA", "NAN", "TRUE", "FALSE", "INF", "NAT", "NULL", "NONE", "ON", "NO", "N", "A"])
def test_words_that_look_like_nulls_and_booleans_are_tickers(ticker):
    assert read(pa.array([ticker, ticker.lower(), f" {ticker.title()}\t"])) == [ticker] * 3


@pytest.mark.parametrize("blank", [None, "", " ", "\t\r\n", "\u00a0", "\u3000"])
def test_nulls_and_blanks_are_missing_not_invalid(blank):
    parsed = parse_symbols(pa.array([blank, "AAPL"], pa.string()), EQUITY)

    assert parsed.missing.tolist() == [True, False]
    assert parsed.invalid.tolist() == [False, False]
    assert parsed.codes[0] == -1


@pytest.mark.parametrize(
    "text",
    [
        "AAPLXX",
        "BRK.B",
        "BRK-A",
        "ABR^D",
        "A1",
        "A B",
        "A\nB",
        "\uff21\uff21",
        "\u00c4",
        "A\u0000",
        "7203",
        "A,B",
        "'A'",
    ],
)
def test_what_the_pattern_does_not_match_as_a_whole_is_invalid(text):
    assert read(pa.array([text])) == ["!"]


@pytest.mark.parametrize(
    ("preset", "good", "bad"),
    [
        ("us_equity", ["A", "AAPL", "GOOGL"], ["BRK.B", "GOOGLX", "BTC-USD", "7203"]),
        ("us_equity_classes", ["AAPL", "BRK.B", "BRK-A", "rds.a"], ["ABR^D", "BRK.", ".B", "BRK.BBB", "TOOLONG.B"]),
        (
            "crypto_pair",
            ["BTCUSDT", "BTC-USD", "eth/btc", "1INCH-USD"],
            ["BTC_USD", "BTC--USD", "B", "-USD"],
        ),
        ("any", ["^GSPC", "EURUSD=X", "7203.T", "BRK B", "\u65e5\u7d4c", "X" * 64], ["X" * 65]),
    ],
)
def test_presets(preset, good, bad):
    assert [text for text in good if not fits(preset, text)] == []
    assert [text for text in bad if fits(preset, text)] == []


def test_a_pattern_without_anchors_matches_the_whole_too():
    assert parse_symbols(pa.array(["7203", "72035", "x7203"]), r"\d{4}|\d").invalid.tolist() == [False, True, True]


def test_spellings_of_one_symbol_share_a_code():
    parsed = parse_symbols(pa.array([" aapl ", "AAPL", "msft", None, "Aapl", "MSFT\n"]), EQUITY)

    assert parsed.codes.dtype == np.int32
    assert parsed.codes[[0, 1, 4]].tolist() == [parsed.codes[0]] * 3
    assert parsed.codes[2] == parsed.codes[5] != parsed.codes[0]
    assert parsed.dictionary.to_pylist() == list(dict.fromkeys(parsed.dictionary.to_pylist()))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_any_kind_of_text_reads_alike(kind):
    column = pa.array(["AAPL", None, " nan ", "x1", ""], kind if not pa.types.is_dictionary(kind) else pa.string())
    column = column.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else column

    assert read(column) == ["AAPL", None, "NAN", "!", None]
    assert read(column.slice(1, 3)) == [None, "NAN", "!"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False]),
        pa.array([True, False]).dictionary_encode(),
        pa.array([float("inf"), float("nan")]),
        pa.array([float("inf"), float("nan")]).dictionary_encode(),
        pa.array([7203, 1]),
        pa.array([1.5, -float("inf")]),
    ],
)
def test_booleans_and_numbers_are_no_tickers_whatever_they_print_as(column):
    assert read(column) == ["!", "!"]


def test_chunks_with_dictionaries_of_their_own():
    first, second = pa.array(["MSFT", "AAPL"]).dictionary_encode(), pa.array(["AAPL", None]).dictionary_encode()

    assert read(pa.chunked_array([first, second])) == ["MSFT", "AAPL", "AAPL", None]
    assert read(pa.chunked_array([], pa.string())) == []
    assert read(pa.nulls(2)) == [None, None]


def test_a_null_within_the_dictionary_is_missing():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array([None, "AAPL"]))

    assert read(column) == [None, "AAPL", None]
    assert encode_text(column).to_pylist() == [None, "AAPL", None]


def test_text_is_encoded_as_it_is():
    assert encode_text(pa.array([" a ", None, "", "A"])).to_pylist() == [" a ", None, "", "A"]
    assert encode_text(pa.array([1, None])).to_pylist() == ["1", None]
