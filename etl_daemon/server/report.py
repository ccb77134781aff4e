"""A report on quality as one file of HTML that needs nothing beside it."""

from __future__ import annotations

from datetime import timedelta

from etl_daemon.core.alerting.board import duration
from etl_daemon.core.pages.words import size
from etl_daemon.core.quality.plots import plots
from etl_daemon.core.quality.report import Report
from etl_daemon.server.rendering import rendered, static

MOST = 20
"""Lines of a table; programs get all of them."""


def page(report: Report) -> bytes:
    """The file's content."""
    from markupsafe import Markup  # comes with jinja2, which few commands need

    css = Markup(static("page.css").decode())  # noqa: S704 - a file of ours
    parts = [(each, plots(each, report.span)) for each in report.datasets]
    return rendered("report.html", report=report, parts=parts, css=css, most=MOST, size=size, words=_words)


def _words(seconds: float) -> str:
    return duration(timedelta(seconds=seconds))
