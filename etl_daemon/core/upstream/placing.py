"""Where a file goes that is put into the bucket: below its dataset's prefix, by date and name."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.planning.discovery import filled, listing_prefixes


def key_of(dataset: Dataset, folders: str, name: str, at: datetime) -> str:
    """The dataset's prefix and the ``folders``, both with the date of ``at`` in its own zone, and the name.

    Raises:
        ValueError: such a name can be none.
    """
    if not name or name.startswith("/") or {"", ".", ".."} & set(name.split("/")):
        raise ValueError(f"{name!r} can be no name below a prefix")
    between = filled(folders, at).strip("/")
    return f"{filled(dataset.prefix, at)}{f'{between}/' if between else ''}{name}"


def is_listed(dataset: Dataset, key: str, now: datetime, zone: tzinfo) -> bool:
    """Whether a cycle that begins now lists it, and not only the next sweep: its partition may be too old."""
    if dataset.mode.replaces:
        return True
    since = now - timedelta(hours=dataset.window_hours)
    return any(key.startswith(prefix) for prefix in listing_prefixes(dataset.prefix, since, now, zone))
