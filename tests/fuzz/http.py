"""Fuzz a running daemon over HTTP: ``python -m tests.fuzz.http RUNS FOLDER`` (`make fuzz`).

Schemathesis asks for what the daemon says of itself at /openapi.json, valid and not, and holds every answer against it.
Then come bytes that are no requests at all, see ``sockets``. In the end the daemon must answer as before, and have
neither more threads nor more open files. Cases that fail are printed with what repeats them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.sockets import sockets
from tests.support.command import Shell
from tests.support.watching import Watched, deliver, watched

EXAMPLES = 1_000
"""Of each path, tried by Schemathesis."""
SEED = 20_260_102
PATIENCE_SECONDS = 60.0
GROWTH_MIB = 64.0
"""Memory may grow by this: what is read for the first time is kept."""

PRICE = '{"symbol":"%s","timestamp":"2026-01-02T15:%02d:00Z","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
OBJECTS = {
    "fit.ndjson": "".join(PRICE % (symbol, minute) for symbol in ("AAPL", "MSFT") for minute in range(60)),
    "unfit.ndjson": PRICE.replace('"low":9', '"low":10.8') % ("<i>A</i>", 1) + PRICE % ("A'B", 1) + '{"symbol":"AA\n',
    "refused.zip": "PK\x03\x04",
}


@dataclass(frozen=True, slots=True)
class Held:
    """What the daemon's process holds."""

    threads: int
    files: int
    mib: float

    @classmethod
    def by(cls, process: int) -> Held:
        told = Path(f"/proc/{process}/status").read_text()
        fields: dict[str, str] = dict(line.split(":", 1) for line in told.splitlines())
        files = len([*Path(f"/proc/{process}/fd").iterdir()])
        return cls(int(fields["Threads"]), files, int(fields["VmRSS"].split()[0]) / 1024)


def main() -> int:
    runs, folder = int(sys.argv[1]), Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        shell = Shell.embedded(Path(made), ETL_POLL_INTERVAL_SECONDS=3600)  # nothing else is done meanwhile
        assert shell.run("init").code == 0
        for name, text in OBJECTS.items():
            deliver(shell, name, text)
        with watched(shell) as daemon:
            daemon.until(lambda: sum(daemon.status()["datasets"]["price_data"]["objects"].values()) == len(OBJECTS))
            daemon.until(lambda: b"ohlc_relation" in daemon.ask("/quarantine")[1])  # its history is written later
            fuzz(daemon, runs, folder)
    return 0


def fuzz(daemon: Watched, runs: int, folder: Path) -> None:
    """Ask, and see what became of the daemon.

    Raises:
        AssertionError: it answers otherwise, holds more than before, or has told of a defect.
    """
    told: list[str] = []
    threading.Thread(target=lambda: told.extend(daemon.process.stderr or ()), daemon=True).start()
    before = warm(daemon)
    cases = described(daemon, runs, folder)
    print(f"http: {cases:,} requests by the description", flush=True)
    whole = sockets(daemon.port, runs, SEED, folder)
    print(f"http: {whole:,} answers to {runs:,} inputs that are no requests", flush=True)
    assert daemon.ask("/livez")[0] == 200
    assert {daemon.ask(path)[0] for path in ("/", "/datasets/price_data", "/quarantine", "/metrics")} == {200}
    daemon.until(lambda: Held.by(daemon.process.pid).files <= before.files, PATIENCE_SECONDS)
    after = Held.by(daemon.process.pid)
    print(f"http: before {before}, after {after}")
    assert after.threads <= before.threads
    assert after.mib - before.mib < GROWTH_MIB
    assert [line for line in told if "Traceback" in line or "exception" in line] == []


def warm(daemon: Watched) -> Held:
    """What it holds once each page was asked for by as many clients as it serves at a time."""
    for path in ("/", "/datasets/price_data", "/quarantine", "/openapi.json"):
        for _ in range(20):
            assert daemon.ask(path)[0] == 200
    time.sleep(1)
    return Held.by(daemon.process.pid)


def described(daemon: Watched, runs: int, folder: Path) -> int:
    """How many requests Schemathesis made; it ends the program where one fails."""
    document, report = folder / "openapi.json", folder / "http-report.json"
    document.write_text(json.dumps(with_known(json.loads(daemon.ask("/openapi.json")[1]), known(daemon))))
    run = [
        Path(sys.executable).with_name("st"),
        "run",
        document,
        "--url",
        f"http://127.0.0.1:{daemon.port}",
        "--checks",
        "all",
        "--seed",
        SEED,
    ]
    bounds = ["--max-examples", min(EXAMPLES, runs), "--report", "json", "--report-json-path", report]
    done = subprocess.run([*map(str, [*run, *bounds])], cwd=folder, check=False)
    if done.returncode:
        sys.exit(f"http: the daemon answers otherwise than it says, see above and {report}")
    return int(json.loads(report.read_text())["test_cases"]["generated"])


def known(daemon: Watched) -> Mapping[str, list[str]]:
    """Words that find something, by the name of the parameter."""
    of = daemon.status()["datasets"]
    return {
        "name": [*of],
        "dataset": [*of],
        "id": [of["price_data"]["last_batch"]["batch_id"]],
        "reason": ["ohlc_relation", "undecodable"],
        "symbol": ["AAPL"],
        "outcome": ["loaded", "refused"],
        "page": ["1", "2"],
        "since": ["14d", "2026-01-02"],
    }


def with_known(document: dict[str, Any], words: Mapping[str, list[str]]) -> dict[str, Any]:
    """The description, such that these are tried among any others."""
    for path in document["paths"].values():
        for each in path["get"]["parameters"]:
            if found := words.get(each["name"]):
                each["schema"] = {"anyOf": [{"enum": found}, each["schema"]]}
    return document


if __name__ == "__main__":
    sys.exit(main())
