"""The pages of datasets, batches and the quarantine in a real browser: of a daemon at work, and of a long history."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.support import long_history
from tests.support.browser import SCREENS, chromium, reached, serious, shot, sized, text, until
from tests.support.command import Shell
from tests.support.watching import Watched, deliver, watched

pytestmark = pytest.mark.browser

ROW = '{"symbol":"%s","timestamp":"2026-01-02T%02d:%02d:00Z","open":10,"high":%s,"low":9,"close":%s,"volume":7}\n'
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
HOSTILE_KEY = f"{HOSTILE.replace('/', '-')}.json"
BOUND_SECONDS = 0.1
RUNS = 20


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell.embedded(tmp_path_factory.mktemp("pages"), ETL_POLL_INTERVAL_SECONDS=0.2, SYMBOL_PATTERN="(?s).*")
    assert made.run("init").code == 0
    return made


@pytest.fixture(scope="module")
def daemon(shell: Shell) -> Iterator[Watched]:
    with watched(shell) as running:
        running.until(lambda: running.ask("/readyz")[0] == 200)
        busy = "".join(ROW % ("BUSY", 15 + n // 60, n % 60, 11, 10 + n % 7 / 10) for n in range(100))
        deliver(shell, "busy.json", busy + ROW % ("BUSY", 17, 0, 40, 35))
        deliver(shell, HOSTILE_KEY, ROW % (HOSTILE, 15, 0, 40, 35) + ROW % (HOSTILE, 15, 1, 11, 10))
        deliver(shell, "odd.json", ROW % ("AAPL", 15, 0, 8, 10) + ROW % (HOSTILE, 16, 0, 8, 9.5) + "{\n")
        running.until(lambda: running.status()["datasets"]["price_data"]["objects"]["loaded"] == 3)
        running.until(lambda: b"odd.json" in running.ask("/datasets/price_data")[1])
        yield running


class Site:
    """A browser that looks at a daemon."""

    def __init__(self, browser: webdriver.Chrome, port: int) -> None:
        self.browser, self.port = browser, port
        sized(browser, 1440)
        browser.get_log("browser")  # lines of an earlier page

    def open(self, path: str) -> webdriver.Chrome:
        self.browser.get(f"http://127.0.0.1:{self.port}{path}")
        return self.browser

    def clicked(self, element: str, title: str) -> webdriver.Chrome:
        self.browser.find_element(By.CSS_SELECTOR, element).click()
        until(self.browser, lambda page: page.title.startswith(title))
        return self.browser


def typed(page: webdriver.Chrome, name: str, *keys: str) -> None:
    page.find_element(By.CSS_SELECTOR, f"label [name={name}]").send_keys(*keys)


def value(page: webdriver.Chrome, name: str) -> str | None:
    return page.find_element(By.CSS_SELECTOR, f"label [name={name}]").get_attribute("value")


@pytest.fixture
def site(browser: webdriver.Chrome, daemon: Watched) -> Iterator[Site]:
    made = Site(browser, daemon.port)
    yield made
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.querySelectorAll('main script, main img').length") == 0
    assert browser.title != "taken"


def test_a_dataset_has_charts_with_data(site: Site) -> None:
    page = site.open("/datasets/price_data")
    assert page.title == "price_data: Up to date. - etl-daemon"
    assert "104 rows" not in text(page, "#state")
    assert len(page.find_elements(By.CSS_SELECTOR, "#throughput rect.loaded")) >= 2, "of the hour, and of the week"
    assert all(bar.rect["height"] > 1 for bar in page.find_elements(By.CSS_SELECTOR, "#reasons g rect"))
    assert {"ohlc_relation", "undecodable"} <= set(text(page, "#reasons .key").split("\n"))
    assert "Rejected in the last hour:" in text(page, "#reasons")
    assert Select(page.find_element(By.NAME, "symbol")).first_selected_option.text == "BUSY"
    assert len(page.find_element(By.CSS_SELECTOR, "#plot polyline").get_attribute("points").split()) == 101
    marks = page.find_elements(By.CSS_SELECTOR, "#plot circle.critical")
    assert len({mark.get_attribute("cx") for mark in marks}) == 1, "of one row, which is anomalous in two ways"
    assert marks[0].rect["height"] > 5
    assert "35" in text(page, "#plot td.number")


def test_another_symbol_can_be_chosen_and_what_was_searched_stays(site: Site) -> None:
    page = site.open("/datasets/price_data?key=odd")
    Select(page.find_element(By.NAME, "symbol")).select_by_visible_text(HOSTILE.upper())
    page.find_element(By.CSS_SELECTOR, "form[action='#values'] button").click()
    until(page, lambda _: HOSTILE.upper() in text(page, "#plot figcaption"))
    assert value(page, "key") == "odd"
    assert "extreme price movement" in text(page, "#plot table")


def test_objects_are_searched_by_keyboard_alone(site: Site) -> None:
    page = site.open("/datasets/price_data")
    assert len(page.find_elements(By.CSS_SELECTOR, "#ledger tbody tr")) >= 3
    typed(page, "key", "<SCRIPT>", Keys.ENTER)
    until(page, lambda _: "key=%3CSCRIPT" in page.current_url)
    assert [each.text for each in page.find_elements(By.CSS_SELECTOR, "#ledger tbody th")] == [
        f"processed/price_data/{HOSTILE_KEY}"
    ]
    assert text(page, ".leaves").startswith("1 to 1 of 1 objects.")
    typed(page, "key", "nowhere", Keys.ENTER)
    until(page, lambda _: "No objects." in text(page, ".leaves"))


def test_it_follows_and_leaves_alone_what_is_being_typed(site: Site, shell: Shell) -> None:
    page = site.open("/datasets/price_data")
    page.execute_script("window.still = true")
    typed(page, "key", "half a wo")
    name = f"later-{time.monotonic_ns()}.json"
    deliver(shell, name, ROW % ("LATE", 15, 0, 11, 10))
    until(page, lambda _: name in text(page, "#ledger"))
    assert page.execute_script("return window.still") is True
    assert value(page, "key") == "half a wo"


def test_the_quarantine_shows_all_reasons_and_commands_that_work(site: Site, shell: Shell) -> None:
    page = site.open("/quarantine")
    assert page.title == "Quarantine - etl-daemon"
    assert "sample" in text(page, "main")
    typed(page, "text", "aapl", Keys.ENTER)
    until(page, lambda _: "1 to 1 of 1 rows" in text(page, ".leaves"))
    row = page.find_element(By.CSS_SELECTOR, ".rows > li")
    assert '"symbol":"AAPL"' in row.text
    reasons = {each.text for each in row.find_elements(By.CSS_SELECTOR, "ul ul code")}
    assert reasons == {"ohlc_relation"}
    show, replay = (each.text for each in row.find_elements(By.CSS_SELECTOR, ".command"))
    for command in (show.replace("show", "list --id"), replay, f"{replay} --dry-run"):
        told = shell.run(*shlex.split(command)[1:], "--json")
        assert told.code == 0, told.err
    assert shell.run(*shlex.split(show)[1:], "--json").document["row"] == 1


def test_the_quarantine_is_filtered_by_links_and_forms_and_says_what_it_cannot_read(site: Site) -> None:
    page = site.open("/quarantine")
    page.find_element(By.LINK_TEXT, "undecodable").click()
    until(page, lambda _: "reason=undecodable" in page.current_url)
    assert [each.text for each in page.find_elements(By.CSS_SELECTOR, ".rows .raw")] == ["{"]
    assert text(page, ".command") == "etl-daemon quarantine list --dataset price_data --reason undecodable"
    typed(page, "since", HOSTILE, Keys.ENTER)
    until(page, lambda _: "is no instant" in text(page, "[role=alert].hint"))
    page = site.open(f"/quarantine?text={HOSTILE.replace('%', '')}")
    assert value(page, "text") == HOSTILE
    assert len(page.find_elements(By.CSS_SELECTOR, ".rows > li")) == 1


def test_pages_lead_to_each_other(site: Site) -> None:
    site.open("/")
    site.clicked(".panel h3 a", "price_data: ")
    site.clicked("#ledger td a", "Batch ")
    page = site.browser
    assert [each.text for each in page.find_elements(By.CSS_SELECTOR, ".lineage .words")][:3] == [
        *("Objects", "Rules", "Table")
    ]
    site.clicked(".state a", "price_data: ")
    site.clicked("nav a[href='/quarantine']", "Quarantine")
    assert text(page, "nav [aria-current]") == "Quarantine"
    site.clicked(".rows .words a", "price_data: ")
    site.clicked("nav a[href='/']", "etl-daemon: ")


def test_a_batch_says_where_its_rows_come_from(site: Site, shell: Shell) -> None:
    page = site.open("/datasets/price_data?key=odd")
    site.clicked("#ledger td a", "Batch ")
    assert "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA, UPSERT" in text(page, ".lineage")
    assert "processed/price_data/odd.json" in text(page, "[aria-label=Objects]")
    fits(page, "batch")
    site.clicked("a[href^='/quarantine?batch=']", "Quarantine")
    assert page.find_elements(By.CSS_SELECTOR, ".rows > li")


@pytest.mark.parametrize("path", ["/datasets/price_data", "/datasets/anomalies", "/quarantine", "/datasets/none"])
def test_they_fit_the_screen_and_axe_finds_nothing_serious(site: Site, path: str) -> None:
    site.open(path)
    fits(site.browser, path.strip("/").replace("/", "-"))
    if path == "/datasets/none":
        site.browser.get_log("browser")  # it says that the answer was 404


def fits(page: webdriver.Chrome, name: str) -> None:
    """Keeps what each screen shows."""
    for width, scheme in SCREENS:
        sized(page, width, scheme=scheme)
        shot(page, f"{name}-{width}-{scheme}")
        assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), width
        assert serious(page) == [], (width, scheme)


def test_a_keyboard_gets_everywhere(site: Site) -> None:
    for path in ("/datasets/price_data", "/quarantine"):
        site.open(path)
        assert {"a", "select", "button", "input", "div"} <= reached(site.browser, 40), path


def test_without_scripts_forms_work_as_well(tmp_path: Path, daemon: Watched) -> None:
    with chromium(tmp_path) as browser:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        page = Site(browser, daemon.port).open("/datasets/price_data")
        typed(page, "key", "odd", Keys.ENTER)
        until(page, lambda _: "key=odd" in page.current_url)
        assert text(page, ".leaves").startswith("1 to 1 of 1 objects.")


def test_they_answer_at_once_however_much_there_is_to_tell(tmp_path: Path) -> None:
    """The median of some answers, with 100,000 objects and all else that is kept.

    Where others keep the machine busy, what the process takes of it for an answer counts instead.
    """
    shell = Shell.embedded(tmp_path, ETL_POLL_INTERVAL_SECONDS=60)
    assert shell.run("init").code == 0
    long_history.fill(shell.folder / "state")
    pages = {
        "/": b"batch-19999",
        "/datasets/price_data": long_history.key(99_999).encode(),
        "/datasets/price_data?key=part-000007&symbol=S4999": b"1 to 1 of 1 objects",
        "/datasets/price_data?outcome=loaded&page=1000": b"49,951 to 50,000 of 100,000 objects",
        "/quarantine": b"1 to 50 of 2,000 rows",
        "/quarantine?text=nowhere&reason=price_range": b"No rows",
        "/batches/batch-19999": long_history.key(99_999).encode(),
    }
    with watched(shell) as daemon:
        daemon.until(lambda: daemon.ask("/readyz")[0] == 200)
        for path, sign in pages.items():
            before = worked(daemon)
            usual = median(seconds(daemon, path, sign) for _ in range(RUNS))
            own = (worked(daemon) - before) / RUNS
            print(f"{path}: {usual * 1000:.0f} ms, of which {own * 1000:.0f} ms of work")
            assert min(usual, own) < BOUND_SECONDS, path


def worked(daemon: Watched) -> float:
    """The processor time that the daemon has taken so far, in seconds."""
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds(daemon: Watched, path: str, sign: bytes) -> float:
    """What an answer takes that has this in it."""
    began = time.perf_counter()
    status, body = daemon.ask(path)
    took = time.perf_counter() - began
    assert (status, sign in body) == (200, True), path
    return took
