"""A dbt project that is built and tested as an operator would, its words and settings given."""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from etl_daemon.adapters.dbt.results import count_tests, outcomes
from etl_daemon.adapters.retry import Retries
from etl_daemon.core.medallion.modelling import ModelOutcome
from etl_daemon.errors import BusyError, SetupError

LAST_LINES = 12
LONGEST_LINE = 500
"""Of what dbt said, where it ended before it had results: lines, and characters of each."""

CANCEL_SECONDS = 5.0
"""How long dbt may take to cancel what it asked of the database."""

LOCKED = "could not set lock"
"""What DuckDB says of a file that another process writes to, in small letters."""


@dataclass(frozen=True, slots=True)
class DbtProject:
    """``dbt`` of one project and target; ``environment`` is what its profile reads, ``state`` where it writes.

    ``arguments`` are further words, as a shell has them.
    """

    executable: Path
    folder: Path
    target: str
    arguments: str
    environment: Mapping[str, str]
    state: Path
    timeout_seconds: float
    retries: Retries

    def build(self) -> list[ModelOutcome]:
        """Build and test everything.

        Raises:
            BusyError: the database was locked by another process all the while.
            TransientError: dbt did not end in time, or left no results.
            SetupError: dbt or its project cannot be run at all.
        """
        return self._told("build", shlex.split(self.arguments))

    def test(self) -> tuple[int, list[ModelOutcome]]:
        """How many tests there are, and those that did not pass. Errors are those of ``build``."""
        found = self._told("test", shlex.split(self.arguments))
        return count_tests(self._target), found

    @property
    def _target(self) -> Path:
        return self.state / "target"

    def _told(self, word: str, more: Sequence[str]) -> list[ModelOutcome]:
        where = ["--project-dir", self.folder, "--profiles-dir", self.folder, "--target-path", self._target]
        ours = [*map(str, where), "--target", self.target]  # last, for the last one counts
        return self.retries.call(lambda: self._alone([str(self.executable), word, *more, *ours]))

    def _alone(self, command: Sequence[str]) -> list[ModelOutcome]:
        """Two at once would take each other's results for their own."""
        self._clear()
        with (self.state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BusyError(f"Another dbt is at work in {self.state}.", hint="wait until it is done") from error
            return self._ended(command)

    def _ended(self, command: Sequence[str]) -> list[ModelOutcome]:
        places = {"DBT_LOG_PATH": str(self.state / "logs"), "DBT_USE_COLORS": "false"}
        environment = {**os.environ, **self.environment, **places}
        (self._target / "run_results.json").unlink(missing_ok=True)
        try:
            with (
                _signals_raised(),
                subprocess.Popen(
                    command,
                    cwd=self.state,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                ) as child,
            ):
                said = self._said(child)
        except subprocess.TimeoutExpired as error:
            detail = f"dbt did not end within {self.timeout_seconds:g} s, and was stopped."
            raise SetupError(detail, hint="raise DBT_TIMEOUT, or see what it waits for in the query history") from error
        except OSError as error:
            raise SetupError(f"Cannot run {self.executable}: {error}.", hint="correct DBT_EXECUTABLE") from error
        return self._judged(child.returncode, said.decode(errors="replace"))

    def _clear(self) -> None:
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            (self.state / "lock").touch()
        except OSError as error:
            raise SetupError(f"Cannot write {self.state}: {error}.", hint="correct ETL_STATE_DIR") from error

    def _said(self, child: subprocess.Popen[bytes]) -> bytes:
        """All that dbt said; where that cannot be waited for any longer, it does not go on without us."""
        try:
            return child.communicate(timeout=self.timeout_seconds)[0]
        except BaseException:
            _end(child)
            raise

    def _judged(self, code: int, said: str) -> list[ModelOutcome]:
        """0: all is well, 1: something failed, which the results name; else, or without results, nothing was done."""
        if code in {0, 1} and (self._target / "run_results.json").exists():
            found = outcomes(self._target)
            if not any(each.error and LOCKED in each.error.detail.lower() for each in found):
                return found
        last = " ".join(line.strip()[:LONGEST_LINE] for line in said.splitlines()[-LAST_LINES:] if line.strip())
        if LOCKED in said.lower():
            hint = "run it again, or raise ETL_MAX_RETRIES"
            raise BusyError(f"Another process has the database of the models open: {last}", hint=hint)
        raise SetupError(f"dbt ended with {code}: {last}", hint="docs/dbt.md, On your own database")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Have dbt cancel what it asked of the database; then it ends, with all that it started."""
    try:
        with suppress(subprocess.TimeoutExpired):
            os.killpg(child.pid, signal.SIGINT)
            child.wait(CANCEL_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Have signals that end this process raise, as Ctrl-C does, so that dbt ends with it; in the main thread only."""

    def at_signal(number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # a second one would not let dbt end in peace
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    enders = (signal.SIGTERM, signal.SIGHUP) if main else ()
    before = {
        number: signal.signal(number, at_signal) for number in enders if signal.getsignal(number) == signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
