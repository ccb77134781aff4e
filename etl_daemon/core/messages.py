"""What a message of the queue says: which objects were written.

S3 sends notifications as they are, through SNS, or as events of EventBridge, possibly through SNS too. Only bucket and
key are taken from them: what lies under the key now is for the store to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


@dataclass(frozen=True, slots=True)
class Message:
    """A message while it is in hand. ``handle`` is what this delivery of it is extended and deleted by."""

    id: str
    handle: str
    body: str


@dataclass(frozen=True, slots=True)
class Written:
    """An object was written. Of writes to one key, ``sequencer`` tells the later one; empty: the store gives none."""

    bucket: str
    key: str
    sequencer: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a message says. ``others`` are the kinds of its events that say nothing of a new object."""

    written: tuple[Written, ...] = ()
    others: tuple[str, ...] = ()


def contents(body: str) -> Contents:
    """What a message says.

    Raises:
        ValueError: it is no event of S3; the text says why.
    """
    document = _document(body)
    kind = document.get("Type")
    if kind == "Notification":
        document = _document(document.get("Message"))
    elif isinstance(kind, str) and "TopicArn" in document:
        raise ValueError(f"it is a {kind} of SNS, to be answered by the owner of the queue")
    if "detail-type" in document:
        return _bridged(document)
    if document.get("Event") == "s3:TestEvent":
        return Contents(others=("s3:TestEvent",))
    records = document.get("Records")
    if not isinstance(records, list) or not records:
        raise ValueError("it has no Records")
    return _recorded(records)


def not_later(sequencer: str, than: str) -> bool:
    """Whether a write to a key came no later than another one to it; where a sequencer is missing, nobody knows."""
    width = max(len(sequencer), len(than))
    ours, theirs = (each.upper().ljust(width, "0") for each in (sequencer, than))
    return bool(sequencer and than) and ours <= theirs


def _document(text: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    if isinstance(found, dict):
        return found
    raise ValueError("it is no JSON object")


def _bridged(document: Mapping[str, Any]) -> Contents:
    """EventBridge gives keys as they are."""
    kind = f"{document.get('source')}: {document['detail-type']}"
    if document.get("source") != "aws.s3":
        raise ValueError(f"it is an event of another kind, {kind}")
    if document["detail-type"] != "Object Created":
        return Contents(others=(kind,))
    return Contents((_written(document.get("detail"), 1),))


def _recorded(records: list[Any]) -> Contents:
    """Notifications encode keys as forms do."""
    written: list[Written] = []
    others: list[str] = []
    for number, record in enumerate(records, 1):
        name = str(record.get("eventName", "")) if isinstance(record, dict) else ""
        if not name:
            raise ValueError(f"record {number} is no event")
        if name.removeprefix("s3:").startswith("ObjectCreated:"):  # other stores than AWS's put s3: before it
            found = _written(record.get("s3"), number)
            written.append(Written(found.bucket, _unquoted(found.key, number), found.sequencer))
        else:
            others.append(name)
    return Contents(tuple(written), tuple(others))


def _written(detail: object, number: int) -> Written:
    try:
        bucket, key = detail["bucket"]["name"], detail["object"]["key"]  # type: ignore[index]  # errors are caught
        sequencer = detail["object"].get("sequencer", "")  # type: ignore[index]  # likewise
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"record {number} names no object") from error
    if not (isinstance(bucket, str) and isinstance(key, str) and bucket and key):
        raise ValueError(f"record {number} names no object")
    return Written(bucket, key, sequencer if isinstance(sequencer, str) else "")


def _unquoted(key: str, number: int) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"the key of record {number} is no text") from error
