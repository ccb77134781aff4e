"""The pictures that docs show: a daemon at work after a week of a market. `make screenshots` keeps them in docs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.support import market_week
from tests.support.browser import SHOTS, sized, until
from tests.support.command import Shell
from tests.support.watching import Watched, deliver, watched

pytestmark = pytest.mark.browser

PLACE = Path(os.environ.get("SCREENSHOTS") or SHOTS / "docs")
LARGEST_BYTES = 150_000
ROW = '{"symbol":"%s","timestamp":"%s","open":%.2f,"high":%.2f,"low":%.2f,"close":%.2f,"volume":900}\n'
RENAMED = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) for (const [from, to] of arguments[0]) {
  walker.currentNode.data = walker.currentNode.data.replaceAll(from, to);
}"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, now = tmp_path_factory.mktemp("pictures"), datetime.now(UTC)
    shell = Shell.embedded(folder, ETL_POLL_INTERVAL_SECONDS=1)
    assert shell.run("init").code == 0
    prices = market_week.fill(folder / "state", now)
    with watched(shell) as running:
        running.until(lambda: running.ask("/readyz")[0] == 200)
        minute = f"{now:%Y-%m-%dT%H:%M}:00Z"
        rows = [ROW % (symbol, minute, value, value + 1, value - 1, value) for symbol, value in prices.items()]
        crossed = (ROW % ("AAPL", f"{now:%Y-%m-%d}", 231.2, 230.9, 231.4, 231.1)) * 3
        deliver(shell, f"{now:%H%M}.json", "".join(rows) + crossed + (ROW % ("BRK.B", f"{now:%Y-%m-%d}", 9, 9, 9, 9)))
        running.until(lambda: running.status()["datasets"]["price_data"]["objects"]["loaded"] == 1)
        running.until(lambda: f"{now:%H%M}.json".encode() in running.ask("/datasets/price_data")[1])
        yield running


@pytest.mark.parametrize(
    ("path", "name", "scheme", "height"),
    [
        ("/", "status", "light", 780),
        ("/", "status", "dark", 780),
        ("/datasets/price_data?symbol=AAPL#values", "dataset", "light", 780),
    ],
)
def test_pictures_show_data_and_stay_small(
    daemon: Watched, browser: webdriver.Chrome, path: str, name: str, scheme: str, height: int
) -> None:
    sized(browser, 1200, height, scheme=scheme)
    browser.get(f"http://127.0.0.1:{daemon.port}{path}")
    until(browser, lambda page: len(page.find_elements(By.CSS_SELECTOR, "rect.loaded")) > 100)
    database = daemon.status()["place"]
    browser.execute_script(RENAMED, [(database, "/var/lib/etl_daemon/etl.duckdb"), (socket.gethostname(), "etl-1")])
    PLACE.mkdir(parents=True, exist_ok=True)
    picture = PLACE / f"{name}-{scheme}.png"
    browser.save_screenshot(str(picture))
    assert 10_000 < picture.stat().st_size < LARGEST_BYTES
