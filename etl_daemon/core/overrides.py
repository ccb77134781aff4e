"""Other modes and tables for one run: what ``once --obj`` asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.upstream.extraction import loading

EXAMPLE = '{"MARKET_DATA.PRICE_DATA":"INCREMENTAL;_DELTA"}'
_SUFFIX = re.compile(r"[A-Z0-9_$]+")


def overridden(datasets: Sequence[Dataset], text: str, taken: Collection[str]) -> tuple[Dataset, ...]:
    """The datasets, with the modes and tables that a JSON object gives: name or table to ``MODE`` or ``MODE;SUFFIX``.

    A suffix leads to a table beside the dataset's own, with a ledger and a cursor of its own. ``taken`` tables are
    others' already.

    Raises:
        ValueError: it is no such object; the message lists what there is.
    """
    asked: dict[str, Dataset] = {}
    for key, value in _pairs(text).items():
        dataset = _named(datasets, key)
        if dataset.name in asked:
            raise ValueError(f"It names {dataset.name} twice.")
        asked[dataset.name] = _changed(dataset, value, taken)
    tables = [dataset.table for dataset in asked.values()]
    if len(set(tables)) < len(tables):
        raise ValueError(f"Each needs a table of its own, not {' and '.join(tables)}.")
    return tuple(asked.get(dataset.name, dataset) for dataset in datasets)


def _pairs(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"It is no JSON ({error}); an example is {EXAMPLE}") from error
    if not isinstance(found, dict) or not found or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(f"It should be a JSON object of names and modes, such as {EXAMPLE}")
    return found


def _named(datasets: Sequence[Dataset], key: str) -> Dataset:
    """By name, SCHEMA.TABLE or DATABASE.SCHEMA.TABLE, in any case."""
    for dataset in datasets:
        names = (dataset.name.upper(), dataset.table, dataset.table.partition(".")[2])
        if key.strip().upper() in names:
            return dataset
    there = ", ".join(f"{dataset.name} ({dataset.table})" for dataset in datasets)
    raise ValueError(f"There is no dataset or table {key}; there are {there}.")


def _changed(dataset: Dataset, value: str, taken: Collection[str]) -> Dataset:
    word, separator, suffix = (part.strip().upper() for part in value.partition(";"))
    if word not in list(Mode):
        raise ValueError(f"There is no mode {word or repr(value)} for {dataset.name}; there are {', '.join(Mode)}.")
    changed = replace(dataset, mode=Mode(word))
    changed = loading(changed) if dataset.extracted else changed
    dated = changed.by_timestamp and bool(changed.instant)
    if changed.mode in {Mode.UPSERT, Mode.INCREMENTAL} and not (changed.key or dated):
        raise ValueError(f"{word} needs a primary_key, which {dataset.name} has not.")
    if not separator:
        return changed
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError(
            f"The suffix {suffix!r} for {dataset.name} should be letters, digits, _ and $, such as _DELTA."
        )
    table = dataset.table + suffix
    if table in taken:
        raise ValueError(f"The suffix {suffix} for {dataset.name} leads to {table}, which another dataset has.")
    return replace(changed, table=table, cursor=f"{dataset.name};{suffix}")
