"""The documents that the server answers with, as JSON schemas: nothing in them is left out, nothing else is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from etl_daemon.core.rules.reasons import CODES
from etl_daemon.core.status.health import REASONS
from etl_daemon.core.status.progress import BATCH_OUTCOMES, OBJECT_OUTCOMES, ROW_OUTCOMES, SEVERITIES

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number", "minimum": 0, "description": "In seconds."}
INSTANT: Schema = {"type": "string", "format": "date-time", "description": "UTC."}


def ref(name: str) -> Schema:
    """One of ``SCHEMAS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def _document(means: str, **members: Schema) -> Schema:
    """An object with all of these members, and no others."""
    return {
        "type": "object",
        "description": means,
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def _told(schema: Schema, means: str) -> Schema:
    return {**schema, "description": means}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _by_name(schema: Schema, means: str) -> Schema:
    return {"type": "object", "description": means, "additionalProperties": schema}


def _tally(names: Iterable[str], means: str) -> Schema:
    return _document(means, **dict.fromkeys(names, COUNT))


def _verdict(*, ok: bool) -> Schema:
    """What a probe answers where all is well, or is not."""
    reasons = {**_listed(ref("Reason")), **({"maxItems": 0} if ok else {"minItems": 1})}
    return _document("What a probe found.", ok={"const": ok}, reasons=reasons)


SCHEMAS: Mapping[str, Schema] = {
    "Error": {
        "type": "object",
        "description": "Why there is no answer, and what helps.",
        "properties": {
            "error": TEXT,
            "hint": TEXT,
            "paths": _told(_listed(TEXT), "Those that there are."),
            "methods": _told(_listed(TEXT), "Those that are allowed."),
        },
        "required": ["error"],
        "additionalProperties": False,
    },
    "Reason": _document("Why it is not live or not ready.", reason={"enum": [*REASONS]}, detail=TEXT),
    "Fit": _verdict(ok=True),
    "Unfit": _verdict(ok=False),
    "Trouble": _document("An error.", kind=TEXT, detail=TEXT, hint=_told(TEXT, "What to do next."), at=INSTANT),
    "Backlog": _document(
        "Objects that are listed and not settled yet.",
        objects=COUNT,
        bytes=COUNT,
        oldest=_maybe(_told(INSTANT, "When the oldest one was last modified.")),
    ),
    "Batch": _document("A commit.", batch_id=TEXT, at=INSTANT, seconds=SECONDS, objects=COUNT, rows_loaded=COUNT),
    "Dataset": _document(
        "How far a dataset is. Counts begin with the process.",
        watermark=_maybe(_told(INSTANT, "All objects that were modified earlier are settled.")),
        lag_seconds=_told(SECONDS, "How long the oldest pending object has been waiting; 0 where none is."),
        pending=ref("Backlog"),
        failing=_told(FLAG, "Whether its last cycle failed."),
        last_success=_maybe(INSTANT),
        last_batch=_maybe(ref("Batch")),
        last_error=_maybe(ref("Trouble")),
        objects=_tally(OBJECT_OUTCOMES, "Objects by what became of them."),
        rows=_tally(ROW_OUTCOMES, "Rows by what became of them."),
        batches=_tally(BATCH_OUTCOMES, "Batches by what became of them."),
        quarantined={
            **_by_name({**COUNT, "minimum": 1}, "Rejected rows by reason; a row may have several."),
            "propertyNames": {"enum": sorted(CODES)},
        },
        anomalies=_tally(SEVERITIES, "Anomalies that were found, by severity."),
    ),
    "Lease": _document(
        "Who may work.",
        held=FLAG,
        generation=_maybe(_told(COUNT, "Of the lease while it is held.")),
        waiting=_maybe(_told(TEXT, "Why it is not held.")),
    ),
    "Status": _document(
        "The whole state of the daemon.",
        daemon=_told(TEXT, "Its name, ETL_DAEMON_NAME."),
        version=TEXT,
        holder=_told(TEXT, "What it calls itself in the lease."),
        started=INSTANT,
        place=_told(TEXT, "The destination."),
        live=FLAG,
        ready=FLAG,
        reasons=_listed(ref("Reason")),
        lease=ref("Lease"),
        dependencies=_by_name(FLAG, "Whether the last call of each went well; false before the first."),
        last_error=_maybe(_told(ref("Trouble"), "Why the last cycle failed as a whole.")),
        datasets=_by_name(ref("Dataset"), "By the name of the dataset."),
    ),
}
