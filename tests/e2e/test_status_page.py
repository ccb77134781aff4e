"""The status page in a real browser, of a daemon that loads, fails and ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browser import SCREENS, reached, serious, shot, sized, text, until
from tests.support.command import Shell
from tests.support.watching import Watched, deliver, watched

pytestmark = pytest.mark.browser

ROW = '{"symbol":"%s","timestamp":"2026-01-02T15:%02d:00Z","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"


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


@pytest.fixture
def page(browser: webdriver.Chrome, daemon: Watched) -> webdriver.Chrome:
    sized(browser, 1440)
    browser.get_log("browser")  # lines of an earlier page
    browser.get(f"http://127.0.0.1:{daemon.port}/")
    return browser


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
    until(page, lambda _: "7 rows," in text(page, ".panel"))
    assert page.execute_script("return window.still") is True
    assert page.get_log("browser") == []


def test_a_batch_has_a_page_that_says_where_the_time_went(page: webdriver.Chrome) -> None:
    links = page.find_elements(By.CSS_SELECTOR, "td a")
    links[-1].click()  # the first batch, in which all kinds of objects were
    until(page, lambda _: page.title.startswith("Batch "))
    assert {"decode", "commit"} <= {each.text for each in page.find_elements(By.CSS_SELECTOR, ".bars th[scope=row]")}
    assert max(bar.rect["width"] for bar in page.find_elements(By.CSS_SELECTOR, ".bars rect")) > 50
    sized(page, 360)
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert serious(page) == []
    assert page.get_log("browser") == []


def test_a_keyboard_gets_everywhere(page: webdriver.Chrome) -> None:
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert page.switch_to.active_element.text == "Skip to the content"
    assert {"a", "summary", "div"} <= reached(page, 30), "links, settings, and the table that scrolls"


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_fits_the_screen_and_axe_finds_nothing_serious(page: webdriver.Chrome, width: int, scheme: str) -> None:
    sized(page, width, scheme=scheme)
    shot(page, f"status-{width}-{scheme}")
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert serious(page) == []


def test_it_says_so_when_the_daemon_is_gone(tmp_path: Path, browser: webdriver.Chrome) -> None:
    shell = Shell.embedded(tmp_path)
    assert shell.run("init").code == 0
    with watched(shell) as brief:
        brief.until(lambda: brief.ask("/readyz")[0] == 200)
        browser.get(f"http://127.0.0.1:{brief.port}/")
        assert not browser.find_element(By.ID, "gone").is_displayed()
    until(browser, lambda _: browser.find_element(By.ID, "gone").is_displayed())
    assert text(browser, "#gone").startswith("The daemon does not answer since")
