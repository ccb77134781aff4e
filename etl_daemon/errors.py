"""Errors classed by what to do next; each carries a hint that says what the operator types."""

from __future__ import annotations


class EtlError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(self, detail: str, *, hint: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.detail} Hint: {self.hint}" if self.hint else self.detail


class ConfigError(EtlError):
    """The settings are wrong: correct them, then start again."""

    exit_code = 78


class SetupError(EtlError):
    """A table, bucket, grant or package is missing: create it, then try again."""


class SecretMissingError(SetupError):
    """A store of secrets has nothing of that name: add it, or correct the name."""


class TransientError(EtlError):
    """A dependency did not answer as it should: the same call may succeed later."""


class TryLaterError(TransientError):
    """A server asks to be left alone for so many ``seconds``."""

    def __init__(self, detail: str, seconds: float, *, hint: str = "") -> None:
        super().__init__(detail, hint=hint)
        self.seconds = seconds


class OutcomeUnknownError(TransientError):
    """The answer to a COMMIT did not come: the ledger tells whether it took effect."""


class ObjectChangedError(TransientError):
    """The object is no longer the version that was listed: the next listing shows what it is now."""


class BusyError(TransientError):
    """Another process holds the destination file or the lease."""

    exit_code = 75


class DataError(EtlError):
    """The object itself is unfit: it is refused with this reason, and the others go on.

    ``reason`` is a stable code, stored in the ledger.
    """

    def __init__(self, reason: str, detail: str, *, hint: str = "") -> None:
        super().__init__(detail, hint=hint)
        self.reason = reason


class AbandonedError(EtlError):
    """The process is to end, and the batch in hand took too long: nothing of it is loaded, the next start does it."""


class LeaseLostError(EtlError):
    """Another holder has taken over: stop committing."""

    exit_code = 75
