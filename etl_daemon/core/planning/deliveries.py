"""Which objects are due where a commit replaces the whole table: everything in FULL, a delivery in TRUNCATE_INSERT."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.model import Known, ObjectRef
from etl_daemon.core.planning.discovery import EPOCH, OWN_PREFIX, Discovery
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
    if not refs:
        return Discovery(EPOCH)
    new = {ref for ref in refs if known.versions.get(ref.key) != ref.version}
    pending, older = (
        (_all(refs, new, known), set()) if dataset.mode is Mode.FULL else _newest(dataset, refs, new, known)
    )
    settled = {ref.modified for ref in refs} - {ref.modified for ref in new}
    return Discovery(
        min(ref.modified for ref in refs),
        tuple(sorted(pending)),
        tuple(sorted(settled)),
        len(refs),
        superseded=tuple(sorted(older)),
    )


def _all(refs: Sequence[ObjectRef], new: set[ObjectRef], known: Known) -> set[ObjectRef]:
    """Everything, if anything came, changed or went; not where all that is there was refused already."""
    changed = bool(new) or len(refs) < len(known.versions)
    readable = bool(new) or any(ref.key not in known.refused for ref in refs)
    return set(refs) if changed and readable else set()


def _newest(
    dataset: Dataset, refs: Sequence[ObjectRef], new: set[ObjectRef], known: Known
) -> tuple[set[ObjectRef], set[ObjectRef]]:
    """The newest delivery, if anything of it is new; and what is new of older ones.

    A delivery that was loaded stays the newest when its objects are deleted, and none grows younger by that.
    """
    listed = {ref.key for ref in refs}
    gone = [
        ObjectRef(modified, key, known.versions[key])
        for key, modified in known.modified.items()
        if key not in listed and key not in known.refused
    ]
    newest = set(deliveries(dataset, [*refs, *gone])[-1])
    return (newest - set(gone) if new & newest else set()), new - newest


def deliveries(dataset: Dataset, refs: Sequence[ObjectRef]) -> list[list[ObjectRef]]:
    """Objects by delivery, the newest last: that whose oldest object is the latest by (LastModified, key).

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
