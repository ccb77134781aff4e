"""Pieces of text, or of JSON text, in types that hold for their object as a whole, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa

from etl_daemon.adapters.decode.pieces import Piece
from etl_daemon.adapters.decode.table_lines import ROWS
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.tables.exact import TextForms
from etl_daemon.core.tables.inference import CellEvidence, DeclaredEvidence, Evidence, JsonEvidence
from etl_daemon.core.tables.plaintext import is_json


def typed(read: Callable[[], Iterator[Piece]], dataset: Dataset, forms: TextForms, held_bytes: int) -> Iterator[Piece]:
    """The same pieces in the types that all values of the object have in common.

    ``read`` gives the object's pieces from the beginning, each time that it is called. Rows of up to ``held_bytes``
    are kept between the two readings; an object with more is parsed twice.
    """
    evidence: dict[str, Evidence] = {}
    held: list[Piece] = []
    size = 0
    for piece in read():
        for name in [name for name in piece.table.column_names if name != ROWS]:
            _evidence(evidence, name, piece.table.schema.field(name).type, (dataset, forms)).add(piece.table[name])
        size += piece.size
        held = [*held, piece] if size <= held_bytes else []
    types = {name: seen.type() for name, seen in evidence.items()}
    for piece in held if size <= held_bytes else read():
        yield _in_types(piece, evidence, types)


def _evidence(known: dict[str, Evidence], name: str, type_: pa.DataType, how: tuple[Dataset, TextForms]) -> Evidence:
    dataset, forms = how
    if name not in known:
        if name in dataset.types:
            known[name] = DeclaredEvidence(dataset.types[name])
        else:
            known[name] = JsonEvidence(forms) if is_json(type_) else CellEvidence(forms)
    return known[name]


def _in_types(piece: Piece, evidence: dict[str, Evidence], types: dict[str, pa.DataType]) -> Piece:
    rows, table = piece.table.num_rows, piece.table
    columns = {
        name: seen.values(table[name], types[name]) if name in table.column_names else pa.nulls(rows, types[name])
        for name, seen in evidence.items()
    }
    return replace(piece, table=pa.table(columns or {ROWS: pa.nulls(rows)}))
