"""The type of a column of text by all its values: the narrowest that stands for each of them exactly."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core.datasets import INSTANT
from etl_daemon.core.tables.exact import TextForms, exact_cast
from etl_daemon.core.tables.exact_numbers import same_number, without_separators
from etl_daemon.core.tables.plaintext import JSON, is_json, plain_text

INFERRED = pa.decimal128(38, 18)
"""What decimals become wherever it holds them, so that objects agree: 20 digits before the point, 18 after it."""

UTC_INSTANT = pa.timestamp("us", "UTC")

_WHOLE = r"(0|[1-9][0-9]*)"
_DECIMAL = rf"-?({_WHOLE}(\.[0-9]+)?|\.[0-9]+)"
_PATTERNS = {
    "integer": r"^(0|-?[1-9][0-9]*)$",
    "number": rf"^{_DECIMAL}$",
    "double": rf"^{_DECIMAL}([eE][+-]?[0-9]{{1,3}})?$",
}
_FORMS = (*_PATTERNS, "boolean", "instant")
_FIRST = 64  # rows: text mostly shows itself as such in its first values
_SHORT = 15  # characters: a double stands for every number that short, if it has no exponent
_KINDS = {'"': "string", "t": "boolean", "f": "boolean", "{": "nested", "[": "nested"}


class CellEvidence:
    """What the cells of a CSV column, as many as were seen, can be."""

    def __init__(self, forms: TextForms, possible: tuple[str, ...] = _FORMS) -> None:
        self._forms = forms
        self._possible = dict.fromkeys(possible)
        self._booleans: set[str] = set()
        self._whole = self._fraction = 0
        self._dates = True
        self._small = True
        self._any = False

    def add(self, column: pa.ChunkedArray) -> None:
        """Take note of a column of text; empty cells are null."""
        for chunk in column.chunks:
            text = chunk.drop_null()
            for part in (text[:_FIRST], text):
                self._narrow(part)
            self._any = self._any or len(text) > 0

    def type(self) -> pa.DataType:
        """The narrowest type that holds all values; null where there was none."""
        if not self._any:
            return pa.null()
        found = next((make() for name, make in self._types().items() if name in self._possible and make()), None)
        return found or pa.string()

    def values(self, column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
        """The cells in the type that ``type`` gave."""
        if pa.types.is_integer(type_) or pa.types.is_decimal(type_) or pa.types.is_floating(type_):
            return self._plain(column).cast(type_)
        return exact_cast(column, type_, self._forms).values

    def _types(self) -> dict[str, Callable[[], pa.DataType | None]]:
        return {
            "boolean": lambda: pa.bool_() if len(self._booleans) > 1 else None,
            "integer": self._integer,
            "number": self._decimal,
            "double": pa.float64,
            "instant": lambda: pa.date32() if self._dates else UTC_INSTANT,
        }

    def _integer(self) -> pa.DataType | None:
        if self._small:
            return pa.int64()
        return pa.decimal128(38, 0) if self._whole <= 38 else None

    def _decimal(self) -> pa.DataType | None:
        if self._whole <= INFERRED.precision - INFERRED.scale and self._fraction <= INFERRED.scale:
            return INFERRED
        return pa.decimal128(38, self._fraction) if self._whole + self._fraction <= 38 else None

    def _plain(self, text: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
        return without_separators(text) if self._forms.thousands_separators else text

    def _narrow(self, text: pa.StringArray) -> None:
        numeric = self._plain(text)
        plain = False
        for name in [name for name in _PATTERNS if name in self._possible]:
            if _all(pc.match_substring_regex(numeric, _PATTERNS[name])):
                plain = name != "double"
                break  # each pattern holds whatever the one before it holds
            del self._possible[name]
        if "double" in self._possible:
            self._check_doubles(numeric, plain=plain)
        if "number" in self._possible:
            self._measure(numeric)
        if "boolean" in self._possible:
            self._note_booleans(text)
        if "instant" in self._possible:
            self._note_instants(text)

    def _check_doubles(self, text: pa.StringArray, *, plain: bool) -> None:
        """Whether doubles stand for all these numbers; ``plain`` ones have no exponent."""
        long = text.filter(pc.greater(pc.binary_length(text), _SHORT)) if plain else text
        if len(long) and not _all(same_number(long, long.cast(pa.float64()))):
            del self._possible["double"]

    def _measure(self, text: pa.StringArray) -> None:
        """Digits before and after the point."""
        digits = pc.utf8_ltrim(text, "-")
        point, length = pc.find_substring(digits, "."), pc.binary_length(digits)
        whole = pc.if_else(pc.less(point, 0), length, point)
        fraction = pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(length, point), 1))
        self._whole = max(self._whole, pc.max(whole).as_py() or 0)
        self._fraction = max(self._fraction, pc.max(fraction).as_py() or 0)
        if "integer" in self._possible and self._small and self._whole > 18:
            self._small = not exact_cast(pa.chunked_array([text]), pa.int64()).misfit.any()

    def _note_booleans(self, text: pa.StringArray) -> None:
        self._booleans |= set(pc.unique(pc.utf8_lower(text)).to_pylist()[:3])
        if not self._booleans <= {"true", "false"}:
            del self._possible["boolean"]

    def _note_instants(self, text: pa.StringArray) -> None:
        if exact_cast(pa.chunked_array([text]), INSTANT, self._forms).misfit.any():
            del self._possible["instant"]
        elif self._dates:
            self._dates = _all(pc.match_substring_regex(text, r"^[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}$"))


class JsonEvidence:
    """What the values of a JSON column, as many as were seen, can be. Each is JSON text, or null."""

    def __init__(self, forms: TextForms) -> None:
        self._forms = forms
        self._kinds: set[str] = set()
        self._strings = CellEvidence(forms, ("instant",))
        self._numbers = CellEvidence(TextForms(), tuple(_PATTERNS))

    def add(self, column: pa.ChunkedArray) -> None:
        """Take note of a column of JSON text."""
        for chunk in column.chunks:
            text = chunk.cast(pa.string()).drop_null()
            first = pc.utf8_slice_codeunits(text, 0, 1)
            self._kinds |= {_KINDS.get(mark, "number") for mark in pc.unique(first).to_pylist()}
            if self._kinds == {"string"}:
                self._strings.add(pa.chunked_array([plain_text(text.cast(JSON))]))
            elif self._kinds == {"number"}:
                self._numbers.add(pa.chunked_array([text]))

    def type(self) -> pa.DataType:
        """The type of strings, numbers or booleans, where all are of one kind; else JSON."""
        if not self._kinds:
            return pa.null()
        if self._kinds == {"string"}:
            return self._strings.type()
        if self._kinds == {"boolean"}:
            return pa.bool_()
        found = self._numbers.type() if self._kinds == {"number"} else JSON
        return JSON if pa.types.is_string(found) else found

    def values(self, column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
        """The values in the type that ``type`` gave."""
        if is_json(type_):
            return column
        text = pa.chunked_array([plain_text(chunk) for chunk in column.chunks], pa.string())
        return self._numbers.values(text, type_) if self._kinds == {"number"} else self._strings.values(text, type_)


class DeclaredEvidence:
    """A column whose type the operator has said: it stays text, or JSON where that is its type."""

    def __init__(self, type_: pa.DataType) -> None:
        self._json = is_json(type_)

    def add(self, column: pa.ChunkedArray) -> None:
        """Nothing needs to be seen."""

    def type(self) -> pa.DataType:
        """Text; JSON stays what it is where it should be JSON."""
        return JSON if self._json else pa.string()

    def values(self, column: pa.ChunkedArray, _type: pa.DataType) -> pa.ChunkedArray:
        """The values as they are written."""
        if self._json or pa.types.is_string(column.type):
            return column
        return pa.chunked_array([plain_text(chunk) for chunk in column.chunks], pa.string())


Evidence = CellEvidence | JsonEvidence | DeclaredEvidence


def _all(mask: pa.BooleanArray | pa.ChunkedArray) -> bool:
    return bool(pc.all(mask, min_count=0).as_py())
