"""Settings become the arguments with which the connector logs in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from etl_daemon.adapters.snowflake.keys import read_key
from etl_daemon.config import Settings
from etl_daemon.config.authentication import Method, choose
from etl_daemon.errors import ConfigError

APPLICATION = "etl_daemon"
ATTEMPT_SECONDS = 120.0
"""How long one HTTP request may stay silent: the server answers a long statement's request every 45 seconds."""

KEY_PAIR_ADVICE = (
    "Snowflake blocks logins by password alone: set SNOWFLAKE_PRIVATE_KEY_PATH or another way of docs/snowflake.md, "
    "and unset SNOWFLAKE_PASSWORD"
)


def method_of(settings: Settings) -> Method:
    """How these settings log in.

    Raises:
        ConfigError: they do not say, or not enough.
    """
    choice = choose({name.upper(): value for name, value in settings})
    if choice.problems or choice.method is None or not settings.snowflake_account:
        problems = choice.problems or ("SNOWFLAKE_ACCOUNT: must be set.",)
        raise ConfigError(" ".join(problems), hint="docs/snowflake.md says what each way to log in needs")
    return choice.method


def discouraged(settings: Settings) -> str:
    """What to do instead, if these settings log in by password; else nothing.

    Raises:
        ConfigError: they do not say how to log in, or not enough.
    """
    return KEY_PAIR_ADVICE if method_of(settings) is Method.PASSWORD else ""


def connect_arguments(settings: Settings) -> dict[str, Any]:
    """What ``snowflake.connector.connect`` is called with; files of keys and tokens are read now.

    Raises:
        ConfigError: the settings do not say how to log in, or the key is none.
    """
    given = {**_place(settings), **credentials(settings), **_patience(settings)}
    return {
        **{name: value for name, value in given.items() if value is not None},
        "application": APPLICATION,
        "autocommit": True,
        "paramstyle": "qmark",
        "timezone": "UTC",
        "session_parameters": session_parameters(settings),
        "client_store_temporary_credential": False,  # a daemon leaves no tokens in files of its own accord
        "enable_server_session_keep_alive_auto_detection": False,  # nothing runs on after us
    }


def session_parameters(settings: Settings) -> dict[str, Any]:
    """What holds for every statement; set with the login, so that it costs no statement."""
    return {
        "TRANSACTION_ABORT_ON_ERROR": True,
        "LOCK_TIMEOUT": 2 * settings.snowflake_statement_timeout,  # longer than the longest publish
        "STATEMENT_TIMEOUT_IN_SECONDS": settings.snowflake_statement_timeout,
        "ABORT_DETACHED_QUERY": True,
    }


def query_tag(dataset: str = "", batch_id: str = "") -> str:
    """What QUERY_HISTORY shows beside our statements: JSON."""
    batch = {"dataset": dataset, "batch_id": batch_id} if dataset else {}
    return json.dumps({"app": APPLICATION, "version": version(APPLICATION), **batch}, ensure_ascii=False)


def credentials(settings: Settings) -> Mapping[str, Any]:
    """The arguments that are the login's own.

    Raises:
        ConfigError: the settings do not say how to log in, or the key is none.
    """
    method = method_of(settings)
    token = {
        "token": settings.snowflake_token,
        "token_file_path": str(settings.snowflake_token_file_path) if settings.snowflake_token_file_path else None,
    }
    own: Mapping[str, Any] = {}
    match method:
        case Method.KEY_PAIR:
            own = {"private_key": _key(settings)}
        case Method.WORKLOAD_IDENTITY:
            own = {"workload_identity_provider": settings.snowflake_workload_identity_provider, **token}
        case Method.ACCESS_TOKEN | Method.OAUTH_TOKEN:
            own = token
        case Method.CLIENT_CREDENTIALS:
            own = _oauth_client(settings)
        case Method.PASSWORD:
            own = {"password": settings.snowflake_password}
    return {"authenticator": method.upper(), "user": settings.snowflake_username, **own}


def _key(settings: Settings) -> bytes:
    return read_key(
        settings.snowflake_private_key_path,
        settings.snowflake_private_key,
        settings.snowflake_private_key_passphrase,
    )


def _oauth_client(settings: Settings) -> Mapping[str, Any]:
    return {
        "oauth_client_id": settings.snowflake_oauth_client_id,
        "oauth_client_secret": settings.snowflake_oauth_client_secret,
        "oauth_token_request_url": settings.snowflake_oauth_token_request_url,
        "oauth_scope": settings.snowflake_oauth_scope,
    }


def _place(settings: Settings) -> Mapping[str, Any]:
    return {
        "account": settings.snowflake_account,
        "host": settings.snowflake_host,
        "port": settings.snowflake_port,
        "protocol": settings.snowflake_protocol,
        "database": settings.snowflake_database,
        "schema": settings.snowflake_schema,
        "warehouse": settings.snowflake_warehouse,
        "role": settings.snowflake_role,
    }


def _patience(settings: Settings) -> Mapping[str, int]:
    """Seconds. Statements have a bound of their own, so that a long one is not taken for a dead connection."""
    call = math.ceil(settings.etl_timeout)
    attempt = min(call, math.ceil(ATTEMPT_SECONDS))
    return {
        "login_timeout": call,
        "request_timeout": call,
        "retry_timeout": attempt,
        "query_timeout": settings.snowflake_statement_timeout + attempt,
        "logout_total_timeout_seconds": min(call, 5),
        "logout_max_attempts": 1,
    }
