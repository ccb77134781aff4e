"""What the end of a Parquet file may hold that pyarrow must not be asked for."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from etl_daemon.adapters.decode.footer import has_encrypted_columns
from tests.unit.test_decode_support import decode, refusal

PRICE = {"symbol": ["A"], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0], "volume": [1]}
PRICES = pa.table({**PRICE, "timestamp": [datetime(2026, 1, 2, tzinfo=UTC)]})


class Keys(pe.KmsClient):
    """Wraps keys in nothing."""

    def wrap_key(self, key_bytes: bytes, _: str) -> str:
        return key_bytes.hex()

    def unwrap_key(self, wrapped_key: str, _: str) -> bytes:
        return bytes.fromhex(wrapped_key)


def written(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def encrypted(*, plaintext_footer: bool) -> bytes:
    factory = pe.CryptoFactory(lambda _: Keys())
    how = pe.EncryptionConfiguration("of the footer", column_keys={"of a column": ["close"]})
    how.plaintext_footer = plaintext_footer
    return written(PRICES, encryption_properties=factory.file_encryption_properties(pe.KmsConnectionConfig(), how))


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_encrypted_files_are_refused(plaintext_footer: bool) -> None:
    """To ask pyarrow for such a column ends the process."""
    refusal(encrypted(plaintext_footer=plaintext_footer), "unsupported_format")


def test_an_encrypted_column_is_found() -> None:
    assert has_encrypted_columns(pa.BufferReader(encrypted(plaintext_footer=True)))


@pytest.mark.parametrize(
    ("table", "options"),
    [
        (PRICES, {}),
        (PRICES.slice(0, 0), {}),
        (pa.table({}), {}),
        (pa.table({f"c{at}": [at] * 40 for at in range(40)}), {"row_group_size": 1, "compression": "none"}),
        (
            pa.table(
                {
                    "m": pa.array(
                        [[("k", {"a": [1], "b": None})]],
                        pa.map_("string", pa.struct([("a", pa.list_(pa.int64())), ("b", pa.bool_())])),
                    )
                }
            ),
            {},
        ),
        (PRICES.replace_schema_metadata({"k" * 200: "v" * 20_000}), {"write_page_index": True, "version": "1.0"}),
        (
            pa.table({"d": [Decimal("1.5")], "t": [True]}),
            {"sorting_columns": [pq.SortingColumn(0, True, False)], "bloom_filter_options": {"d": True}},
        ),
    ],
    ids=["prices", "no rows", "no columns", "many", "nested", "long", "marks"],
)
def test_other_files_have_none(table: pa.Table, options: dict[str, object]) -> None:
    assert not has_encrypted_columns(pa.BufferReader(written(table, **options)))


def with_metadata(metadata: bytes) -> pa.BufferReader:
    return pa.BufferReader(b"PAR1" + metadata + len(metadata).to_bytes(4, "little") + b"PAR1")


@pytest.mark.parametrize(
    "metadata",
    [
        b"\x49\x1c\x19\x1c\x8c\x00\x00\x00\x00",
        b"\x49\x1c\x19\x1c\x0c\x90\x80\x08\x00\x00\x00\x00",
        b"\x48\x02\x1c\x19\x09\x08\x1c\x19\x1c\x8c\x00\x00\x00\x00",
    ],
    ids=["plain", "a number that has more than 16 bits", "another field of that number before it"],
)
def test_no_way_of_writing_hides_an_encrypted_column(metadata: bytes) -> None:
    """What is seen here must be what Arrow sees, whoever wrote the file."""
    assert has_encrypted_columns(with_metadata(metadata))


@pytest.mark.parametrize(
    "metadata",
    [
        b"\x16" + b"\xff" * 90 + b"\x00\x00",
        b"",
        b"\x19",
        b"\x49\x1c",
        b"\x49\x1c\x19\x1c",
        b"\x18\xff\xff\xff",
        b"\x1c" * 500,
    ],
)
def test_metadata_without_an_end_are_broken(metadata: bytes) -> None:
    with pytest.raises(pa.ArrowInvalid, match="broken"):
        has_encrypted_columns(with_metadata(metadata))


def test_names_that_are_no_text_refuse_the_file() -> None:
    body = written(PRICES.append_column("no_text", [[1]]))
    assert refusal(body.replace(b"no_text", b"no\xfftext"), "undecodable")
    assert [part.table.num_rows for part in decode(body)] == [1]
