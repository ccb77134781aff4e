"""One GET: of an object, or of a part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import GenericError

from etl_daemon.adapters.s3.clients import Clients
from etl_daemon.core.model import ObjectRef
from etl_daemon.errors import ObjectChangedError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef
    from obstore import GetOptions, GetResult

PIECE_BYTES = 2**20
"""Of a body that lies on disk, each thread that reads has so much in memory."""

Span = tuple[int, int]
"""Where a part begins, and where the next one does (bytes)."""

_NO_PART = re.compile("NotPartial|NoContentRange|UnexpectedRange")


class NotAPartError(Exception):
    """The store takes no notice of ranges, or does not say of which version a part is."""


def whole(clients: Clients, ref: ObjectRef) -> memoryview:
    """The body in memory.

    Raises:
        ObjectChangedError: it is of another version than the listed one.
    """
    if _is_plain(ref.key):
        return memoryview(_by_obstore(clients, ref).bytes())
    return memoryview(_by_boto3(clients, ref)["Body"].read())


def pieces(clients: Clients, ref: ObjectRef, span: Span | None = None) -> Iterator[Any]:
    """The body, or the part of it, piece by piece.

    Raises:
        ObjectChangedError: it is of another version than the listed one.
        NotAPartError: the answer is something else than this part of a version that it names.
    """
    if _is_plain(ref.key):
        yield from _by_obstore(clients, ref, span).stream(PIECE_BYTES)
    else:
        yield from _by_boto3(clients, ref, span)["Body"].iter_chunks(PIECE_BYTES)


def _by_obstore(clients: Clients, ref: ObjectRef, span: Span | None = None) -> GetResult:
    options: GetOptions = {"if_match": f'"{ref.etag}"'}
    if span:
        options["range"] = span
    try:
        result = obstore.get(clients.store(ref.bucket), ref.key, options=options)
    except GenericError as error:
        if span and _NO_PART.search(str(error)):
            raise NotAPartError from error
        raise
    _check(ref, result.meta["e_tag"], span)
    return result


def _by_boto3(clients: Clients, ref: ObjectRef, span: Span | None = None) -> GetObjectOutputTypeDef:
    part: dict[str, Any] = {"Range": f"bytes={span[0]}-{span[1] - 1}"} if span else {}
    answer = clients.boto.get_object(Bucket=ref.bucket, Key=ref.key, IfMatch=f'"{ref.etag}"', **part)
    if span and answer.get("ContentRange") != f"bytes {span[0]}-{span[1] - 1}/{ref.size}":
        raise NotAPartError
    _check(ref, answer.get("ETag"), span)
    return answer


def _check(ref: ObjectRef, etag: str | None, span: Span | None) -> None:
    """A store that takes no notice of If-Match may have given another version, and one part of each."""
    if etag and etag.removeprefix("W/").strip('"') != ref.etag:
        raise ObjectChangedError(f"Reading s3://{ref.bucket}/{ref.key}: The object is another version by now.")
    if span and not etag:
        raise NotAPartError


def _is_plain(key: str) -> bool:
    """Whether obstore takes the key as it is: it rejects or rewrites empty and dotted parts and control characters."""
    return key.isprintable() and not {"", ".", ".."} & set(key.split("/"))
