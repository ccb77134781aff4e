"""What the demo shows of its database, and how to go on from there."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from shlex import quote

from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.cli.printing import console, table
from etl_daemon.config import FILE_NAME, Settings

QUERIES = {
    "The five most recent prices": "SELECT SYMBOL, TIMESTAMP, CLOSE_PRICE, VOLUME, PRICE_CHANGE_PERCENT "
    "FROM FINANCIAL_DATA.MARKET_DATA.PRICE_DATA ORDER BY TIMESTAMP DESC, SYMBOL LIMIT 5",
    "The five greatest moves among the anomalies found": "SELECT SYMBOL, TIMESTAMP, ANOMALY_TYPE, SEVERITY, VALUE "
    "FROM FINANCIAL_DATA.ANALYTICS.ANOMALIES WHERE DETECTED_BY = 'etl_daemon:price_data' "
    "ORDER BY abs(VALUE / THRESHOLD) DESC, SYMBOL, TIMESTAMP LIMIT 5",
    "The quarantine": "SELECT OBJECT_KEY, OBJECT_ROW, REASONS, left(RAW, 60) AS RAW "
    "FROM FINANCIAL_DATA.ETL_CONTROL.ETL_QUARANTINE ORDER BY ALL LIMIT 12",
}


def show_results(file: DuckDBFile) -> None:
    """The answers to some questions, each under its SQL."""
    out = console()
    with file.connection(read_only=True) as connection:
        for title, sql in QUERIES.items():
            answer = connection.sql(sql)
            rows = answer.fetchall()
            numeric = [isinstance(cell, int | Decimal) for cell in rows[0]] if rows else [False] * len(answer.columns)
            heads = [f"#{name}" if number else name for name, number in zip(answer.columns, numeric, strict=True)]
            out.print(f"{title}:\n{sql}", soft_wrap=True)
            out.print(table("", heads, rows))


def write_settings(folder: Path, settings: Settings) -> None:
    """Settings for other words of the command line: the database, and the delivered objects as a local folder."""
    lines = {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": folder / "objects",
        "ETL_DUCKDB_PATH": settings.etl_duckdb_path,
        "ETL_STATE_DIR": settings.etl_state_dir,
    }
    head = "# The demo's database; the objects that it loaded from its S3 lie in a folder now.\n"
    text = "".join(f"{name}='{value}'\n" for name, value in lines.items())
    (folder / FILE_NAME).write_text(head + text, encoding="utf-8")


def show_way_on(folder: Path, settings: Settings, *, kept: bool) -> None:
    """Where things are, and what to type."""
    out = console()
    if not kept:
        out.print(f"{folder} is deleted now. To keep it: etl-daemon demo --keep", soft_wrap=True)
        return
    sql = "SELECT SYMBOL, TIMESTAMP, CLOSE_PRICE FROM FINANCIAL_DATA.MARKET_DATA.PRICE_DATA ORDER BY 2 DESC, 1 LIMIT 5"
    program = f'import duckdb; duckdb.connect("{settings.etl_duckdb_path}", read_only=True).sql("{sql}").show()'
    objects = quote(str(folder / "objects"))
    lines = [
        f"The database is {settings.etl_duckdb_path}. To explore:",
        f"  export ETL_CONFIG_FILE={quote(str(folder / FILE_NAME))}",
        "  etl-daemon status",
        "  etl-daemon check",
        "  etl-daemon report --since 2000-01-01",
        f"  etl-daemon validate {objects}/processed/price_data/broken/* --dataset price_data",
        f"  python -c {quote(program)}",
        f"To delete it: rm -r {quote(str(folder))}",
    ]
    out.print("\n".join(lines), soft_wrap=True)
