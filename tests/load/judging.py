"""What the samples say, in numbers, and what of it must not be."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.load.sampling import Answer, Sample

MIB = 2**20
WARM_SHARE = 0.1
"""Of the time, in which nothing is compared: what is made once is made then."""
GROWN_TIMES = 1.5
"""By how much more than one poll the lag of the last third may exceed that of the first."""
LEDGER_BYTES = 400
"""What a key that is loaded takes in the daemon's memory from then on: the ledger is kept there (docs/scale.md)."""
NOISE_BYTES = 48 * MIB
"""By how much what is in memory differs from one moment to another: a batch is under way, or is not."""


Timed = Sequence[tuple[float, float]]
"""Values, each after its time (seconds since the epoch)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is promised: seconds of lag at most, bytes of memory, and seconds of 99 answers of 100."""

    poll_seconds: float
    lag_seconds: float
    memory_bytes: int
    answer_seconds: float


@dataclass(frozen=True, slots=True)
class Course:
    """A run: its samples, and of each loaded version when it was put and how long it took until it could be queried."""

    samples: Sequence[Sample]
    lags: Timed


@dataclass(frozen=True, slots=True)
class Line:
    """Of the report: a figure, and what is wrong about it, if anything is."""

    what: str
    figure: str
    wrong: str = ""


def judged(course: Course, bounds: Bounds) -> list[Line]:
    """The report's lines about time and memory."""
    return [
        *_lag(course, bounds),
        *_memory(course.samples, bounds),
        *_files(course.samples),
        *_answers(course.samples, bounds),
    ]


def _lag(course: Course, bounds: Bounds) -> list[Line]:
    thirds = _thirds(course.lags, course.samples[0].at, course.samples[-1].at)
    early, late = (percentile(some, 95) for some in thirds)
    whole = [seconds for _, seconds in course.lags]
    most = max(whole, default=0.0)
    grown = late > early * GROWN_TIMES + bounds.poll_seconds
    pending = [sample.pending_seconds for sample in course.samples]
    return [
        Line("put to queryable, median / p95 / p99", _spread(whole, 50, 95, 99)),
        Line(
            "the same, p95 of the first third / the last",
            f"{early:.1f} s / {late:.1f} s",
            f"more than {GROWN_TIMES} times the first and a poll" * grown,
        ),
        Line(
            "put to queryable, at most",
            f"{most:.1f} s",
            f"more than {bounds.lag_seconds:.0f} s" * (most > bounds.lag_seconds),
        ),
        Line("age of the oldest pending object, p99 / at most", _spread(pending, 99, 100)),
    ]


def _memory(samples: Sequence[Sample], bounds: Bounds) -> list[Line]:
    span = samples[0].at, samples[-1].at
    early, late = map(statistics.median, _thirds([(each.at, each.resident) for each in samples], *span))
    before, after = map(statistics.median, _thirds([(each.at, each.loaded) for each in samples], *span))
    gained, grown = after - before, late - early
    allowed = gained * LEDGER_BYTES + NOISE_BYTES
    most = max(sample.resident for sample in samples)
    return [
        Line(
            "memory, median of the first third / the last",
            f"{early / MIB:.0f} MiB / {late / MIB:.0f} MiB, with {gained:,.0f} more versions in the ledger",
            f"grew by more than {allowed / MIB:.0f} MiB" * (grown > allowed),
        ),
        Line(
            "memory at most",
            f"{most / MIB:.0f} MiB",
            f"more than {bounds.memory_bytes / MIB:.0f} MiB" * (most > bounds.memory_bytes),
        ),
    ]


def _files(samples: Sequence[Sample]) -> list[Line]:
    first, last = samples[0], samples[-1]
    cycles, cores = last.cycles - first.cycles, (last.cpu - first.cpu) / (last.at - first.at)
    return [
        Line("cores", f"{cores:.2f}"),
        Line("database, at first / at last", f"{first.database / MIB:.0f} MiB / {last.database / MIB:.0f} MiB"),
        Line("state, at first / at last", f"{first.state / MIB:.0f} MiB / {last.state / MIB:.0f} MiB"),
        Line(
            "cycles, and seconds from one to the next", f"{cycles:.0f}, {(last.at - first.at) / max(cycles, 1):.1f} s"
        ),
    ]


def _answers(samples: Sequence[Sample], bounds: Bounds) -> list[Line]:
    of = {path: [sample.answers[path] for sample in samples] for path in samples[0].answers}
    return [_answered(path, answers, bounds) for path, answers in of.items()]


def _answered(path: str, answers: Sequence[Answer], bounds: Bounds) -> Line:
    seconds = [answer.seconds for answer in answers]
    bad = sorted(str(answer.status) for answer in answers if answer.status != 200)
    wrong = [f"{len(bad)} of them were {', '.join(dict.fromkeys(bad))}"] * bool(bad)
    wrong += [f"p99 is more than {bounds.answer_seconds} s"] * (percentile(seconds, 99) > bounds.answer_seconds)
    figure = _spread(seconds, 50, 99, 100, times=1e3, unit="ms")
    return Line(f"{path}: {len(answers)} answers, median / p99 / at most", figure, "; ".join(wrong))


def percentile(values: Iterable[float], share: float) -> float:
    """The least value that so many of a hundred do not exceed; 0 of none."""
    found = sorted(values)
    return found[max(-int(-len(found) * share // 100) - 1, 0)] if found else 0.0


def _thirds(values: Timed, began: float, ended: float) -> tuple[list[float], list[float]]:
    """Those of the first third and of the last, once all is warm."""
    warm = began + (ended - began) * WARM_SHARE
    third = (ended - warm) / 3
    first = [value for at, value in values if warm <= at < warm + third]
    return first, [value for at, value in values if ended - third <= at <= ended]


def _spread(values: Sequence[float], *shares: float, times: float = 1.0, unit: str = "s") -> str:
    return " / ".join(f"{percentile(values, share) * times:.1f} {unit}" for share in shares)
