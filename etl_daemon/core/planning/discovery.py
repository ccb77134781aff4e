"""Which objects are due: how far back to look, what to list, what is new, and how it is cut into batches.

All instants are aware, UTC; ``now`` is an argument, so that every decision can be repeated.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import BatchPlan, Cursor, Known, ObjectRef

OWN_PREFIX = "_etl_daemon/"
"""Keys of the daemon itself (its lease): never data."""

FRAMES = "frame/"
"""Beginning of the keys of frames, which were never objects: the hash of the content follows."""

MAX_PARTITIONS = 400
"""More prefixes than this are not listed one by one: a coarser unit of time is."""

DENSE = (".gz", ".zst", ".bz2", ".parquet")
"""Endings of keys whose objects hold more rows than plain text of their size: ``DENSITY`` times as many, about."""
DENSITY = 4

_UNITS = {
    "hour": ("%H", timedelta(hours=1)),
    "day": ("%d", timedelta(days=1)),
    "month": ("%m", timedelta(days=31)),
    "year": ("%Y", timedelta(days=366)),
}
"""Placeholders from fine to coarse: how they are written, and the longest such unit."""

_PLACEHOLDER = re.compile(r"\{(year|month|day|hour)\}")
_TICK = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a listing shows, compared with the ledger.

    ``pending`` objects are to be loaded, sorted by (modified, key). ``settled`` holds the distinct LastModified of the
    listed objects that the ledger has as they are, ascending. ``ignored`` objects are older than ``since`` and were
    never loaded; ``listed`` counts all objects seen, ignored ones included. ``superseded`` objects are new, but
    parts of deliveries older than the newest. ``last_key`` is the greatest key seen.
    """

    since: datetime
    pending: tuple[ObjectRef, ...] = ()
    settled: tuple[datetime, ...] = ()
    listed: int = 0
    ignored: int = 0
    superseded: tuple[ObjectRef, ...] = ()
    last_key: str = ""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much one batch holds at most, in bytes of plain text. A larger object is a batch of its own."""

    max_bytes: int
    max_objects: int


def lower_bound(dataset: Dataset, cursor: Cursor, now: datetime, lookback: timedelta) -> datetime:
    """Objects modified before this are not looked at: the window, or further back to where loading stopped.

    Where nothing was loaded yet, that is the last sweep. ``lookback`` allows for objects that become visible later
    than their LastModified says, such as multipart uploads.
    """
    window = _before(now, timedelta(hours=dataset.window_hours))
    stopped = cursor.watermark or cursor.swept_at
    return window if stopped is None else min(window, _before(stopped, lookback))


def sweep_due(cursor: Cursor, now: datetime, every: timedelta) -> bool:
    """Whether it is time to compare everything under the prefix, older partitions included."""
    return cursor.swept_at is None or now - cursor.swept_at >= every


def sweep_bound(cursor: Cursor, bound: datetime, lookback: timedelta) -> datetime:
    """How far back a sweep looks; ``bound`` is the ``lower_bound`` of the same cycle.

    Between two sweeps older partitions are not listed, so a sweep takes up where the previous one left off. Record
    ``swept_at`` (the sweep's start) only if it left nothing pending: what it deferred in an older partition would
    else be lost sight of.
    """
    return bound if cursor.swept_at is None else min(bound, _before(cursor.swept_at, lookback))


def below(template: str, key: str) -> bool:
    """Whether a sweep of the prefix would come to an object with that key."""
    return key.startswith(static_prefix(template)) and not key.startswith(OWN_PREFIX)


def settled(dataset: Dataset, known: Known) -> str:
    """After which key to list: the latest that is settled, where keys only grow; empty: list them all.

    A key of another prefix, which the dataset had before or the Python interface was given, says nothing of this one.
    """
    below_it = dataset.immutable_keys and below(dataset.prefix, known.settled_key)
    return known.settled_key if below_it else ""


def static_prefix(template: str) -> str:
    """What a sweep lists: the template up to its first placeholder, or all of it, closed, if it has none."""
    return re.split(_PLACEHOLDER, template)[0] if _PLACEHOLDER.search(template) else _closed(template)


def listing_prefixes(template: str, since: datetime, now: datetime, timezone: tzinfo = UTC) -> list[str]:
    """The prefixes to list, sorted: each partition from ``since`` to ``now``, and one more for writers ahead of us.

    ``{year} {month} {day} {hour}`` are zero-padded and count in ``timezone``. Where that makes more than
    ``MAX_PARTITIONS`` prefixes, the finest unit is dropped, from its placeholder on, until they fit; in the end the
    static prefix is left.

    A prefix that ends in a name or a placeholder is a folder: ``a/b`` does not list ``a/b_old/``. Text behind the last
    placeholder, or an ending in ``-``, ``_``, ``=``, ``.`` or ``*`` (which is taken off), leaves it open.
    """
    for unit, (_, longest) in _UNITS.items():
        if f"{{{unit}}}" not in template:
            continue
        if (now - since) / longest < MAX_PARTITIONS - 1:
            local_times = (instant.astimezone(timezone) for instant in _samples(since, now, longest))
            return sorted({_closed(template, local) for local in local_times})
        template = template[: template.index(f"{{{unit}}}")] + "*"
    return [_closed(template)]


def pending(listing: Iterable[ObjectRef], known: Mapping[str, str], since: datetime) -> Discovery:
    """Compare a listing, in any order, with the ledger's latest version of each key.

    An object is settled only if its version is that latest one. A key that the ledger has in another version is
    pending whatever its age (an older copy put back); a key it does not have, only if modified at or after ``since``.
    """
    due: list[ObjectRef] = []
    settled: set[datetime] = set()
    listed = ignored = 0
    last_key = ""
    for ref in listing:
        if ref.key.startswith(OWN_PREFIX):
            continue
        listed += 1
        last_key = max(last_key, ref.key)
        version = known.get(ref.key)
        if version == ref.version:
            settled.add(ref.modified)
        elif version is None and ref.modified < since:
            ignored += 1
        else:
            due.append(ref)
    return Discovery(since, tuple(sorted(due)), tuple(sorted(settled)), listed, ignored, last_key=last_key)


def filled(template: str, local: datetime) -> str:
    """The prefix of the partition of that time, closed as listings have it; empty stays empty."""
    return _closed(template, local)


def starting_watermark(since: datetime) -> datetime:
    """The watermark of a dataset that has loaded nothing: just below the first lower bound.

    Once it is committed, objects that arrive during an outage right after the first start are not missed either.
    """
    return since - _TICK


def plan_batches(
    dataset: Dataset, discovery: Discovery, limits: BatchLimits, cursor: Cursor, now: datetime
) -> Iterator[BatchPlan]:
    """Cut the pending objects into batches, oldest first, each with the watermark that holds once it is committed.

    A plan's watermark takes for granted that all plans before it are committed: commit in order, stop at the first
    that fails, and pass the watermark through ``held_back`` where objects were deferred. It is never before the
    cursor's. Modes that replace the table take everything in one batch.
    """
    start = 0
    everything = [len(discovery.pending)] if discovery.pending or discovery.superseded else []
    for end in everything if dataset.mode.replaces else _cuts(discovery.pending, limits):
        batch = discovery.pending[start:end]
        open_from = discovery.pending[end].modified if end < len(discovery.pending) else None
        reached = _greatest_below(discovery, end, open_from)
        yield BatchPlan(dataset, batch, _watermark(reached, discovery, cursor, now), discovery.superseded)
        start = end


def confirmed(discovery: Discovery, cursor: Cursor, now: datetime) -> datetime:
    """The watermark that holds once everything pending is settled, be there a commit to carry it or not."""
    return _watermark(_greatest_below(discovery, len(discovery.pending), None), discovery, cursor, now)


def _watermark(reached: datetime | None, discovery: Discovery, cursor: Cursor, now: datetime) -> datetime:
    """Never before the cursor's; a LastModified ahead of our clock must not carry it into the future."""
    floor = cursor.watermark or starting_watermark(discovery.since)
    return max(floor, min(reached or floor, now))


def held_back(watermark: datetime | None, deferred: Iterable[ObjectRef], cursor: Cursor) -> datetime | None:
    """A plan's watermark where objects of it, or of earlier plans of the same cycle, were deferred.

    It stays below the earliest of them, and is never before the cursor's.
    """
    first_open = min((ref.modified for ref in deferred), default=None)
    if watermark is None or first_open is None:
        return watermark
    kept = min(watermark, first_open - _TICK)
    return kept if cursor.watermark is None else max(kept, cursor.watermark)


def _closed(template: str, local: datetime | None = None) -> str:
    prefix = template
    if local is not None:
        prefix = _PLACEHOLDER.sub(lambda found: local.strftime(_UNITS[found[1]][0]), template)
    if prefix.endswith("*"):
        return prefix[:-1]
    last_segment = template.rpartition("/")[2]
    behind = _PLACEHOLDER.split(last_segment)[-1] if _PLACEHOLDER.search(last_segment) else ""
    return prefix if not prefix or behind or prefix[-1] in "/-_=." else f"{prefix}/"


def _samples(since: datetime, now: datetime, longest: timedelta) -> Iterator[datetime]:
    """Instants such that every unit touched from ``since`` to one unit after ``now`` holds at least one of them."""
    last = now + longest
    instant = since
    while instant < last:
        yield instant
        instant += longest / 2  # no hour, day, month or year is that short, clock changes included
    yield last


def _cuts(refs: tuple[ObjectRef, ...], limits: BatchLimits) -> Iterator[int]:
    start, size = 0, 0
    for position, ref in enumerate(refs):
        more = ref.size * (DENSITY if ref.key.endswith(DENSE) else 1)
        full = size + more > limits.max_bytes or position - start >= limits.max_objects
        if full and position > start:
            yield position
            start, size = position, 0
        size += more
    if refs:
        yield len(refs)


def _greatest_below(discovery: Discovery, end: int, open_from: datetime | None) -> datetime | None:
    """The greatest LastModified, settled or among the first ``end`` pending, before ``open_from``."""
    settled = discovery.settled
    above = len(settled) if open_from is None else bisect_left(settled, open_from)
    # Objects with one LastModified may lie on both sides of a cut: those in the batch do not count then.
    due = end if open_from is None else bisect_left(discovery.pending, open_from, hi=end, key=lambda ref: ref.modified)
    reached = [*settled[max(above - 1, 0) : above], *(ref.modified for ref in discovery.pending[max(due - 1, 0) : due])]
    return max(reached, default=None)


def _before(instant: datetime, span: timedelta) -> datetime:
    try:
        return max(instant - span, EPOCH)
    except OverflowError:  # a window of "everything", given as a very large number of hours
        return EPOCH
