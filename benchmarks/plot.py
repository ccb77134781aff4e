"""Ratios against their bounds as a picture: SVG, made of nothing but text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from xml.sax.saxutils import escape

from benchmarks.race import Outcome, Ratio

LINE, TOP, LEFT, WIDTH = 22, 46, 430, 470
MET, MISSED, PLAIN = "#2b7a4b", "#b3372f", "#6b7280"


def picture(outcomes: Iterable[Outcome]) -> str:
    """A bar per ratio on a logarithmic scale, its least and greatest as a whisker, its bound as a black tick."""
    lines = [(outcome, ratio) for outcome in outcomes for ratio in outcome.ratios]
    values = [value for _, ratio in lines for value in (ratio.times.low, ratio.times.high, ratio.at_least or 1.0)]
    scale = _Scale(min([0.25, *values]), max([4.0, *values]))
    height = TOP + LINE * len(lines) + 12
    size = f'width="{LEFT + WIDTH + 70}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="10" y="18" font-weight="bold">Times as fast as the other; black: the bound</text>',
    ]
    for tick in scale.ticks():
        x = scale.at(tick)
        stroke = "#888" if tick == 1 else "#ddd"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 8}" stroke="{stroke}"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle" fill="#555">{tick:g}</text>')
    for number, (outcome, ratio) in enumerate(lines):
        parts += _bar(TOP + LINE * number, outcome, ratio, scale)
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Scale:
    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = math.log2(low), math.log2(high)

    def at(self, value: float) -> float:
        return LEFT + WIDTH * (math.log2(max(value, 1e-3)) - self._low) / (self._high - self._low)

    def ticks(self) -> list[float]:
        return [2.0**power for power in range(math.ceil(self._low), math.floor(self._high) + 1)]


def _bar(y: int, outcome: Outcome, ratio: Ratio, scale: _Scale) -> list[str]:
    color = PLAIN if not ratio.at_least else MET if ratio.met else MISSED
    times, middle = ratio.times, y + LINE / 2
    one, end = sorted((scale.at(1.0), scale.at(times.median)))
    side = "" if ratio.ours == "etl_daemon" else f"{ratio.ours}, "
    label = escape(f"{outcome.work}; {side}{ratio.against}")
    low, high = scale.at(times.low), scale.at(times.high)
    return [
        f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{label}</text>',
        f'<rect x="{one:.1f}" y="{y + 5}" width="{max(end - one, 1):.1f}" height="{LINE - 10}" fill="{color}"/>',
        f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="#222" stroke-width="1"/>',
        f'<text x="{LEFT + WIDTH + 8}" y="{middle + 4}">{times.median:.2f}</text>',
        *([_tick(scale.at(ratio.at_least), y)] if ratio.at_least else []),
    ]


def _tick(bound: float, y: int) -> str:
    return (
        f'<line x1="{bound:.1f}" y1="{y + 2}" x2="{bound:.1f}" y2="{y + LINE - 2}" stroke="black" stroke-width="2.5"/>'
    )
