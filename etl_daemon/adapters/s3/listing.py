"""Pages of a listing, read from their XML at once: boto3 takes its time over each field of a thousand objects."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ANSWERED = "before-parse.*.ListObjectsV2"
"""The star puts us before boto3 itself, which else reads all of the answer to find out whether it is an error."""


def read_pages_quickly(client: S3Client) -> None:
    """Have the client's listings show key, time, ETag and size of objects as ever, but in a sixth of the time or less.

    Objects are taken out of the answer, and boto3 reads what is left; an answer that is not as expected is left whole.
    """
    client.meta.events.register(ANSWERED, _take_objects)


def _take_objects(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    if response_dict["status_code"] != 200:
        return
    try:
        page = fromstring(response_dict["body"])  # noqa: S314 - expat lets entities neither grow nor lead elsewhere
        namespace = page.tag[: page.tag.rfind("}") + 1]
        objects = [_object(each, namespace) for each in page.iterfind(f"{namespace}Contents")]
        page[:] = [each for each in page if each.tag != f"{namespace}Contents"]
        rest = tostring(page)
    except (ParseError, ValueError, TypeError, RecursionError):
        return
    response_dict["body"] = rest
    if objects:
        customized_response_dict["Contents"] = objects


def _object(entry: Element, namespace: str) -> dict[str, Any]:
    """As boto3 has it.

    Raises:
        TypeError, ValueError: something is missing, or is written in another way.
    """
    text = entry.findtext
    return {
        "Key": text(f"{namespace}Key") or "",
        "LastModified": datetime.fromisoformat(text(f"{namespace}LastModified")),  # type: ignore[arg-type]  # raises
        "ETag": text(f"{namespace}ETag") or "",
        "Size": int(text(f"{namespace}Size")),  # type: ignore[arg-type]  # raises
    }
