"""Files of a stage below a folder: LIST, and COPY with FILES, where fakesnow knows whole stages and addresses only."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fakesnow import copy_into
from fakesnow.transforms import stage

if TYPE_CHECKING:
    from tests.support.snowflake.cursor import Cursor

_LISTED = ("name", "size", "md5", "last_modified")
_whole_address = copy_into._source_urls


def list_folder(cursor: Cursor, place: str) -> None:
    """LIST of a folder, of an internal stage or of an external one at a ``file://`` address."""
    session, connection = cursor.session, cursor._duck_conn
    folder = copy_into.stage_url_from_var(place, connection, session.database, session.schema, None, None)  # type: ignore[arg-type]  # for stages of tables
    path = stage.file_path(folder)
    files = cursor.run_on_duckdb(
        "SELECT filename, size, md5(content), strftime(last_modified, '%a, %d %b %Y %H:%M:%S GMT') "
        "FROM read_blob(?) ORDER BY filename", [f"{path}**/*"]
    )  # fmt: skip
    if not files:
        cursor.answer("SELECT '' AS \"name\" WHERE FALSE")
        return
    rows = ", ".join(f"('{_name(file, folder)}', {size}, '{digest}', '{date}')" for file, size, digest, date in files)
    names = ", ".join(f'column{place} AS "{name}"' for place, name in enumerate(_LISTED, 1))
    cursor.answer(f"SELECT {names} FROM VALUES {rows}")


def file_addresses(source: str, files: list[str]) -> list[str]:
    """The files that COPY names, also where they are in an internal stage."""
    return [f"{source}{file}" for file in files] if stage.is_internal(source) else _whole_address(source, files)


def _name(file: str, folder: str) -> str:
    return stage.internal_file_name(file) if stage.is_internal(folder) else f"{urlsplit(folder).scheme}://{file}"
