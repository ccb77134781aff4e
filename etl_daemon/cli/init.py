"""``etl-daemon init``: control tables and targets."""

from __future__ import annotations

from etl_daemon.bootstrap import destination
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.core import configure
from etl_daemon.core.sql.tables import script
from etl_daemon.vault import load_settings


def init(*, print_only: bool, as_json: bool) -> None:
    """Create what does not exist yet, and tell what there is; or print the SQL that would do it.

    Raises:
        EtlError: settings are wrong, or the destination cannot be opened.
    """
    settings = load_settings(needs_source=False)
    if print_only:
        statements = configure.ddl(settings)
        if as_json:
            emit({"dialect": settings.etl_destination, "statements": statements})
        else:
            print(script(statements), end="")
        return
    missing = set(destination.survey(settings).missing)
    destination.prepare(settings)
    there = destination.survey(settings)
    if as_json:
        tables = {name: {"rows": rows, "created": name in missing} for name, rows in there.tables.items()}
        emit({"destination": there.place, "tables": tables})
        return
    rows = [(name, rows, "created" if name in missing else "was there") for name, rows in there.tables.items()]
    console().print(table(there.place, ["table", "#rows", "state"], rows))
