from datetime import UTC, datetime


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The current time, UTC."""
        return datetime.now(UTC)
