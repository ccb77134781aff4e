"""``etl-daemon report``: what it finds in a folder of dirty objects, and the page in a real browser."""

from __future__ import annotations

import csv
import gzip
import hashlib
import shutil
from collections import Counter, defaultdict
from decimal import Decimal
from io import StringIO
from pathlib import Path
from statistics import median

import duckdb
import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.support.browser import sized
from tests.support.command import Shell
from tests.support.shared_data import SHARED, needs_shared_data, oracle

ROW = '{"symbol":"%s","timestamp":"2026-01-%02dT15:%02d:00Z","open":10,"high":99,"low":9,"close":%s,"volume":7}\n'
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
SHOTS = Path(__file__).parents[2] / "build/screenshots"
SINCE = ("report", "--since", "2026-01-01")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell.embedded(tmp_path_factory.mktemp("report"), ETL_CALENDAR="xnys", ETL_TIMEOUT=0.5)
    bucket = made.folder / "bucket/processed/price_data"
    fit = "".join(ROW % (symbol, day, 1, 10.5) for day in (2, 6, 7) for symbol in ("AAPL", "MSFT"))
    (bucket / "fit.json").write_text(
        fit + ROW % ("AAPL", 2, 1, 10.5) + ROW % ("AAPL", 8, 1, 90) + ROW % ("A", 3, 1, 10)
    )
    (bucket / f"{HOSTILE.replace('/', '-')}.json").write_text(ROW % (HOSTILE, 5, 2, 10) * 9 + ROW % ("A", 5, 3, 900))
    (bucket / "broken.zip").write_text("PK\x03\x04")
    assert made.run("once", "--hours-back", 1).code == 0
    return made


def test_figures_are_those_of_what_was_put_there(shell: Shell) -> None:
    file = shell.folder / "etl.duckdb"
    before = hashlib.sha256(file.read_bytes()).digest()
    ended = shell.run(*SINCE, "--json", "--csv", "q.csv")
    assert (ended.code, hashlib.sha256(file.read_bytes()).digest()) == (0, before), ended.err
    found = ended.document["datasets"]["price_data"]
    filled = found["completeness"]
    assert {day for day in filled["absent"] if day < "2026-01-09"} == {"2026-01-05"}
    assert [(each["day"], each["symbols"]) for each in filled["partial"]] == [("2026-01-08", 1)]
    assert [each["day"] for each in filled["outside"]] == ["2026-01-03"]
    assert {each["code"]: (each["rows"], each["open"]) for each in found["rejects"]} == {
        "symbol_format": (9, 9),
        "ohlc_relation": (1, 1),
    }
    totals = found["totals"]
    assert (totals["objects"], totals["refused"], totals["read"], totals["rejected"]) == (2, 1, 19, 10)
    assert (found["duplicates"]["superseded"], found["rows"], found["anomalies"]["rows"]) == (1, 8, 1)
    lines = list(csv.DictReader(StringIO((shell.folder / "q.csv").read_text())))
    told = {
        line["name"]: int(line["value"]) for line in lines if (line["section"], line["figure"]) == ("rejects", "rows")
    }
    assert told == {each["code"]: each["rows"] for each in found["rejects"]}
    days = Counter({line["day"]: int(line["value"]) for line in lines if line["figure"] == "rows" and line["day"]})
    assert days["2026-01-02"] == 2


def test_people_get_a_table_and_what_to_look_at(shell: Shell) -> None:
    out = shell.run(*SINCE, "--dataset", "price_data").out
    assert "price_data: 1 session with fewer symbols than is usual." in out
    assert "price_data: symbol_format 9 (47.37% of the rows read)" in out
    assert "technical_indicators" not in out


def test_what_is_to_come_is_not_missing(shell: Shell) -> None:
    until, open_ended = (shell.run(*SINCE, *words, "--json").document for words in (("--until", "2100-01-01"), ()))
    assert until["until"] == until["made_at"]
    filled = [each["datasets"]["price_data"]["completeness"] for each in (until, open_ended)]
    assert filled[0]["expected"] == filled[1]["expected"]


def test_without_a_calendar_days_are_counted(shell: Shell) -> None:
    ended = shell.run(*SINCE, "--json", ETL_CALENDAR="")
    filled = ended.document["datasets"]["price_data"]["completeness"]
    assert (filled["expected"], filled["partial"], [each["day"][-2:] for each in filled["days"]]) == (
        *(None, []),
        ["02", "03", "06", "07", "08"],
    )


@pytest.mark.parametrize(
    ("words", "settings", "code", "said"),
    [
        (("--dataset", "nope"), {}, 2, "There is no 'nope'"),
        (("--since", "0m"), {}, 2, "not before the end"),
        (("--since", "soon"), {}, 2, "is no instant"),
        (("--html", "no/such/folder/q.html"), {}, 1, "Cannot write"),
        ((), {"ETL_CALENDAR": "XXXX"}, 78, "there is no exchange 'XXXX'"),
        ((), {"ETL_CALENDAR": "new york"}, 78, "ETL_CALENDAR"),
        ((), {"ETL_DUCKDB_PATH": "absent.duckdb"}, 1, "etl-daemon init"),
    ],
)
def test_what_cannot_be_done_is_explained(shell: Shell, words: object, settings: object, code: int, said: str) -> None:
    ended = shell.run("report", *words, **settings)
    assert (ended.code, said in " ".join(ended.err.replace("│", "").split())) == (code, True), ended.err
    assert not (shell.folder / "absent.duckdb").exists()


def test_files_are_whole_and_for_nobody_else(shell: Shell) -> None:
    assert shell.run("report", "--csv", "all.csv", "--html", "all.html").code == 0
    assert [(shell.folder / name).stat().st_mode & 0o777 for name in ("all.csv", "all.html")] == [0o600, 0o600]
    assert list(shell.folder.glob(".all*")) == []


def test_it_waits_for_the_file_and_says_who_has_it(shell: Shell) -> None:
    with duckdb.connect(str(shell.folder / "etl.duckdb")):
        ended = shell.run("report")
    assert ended.code == 75
    assert "Another process holds" in ended.err


def fit(row: dict[str, str]) -> bool:
    if "." in row["Name"] or not all(row.values()):
        return False
    opened, high, low, closed = (Decimal(row[name]) for name in ("open", "high", "low", "close"))
    return low <= min(opened, closed) and high >= max(opened, closed)


@needs_shared_data
def test_five_years_of_real_prices_are_as_complete_as_somebody_else_counted(tmp_path: Path) -> None:
    shell = Shell.embedded(tmp_path, ETL_CALENDAR="XNYS")
    symbols: dict[str, set[str]] = defaultdict(set)
    for path in (SHARED / "sp500_sample").glob("*.csv.gz"):
        shutil.copy(path, tmp_path / "bucket/processed/price_data")
        with gzip.open(path, "rt") as file:
            for row in csv.DictReader(file):
                if fit(row):
                    symbols[row["date"]].add(row["Name"])
    assert shell.run("once", "--hours-back", 1).code == 0
    span = shell.run("report", "--since", "2013-02-08", "--until", "2018-02-08", "--json")
    filled = span.document["datasets"]["price_data"]["completeness"]
    assert (filled["expected"], filled["absent"], filled["outside"]) == (1_259, [], [])
    usual = median(len(each) for each in symbols.values())
    assert filled["usual"] == usual
    counted = [len(symbols[day]) for day in sorted(symbols)]
    around = {day: median(counted[max(0, at - 20) : at + 21]) for at, day in enumerate(sorted(symbols))}
    few = {day for day, each in symbols.items() if len(each) < 0.9 * around[day]}
    assert {each["day"] for each in filled["partial"]} == few
    counts = oracle("sp500_sample")["counts"]
    rejects = shell.run("report", "--since", "1d", "--json").document["datasets"]["price_data"]["rejects"]
    reasons = {each["code"]: each["rows"] for each in rejects}
    assert (reasons["symbol_format"], reasons["ohlc_relation"]) == (counts["bad_symbol_norm"], counts["ohlc_relation"])


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def page(browser: webdriver.Chrome, shell: Shell) -> webdriver.Chrome:
    assert shell.run(*SINCE, "--html", "quality.html").code == 0
    browser.get((shell.folder / "quality.html").as_uri())
    return browser


@pytest.mark.browser
def test_the_page_needs_nothing_and_runs_nothing(page: webdriver.Chrome) -> None:
    assert page.title.startswith("Data quality, 2026-01-01 to ")
    assert page.execute_script("return document.querySelectorAll('script, img, link, iframe').length") == 0
    shown = [each.text for each in page.find_elements(By.CSS_SELECTOR, ".raw")]
    assert any(HOSTILE in each for each in shown), "as text"
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert page.get_log("browser") == []


@pytest.mark.browser
def test_the_page_shows_the_figures_and_draws_them(page: webdriver.Chrome) -> None:
    first = page.find_element(By.CSS_SELECTOR, ".dataset").text
    assert "1 session with fewer symbols than is usual." in first
    assert "9" in page.find_element(By.CSS_SELECTOR, "[aria-label='Rejected rows by reason, price_data'] td").text
    for part in ("loaded", "rejected"):
        bars = page.find_elements(By.CSS_SELECTOR, f".dataset:nth-of-type(1) rect.{part}")
        assert len(bars) >= 2, "of the sessions, and of the volumes"
        assert all(bar.rect["height"] > 1 for bar in bars)
    assert page.find_element(By.CSS_SELECTOR, ".plot polyline").rect["width"] > 50
    assert len(page.find_elements(By.CSS_SELECTOR, ".plot circle title")) == 1


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "light"), (1440, "dark")])
def test_the_page_fits_the_screen_and_axe_finds_nothing_serious(
    page: webdriver.Chrome, width: int, scheme: str
) -> None:
    sized(page, width, scheme=scheme)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.save_screenshot(str(SHOTS / f"report-{width}-{scheme}.png"))
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page)["violations"]
    assert [(each["id"], each["help"]) for each in found if each["impact"] in ("serious", "critical")] == []


@pytest.mark.browser
def test_the_page_prints_on_a4_with_nothing_cut_off(page: webdriver.Chrome) -> None:
    sized(page, 688, scheme="dark")  # 182 mm between the margins
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    wide = "return [...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth).length"
    assert page.execute_script(wide) == 0
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
