"""`etl-daemon models` as an operator types it."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import Shell
from tests.support.medallion.refinery import DATASETS

CUSTOMERS = (
    "CUSTOMER_ID,CUSTOMER_TYPE,NAME,EMAIL,PHONE,CITY,COUNTRY,CREDIT_LIMIT,CUSTOMER_SINCE,UPDATED_AT\n"
    "1,Person, Ada ,ADA@example.org,,London,gb,100.50,2020-01-01,2026-01-01T00:00:00Z\n"
    "2,company,Acme,,123,,us,,2020-01-02,2026-01-01T00:00:00Z\n"
)
DAY = '"timestamp": "2026-01-02T00:00:00Z", "open": 1, "high": 3, "low": 1, "volume": 5'
QUOTES = f'{{"symbol": "aapl", {DAY}, "close": 2}}\n{{"symbol": "AAPL", {DAY}, "close": 2.5}}\n'


def test_models_are_run_and_tested(tmp_path: Path) -> None:
    shell = Shell.embedded(tmp_path, ETL_DATASETS_FILE=DATASETS)
    early = shell.run("models", "run")
    assert early.code == 1
    assert "etl-daemon init" in early.err
    for name, text in (("customers/a.csv", CUSTOMERS), ("quotes/q.json", QUOTES)):
        (tmp_path / "bucket/processed" / name).parent.mkdir()
        (tmp_path / "bucket/processed" / name).write_text(text)
    assert shell.run("once").code == 0
    waiting = shell.run("models", "test")
    assert waiting.code == 1
    assert "run `etl-daemon models run`" in waiting.out

    ended = shell.run("models", "run", "--json")
    assert ended.code == 0, ended.err
    assert [(each["model"], each["kind"], each["counts"]["inserted"]) for each in ended.document["models"]] == [
        ("customers", "silver", 2),
        ("prices", "silver", 1),
    ]
    (line,) = [each for each in ended.log if each["event"] == "model_ran" and each["dataset"] == "prices"]
    assert (line["level"], line["made_by"], line["batches"], line["inserted"]) == ("info", "silver", 1, 1)

    again = shell.run("models", "run")
    assert "nothing new" in again.out
    assert shell.run("models", "test").code == 0
    found = shell.run("models", "test", "--json").document["checks"]
    assert [(each["name"], each["state"]) for each in found] == [("silver customers", "ok"), ("silver prices", "ok")]


def test_a_model_that_cannot_be_told_as_such_leaves_the_others_alone(tmp_path: Path) -> None:
    shell = Shell.embedded(tmp_path)
    datasets = tmp_path / "datasets.toml"
    datasets.write_text(
        DATASETS.read_text("utf-8").replace('primary_key = ["CUSTOMER_ID"]', 'primary_key = ["NUMBER"]')
    )
    for name, text in (("customers/a.csv", CUSTOMERS), ("quotes/q.json", QUOTES)):
        (tmp_path / "bucket/processed" / name).parent.mkdir()
        (tmp_path / "bucket/processed" / name).write_text(text)
    assert shell.run("once", ETL_DATASETS_FILE=datasets).code == 0
    ended = shell.run("models", "run", "--json", ETL_DATASETS_FILE=datasets)
    assert ended.code == 1
    customers, prices = ended.document["models"]
    assert customers["error"]["kind"] == "SetupError"
    assert "has no column NUMBER" in customers["error"]["detail"]
    assert prices["counts"]["inserted"] == 1


def test_what_the_file_says_of_silver_is_checked_whole(tmp_path: Path) -> None:
    datasets = tmp_path / "datasets.toml"
    text = DATASETS.read_text("utf-8").replace('mode = "APPEND"\n\n', 'mode = "FULL"\n\n', 1)
    text = text.replace('COUNTRY = ["trim", "upper"]', 'COUNTRY = ["capitalise"]').replace("view = ", "veiw = ")
    datasets.write_text(text)
    ended = Shell.embedded(tmp_path).run("models", "run", ETL_DATASETS_FILE=datasets)
    assert ended.code == 78
    for part in ("veiw", "did you mean view", "tidy=", "'trim', 'upper', 'lower' or 'blank_to_null'"):
        assert part in ended.err, ended.err

    datasets.write_text(
        '[datasets.a]\nprefix = "a"\ntable = "S.A"\nprimary_key = ["ID"]\n'
        '[datasets.a.silver]\ntable = "S.A"\nview = "ETL_CONTROL.V"\nprimary_key = ["ID"]\n'
    )
    ended = Shell(tmp_path, {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": tmp_path, "ETL_DATASETS_FILE": datasets}).run(
        "check"
    )
    for part in ('say mode = "APPEND"', "FINANCIAL_DATA.S.A is a table of a", "ETL_CONTROL is kept"):
        assert part in ended.out, ended.out
