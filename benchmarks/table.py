"""Outcomes as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from benchmarks.race import Outcome, Ratio
from benchmarks.stored import Stored

HEAD = """# Results

`make bench BENCH_ARGS=--store` makes this page, `results.json` and the picture; nothing here is written by hand.

Every ratio is how many times as many rows per second etl_daemon does as the other, taken run by run: both ran in turn
on the same data and the same cores, and who began changed from run to run. Shown are the median and, in brackets, the
least and the greatest. A ratio of CPU counts the time that processors worked instead of the time that passed, so it
holds on a machine with other work. Bounds are those that the project set itself; a bound that is missed says so.

Small objects come from nginx, a static file server that speaks enough S3, and from moto, which answers a few hundred
requests per second: there it is moto that is measured, whoever asks. `running` is a cycle of a process that has been
up, as a daemon's is; without it the process starts and ends, which has a bound of its own.

![Ratios against their bounds](results.svg)
"""
SHORT = """
## The short form

With fewer rows and runs, so that starting a process weighs more. `make bench-check` compares with these.
"""


def page(forms: Mapping[str, Stored]) -> str:
    """The whole of RESULTS.md."""
    full, short = forms["full"], forms["short"]
    parts = [HEAD, *_conditions(full), "", "## Ratios", "", *ratios(full.outcomes), "", "## Seconds", ""]
    parts += [*seconds(full.outcomes), SHORT, *_conditions(short), "", *ratios(short.outcomes)]
    return "\n".join(parts) + "\n"


def ratios(outcomes: Iterable[Outcome]) -> list[str]:
    """A line per bound."""
    lines = ["| contest | work | against | times as fast | of CPU | bound | |", "|---|---|---|---|---|---|---|"]
    for outcome in outcomes:
        begin = f"| {outcome.contest} | {outcome.work}"
        lines += [f"{begin} | {_sides(ratio)} | {_shown(ratio)} |" for ratio in outcome.ratios]
    return lines


def seconds(outcomes: Iterable[Outcome]) -> list[str]:
    """A line per contender."""
    lines = [
        "| contest | work | contender | rows | runs | seconds, median | least | greatest | M rows/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        for name, took in outcome.seconds.items():
            rows = outcome.rows[name]
            figures = " | ".join(
                f"{value:.3g}" for value in (took.median, took.low, took.high, rows / took.median / 1e6)
            )
            lines.append(f"| {outcome.contest} | {outcome.work} | {name} | {rows:,} | {outcome.runs} | {figures} |")
    return lines


def _conditions(stored: Stored) -> Iterator[str]:
    if stored.conditions:
        yield ", ".join(f"{name} {value}" for name, value in stored.conditions.items()) + "."


def _sides(ratio: Ratio) -> str:
    return ratio.against if ratio.ours == "etl_daemon" else f"{ratio.ours}, against {ratio.against}"


def _shown(ratio: Ratio) -> str:
    times = ratio.times
    bound, verdict = (f">= {ratio.at_least:g}", "met" if ratio.met else "**missed**") if ratio.at_least else ("", "")
    return f"{times.median:.2f} ({times.low:.2f} to {times.high:.2f}) | {ratio.cpu:.2f} | {bound} | {verdict}"
