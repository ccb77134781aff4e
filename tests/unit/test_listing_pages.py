"""Pages of a listing are read as boto3 would read them, only faster."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from etl_daemon.adapters.s3.clients import Endpoint, connect

NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
OBJECT = (
    "<Contents><Key>{key}</Key><LastModified>{at}</LastModified><ETag>&quot;0f&quot;</ETag><Size>{size}</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)
FIELDS = ("Key", "LastModified", "ETag", "Size")
ISO = "2026-01-05T12:00:00.123Z"
URL = "<EncodingType>url</EncodingType>"
REST = "<IsTruncated>false</IsTruncated>"
MORE = "<IsTruncated>true</IsTruncated><NextContinuationToken>1+%2F=&amp;</NextContinuationToken>"


def page(*entries: str, rest: str = REST, namespace: str = NAMESPACE, root: str = "ListBucketResult") -> bytes:
    return f'<?xml version="1.0"?>\n<{root}{namespace}>{rest}{"".join(entries)}</{root}>'.encode()


def entry(key: str = "a", at: str = ISO, size: object = 7) -> str:
    return OBJECT.format(key=key, at=at, size=size)


class Raw(BytesIO):
    """A body as botocore takes it from its HTTP client."""

    def stream(self, **_: object) -> Any:
        yield self.read()


def answered(client: Any, body: bytes, status: int = 200) -> Any:
    """What the client makes of the answer; an error as its kind and code."""

    def send(**_: object) -> AWSResponse:
        return AWSResponse("http://x", status, {}, Raw(body))

    client.meta.events.register("before-send.s3", send)
    try:
        shown = client.list_objects_v2(Bucket="bucket", Prefix="p")
    except ClientError as error:
        return "refused", error.response["Error"]["Code"]
    except BotoCoreError as error:
        return type(error).__name__
    finally:
        client.meta.events.unregister("before-send.s3", send)
    objects = [[each.get(name) for name in FIELDS] for each in shown.get("Contents", ())]
    return {name: shown[name] for name in shown if name not in {"Contents", "ResponseMetadata"}}, objects


@pytest.fixture(scope="module")
def plain(made_up_credentials: None) -> Iterator[Any]:
    made = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    yield made
    made.close()


@pytest.fixture(scope="module")
def quick(made_up_credentials: None) -> Iterator[Any]:
    made = connect(Endpoint(), 1.0)
    yield made.boto
    made.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (page(entry(), entry("b", size=0)), 200),
        (page(entry("a%20b%2B%25+c%C3%A9"), rest=URL + REST), 200),
        (page(entry("a%20b+c")), 200),
        (page(entry(), rest=f"{URL}<Prefix>a%20b</Prefix>{MORE}"), 200),
        (page(entry(), namespace=""), 200),
        (page(entry(), namespace=' xmlns="urn:other"'), 200),
        (page(entry(at="2026-01-05T14:00:00+02:00")), 200),
        (page(entry(at="Mon, 05 Jan 2026 12:00:00 GMT")), 200),
        (page(entry(key="")), 200),
        (page("<Contents><Key>a</Key><LastModified>2026-01-05T12:00:00Z</LastModified></Contents>"), 200),
        (page("<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>"), 200),
        (page(), 200),
        (page(entry())[:-30], 200),
        (page("<Code>InternalError</Code><Message>again</Message>", rest="", namespace="", root="Error"), 200),
        (page("<Code>NoSuchBucket</Code><Message>no</Message>", rest="", namespace="", root="Error"), 404),
        (b"", 200),
        (b"no xml", 200),
    ],
)
def test_what_boto3_makes_of_an_answer_it_makes_of_it_still(plain: Any, quick: Any, body: bytes, status: int) -> None:
    assert answered(quick, body, status) == answered(plain, body, status)


def test_objects_are_read_before_boto3_reads_the_page(quick: Any) -> None:
    left: list[bytes] = []
    quick.meta.events.register("before-parse.s3", lambda response_dict, **_: left.append(response_dict["body"]))
    _, objects = answered(quick, page(entry(), entry("b")))
    assert [key for key, *_ in objects] == ["a", "b"]
    assert [body for body in left if b"Contents" in body] == []
    assert left


def test_entities_neither_grow_nor_lead_to_files(quick: Any, tmp_path: Path) -> None:
    grown = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 20}">' for level in range(1, 9))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "{"x" * 100}">{grown}]>'
    (tmp_path / "secret").write_text("hunter2")
    file = f'<!DOCTYPE x [<!ENTITY e8 SYSTEM "file://{tmp_path}/secret">]>'
    for doctype in (bomb, file):
        body = page(entry("&e8;")).replace(b"<ListBucketResult", f"{doctype}<ListBucketResult".encode(), 1)
        tracemalloc.start()
        try:
            found = answered(quick, body)
            assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
        finally:
            tracemalloc.stop()
        assert found == answered(quick, b"no xml")


def test_elements_within_elements_without_end_are_no_listing(quick: Any) -> None:
    deep = page("<a>" * 100_000 + "</a>" * 100_000)
    assert answered(quick, deep) in ("ResponseParserError", ({"IsTruncated": False}, []))
