"""An alert in words: for mail, for chat, and as a document for programs. ``origin`` says who tells it."""

from __future__ import annotations

from typing import Any

from etl_daemon.core.alerting.alert import Alert, State

MOST_SUBJECT = 120
MOST_DETAIL = 4_000
"""Characters; errors may quote whole statements."""


def subject(alert: Alert, origin: str) -> str:
    """One line: what to read first."""
    word = "RESOLVED" if alert.state is State.RESOLVED else alert.severity.upper()
    line = " ".join(f"[{word}] {alert.summary}".split())
    return f"{cut(line, MOST_SUBJECT)} ({origin})"


def body(alert: Alert, origin: str) -> str:
    """What is known, and what to do."""
    facts = {
        "Since": f"{alert.since:%Y-%m-%d %H:%M:%S} UTC",
        "Alert": f"{alert.key}, {alert.severity}, {alert.state}",
        "From": origin,
    }
    parts = [alert.summary, cut(alert.detail, MOST_DETAIL), f"What to do: {alert.hint}" if alert.hint else ""]
    lines = [f"{name}: {value}" for name, value in facts.items()]
    return "\n\n".join([*filter(None, parts), "\n".join(lines)]) + "\n"


def document(alert: Alert, origin: str) -> dict[str, Any]:
    """The fields, for programs."""
    return {
        "key": alert.key,
        "severity": str(alert.severity),
        "state": str(alert.state),
        "summary": alert.summary,
        "detail": cut(alert.detail, MOST_DETAIL),
        "hint": alert.hint,
        "since": alert.since.isoformat(timespec="seconds"),
        "origin": origin,
    }


def cut(text: str, most: int) -> str:
    """The text, shortened where it is longer than so many characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
