"""Settings in two steps: what file and environment leave open is asked of the stores, then all of it is checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from etl_daemon.config import NAMES, Given, Settings, Stored, given_by, read_given, validated
from etl_daemon.config.authentication import LOGIN
from etl_daemon.core.events import Event
from etl_daemon.core.events.side import SecretsRead, SecretsRenewed
from etl_daemon.core.secret import Place, Secrets
from etl_daemon.errors import ConfigError, SecretMissingError, SetupError
from etl_daemon.vault.stores import credentials, stores

PREFIX = "SNOWFLAKE_"
SHORT = {"SNOWFLAKE_USER": "SNOWFLAKE_USERNAME", "SNOWFLAKE_PASSPHRASE": "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"}
"""Names that secrets of databases often have."""

CREDENTIALS = "systemd credentials"

Renewal = Callable[[Settings], Settings | None]


def load_settings(
    env: Mapping[str, str] | None = None,
    file: Path | None = None,
    *,
    needs_source: bool = True,
    needs_login: bool = True,
) -> Settings:
    """The settings of this process: environment, else file, else systemd's credentials, else SSM, else Secrets Manager.

    The stores of AWS are asked only where rows go to Snowflake and a setting names them; without ``needs_login`` only
    if even the account is not set.

    Raises:
        ConfigError: with every problem, a line each.
        SetupError: a store gives no access.
        TransientError: a store did not answer.
    """
    environment = os.environ if env is None else env
    given = _with_credentials(read_given(environment, file), environment)
    if needs_login or not given.values.get("SNOWFLAKE_ACCOUNT"):
        given = _with_stores(given)
    return validated(given, needs_source=needs_source, needs_login=needs_login)


def settings_from(mapping: Mapping[str, object]) -> Settings:
    """Settings from a mapping of setting names, and from the stores that it names; neither file nor environment.

    Raises:
        ConfigError, SetupError, TransientError: as ``load_settings``.
    """
    return validated(_with_stores(given_by(mapping)))


def renewal(settings: Settings, tell: Callable[[Event], None]) -> Renewal:
    """What to call where Snowflake refuses a login: settings with other secrets; None: the stores have no others.

    It raises SetupError and TransientError as ``load_settings``. What the stores have said so far is told now.
    """
    for stored in settings.stored:
        tell(SecretsRead("", stored.place, stored.taken, stored.ignored))

    def renew(before: Settings) -> Settings | None:
        if not before.stored:
            return None
        login = _read_again(before)
        if login == {name: getattr(before, name) for name in login}:
            return None
        tell(SecretsRenewed("", ", ".join(stored.place for stored in before.stored)))
        return before.model_copy(update=login)

    return renew


def _read_again(settings: Settings) -> Mapping[str, object]:
    """The settings of the login by field, with what the stores have of them now."""
    taken = {name for stored in settings.stored for name in stored.taken}
    given = Given({name.upper(): value for name, value in settings if value is not None and name.upper() not in taken})
    if any(stored.place == CREDENTIALS for stored in settings.stored):
        given = _with_credentials(given, os.environ)
    try:
        found = validated(_with_stores(given))
    except ConfigError as error:  # the settings were right: it is the stores that have to be
        raise SetupError(error.detail, hint="correct what the stores have; it is tried again") from error
    return {name.lower(): getattr(found, name.lower()) for name in LOGIN}


def _with_credentials(given: Given, environment: Mapping[str, str]) -> Given:
    """Credentials of systemd that are called as settings are."""
    open_names = [name.lower() for name in NAMES if not given.values.get(name)]
    found = credentials(environment).texts(open_names)
    named = {name.upper(): secret for name, secret in found.items()}
    return _completed(given, named, CREDENTIALS) if named else given


def _with_stores(given: Given) -> Given:
    """What the stores of AWS have of what is not set; a store that has nothing is a problem of the settings."""
    store_for = stores(str(given.values.get("S3_REGION") or "") or None)
    given = replace(given, stored=given.stored or ())
    for setting, place in _places(given):
        try:
            with closing(store_for(place.scheme)) as store:
                found = store.get(place.name)
        except SecretMissingError as error:
            problem = f"{setting}={place.name}: {error.detail} To add one: {error.hint}."
            given = replace(given, problems=(*given.problems, problem))
            continue
        given = _completed(given, {_setting(name): secret for name, secret in found.items()}, str(place), setting)
    return given


def _places(given: Given) -> Iterator[tuple[str, Place]]:
    if str(given.values.get("ETL_DESTINATION", "")).lower() != "snowflake":
        return
    for setting, scheme in (("SNOWFLAKE_SSM_PATH", "ssm"), ("SNOWFLAKE_SECRET_ID", "secretsmanager")):
        if name := given.values.get(setting):
            yield setting, Place(scheme, str(name))


def _completed(given: Given, found: Secrets, place: str, setting: str = "") -> Given:
    taken = {name: secret for name, secret in found.items() if name in NAMES and not given.values.get(name)}
    ignored = tuple(sorted(name.removeprefix(PREFIX).lower() for name in found if name not in NAMES))
    return replace(
        given,
        values={**given.values, **{name: secret.reveal() for name, secret in taken.items()}},
        origins={**given.origins, **dict.fromkeys(taken, f" ({place})")},
        stored=(*(given.stored or ()), Stored(place, setting, tuple(sorted(taken)), ignored)),
    )


def _setting(name: str) -> str:
    """Names may leave ``SNOWFLAKE_`` out."""
    full = f"{PREFIX}{name.upper().removeprefix(PREFIX)}"
    return SHORT.get(full, full)
