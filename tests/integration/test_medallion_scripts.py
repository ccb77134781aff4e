"""The scripts of deploy/snowflake/medallion: made from one description, readable, in order, and safe to run again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from tests.support.medallion.scripts import BODIES, FLOWS, FOLDER, GENERATE, ended

SCRIPTS = sorted(FOLDER.glob("*.sql"))
TEARDOWN = FOLDER / "99_teardown.sql"
SETUP = [path for path in SCRIPTS if path != TEARDOWN]
BEFORE = sorted(path for path in FOLDER.parent.glob("*.sql") if path.name != TEARDOWN.name)

NAME = r'"?[A-Z]\w*"?(?:\."?[A-Z]\w*"?){0,2}'
TEXT = r"'(?:[^']|'')*'"
PASSED_THROUGH = {
    "role": rf"CREATE ROLE IF NOT EXISTS {NAME} COMMENT = {TEXT}",
    "grant of a role": rf"GRANT ROLE {NAME} TO ROLE {NAME}",
    "grant on many": rf"GRANT SELECT ON FUTURE (?:TABLES|VIEWS) IN SCHEMA {NAME} TO ROLE {NAME}",
    "managed schema": rf"CREATE SCHEMA IF NOT EXISTS {NAME} WITH MANAGED ACCESS COMMENT = {TEXT}",
    "notifications": rf"CREATE NOTIFICATION INTEGRATION IF NOT EXISTS {NAME} ENABLED = TRUE TYPE = QUEUE "
    rf"NOTIFICATION_PROVIDER = AWS_SNS DIRECTION = OUTBOUND(?: [A-Z_]+ = {TEXT})+",
    "stream": rf"CREATE STREAM IF NOT EXISTS {NAME} ON TABLE {NAME} APPEND_ONLY = TRUE SHOW_INITIAL_ROWS = TRUE",
    "pipe": rf"CREATE PIPE IF NOT EXISTS {NAME} AUTO_INGEST = TRUE ERROR_INTEGRATION = {NAME} AS COPY INTO .+",
    "task": rf"CREATE OR ALTER TASK {NAME} WAREHOUSE = {NAME} SCHEDULE = 'USING CRON [^']+' ERROR_INTEGRATION = {NAME} "
    rf"WHEN SYSTEM\$STREAM_HAS_DATA\('{NAME}'\) AS CALL {NAME}\(\)",
    "task at rest": rf"ALTER TASK IF EXISTS {NAME} SUSPEND",
    "task at work": rf"ALTER TASK {NAME} RESUME",
    "block": r"EXECUTE IMMEDIATE \$\$ DECLARE .* END; \$\$",
}
"""What sqlglot hands on without reading it, and the form that Snowflake documents for it."""

MAKES = re.compile(
    r"CREATE (?:OR REPLACE |OR ALTER )?((?:STORAGE|NOTIFICATION) INTEGRATION|FILE FORMAT|[A-Z]+) "
    rf"(?:IF NOT EXISTS )?({NAME})"
)


def statements(text: str) -> list[exp.Expr]:
    return [node for node in sqlglot.parse(text, dialect="snowflake") if node is not None]


def texts(path: Path) -> list[str]:
    """The statements of a script as they are written, comments and breaks aside."""
    text = re.sub(r"^--.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)
    parts = re.split(r"(\$\$.*?\$\$)", text, flags=re.DOTALL)
    whole = "".join(part if n % 2 else part.replace(";\n", "\0") for n, part in enumerate(parts))
    return [" ".join(each.split()) for each in whole.split("\0") if each.strip()]


def names(text: str) -> set[str]:
    """Everything of the database, the account or the stage that a statement names; temporary tables aside."""
    found = set(re.findall(r"FINANCIAL_DATA\.[A-Z_]+(?:\.[A-Z_]+)?", text))
    found |= set(re.findall(r"(?:_INTEGRATION|INTEGRATION|WAREHOUSE|ROLE) (?:= )?(ETL_DAEMON\w*)", text))
    return {name for name in found if not name.endswith("_XFM")}


ALL = [(path.name, text) for path in SETUP for text in texts(path)]
SQL_INSIDE = {name: re.findall(r"`([^`]+)`", body) for name, body in BODIES.items()}


# ---------------------------------------------------------------- made from the description


def test_the_files_are_what_the_description_makes() -> None:
    found = {path.name: text for path, text in GENERATE.scripts()}
    assert set(found) == {path.name for path in SETUP if "make medallion" in path.read_text()}
    for name, text in found.items():
        assert (FOLDER / name).read_text("utf-8") == text, "make medallion"


def test_names_are_those_of_the_convention() -> None:
    made = {name.rpartition(".")[2] for _, text in ALL if (match := MAKES.match(text)) for name in [match[2]]}
    steps = {f"WORK_CUSTOMER_SRC_TO_SL_{kind}" for kind in ("PIPE", "STREAM", "SP", "TASK")}
    assert {"SOURCE_DATA_CUSTOMER_STAGE", "WORK_CUSTOMER_COPY", "CUSTOMER", "CUSTOMER_VIEW"} | steps <= made
    assert {name.replace("CUSTOMER", "PRICE") for name in steps} <= made
    assert "WORK_CUSTOMER_XFM" in "".join(BODIES.values())


# ---------------------------------------------------------------- every script


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_statement_is_read_or_has_a_documented_form(path: Path) -> None:
    read = statements(path.read_text("utf-8"))
    assert len(read) > 1
    unread = [" ".join(node.sql("snowflake", comments=False).split()) for node in read if isinstance(node, exp.Command)]
    assert [text for text in unread if not any(re.fullmatch(form, text) for form in PASSED_THROUGH.values())] == []


def test_no_form_is_allowed_in_vain() -> None:
    everything = [text for path in SCRIPTS for text in texts(path)]
    assert [kind for kind, form in PASSED_THROUGH.items() if not any(re.fullmatch(form, t) for t in everything)] == []


def test_what_pipes_and_procedures_run_is_read() -> None:
    copies = [text.partition(" AS ")[2] for _, text in ALL if text.startswith("CREATE PIPE")]
    assert [type(node) for text in copies for node in statements(text)] == [exp.Copy] * len(FLOWS)
    for inside in SQL_INSIDE.values():
        kinds = [type(node) for text in inside for node in statements(text)]
        assert kinds == [exp.Create, exp.Select, exp.Insert, exp.Merge]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_header_names_the_role_that_the_script_takes(path: Path) -> None:
    text = path.read_text("utf-8")
    words = re.findall(r"^-- (\w+): ", text[: text.index("\n\n")], re.MULTILINE)
    assert [word for word in words if word != "Edit"] == ["Role", "Does", "Again"]
    role = re.findall(r"-- Role:   ([A-Z_]+)", text)[0]
    assert [each for each in texts(path) if each.startswith("USE ")] == [f"USE ROLE {role}"]
    assert texts(path)[0] == f"USE ROLE {role}"


def test_running_again_replaces_nothing_that_holds_anything() -> None:
    forms = {
        (match[1], "replaced" if " OR REPLACE " in text else "altered" if " OR ALTER " in text else "left")
        for _, text in ALL
        if (match := MAKES.match(text))
    }
    assert forms == {
        ("PROCEDURE", "replaced"),
        ("VIEW", "replaced"),
        ("TASK", "altered"),
        *((kind, "left") for kind in ("ROLE", "SCHEMA", "STORAGE INTEGRATION", "NOTIFICATION INTEGRATION")),
        *((kind, "left") for kind in ("FILE FORMAT", "STAGE", "TABLE", "STREAM", "PIPE")),
    }
    left = [text for _, text in ALL if MAKES.match(text) and " OR " not in text.split("(")[0][:20]]
    assert [text for text in left if " IF NOT EXISTS " not in text] == []
    outside = [text for _, text in ALL if not text.startswith("CREATE OR REPLACE PROCEDURE")]
    assert [text for text in outside if re.match(r"DROP|REVOKE|TRUNCATE|DELETE|INSERT|UPDATE|MERGE", text)] == []


def test_everything_that_is_named_was_made_before() -> None:
    made = {"FINANCIAL_DATA"}
    for path in BEFORE:
        made |= {match[2] for text in texts(path) if (match := MAKES.match(text))}
    for file, text in ALL:
        match = MAKES.match(text)
        new = {match[2]} if match else set()
        if text.startswith("ALTER TASK IF EXISTS"):
            continue
        assert names(text) - made - new == set(), (file, text[:80])
        made |= new
    assert len(made) > 25


def test_errors_of_pipes_and_tasks_are_told_and_files_that_do_not_fit_left_out() -> None:
    working = [text for _, text in ALL if text.startswith(("CREATE PIPE", "CREATE OR ALTER TASK"))]
    assert len(working) == 2 * len(FLOWS)
    assert all(" ERROR_INTEGRATION = ETL_DAEMON_ERRORS " in text for text in working)
    # Snowpipe tells of errors only where it skips the file
    assert all(text.endswith("ON_ERROR = SKIP_FILE") for text in working if "PIPE" in text[:12])


def test_grants_are_no_more_than_it_takes() -> None:
    grants = [text for _, text in ALL if text.startswith("GRANT") and not text.startswith("GRANT ROLE")]
    assert [text for text in grants if re.search(r"OWNERSHIP|GRANT OPTION|ALL PRIVILEGES|MANAGE GRANTS", text)] == []
    assert [text for text in grants if "ON ACCOUNT" in text] == [
        "GRANT EXECUTE TASK ON ACCOUNT TO ROLE ETL_DAEMON_MODELER"
    ]
    reading = [text for text in grants if text.endswith("ETL_DAEMON_READER")]
    assert len(reading) == 4
    assert all(re.match(r"GRANT (?:USAGE|SELECT) ON ", text) and "BRONZE" not in text for text in reading)


def test_teardown_drops_what_goes_with_no_schema_and_asks_first() -> None:
    text = TEARDOWN.read_text("utf-8")
    dropped = set(re.findall(r"DROP ([A-Z]+) IF EXISTS ([A-Z0-9_.]+)", text))
    made = {(match[1].split()[-1], match[2]) for _, each in ALL if (match := MAKES.match(each))}
    assert dropped == {(kind, name) for kind, name in made if kind in {"SCHEMA", "INTEGRATION", "ROLE"}}
    assert text.index("RAISE not_confirmed") < text.index("DROP ")
    assert "SET ETL_DAEMON_TEARDOWN = 'MEDALLION';" in text[: text.index("USE ROLE")]


def test_the_readme_lists_the_scripts_in_order() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert re.findall(r"^\| `(\d\d_\w+\.sql)`", readme, re.MULTILINE) == [path.name for path in SCRIPTS]


# ---------------------------------------------------------------- the procedure


def verbs(run: dict[str, Any]) -> list[str]:
    return [" ".join(each["text"].split()[:2]) for each in run["sent"]]


@pytest.mark.parametrize("name", BODIES)
def test_a_procedure_merges_in_one_transaction(name: str, tmp_path: Path) -> None:
    run = ended(BODIES[name], tmp_path)
    assert verbs(run) == [
        *("SELECT UUID_STRING(),", "CREATE OR", "BEGIN TRANSACTION", "SELECT COUNT(*)"),
        *("INSERT INTO", "MERGE INTO", "COMMIT"),
    ]
    assert run["gave"] == {"process_id": "run-1", "rows_inserted": 2, "rows_updated": 1, "rows_without_key": 4}
    bound = [each["binds"] for each in run["sent"] if each["text"].startswith("INSERT")]
    assert bound == [[name, "run-1", "2026-01-02 03:04:05.000006"]]


@pytest.mark.parametrize("failing", ["SELECT COUNT", "INSERT", "MERGE", "COMMIT"])
def test_a_procedure_that_fails_takes_nothing_from_the_stream_and_says_why(failing: str, tmp_path: Path) -> None:
    for body in BODIES.values():
        run = ended(body, tmp_path, failing)
        assert verbs(run)[-1] == "ROLLBACK"
        assert run["threw"].startswith(f"failed: {failing}")
        assert "gave" not in run
        again = ended(body, tmp_path, failing, "ROLLBACK")  # the first error is the one that is told
        assert again["threw"] == run["threw"]


def test_only_dml_reads_the_stream_between_begin_and_commit() -> None:
    """DDL would commit, and CREATE TABLE AS SELECT would take the rows from the stream for good."""
    for body in BODIES.values():
        begin, commit = body.index('"BEGIN TRANSACTION"'), body.index('"COMMIT"')
        assert re.findall(r"CREATE|ALTER|DROP|TRUNCATE", body[begin:commit]) == []
        assert body.count("_STREAM") == body[begin:commit].count("_STREAM") == 2
