"""What each error of Snowflake and of its connector means: a test for every row of the table."""

from __future__ import annotations

import pytest
from snowflake.connector import errors as theirs

from etl_daemon.adapters.snowflake.errors import TABLE, VALUE_REJECTED, lost, meaning, translated
from etl_daemon.adapters.snowflake.staging import require_all
from etl_daemon.errors import ConfigError, DataError, EtlError, SetupError, TransientError

QUERY = "01b2-qid"
NO_LOGIN = "Failed to login: "
UNANSWERED = "HTTP request failed after retries: login request. "


def error(errno: int, state: str = "", words: str = "No.", query: str | None = QUERY) -> theirs.Error:
    return theirs.ProgrammingError(words, errno=errno, sqlstate=state or None, sfqid=query)


CASES = [
    # sessions that are gone
    *[((code, "08001"), TransientError, "tried again") for code in (390104, 390111, 390112, 390114, 390195)],
    ((250001, "08001", "Failed to refresh session: no sessionToken"), TransientError, "tried again"),
    # logins
    *[((code, "08001"), ConfigError, "key pair or workload") for code in (390127, 390197, 394507, 394508)],
    ((390999, "", "Multi-factor authentication is required"), ConfigError, "key pair or workload"),
    ((390102, "08001"), ConfigError, "MINS_TO_UNLOCK"),
    ((390999, "08001", "Your user account has been temporarily locked"), ConfigError, "MINS_TO_UNLOCK"),
    ((390101, "08001"), ConfigError, "DISABLED = FALSE"),
    ((390106, "08001"), ConfigError, "SET PASSWORD"),
    ((390999, "08001", "The password has expired"), ConfigError, "SET PASSWORD"),
    ((390100, "28000"), ConfigError, "SNOWFLAKE_PASSWORD"),
    *[((code, "28000"), ConfigError, "RSA_PUBLIC_KEY_FP") for code in (390144, 394300, 394304, 394307)],
    *[((code, "08001"), ConfigError, "SNOWFLAKE_TOKEN") for code in (390303, 390318, 394400, 394402)],
    *[((code, "08001"), SetupError, "GRANT ROLE") for code in (390186, 390189)],
    *[((code, "08001"), SetupError, "network policy") for code in (390420, 390422, 390432)],
    ((390201, "08001"), SetupError, "SNOWFLAKE_DATABASE"),
    ((90105, "22000"), SetupError, "GRANT USAGE ON DATABASE"),
    ((250001, "08001", NO_LOGIN + "error status: 404 Not Found"), ConfigError, "SNOWFLAKE_ACCOUNT"),
    ((250001, "08001", NO_LOGIN + UNANSWERED + "invalid peer certificate: UnknownIssuer"), SetupError, "SSL_CERT_FILE"),
    *[
        ((250001, "08001", NO_LOGIN + UNANSWERED + why), TransientError, "network")
        for why in ("Connection refused (os error 111)", "failed to lookup address information: Name not known")
    ],
    ((250001, "08001", NO_LOGIN + "Workload Identity Federation failed"), ConfigError, "IDENTITY_PROVIDER"),
    ((250001, "08001", NO_LOGIN + "OAuth: invalid_client"), ConfigError, "OAUTH_CLIENT_SECRET"),
    ((250001, "08001", NO_LOGIN + "Authentication failed."), ConfigError, "docs/snowflake.md"),
    *[((code, ""), ConfigError, "SNOWFLAKE_...") for code in (7, 251001, 251005, 251006, 251007, 251017)],
    # statements
    *[((code, "42S02"), SetupError, "etl-daemon init") for code in (2003, 2043)],
    *[((code, state), SetupError, "GRANT what") for code, state in ((3001, ""), (3540, ""), (9, "42501"))],
    ((606, "57P03"), SetupError, "SNOWFLAKE_WAREHOUSE"),
    ((90073, "22000"), SetupError, "resource monitor"),
    ((625, "57014"), TransientError, "another commit"),
    *[((code, "57014"), TransientError, "SNOWFLAKE_STATEMENT_TIMEOUT") for code in (604, 609, 610, 630)],
    ((90232, "40001"), TransientError, "tried again"),
    ((90999, "", "The transaction was aborted by the system"), TransientError, "tried again"),
    *[((code, ""), DataError, "types must hold") for code in (100035, 100038, 100040, 100072, 100078, 100132)],
    *[((9999, state), DataError, "types must hold") for state in ("22001", "22003", "22018", "23505")],
    *[((code, state), SetupError, "target's columns") for code, state in ((904, "42000"), (1003, "42000"))],
    # the connection
    *[((code, "XX000"), TransientError, "tried again") for code in (300002, 300005, 370001)],
    *[((code, state), TransientError, "network") for code, state in ((4, ""), (5, ""), (6, ""), (14, "HYT00"))],
    *[((code, "08003"), TransientError, "network") for code in (250002, 250003, 250001)],
]


@pytest.mark.parametrize(("said", "kind", "hint"), CASES)
def test_each_row_of_the_table(said: tuple, kind: type[EtlError], hint: str) -> None:
    ours = meaning("SELECT 1", error(*said))
    assert type(ours) is kind
    assert hint in ours.hint


def test_every_row_has_a_case() -> None:
    met = {next(index for index, row in enumerate(TABLE) if row.fits(error(*said))) for said, _, _ in CASES}
    assert met == set(range(len(TABLE)))


def test_the_text_has_call_code_state_and_query() -> None:
    said = str(meaning("INSERT INTO T", error(2003, "42S02", "Object 'X'\ndoes not exist.")))
    assert said.startswith(
        "INSERT INTO T: Object 'X' does not exist. [code 002003, SQLSTATE 42S02, query 01b2-qid] Hint: "
    )


def test_what_is_not_listed_is_ours_if_snowflake_judged_it_and_passes_if_not() -> None:
    judged = meaning("X", error(98765, "99999"))
    assert type(judged) is SetupError
    assert "[code 098765, SQLSTATE 99999, query 01b2-qid]" in judged.detail
    assert "QUERY_HISTORY" in judged.hint
    assert type(meaning("X", error(-1, query=None))) is TransientError
    assert type(meaning("X", error(252005, query=None))) is TransientError


def test_a_value_is_rejected_with_its_reason() -> None:
    ours = meaning("X", error(100038, "22018"))
    assert isinstance(ours, DataError)
    assert ours.reason == VALUE_REJECTED == "value_rejected"


def test_passwords_in_urls_stay_out() -> None:
    assert "s3cret" not in str(meaning("X", error(4, "", "proxy http://me:s3cret@proxy:3128 refused")))


@pytest.mark.parametrize("raised", [error(4), OSError(28, "No space left on device"), RuntimeError("stream")])
def test_what_is_raised_is_ours(raised: Exception) -> None:
    with pytest.raises(TransientError) as caught, translated("SELECT 1"):
        raise raised
    assert caught.value.__cause__ is raised
    assert caught.value.detail.startswith("SELECT 1: ")


def test_a_fault_in_the_native_part_passes() -> None:
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(TransientError, match="the connector failed: index out of range"), translated("SELECT 1"):
        raise panic("index out of range")


@pytest.mark.parametrize("raised", [KeyboardInterrupt, ValueError, SetupError])
def test_other_errors_go_through(raised: type[BaseException]) -> None:
    with pytest.raises(raised), translated("SELECT 1"):
        raise raised("as it is")


def test_which_errors_cost_the_connection() -> None:
    assert all(lost(error(code)) for code in (4, 6, 14, -1, 250001, 252005, 390111, 390114))
    assert lost(OSError())
    assert lost(None)
    assert not any(lost(error(code)) for code in (625, 2003, 100038, 90232, 370001))


@pytest.mark.parametrize(
    "copied",
    [[], [("f0", "LOADED", 2, 1)], [("f0", "LOADED", 2, 2), ("f1", "LOADED", 1, 1)], [("f0", "PARTIAL", 2, 2)]],
)
def test_staging_must_be_complete(copied: list[tuple]) -> None:
    with pytest.raises(TransientError, match=r"of 2 rows arrived in D\.S\.T"):
        require_all(copied, 2, "D.S.T")
    require_all([("f0", "LOADED", 1, 1), ("f1", "LOADED", 1, 1)], 2, "D.S.T")
