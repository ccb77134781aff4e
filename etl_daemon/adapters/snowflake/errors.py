"""What an error of Snowflake or of its connector means for us: one table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from snowflake.connector.errors import Error

from etl_daemon.config.redact import shown
from etl_daemon.errors import ConfigError, DataError, EtlError, SetupError, TransientError

VALUE_REJECTED = "value_rejected"
"""Reason of an object whose values the destination does not take; see docs/rules.md."""

SESSION_GONE = frozenset({390104, 390110, 390111, 390112, 390113, 390114, 390115, 390195})
"""Codes after which only a new login helps."""

_IO, _CANCELLED, _INTERNAL, _MISSING, _TIMEOUT = 4, 5, 6, 7, 14
"""What the connector counts as code where Snowflake itself gave none."""

_ACCOUNT = "correct SNOWFLAKE_ACCOUNT (ORGANIZATION-ACCOUNT, as in the URL of Snowsight) or SNOWFLAKE_HOST"
_NETWORK = "check the network and the proxy to Snowflake, SNOWFLAKE_ACCOUNT and SNOWFLAKE_HOST"
_LATER = "nothing to do: it is tried again"


@dataclass(frozen=True, slots=True)
class Row:
    """Errors with one of the codes or SQLSTATEs (beginnings of them), and with the words where there are any."""

    kind: type[EtlError]
    hint: str
    codes: frozenset[int] = frozenset()
    states: tuple[str, ...] = ()
    words: str = ""

    def fits(self, error: Error) -> bool:
        """Whether the error is of this row."""
        listed = error.errno in self.codes or bool(self.states and (error.sqlstate or "").startswith(self.states))
        if self.codes or self.states:
            return listed and bool(re.search(self.words, error.raw_msg, re.IGNORECASE))
        return bool(re.search(self.words, error.raw_msg, re.IGNORECASE))


def _codes(*codes: int) -> frozenset[int]:
    return frozenset(codes)


_LOGIN = _codes(250001)

TABLE = (
    # Login. Some codes are told apart by words only, and some words come with several codes.
    Row(TransientError, _LATER, SESSION_GONE),
    Row(TransientError, _LATER, _LOGIN, words="refresh session"),
    Row(
        ConfigError,
        "log in by key pair or workload identity instead: docs/snowflake.md",
        _codes(390127, 390197, 394507, 394508),
    ),
    Row(
        ConfigError,
        "log in by key pair or workload identity instead: docs/snowflake.md",
        words=r"\bMFA\b|multi-?factor|\bDuo\b",
    ),
    Row(ConfigError, "ALTER USER ... SET MINS_TO_UNLOCK = 0, or wait", _codes(390102)),
    Row(ConfigError, "ALTER USER ... SET MINS_TO_UNLOCK = 0, or wait", words=r"user .*\blocked"),
    Row(ConfigError, "ALTER USER ... SET DISABLED = FALSE", _codes(390101)),
    Row(ConfigError, "ALTER USER ... SET PASSWORD = ..., or log in by key pair", _codes(390106)),
    Row(ConfigError, "ALTER USER ... SET PASSWORD = ..., or log in by key pair", words="password .*expired"),
    Row(ConfigError, "correct SNOWFLAKE_USERNAME and SNOWFLAKE_PASSWORD, and SNOWFLAKE_ACCOUNT", _codes(390100)),
    Row(
        ConfigError,
        "compare RSA_PUBLIC_KEY_FP of DESC USER ... with the key; correct SNOWFLAKE_USERNAME, SNOWFLAKE_ACCOUNT; "
        "set this machine's clock by NTP",
        _codes(390144, *range(394300, 394308)),
    ),
    Row(
        ConfigError,
        "renew the token, and set SNOWFLAKE_TOKEN or SNOWFLAKE_TOKEN_FILE_PATH to it",
        _codes(390303, 390318, *range(394400, 394403)),
    ),
    Row(
        SetupError,
        "GRANT ROLE ... TO USER ..., or correct SNOWFLAKE_ROLE",
        _codes(390186, 390189),
    ),
    Row(
        SetupError,
        "let the network policy of the account or user admit this machine's address",
        _codes(390420, 390422, 390432),
    ),
    Row(SetupError, "correct SNOWFLAKE_DATABASE, SNOWFLAKE_SCHEMA, SNOWFLAKE_WAREHOUSE", _codes(390201)),
    Row(
        SetupError,
        "correct SNOWFLAKE_DATABASE; make it by deploy/snowflake, and GRANT USAGE ON DATABASE ... TO ROLE ...",
        _codes(90105),
    ),
    Row(ConfigError, _ACCOUNT, _codes(*_LOGIN, _INTERNAL), words=r"error status: 40[034]\b"),
    Row(
        SetupError,
        "trust its certificate authority: SSL_CERT_FILE names certificates",
        _LOGIN,
        words="peer certificate",
    ),
    Row(TransientError, _NETWORK, _LOGIN, words="request failed after retries"),  # no answer is no refusal
    Row(
        ConfigError,
        "run where the provider vouches for this machine, and correct SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER",
        _LOGIN,
        words="workload identity",
    ),
    Row(
        ConfigError,
        "correct SNOWFLAKE_OAUTH_CLIENT_ID, SNOWFLAKE_OAUTH_CLIENT_SECRET and SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL",
        _LOGIN,
        words="oauth|idp",
    ),
    Row(ConfigError, "correct the settings SNOWFLAKE_...: docs/snowflake.md", _LOGIN, words="failed to login"),
    Row(
        ConfigError,
        "correct the settings SNOWFLAKE_...: docs/snowflake.md",
        _codes(_MISSING, 251001, 251005, 251006, 251007, 251017),
    ),
    # Statements
    Row(SetupError, "run etl-daemon init, or GRANT what docs/snowflake.md lists to the role", _codes(2003, 2043)),
    Row(SetupError, "GRANT what docs/snowflake.md lists to the role", _codes(3001, 3540), ("42501",)),
    Row(SetupError, "set SNOWFLAKE_WAREHOUSE, and GRANT USAGE, OPERATE ON WAREHOUSE ... TO ROLE ...", _codes(606)),
    Row(SetupError, "raise the quota of the resource monitor, or set another SNOWFLAKE_WAREHOUSE", _codes(90073)),
    Row(TransientError, "another commit holds the table; raise SNOWFLAKE_STATEMENT_TIMEOUT if it is slow", _codes(625)),
    Row(
        TransientError,
        "raise SNOWFLAKE_STATEMENT_TIMEOUT, or take a larger SNOWFLAKE_WAREHOUSE",
        _codes(604, 609, 610, 630),
    ),
    Row(TransientError, _LATER, _codes(90232)),
    Row(TransientError, _LATER, words=r"transaction .*\baborted|aborted .*\btransaction|deadlock"),
    Row(
        DataError,
        "compare the target's columns with docs/rules.md; its types must hold the rows",
        _codes(100035, 100038, 100040, 100046, 100065, 100069, 100071, 100072, 100078, 100080, 100132),
        ("22001", "22003", "22007", "22008", "22018", "23"),
    ),
    Row(SetupError, "compare the target's columns with etl-daemon init's", _codes(904), ("42",)),
    # Connection
    Row(TransientError, _LATER, _codes(300002, 300005, 370001), ("XX",)),
    Row(TransientError, _NETWORK, _codes(_IO, _CANCELLED, _INTERNAL, _TIMEOUT, 250002, 250003), ("08", "HYT")),
)
"""The first row that fits counts; docs/snowflake.md sums it up for operators."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the connector's errors into ours; ``what`` names the call for the message.

    Raises:
        EtlError: of the class that the table says; the connector's error is its cause.
    """
    try:
        yield
    except Error as error:
        raise meaning(what, error) from error
    except (OSError, RuntimeError) as error:  # temporary files; the connector's native part
        raise TransientError(f"{what}: {error}.", hint="check disk space under TMPDIR, and the network") from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # how a fault in Rust arrives; no class to import
            raise TransientError(f"{what}: the connector failed: {error}.", hint=_LATER) from error
        raise


def meaning(what: str, error: Error) -> EtlError:
    """Our error for one of the connector's. What the table does not have is our fault if Snowflake judged it."""
    row = next((row for row in TABLE if row.fits(error)), None)
    kind, hint = (row.kind, row.hint) if row else _unlisted(error)
    said = f"{what}: {_said(error)}"
    return DataError(VALUE_REJECTED, said, hint=hint) if issubclass(kind, DataError) else kind(said, hint=hint)


def lost(error: BaseException | None) -> bool:
    """Whether the connection cannot be trusted after this error: Snowflake did not judge a statement on it."""
    return not isinstance(error, Error) or not _judged(error) or error.errno in SESSION_GONE


def _judged(error: Error) -> bool:
    """Whether the code is Snowflake's own: the connector counts its errors from 0 and from 250,000."""
    return error.errno >= 100 and error.errno not in range(250_000, 260_000)


def _unlisted(error: Error) -> tuple[type[EtlError], str]:
    if _judged(error):
        return SetupError, "look the query up in QUERY_HISTORY; docs/snowflake.md lists the grants"
    return TransientError, _NETWORK


def _said(error: Error) -> str:
    marks = [f"code {error.errno:06d}" if error.errno > 0 else "no code"]
    marks += [f"SQLSTATE {error.sqlstate}"] if error.sqlstate else []
    marks += [f"query {error.sfqid}"] if error.sfqid else []
    return f"{shown('', ' '.join(error.raw_msg.split()))} [{', '.join(marks)}]"
