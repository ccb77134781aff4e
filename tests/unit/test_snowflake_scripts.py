"""The scripts of deploy/snowflake say what the code needs, in Snowflake's words, and take it all away again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.sql.dialect import DIALECTS
from etl_daemon.core.sql.tables import CONTROL_TABLES, creating, script

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "snowflake"
SCRIPTS = sorted(FOLDER.glob("*.sql"))
TEARDOWN = FOLDER / "99_teardown.sql"
SETUP = [path for path in SCRIPTS if path != TEARDOWN]
SNOWFLAKE = Settings().model_copy(update={"etl_destination": "snowflake"})

LOADER, READER = "ETL_DAEMON_LOADER", "ETL_DAEMON_READER"

NAME = r"[A-Z]\w*(?:\.[A-Z]\w*){0,2}"
TEXT = r"'(?:[^']|'')*'"
VALUE = rf"(?:{TEXT}|{NAME}|\d+|\((?:{TEXT}(?:, {TEXT})*)?\))"
PRIVILEGES = r"[A-Z]+(?: [A-Z]+)?(?:, [A-Z]+(?: [A-Z]+)?)*"
PASSED_THROUGH = {
    "role": rf"CREATE ROLE IF NOT EXISTS {NAME} COMMENT = {TEXT}",
    "grant of a role": rf"GRANT ROLE {NAME} TO (?:ROLE|USER) {NAME}",
    "grant on many": rf"GRANT {PRIVILEGES} ON (?:ALL|FUTURE) (?:TABLES|VIEWS) IN SCHEMA {NAME} TO ROLE {NAME}",
    "managed schema": rf"CREATE SCHEMA IF NOT EXISTS {NAME} WITH MANAGED ACCESS COMMENT = {TEXT}",
    "user": rf"CREATE USER IF NOT EXISTS {NAME} TYPE = SERVICE(?: [A-Z_]+ = {VALUE})+",
    "policy": rf"CREATE (?:AUTHENTICATION|NETWORK) POLICY IF NOT EXISTS {NAME}(?: [A-Z_]+ = {VALUE})+",
    "policy's list": rf"ALTER NETWORK POLICY {NAME} SET ALLOWED_IP_LIST = {VALUE}",
    "policy of a user": rf"ALTER USER {NAME} (?:UN)?SET AUTHENTICATION POLICY(?: {NAME})?",
    "property": rf"ALTER (?:USER|WAREHOUSE) {NAME} SET (?:NETWORK_POLICY|RESOURCE_MONITOR) = {NAME}",
    "monitor": rf"CREATE RESOURCE MONITOR IF NOT EXISTS {NAME} WITH(?: [A-Z_]+ = \w+)+ TRIGGERS"
    r"(?: ON \d+ PERCENT DO (?:NOTIFY|SUSPEND|SUSPEND_IMMEDIATE))+",
    "block": r"EXECUTE IMMEDIATE \$\$ (?:DECLARE .*)?BEGIN .* END; \$\$",
    "drop": rf"DROP (?:USER|NETWORK POLICY|RESOURCE MONITOR) IF EXISTS {NAME}",
}
"""What sqlglot hands on without reading it, and the form that Snowflake documents for it."""


def statements(text: str) -> list[exp.Expr]:
    return [node for node in sqlglot.parse(text, dialect="snowflake") if node is not None]


def flat(node: exp.Expr) -> str:
    return " ".join(node.sql(dialect="snowflake", comments=False).split())


def block(path: Path) -> str:
    """What stands between the dollar signs."""
    return path.read_text("utf-8").split("$$")[1]


def inside(path: Path) -> list[exp.Expr]:
    """The statements of a script's block that begin with ALTER or DROP."""
    text = path.read_text("utf-8")
    return (
        statements(";".join(re.findall(r"^ +((?:ALTER|DROP) [^;]+)", block(path), re.MULTILINE)))
        if "$$" in text
        else []
    )


@dataclass(frozen=True)
class Grant:
    """``privileges`` on ``on``, such as TABLE, of ``name`` to ``role``."""

    privileges: frozenset[str]
    on: str
    name: str
    role: str


SET_UP = [flat(node) for path in SETUP for node in statements(path.read_text("utf-8"))]
CREATED = [
    (match[1], match[2]) for text in SET_UP if (match := re.match(rf"CREATE ([A-Z ]+?) IF NOT EXISTS ({NAME})", text))
]
ROLES = {name for kind, name in CREATED if kind == "ROLE"}
GRANTS = [
    Grant(frozenset(match[1].split(", ")), match[2], match[3], match[4])
    for text in SET_UP
    if (match := re.fullmatch(rf"GRANT ({PRIVILEGES}) ON ([A-Z ]+?) ({NAME}) TO ROLE ({NAME})", text))
]


def granted(role: str, on: str, name: str) -> set[str]:
    return {
        privilege
        for grant in GRANTS
        if (grant.role, grant.on, grant.name) == (role, on, name)
        for privilege in grant.privileges
    }


# ---------------------------------------------------------------- every script


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_statement_is_read_or_has_a_documented_form(path: Path) -> None:
    read = statements(path.read_text("utf-8")) + inside(path)
    assert len(read) > 1
    unknown = [
        flat(node)
        for node in read
        if isinstance(node, exp.Command) and not any(re.fullmatch(form, flat(node)) for form in PASSED_THROUGH.values())
    ]
    assert unknown == []


def test_no_form_is_allowed_in_vain() -> None:
    commands = [
        flat(node)
        for path in SCRIPTS
        for node in statements(path.read_text("utf-8")) + inside(path)
        if isinstance(node, exp.Command)
    ]
    used = {kind for kind, form in PASSED_THROUGH.items() for text in commands if re.fullmatch(form, text)}
    assert used == set(PASSED_THROUGH)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_header_names_the_role_that_the_script_takes(path: Path) -> None:
    text = path.read_text("utf-8")
    header = text[: text.index("\n\n")]
    words = re.findall(r"^-- (\w+): ", header, re.MULTILINE)
    assert [word for word in words if word != "Edit"] == ["Role", "Does", "Again"]
    uses = [flat(node) for node in statements(text) if isinstance(node, exp.Use)]
    assert uses == [f"USE ROLE {re.findall(r'-- Role:   ([A-Z]+)', header)[0]}"]
    assert isinstance(statements(text)[0], exp.Use)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_in_a_script_is_a_template_of_the_client(path: Path) -> None:
    assert re.findall(r"&|<%|\{\{|^!", path.read_text("utf-8"), re.MULTILINE) == []


def test_setting_up_again_changes_nothing() -> None:
    assert [text for text in SET_UP if text.startswith("CREATE") and " IF NOT EXISTS " not in text] == []
    assert [text for text in SET_UP if re.match(r"DROP|REVOKE|TRUNCATE|DELETE|UPDATE|MERGE", text)] == []
    (noted,) = [text for text in SET_UP if text.startswith("INSERT")]
    assert "ETL_SCHEMA_VERSION" in noted
    assert "WHERE NOT EXISTS" in noted
    kinds = {kind for kind, _ in CREATED}
    assert kinds == {
        *("ROLE", "WAREHOUSE", "DATABASE", "SCHEMA", "TABLE", "USER"),
        *("AUTHENTICATION POLICY", "NETWORK POLICY", "RESOURCE MONITOR"),
    }


def test_the_readme_lists_the_scripts_in_order_and_every_name() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert re.findall(r"^\| `(\d\d_\w+\.sql)`", readme, re.MULTILINE) == [path.name for path in SCRIPTS]
    assert {name for _, name in CREATED if "." not in name and f"`{name}`" not in readme} == set()


# ---------------------------------------------------------------- tables


def test_tables_are_those_of_the_code() -> None:
    text = (FOLDER / "04_tables.sql").read_text("utf-8")
    assert text[text.index("CREATE") :] == script(configure.ddl(SNOWFLAKE)), "make snowflake-tables"


def test_the_code_names_every_table_once() -> None:
    tables = [name for kind, name in CREATED if kind == "TABLE"]
    targets = ["MARKET_DATA.PRICE_DATA", "ANALYTICS.TECHNICAL_INDICATORS", "ANALYTICS.ANOMALIES"]
    assert tables == [
        f"FINANCIAL_DATA.{name}" for name in [*(f"ETL_CONTROL.{each}" for each in CONTROL_TABLES), *targets]
    ]


def test_ddl_comes_in_the_words_of_the_destination() -> None:
    assert {
        settings.etl_destination: "TIMESTAMP_NTZ" in script(configure.ddl(settings))
        for settings in (Settings(), SNOWFLAKE)
    } == {
        "duckdb": False,
        "snowflake": True,
    }
    assert set(DIALECTS) == {"duckdb", "snowflake"}


def test_a_schema_or_table_that_two_datasets_name_is_made_once() -> None:
    prices, *_ = configure.datasets(SNOWFLAKE)
    made = list(creating("FINANCIAL_DATA", [prices, prices], DIALECTS["snowflake"]).values())
    assert len(made) == len(set(made)) == 1 + len(CONTROL_TABLES) + 2


def test_every_schema_of_the_tables_is_there_before_them_with_managed_access() -> None:
    managed = re.findall(rf"CREATE SCHEMA IF NOT EXISTS ({NAME}) WITH MANAGED ACCESS", "\n".join(SET_UP))
    assert {name.rpartition(".")[0] for kind, name in CREATED if kind == "TABLE"} == set(managed)
    assert CREATED.index(("SCHEMA", managed[-1])) < CREATED.index(("TABLE", "FINANCIAL_DATA.ETL_CONTROL.ETL_OBJECTS"))


# ---------------------------------------------------------------- grants


def test_every_grant_is_understood() -> None:
    grants = [text for text in SET_UP if text.startswith("GRANT") and not text.startswith("GRANT ROLE")]
    assert len(grants) == len(GRANTS) > 20


def test_grants_name_only_roles_and_objects_made_here() -> None:
    assert {LOADER, READER} == ROLES
    assert {grant.role for grant in GRANTS} == ROLES
    made = set(CREATED)
    for grant in GRANTS:
        assert (grant.on if grant.on in {"WAREHOUSE", "DATABASE", "TABLE"} else "SCHEMA", grant.name) in made, grant
    roles = [re.fullmatch(r"GRANT ROLE (\w+) TO (ROLE|USER) (\w+)", text) for text in SET_UP if "GRANT ROLE" in text]
    assert {match.groups() for match in roles if match} == {
        (LOADER, "ROLE", "SYSADMIN"),
        (READER, "ROLE", "SYSADMIN"),
        (LOADER, "USER", "ETL_DAEMON"),
    }


def test_nobody_gets_ownership_or_anything_on_the_account() -> None:
    given = {privilege for grant in GRANTS for privilege in grant.privileges}
    assert given == {"USAGE", "CREATE TABLE", "CREATE STAGE", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"}
    assert {grant.on for grant in GRANTS} == {
        *("WAREHOUSE", "DATABASE", "SCHEMA", "TABLE"),
        *(f"{which} {what} IN SCHEMA" for which in ("ALL", "FUTURE") for what in ("TABLES", "VIEWS")),
    }
    assert [
        text for text in SET_UP if re.search(r"OWNERSHIP|ON ACCOUNT|GRANT OPTION|MANAGE GRANTS|ALL PRIVILEGES", text)
    ] == []


def test_the_loader_can_do_what_loading_takes() -> None:
    assert granted(LOADER, "WAREHOUSE", "ETL_DAEMON_WH") == {"USAGE"}
    assert granted(LOADER, "DATABASE", "FINANCIAL_DATA") == {"USAGE"}
    for schema in {name.rpartition(".")[0] for kind, name in CREATED if kind == "TABLE"}:
        assert granted(LOADER, "SCHEMA", schema) == {"USAGE", "CREATE TABLE", "CREATE STAGE"}
    changes = {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"}
    for dataset in configure.datasets(SNOWFLAKE):
        schema = dataset.table.rpartition(".")[0]
        for which in ("ALL", "FUTURE"):
            assert granted(LOADER, f"{which} TABLES IN SCHEMA", schema) == changes


def test_the_loader_keeps_the_control_tables_and_cannot_rewrite_what_happened() -> None:
    control = {name: granted(LOADER, "TABLE", f"FINANCIAL_DATA.ETL_CONTROL.{name}") for name in CONTROL_TABLES}
    append = {"SELECT", "INSERT"}
    assert control == {
        "ETL_OBJECTS": append | {"UPDATE", "DELETE"},
        "ETL_BATCHES": append,
        "ETL_CURSORS": append | {"UPDATE"},
        "ETL_QUARANTINE": append | {"UPDATE", "DELETE"},
        "ETL_AUDIT_LOG": append,
        "ETL_SCHEMA_VERSION": append,
    }


def test_the_reader_only_reads_and_sees_no_control_table() -> None:
    reading = [grant for grant in GRANTS if grant.role == READER]
    assert {privilege for grant in reading for privilege in grant.privileges} == {"USAGE", "SELECT"}
    assert {grant.name for grant in reading} == {
        "FINANCIAL_DATA",
        "FINANCIAL_DATA.MARKET_DATA",
        "FINANCIAL_DATA.ANALYTICS",
    }


# ---------------------------------------------------------------- warehouse, user, policies


def test_the_warehouse_is_small_and_sleeps() -> None:
    (text,) = [text for text in SET_UP if text.startswith("CREATE WAREHOUSE")]
    for setting in ("WAREHOUSE_SIZE='XSMALL'", "AUTO_SUSPEND=60", "AUTO_RESUME=TRUE", "INITIALLY_SUSPENDED=TRUE"):
        assert setting in text.split()
    assert re.search(r" STATEMENT_TIMEOUT_IN_SECONDS=[1-9]", text)
    assert re.search(r" STATEMENT_QUEUED_TIMEOUT_IN_SECONDS=[1-9]", text)


def test_the_user_is_a_service_without_password_and_the_key_is_none() -> None:
    (text,) = [text for text in SET_UP if text.startswith("CREATE USER")]
    assert " TYPE = SERVICE " in text
    assert " DEFAULT_SECONDARY_ROLES = () " in text
    key = re.findall(r"RSA_PUBLIC_KEY = '([^']*)'", text)[0]
    assert re.search(r"[^A-Za-z0-9+/=]", key), "what Snowflake could take for a key"
    for path in SCRIPTS:
        assert not re.search(
            r"PASSWORD|PRIVATE KEY|MII[A-Za-z0-9]{10}", path.read_text("utf-8").replace("_KEY_PAIR", "")
        )


def test_the_resource_monitor_stops_the_warehouse_at_its_quota() -> None:
    (text,) = [text for text in SET_UP if text.startswith("CREATE RESOURCE MONITOR")]
    assert "FREQUENCY = MONTHLY START_TIMESTAMP = IMMEDIATELY" in text
    assert "ON 100 PERCENT DO SUSPEND " in text
    only = [path.name for path in SETUP if "RESOURCE MONITOR" in path.read_text("utf-8")]
    assert only == ["09_resource_monitor.sql"]


# ---------------------------------------------------------------- teardown


def test_teardown_drops_all_that_was_made_and_nothing_else() -> None:
    dropped = re.findall(rf"DROP ([A-Z ]+?) IF EXISTS ({NAME})", block(TEARDOWN))
    gone_with_it = [(kind, name) for kind, name in CREATED if "." in name]
    assert {name.split(".")[0] for _, name in gone_with_it} == {"FINANCIAL_DATA"}
    assert sorted(dropped) == sorted(set(CREATED) - set(gone_with_it))
    kinds = [kind for kind, _ in dropped]
    assert kinds.index("USER") < min(kinds.index("NETWORK POLICY"), kinds.index("DATABASE")), "policies are attached"


def test_teardown_is_one_statement_behind_a_variable() -> None:
    text = TEARDOWN.read_text("utf-8")
    assert [flat(node).split("$$")[0].strip() for node in statements(text)] == [
        "USE ROLE ACCOUNTADMIN",
        "EXECUTE IMMEDIATE",
    ]
    guard = re.search(
        r"SELECT COALESCE\(GETVARIABLE\('(\w+)'\), ''\) INTO :(\w+);\s+"
        r"IF \((\w+) <> '(\w+)'\) THEN\s+RAISE (\w+);\s+END IF;\s+DROP",
        block(TEARDOWN),
    )
    assert guard
    variable, into, compared, value, error = guard.groups()
    assert variable.isupper()
    assert into == compared
    assert f"{error} EXCEPTION (-20001, " in block(TEARDOWN)
    assert f"SET {variable} = '{value}';" in text[: text.index("USE ROLE")]
    assert block(TEARDOWN).index("DROP ") > block(TEARDOWN).index("END IF")
    assert "EXCEPTION\n" not in block(TEARDOWN), "a handler would let it pass"
