"""Debian's chromium, driven by its own driver; without those Selenium would fetch some from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.s3_servers import require

SHOTS = Path(__file__).parents[2] / "build/screenshots"

PATIENCE_SECONDS = 20

SCREENS = [(360, "light"), (360, "dark"), (1440, "light"), (1440, "dark")]
"""Widths and schemes in which pages are looked at."""

SWITCHES = (
    "--headless=new",
    "--hide-scrollbars",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser with an empty profile, and its console's lines kept."""
    require(bool(shutil.which("chromedriver")), "Chromium", "apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
    try:
        yield browser
    finally:
        browser.quit()


def sized(browser: webdriver.Chrome, width: int, height: int = 1_000, *, scheme: str = "light") -> None:
    """Have the page laid out for a screen of that size (CSS pixels), light or dark."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def text(page: webdriver.Chrome, selector: str) -> str:
    """What the first such element says."""
    return page.find_element(By.CSS_SELECTOR, selector).text


def until(page: webdriver.Chrome, holds: Callable[[webdriver.Chrome], object]) -> None:
    """Wait until it holds; while a page gives way to another, nothing does."""
    gone = [StaleElementReferenceException, NoSuchElementException]
    WebDriverWait(page, PATIENCE_SECONDS, 0.1, ignored_exceptions=gone).until(holds)


def serious(page: webdriver.Chrome) -> list[tuple[str, str]]:
    """What axe finds that keeps people out."""
    found = Axe().run(page)["violations"]
    return [(each["id"], each["help"]) for each in found if each["impact"] in ("serious", "critical")]


def reached(page: webdriver.Chrome, steps: int) -> set[str]:
    """The kinds of elements that so many steps by the keyboard lead to."""
    found = set()
    for _ in range(steps):
        page.switch_to.active_element.send_keys(Keys.TAB)
        found.add(page.switch_to.active_element.tag_name)
    return found


def shot(page: webdriver.Chrome, name: str) -> None:
    """Keep what the screen shows."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.save_screenshot(str(SHOTS / f"{name}.png"))
