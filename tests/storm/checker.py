"""``checker.py MANIFEST DESTINATION STORY``: compares what was written with what a destination holds.

A program of its own. Of the package and of what its tests share it imports nothing, so that an error there is not made
here again. MANIFEST has a line of JSON per object version that was written:

    {"dataset", "key", "etag", "modified": "2026-01-05T12:00:00.123000", "refused": false, "lines": [[text, fit], ...]}

DESTINATION is JSON: ``{"duckdb": PATH}`` or ``{"snowflake": {arguments of connect}}``; STORY has what is to be said of
the storm. Standard output is the report; the exit code is 0 only if nothing is lost, doubled or wrong.

What must be there follows from the manifest and three sentences. APPEND: of each key, the fit rows of its last
version. UPSERT: of those, per symbol and timestamp the one of the greatest (modified, key, row). FULL: the same as
UPSERT, and the ledger has the last versions only. The script of the storm keeps away from the one exception to the
second, rows that a winner loses when it is restated: what restates an object has all of its keys again.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

TABLES = {"price_data": "PRICE_DATA", "ticks": "TICKS", "roster": "ROSTER"}
APPENDED, REPLACED = {"ticks"}, {"roster"}
LOST, DOUBLED, WRONG = "lost", "doubled", "wrong"
SHOWN = 20
VALUES = ("open", "high", "low", "close", "volume")
JUMP_PERCENT = 20

QUERIES = {
    **{
        dataset: "SELECT _OBJECT_KEY, _OBJECT_ROW, SYMBOL, TIMESTAMP, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, CLOSE_PRICE, "
        f"VOLUME, PRICE_CHANGE, _OBJECT_MODIFIED FROM MARKET_DATA.{table}"
        for dataset, table in TABLES.items()
    },
    "anomalies": "SELECT DETECTED_BY, _OBJECT_KEY, SYMBOL, TIMESTAMP FROM ANALYTICS.ANOMALIES "
    "WHERE ANOMALY_TYPE = 'extreme_price_movement'",
    "ledger": "SELECT DATASET, KEY, ETAG, VERSION, OUTCOME, ROWS_READ, ROWS_LOADED, ROWS_QUARANTINED, ROWS_SUPERSEDED, "
    "ROWS_FILTERED, ROWS_REPLACED FROM ETL_CONTROL.ETL_OBJECTS",
    "quarantine": "SELECT DATASET, OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW, RAW FROM ETL_CONTROL.ETL_QUARANTINE",
    "batches": "SELECT DATASET, ROWS_READ, ROWS_LOADED, ROWS_QUARANTINED FROM ETL_CONTROL.ETL_BATCHES",
}

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Version:
    """An object as it was written once."""

    dataset: str
    key: str
    etag: str
    modified: datetime
    refused: bool
    lines: Sequence[tuple[str, bool]]

    def fit(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Rows that must be loaded, with their numbers."""
        for number, (text, fit) in enumerate(self.lines, 1):
            if fit and not self.refused:
                yield number, json.loads(text)

    def unfit(self) -> Counter[tuple[int, str]]:
        """Rows that must be in the quarantine."""
        return Counter((number, text) for number, (text, fit) in enumerate(self.lines, 1) if not fit)


@dataclass
class Findings:
    """What is not as it should be."""

    counts: Counter[str] = field(default_factory=lambda: Counter({LOST: 0, DOUBLED: 0, WRONG: 0}))
    lines: list[str] = field(default_factory=list)

    def add(self, kind: str, what: str, times: int = 1) -> None:
        """Note it, if it is there at all."""
        if times > 0:
            self.counts[kind] += times
            self.lines.append(f"{kind}: {what}" + (f" ({times} times)" if times > 1 else ""))


@dataclass(frozen=True)
class Lesson:
    """The manifest, and what the destination holds."""

    versions: Sequence[Version]
    held: Mapping[str, Rows]

    def last(self, dataset: str) -> dict[str, Version]:
        """The last version of each key; of those that cannot be decoded, too."""
        return {version.key: version for version in self.versions if version.dataset == dataset}

    def known(self) -> dict[tuple[str, str], Version]:
        """All versions by key and tag."""
        return {(version.key, version.etag): version for version in self.versions}


def check(lesson: Lesson) -> Findings:
    """Compare all there is to compare."""
    findings = Findings()
    for dataset in TABLES:
        rows = expected_rows(dataset, lesson.last(dataset).values())
        check_rows(dataset, rows, lesson.held[dataset], findings)
        check_anomalies(dataset, lesson, findings)
        check_ledger(dataset, lesson, findings)
        check_batches(dataset, lesson, findings)
    check_quarantine(lesson, findings)
    return findings


# ---------------------------------------------------------------- rows

Place = tuple[str, int]


def expected_rows(dataset: str, versions: Iterable[Version]) -> dict[Place, tuple[Any, ...]]:
    """What the table must hold, by object key and row number."""
    best: dict[Any, tuple[Any, ...]] = {}
    for version in versions:
        for number, row in version.fit():
            place = (version.key, number)
            rank = (version.modified, *place)
            same = place if dataset in APPENDED else (row["symbol"], row["timestamp"])
            if same not in best or best[same][0] < rank:
                best[same] = (rank, place, (*values(row), version.modified))
    return {place: row for _, place, row in best.values()}


def values(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """A row's columns as the table has them."""
    numbers = [Decimal(str(row[name])) for name in VALUES]
    when = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=None)
    return (row["symbol"], when, *numbers, numbers[3] - numbers[0])


def check_rows(dataset: str, expected: Mapping[Place, tuple[Any, ...]], held: Rows, findings: Findings) -> None:
    """Each expected row is there once and as written, and no other."""
    times = Counter((key, int(number)) for key, number, *_ in held)
    for place in expected.keys() - times.keys():
        findings.add(LOST, f"{dataset} row {place}")
    for place, count in times.items():
        findings.add(DOUBLED, f"{dataset} row {place}", count - 1)
        if place not in expected:
            findings.add(WRONG, f"{dataset} has row {place}, which has no place there")
    for key, number, *row in held:
        wanted = expected.get((key, int(number)))
        if wanted is not None and tuple(row) != wanted:
            findings.add(WRONG, f"{dataset} row {(key, number)} is {row}, written was {list(wanted)}")


def check_anomalies(dataset: str, lesson: Lesson, findings: Findings) -> None:
    """Of each row in the table that jumps there is one anomaly, and no other."""
    wanted = Counter(
        (row[0], row[2], row[3])
        for row in lesson.held[dataset]
        if abs(row[9]) * 100 >= JUMP_PERCENT * row[4]
    )  # fmt: skip
    found = Counter(tuple(row[1:]) for row in lesson.held["anomalies"] if row[0] == f"etl_daemon:{dataset}")
    for each, times in (wanted - found).items():
        findings.add(LOST, f"{dataset} anomaly {each}", times)
    for each, times in (found - wanted).items():
        findings.add(DOUBLED if each in wanted else WRONG, f"{dataset} anomaly {each}", times)


# ---------------------------------------------------------------- control tables


def check_ledger(dataset: str, lesson: Lesson, findings: Findings) -> None:
    """Every last version is in the ledger, each version once, and its counts are those of what was written."""
    lines = [line for line in lesson.held["ledger"] if line[0] == dataset]
    entered = Counter((line[1], line[2]) for line in lines)
    last = {(version.key, version.etag) for version in lesson.last(dataset).values()}
    for each in last - entered.keys():
        findings.add(LOST, f"{dataset} ledger line of {each}")
    for each, times in entered.items():
        findings.add(DOUBLED, f"{dataset} ledger line of {each}", times - 1)
        if dataset in REPLACED and each not in last:
            findings.add(WRONG, f"{dataset} ledger line of {each}, which was replaced")
    known = lesson.known()
    for line in lines:
        problem = _miscounted(line, known.get((line[1], line[2])))
        findings.add(WRONG, f"{dataset} ledger line of {line[1]}: {problem}", int(bool(problem)))
    _check_presence(dataset, lines, lesson.held[dataset], findings)


def _miscounted(line: tuple[Any, ...], version: Version | None) -> str:
    if version is None:
        return "nobody wrote this version"
    read, loaded, quarantined, superseded, filtered = map(int, line[5:10])
    outcome = "refused" if version.refused else "loaded"
    if line[4] != outcome:
        return f"{line[4]}, should be {outcome}"
    if version.refused:
        return ""
    if read != loaded + quarantined + superseded + filtered:
        return f"{read} read are not {loaded} + {quarantined} + {superseded} + {filtered}"
    if (read, quarantined) != (len(version.lines), version.unfit().total()):
        return f"{read} read, {quarantined} quarantined; {len(version.lines)}, {version.unfit().total()} were written"
    return ""


def _check_presence(dataset: str, lines: Rows, held: Rows, findings: Findings) -> None:
    """Of each object there are as many rows as the ledger says."""
    said: Counter[str] = Counter()
    for line in lines:
        said[line[1]] += int(line[6]) - int(line[10])
    there = Counter(row[0] for row in held)
    for key in said.keys() | there.keys():
        if said[key] != there[key]:
            findings.add(WRONG, f"{dataset} has {there[key]} rows of {key}, the ledger says {said[key]}")


def check_batches(dataset: str, lesson: Lesson, findings: Findings) -> None:
    """Batches sum up to the ledger, where the ledger keeps all lines."""
    if dataset in REPLACED:
        return
    batches = [list(map(int, row[1:])) for row in lesson.held["batches"] if row[0] == dataset]
    lines = [list(map(int, line[5:8])) for line in lesson.held["ledger"] if line[0] == dataset]
    sums = [[sum(column) for column in zip(*rows, strict=True)] for rows in (batches, lines)]
    if sums[0] != sums[1]:
        findings.add(WRONG, f"{dataset}: batches say {sums[0]} read, loaded, quarantined; the ledger {sums[1]}")


def check_quarantine(lesson: Lesson, findings: Findings) -> None:
    """Of each version in the ledger all unfit rows are there once; what was replaced has none too many."""
    found: dict[tuple[str, str], Counter[tuple[int, str]]] = defaultdict(Counter)
    for _dataset, key, version, row, raw in lesson.held["quarantine"]:
        found[key, version][int(row), raw] += 1
    tags = {(line[1], line[3]): line[2] for line in lesson.held["ledger"]}
    known = lesson.known()
    for key, version in found.keys() | tags.keys():
        written = known.get((key, tags.get((key, version)) or _tag(version, known, key)))
        wanted = written.unfit() if written and not written.refused else Counter()
        there = found.get((key, version), Counter())
        if (key, version) in tags:
            for row, times in (wanted - there).items():
                findings.add(LOST, f"quarantined row {row} of {key}", times)
        for row, times in (there - wanted).items():
            findings.add(DOUBLED if row in wanted else WRONG, f"quarantined row {row} of {key}", times)


def _tag(version: str, known: Iterable[tuple[str, str]], key: str) -> str:
    return next((etag for of, etag in known if of == key and etag in version), "")


# ---------------------------------------------------------------- the program


def written(path: Path) -> list[Version]:
    """The versions of a manifest, in the order in which they were written."""
    made = []
    for line in path.read_text("utf-8").splitlines():
        entry = json.loads(line)
        entry["modified"] = datetime.fromisoformat(entry["modified"])
        entry["lines"] = [(text, fit) for text, fit in entry["lines"]]
        made.append(Version(**entry))
    return made


def holding(destination: Mapping[str, Any]) -> dict[str, Rows]:
    """What the destination holds."""
    if "duckdb" in destination:
        import duckdb

        with duckdb.connect(destination["duckdb"], read_only=True) as file:
            return _asked(lambda query: file.execute(query).fetchall())
    from snowflake.connector import connect

    with connect(**destination["snowflake"]) as connection:
        return _asked(lambda query: connection.cursor().execute(query).fetchall())


def _asked(ask: Callable[[str], Rows]) -> dict[str, Rows]:
    return {name: ask(query) for name, query in QUERIES.items()}


def report(lesson: Lesson, findings: Findings, story: Mapping[str, Any]) -> str:
    """The storm in numbers."""
    held = lesson.held
    keys = len({version.key for version in lesson.versions})
    lines = [
        f"storm     {story['world']}, seed {story['seed']}, {story['seconds'] / 3600:.2f} hours",
        *(f"{title:<9} {_counted(counts)}" for title, counts in story["counts"].items()),
        (
            f"written   {keys:,} objects in {len(lesson.versions):,} versions, "
            f"{sum(len(version.lines) for version in lesson.versions):,} rows"
        ),
        (
            f"found     {len(held['ledger']):,} ledger lines, {len(held['batches']):,} commits, "
            f"{sum(len(held[dataset]) for dataset in TABLES):,} rows, {len(held['quarantine']):,} quarantined, "
            f"{len(held['anomalies']):,} anomalies"
        ),
        "result    " + ", ".join(f"{kind} {count}" for kind, count in findings.counts.items()),
    ]
    shown = findings.lines[:SHOWN]
    return "\n".join([*lines, *shown, *(["..."] if len(shown) < len(findings.lines) else [])])


def _counted(counts: Mapping[str, int]) -> str:
    return f"{sum(counts.values()):,}: " + ", ".join(f"{times} {kind}" for kind, times in sorted(counts.items()))


def main(manifest: str, destination: str, story: str) -> int:
    """The report; how it went as an exit code."""
    lesson = Lesson(written(Path(manifest)), holding(json.loads(Path(destination).read_text("utf-8"))))
    findings = check(lesson)
    print(report(lesson, findings, json.loads(Path(story).read_text("utf-8"))))
    return int(findings.counts.total() > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
