"""What an error of a database means for us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pymysql
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError

from etl_daemon.config import shown
from etl_daemon.errors import SetupError, TransientError

_LOGIN = "check user, password and grants: the user needs SELECT on what is read"
_NAMES = "correct table, query or columns beneath sql in ETL_DATASETS_FILE, or grant SELECT"
_PROOF = (
    "trust its certificate's authority: SSL_CERT_FILE names certificates; or have the URL say how it is to be, such as "
    "?sslmode=verify-ca or, in a network that you trust, ?sslmode=disable (MySQL: ?ssl_disabled=true)"
)
_UNPROVEN = "certificate verify failed|server certificate for|CERTIFICATE_VERIFY_FAILED|does(n't| not) support (it|SSL)"
"""What is said of a server that cannot show who it is."""
_RETRY = "see whether the database is up and can be reached; the next extraction goes on where this one was"
_LASTING = {
    1044: _LOGIN,
    1045: _LOGIN,
    1049: _LOGIN,
    1054: _NAMES,
    1064: _NAMES,
    1142: _NAMES,
    1143: _NAMES,
    1146: _NAMES,
}
"""By the codes of MySQL."""


class LoginRefusedError(SetupError):
    """The database does not let this user in: the secret may have changed."""


class JdbcError(Exception):
    """What a database said by way of JDBC, with its SQLSTATE; empty: nobody knows it."""

    def __init__(self, said: str, sqlstate: str) -> None:
        super().__init__(said)
        self.sqlstate = sqlstate


_DATABASE_ERRORS = (psycopg.Error, pymysql.Error, DBAPIError, JdbcError)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the drivers' errors into ours; they may quote the URL, password and all."""
    try:
        yield
    except (ArgumentError, NoSuchModuleError, NoSuchTableError, ModuleNotFoundError) as error:
        hint = "correct url; SQLAlchemy takes dialect+driver://user:password@host/database, with the driver installed"
        raise SetupError(f"{what}: {_said(error)}", hint=hint) from error
    except _DATABASE_ERRORS as error:
        hint = lasting(error)
        kind = {"": TransientError, _LOGIN: LoginRefusedError}.get(hint, SetupError)
        raise kind(f"{what}: {_said(error)}", hint=hint or _RETRY) from error
    except OSError as error:
        raise TransientError(f"{what}: {error}.", hint="free space in ETL_STATE_DIR, or look at the network") from error


def lasting(error: BaseException) -> str:
    """What to do about an error that waiting does not mend; empty: it may pass."""
    if isinstance(error, DBAPIError):
        return lasting(error.orig) if error.orig else ""
    if re.search(_UNPROVEN, str(error)):
        return _PROOF
    state = str(getattr(error, "sqlstate", None) or "")
    if state.startswith("28") or state == "3D000" or "authentication failed" in str(error):
        return _LOGIN
    if state.startswith("42"):
        return _NAMES
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    return _LASTING.get(code, _NAMES if type(error).__name__ == "ProgrammingError" else "")


def _said(error: BaseException) -> str:
    text = error.args[1] if isinstance(error, pymysql.Error) and len(error.args) > 1 else str(error)
    return re.sub(r"\s+", " ", shown("detail", text)).strip().rstrip(".") + "."
