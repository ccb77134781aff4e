"""The run itself: what is there is made, the daemon started, objects put, and all of it watched to the end."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from etl_daemon.config import settings_from
from tests.load import checking, history
from tests.load.feed import BUCKET, Feed, datasets_file, name
from tests.load.judging import MIB, Bounds, Course, Line, judged
from tests.load.sampling import Sample, Sampler, largest_bytes
from tests.load.store import store
from tests.load.writer import Put, Writer
from tests.support.command import COMMAND, Shell
from tests.support.watching import Watched, free_port

START_SECONDS = 1_800
"""Until the first cycle is over, which compares everything that there is."""
DRAIN_CYCLES = 3
SAMPLE_SECONDS = 5.0
"""From one to the next at most: a short run has sixty, too."""
PATHS = ("/livez", "/readyz", "/metrics", "/api/status", "/", f"/datasets/{name(0)}")


@dataclass(frozen=True, slots=True)
class Run:
    """What is asked for, and where its files are."""

    minutes: float
    feed: Feed
    bounds: Bounds
    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "etl.duckdb"

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    def settings(self) -> dict[str, object]:
        return {
            "S3_BUCKET": BUCKET,
            "ETL_DATASETS_FILE": self.folder / "datasets.toml",
            "ETL_DUCKDB_PATH": self.database,
            "ETL_STATE_DIR": self.folder / "state",
            "ETL_POLL_INTERVAL_SECONDS": self.bounds.poll_seconds,
            "MEMORY_LIMIT_MB": self.bounds.memory_bytes // MIB,
            "LOG_FORMAT": "json",
        }


def carried_out(run: Run) -> list[Line]:
    """The report; samples and the daemon's log stay in the folder, the database only if something is wrong."""
    shutil.rmtree(run.folder, ignore_errors=True)
    run.folder.mkdir(parents=True)
    (run.folder / "datasets.toml").write_text(datasets_file(run.feed.datasets))
    with _prepared(run) as url, _daemon(run, url) as daemon:
        lines, samples, writer = _under_load(run, daemon, url)
        lines += _drained(run, daemon)
    lines += [_ended(daemon)]
    found = checking.check(run.database, run.feed, writer.puts)
    course = Course(samples, _lags(run.log, found.loaded, writer.puts))
    lines += [*judged(course, run.bounds), *_right(found)]
    if not any(line.wrong for line in lines):
        run.database.unlink()
    return lines


@contextmanager
def _prepared(run: Run) -> Iterator[str]:
    """The store and the database with their history; where the store answers."""
    began = time.monotonic()
    settings = settings_from({name: str(value) for name, value in run.settings().items()})
    with store(run.feed) as there:
        history.remember(run.feed, settings, run.database)
        url = there.url
        _say(f"{run.feed.history:,} versions are there after {time.monotonic() - began:.0f} s")
        yield url


@contextmanager
def _daemon(run: Run, url: str) -> Iterator[Watched]:
    shell, port = Shell(run.folder, run.settings()), free_port()
    environment = shell.environment(ETL_HTTP_PORT=port, AWS_ENDPOINT_URL_S3=url)
    with (
        run.log.open("w") as log,
        subprocess.Popen([str(COMMAND), "run"], cwd=run.folder, env=environment, stderr=log, text=True) as process,
    ):
        try:
            yield Watched(process, port)
        finally:
            process.terminate()


def _under_load(run: Run, daemon: Watched, url: str) -> tuple[list[Line], list[Sample], Writer]:
    began = time.monotonic()
    daemon.until(lambda: _cycles(daemon) >= 1, START_SECONDS, every_seconds=0.5)
    first = Line("first cycle over, which compares all there is, after", f"{time.monotonic() - began:.0f} s")
    _say(f"{first.what} {first.figure}")
    writer = Writer(run.feed, url, run.minutes * 60)
    sampler = Sampler(
        daemon.process.pid, daemon.port, run.database, run.folder / "state", PATHS, lambda: len(writer.puts)
    )
    putting = writer.start()
    samples = list(_samples(run, sampler, daemon))
    if daemon.process.poll() is not None:
        writer.stop.set()  # there is nobody to put for
    putting.join()
    return [first, _put(run, writer)], samples, writer


def _samples(run: Run, sampler: Sampler, daemon: Watched) -> Iterator[Sample]:
    """One each few seconds, kept as lines of a file too."""
    ends, told = time.monotonic() + run.minutes * 60, 0.0
    every_seconds = min(SAMPLE_SECONDS, run.minutes)
    with (run.folder / "samples.jsonl").open("w") as file:
        while (now := time.monotonic()) < ends and daemon.process.poll() is None:
            sample = sampler.take()
            file.write(json.dumps({**asdict(sample), "answers": _brief(sample)}) + "\n")
            yield sample
            if now - told > 60:
                told = now
                file.flush()
                _say(f"{sample.puts:,} put, {sample.resident / MIB:.0f} MiB, {sample.cycles:.0f} cycles")
            time.sleep(max(now + every_seconds - time.monotonic(), 0))


def _brief(sample: Sample) -> dict[str, tuple[int, float]]:
    return {path: (answer.status, round(answer.seconds, 4)) for path, answer in sample.answers.items()}


def _put(run: Run, writer: Writer) -> Line:
    objects = len({put.number for put in writer.puts if put.number >= run.feed.history})
    wrong = [str(writer.error)] * bool(writer.error) + ["the writer could not keep up"] * (writer.late_seconds > 10)
    late = f"at most {writer.late_seconds:.1f} s late"
    figure = f"{objects:,} objects and {len(writer.puts) - objects:,} further versions, {late}"
    return Line("put", figure, "; ".join(wrong))


def _drained(run: Run, daemon: Watched) -> list[Line]:
    """What is put last is loaded soon after."""
    began = time.monotonic()
    until = _cycles(daemon) + DRAIN_CYCLES
    patience = DRAIN_CYCLES * (run.bounds.lag_seconds + run.bounds.poll_seconds)
    daemon.until(lambda: _cycles(daemon) >= until, patience, every_seconds=0.5)
    seconds = time.monotonic() - began
    return [
        Line(f"{DRAIN_CYCLES} cycles after the last put", f"{seconds:.0f} s"),
        Line("memory of the process, at its peak", f"{largest_bytes(daemon.process.pid) / MIB:.0f} MiB"),
    ]


def _ended(daemon: Watched) -> Line:
    code = daemon.process.returncode
    return Line("exit code after SIGTERM", str(code), "not 0" * (code != 0))


def _right(found: checking.Found) -> list[Line]:
    counts = [Line(what, f"{count:,}", "not 0" * (count != 0)) for what, count in found.wrong.items()]
    return [Line("versions loaded, and rows in all tables", f"{len(found.loaded):,}, {found.rows:,}"), *counts]


def _lags(log: Path, loaded: Sequence[tuple[str, str, str]], puts: Sequence[Put]) -> list[tuple[float, float]]:
    """When each loaded version was put, and how much later the daemon told that it is committed."""
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))
    committed = {
        line["batch_id"]: datetime.fromisoformat(line["timestamp"]).timestamp()
        for line in lines
        if line.get("event") == "batch_committed"
    }
    put_at = {(put.key, put.etag): put.at for put in puts}
    pairs = ((put_at[key, etag], committed[batch]) for key, etag, batch in loaded if (key, etag) in put_at)
    return [(at, done - at) for at, done in pairs]


def _cycles(daemon: Watched) -> float:
    return daemon.samples()["etl_cycle_duration_seconds_count",]


def _say(what: str) -> None:
    print(what, flush=True)
