"""Which objects are due where a commit replaces the whole table: everything in FULL, a delivery in TRUNCATE_INSERT."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.discovery import EPOCH, OWN_PREFIX, Discovery
from etl_daemon.core.model import Known, ObjectRef
from etl_daemon.errors import SetupError


def due(dataset: Dataset, listing: Iterable[ObjectRef], known: Known) -> Discovery:
    """Compare all that is under the prefix, whatever its age, with the ledger.

    Raises:
        SetupError: nothing is there any more; a wrong prefix must not empty a table.
    """
    refs = [ref for ref in listing if not ref.key.startswith(OWN_PREFIX)]
    if not refs and known.versions:
        raise SetupError(
            f"Nothing lies under {dataset.prefix!r}, but {dataset.table} holds what {len(known.versions)} objects "
            "brought.",
            hint="check the prefix and the bucket; the table stays as it is",
        )
    new = [ref for ref in refs if known.versions.get(ref.key) != ref.version]
    settled = tuple(sorted({ref.modified for ref in refs} - {ref.modified for ref in new}))
    since = min((ref.modified for ref in refs), default=EPOCH)
    if not refs:
        return Discovery(since)
    if dataset.mode is Mode.FULL:
        changed = {ref.key: ref.version for ref in refs} != known.versions
        return Discovery(since, tuple(sorted(refs)) if changed else (), settled, len(refs))
    newest = deliveries(dataset, refs)[-1]
    older = set(new) - set(newest)
    pending = tuple(sorted(newest)) if set(new) - older else ()
    return Discovery(since, pending, settled, len(refs), superseded=tuple(sorted(older)))


def deliveries(dataset: Dataset, refs: Sequence[ObjectRef]) -> list[list[ObjectRef]]:
    """Objects by delivery, the newest last: that whose first object is the latest by (LastModified, key).

    A delivery is one object, or all objects for which ``snapshot_group`` finds the same text in the key. An object
    that joins an old delivery late leaves it as old as it was.
    """
    groups: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref in refs:
        groups[_group(dataset, ref)].append(ref)
    return sorted(groups.values(), key=min)


def _group(dataset: Dataset, ref: ObjectRef) -> str:
    found = re.search(dataset.snapshot_group, ref.key) if dataset.snapshot_group else None
    if not found:
        return f"\0{ref.key}"
    return "\0".join(part or "" for part in found.groups()) or found[0]
