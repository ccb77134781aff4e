"""Instants as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl_daemon.core.moments import instant

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("14d", NOW - timedelta(days=14)),
        ("36H", NOW - timedelta(hours=36)),
        (" 90m ", NOW - timedelta(minutes=90)),
        ("0m", NOW),
        ("999999999d", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5Z", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
        ("2026-01-02 03:04+02:00", datetime(2026, 1, 2, 1, 4, tzinfo=UTC)),
    ],
)
def test_dates_instants_and_ages_are_read(text: str, meant: datetime) -> None:
    assert instant(text, NOW) == meant
    assert instant(text, NOW).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "14", "d", "-1d", "14 days", "yesterday", "2026-13-01", "0001-01-01T00:00+23:00", "1w"]
)
def test_all_else_is_told_with_what_to_type(text: str) -> None:
    with pytest.raises(ValueError, match="14d, 36h or 90m"):
        instant(text, NOW)
