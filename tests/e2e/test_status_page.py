"""The status page in a real browser, of a daemon that loads, fails and ends."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.tables import HISTORY
from tests.support.browser import chromium, sized
from tests.support.command import Shell
from tests.support.watching import Watched, watched

pytestmark = pytest.mark.browser

ROW = '{"symbol":"%s","timestamp":"2026-01-02T15:%02d:00Z","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
SHOTS = Path(__file__).parents[2] / "build/screenshots"
BOUND_SECONDS = 0.1
SCREENS = [(360, "light"), (360, "dark"), (1440, "light"), (1440, "dark")]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell.embedded(tmp_path_factory.mktemp("page"), ETL_POLL_INTERVAL_SECONDS=0.2, SNOWFLAKE_PASSWORD="hunter2")
    assert made.run("init").code == 0
    return made


@pytest.fixture(scope="module")
def daemon(shell: Shell) -> Iterator[Watched]:
    with watched(shell) as running:
        running.until(lambda: running.ask("/readyz")[0] == 200)
        deliver(shell, f"{HOSTILE.replace('/', '-')}.json", "".join(ROW % ("AAPL", minute) for minute in range(50)))
        deliver(shell, "hostile.json", ROW % ("MSFT", 1) + ROW % (HOSTILE, 2))
        deliver(shell, "broken.zip", "PK\x03\x04")
        running.until(lambda: sum(running.status()["datasets"]["price_data"]["objects"].values()) == 3)
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(browser: webdriver.Chrome, daemon: Watched) -> webdriver.Chrome:
    sized(browser, 1440)
    browser.get_log("browser")  # lines of an earlier page
    browser.get(f"http://127.0.0.1:{daemon.port}/")
    return browser


def deliver(shell: Shell, name: str, text: str) -> None:
    unfinished = shell.folder / "unfinished"
    unfinished.write_text(text)
    unfinished.rename(shell.folder / "bucket/processed/price_data" / name)


def text(page: webdriver.Chrome, selector: str) -> str:
    return page.find_element(By.CSS_SELECTOR, selector).text


def test_it_shows_what_was_loaded_and_rejected_and_no_error(page: webdriver.Chrome) -> None:
    assert page.title.startswith("etl-daemon: Working.")
    assert [each.text for each in page.find_elements(By.TAG_NAME, "h3")] == [
        *("price_data", "technical_indicators", "anomalies")
    ]
    panel = text(page, ".panel")
    assert "51 rows loaded and 1 rejected in the last hour" in panel
    assert "1 symbol_format" in panel
    bars = page.find_elements(By.CSS_SELECTOR, ".panel:first-child rect.loaded")
    assert all(bar.rect["height"] > 1 for bar in bars)
    assert len(bars) >= 2, "of the hour, and of the week"
    assert len(page.find_elements(By.CSS_SELECTOR, "table:first-of-type tbody tr")) >= 1
    assert page.get_log("browser") == []


def test_what_came_in_with_rows_and_keys_is_text(page: webdriver.Chrome) -> None:
    assert HOSTILE in text(page, ".raw")
    assert page.execute_script("return document.querySelectorAll('main script, main img').length") == 0
    assert page.title != "taken"


def test_settings_are_shown_without_secrets(page: webdriver.Chrome) -> None:
    page.find_element(By.TAG_NAME, "summary").click()
    assert "ETL_POLL_INTERVAL_SECONDS" in text(page, "footer")
    assert "hunter2" not in page.page_source


def test_it_follows_without_being_loaded_again(page: webdriver.Chrome, shell: Shell) -> None:
    page.execute_script("window.still = true")
    name = f"later-{time.monotonic_ns()}.json"
    deliver(shell, name, "".join(ROW % ("LATE", minute) for minute in range(7)))
    WebDriverWait(page, 20, 0.1).until(lambda _: "7 rows," in text(page, ".panel"))
    assert page.execute_script("return window.still") is True
    assert page.get_log("browser") == []


def test_a_batch_has_a_page_that_says_where_the_time_went(page: webdriver.Chrome) -> None:
    links = page.find_elements(By.CSS_SELECTOR, "td a")
    links[-1].click()  # the first batch, in which all kinds of objects were
    WebDriverWait(page, 20, 0.1).until(lambda _: page.title.startswith("Batch "))
    assert {"decode", "commit"} <= {each.text for each in page.find_elements(By.CSS_SELECTOR, ".bars th[scope=row]")}
    assert max(bar.rect["width"] for bar in page.find_elements(By.CSS_SELECTOR, ".bars rect")) > 50
    sized(page, 360)
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page)["violations"]
    assert [(each["id"], each["help"]) for each in found if each["impact"] in ("serious", "critical")] == []
    assert page.get_log("browser") == []


def test_a_keyboard_gets_everywhere(page: webdriver.Chrome) -> None:
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert page.switch_to.active_element.text == "Skip to the content"
    reached = set()
    for _ in range(12):
        page.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(page.switch_to.active_element.tag_name)
    assert {"a", "summary", "div"} <= reached, "links, settings, and the table that scrolls"


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_fits_the_screen_and_axe_finds_nothing_serious(page: webdriver.Chrome, width: int, scheme: str) -> None:
    sized(page, width, scheme=scheme)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.save_screenshot(str(SHOTS / f"status-{width}-{scheme}.png"))
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page)["violations"]
    assert [(each["id"], each["help"]) for each in found if each["impact"] in ("serious", "critical")] == []


def test_it_says_so_when_the_daemon_is_gone(tmp_path: Path, browser: webdriver.Chrome) -> None:
    shell = Shell.embedded(tmp_path)
    assert shell.run("init").code == 0
    with watched(shell) as brief:
        brief.until(lambda: brief.ask("/readyz")[0] == 200)
        browser.get(f"http://127.0.0.1:{brief.port}/")
        assert not browser.find_element(By.ID, "gone").is_displayed()
    WebDriverWait(browser, 20, 0.1).until(lambda _: browser.find_element(By.ID, "gone").is_displayed())
    assert text(browser, "#gone").startswith("The daemon does not answer since")


def test_it_answers_at_once_however_much_there_is_to_tell(tmp_path: Path) -> None:
    shell = Shell.embedded(tmp_path, ETL_POLL_INTERVAL_SECONDS=60)
    assert shell.run("init").code == 0
    full(shell.folder / "state")
    with watched(shell) as daemon:
        daemon.until(lambda: daemon.ask("/readyz")[0] == 200)
        took = []
        for _ in range(20):
            began = time.perf_counter()
            status, body = daemon.ask("/")
            took.append(time.perf_counter() - began)
            assert (status, b"batch-19999" in body) == (200, True)
    assert sorted(took)[10] < BOUND_SECONDS, took


def full(folder: Path) -> None:
    """A state file with as many rows as it keeps, all of the last week."""
    file = StateFile(folder, HISTORY)
    now = time.time()

    def fill(db: sqlite3.Connection) -> None:
        whose = ("etl-daemon", "price_data")
        batches = ((now - 20_000 + n, *whose, f"batch-{n}", *[1] * 7, "{}", 0.5, "{}") for n in range(20_000))
        db.executemany(f"INSERT INTO BATCHES VALUES ({', '.join('?' * 14)})", batches)
        for name, seconds, count in (("MINUTES", 60, 1_500), ("HOURS", 3_600, 800)):
            for dataset in ("price_data", "technical_indicators", "anomalies"):
                start = now // seconds * seconds - count * seconds
                rows = ((start + n * seconds, "etl-daemon", dataset, *[n] * 10) for n in range(count))
                db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * 13)})", rows)
        examples = ((now, *whose, "b", "key", n, "price_range", "x" * 500) for n in range(2_000))
        db.executemany("INSERT INTO EXAMPLES VALUES (?, ?, ?, ?, ?, ?, ?, ?)", examples)

    file.write(fill, datetime.now(UTC))
