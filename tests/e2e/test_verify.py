"""`etl-daemon verify` as an operator types it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.support.command import Shell

PRICES = "symbol,timestamp,open,high,low,close,volume\nAAPL,2026-01-02,10,12,9,11,100\n"


def test_a_target_has_settings_of_its_own_whatever_is_exported(tmp_path: Path) -> None:
    shell = Shell.embedded(tmp_path)
    (tmp_path / "bucket/processed/price_data/a.csv").write_text(PRICES)
    assert shell.run("once").code == 0
    usual = shell.run("verify", "--json")
    assert usual.code == 0, usual.out
    assert usual.document["target"] is None

    missing = shell.run("verify", "--target", "prod")
    assert missing.code == 78
    assert "etl-config.prod.env" in missing.out
    (tmp_path / "etl-config.prod.env").write_text(f"ETL_DUCKDB_PATH={tmp_path / 'prod.duckdb'}\n")
    empty = shell.run("verify", "--target", "prod")
    assert empty.code == 1
    assert "prod.duckdb does not exist" in empty.out

    assert shell.run("once", ETL_DUCKDB_PATH=tmp_path / "prod.duckdb").code == 0
    assert shell.run("verify", "--target", "prod").code == 0
    with duckdb.connect(str(tmp_path / "prod.duckdb")) as connection:
        connection.execute("UPDATE MARKET_DATA.PRICE_DATA SET VOLUME = 1")
    ended = shell.run("verify", "--target", "prod", "--json")
    assert ended.code == 1
    assert ended.document["target"] == "prod"
    assert [each["name"] for each in ended.document["checks"] if each["state"] == "fail"] == ["contents price_data"]
    assert shell.run("verify").code == 0
    assert shell.run("verify", "--target", "../prod").code == 78
