"""Any database that has a JDBC driver: Spark reads, its executors make the lines, and they are written down here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Self

from etl_daemon.adapters.sql.failures import JdbcError
from etl_daemon.adapters.sql.relation import Column, Pulse, Sort, literal
from etl_daemon.errors import SetupError

PULSE_SECONDS = 1.0

BLOCK_LINES = 1_000
"""Lines that come from Spark as one row: a row each would take three times as long."""

DIGITS_WITHOUT_EXPONENT = 6

_TEXT = "CAST({} AS STRING)"
_TYPES: Mapping[str, tuple[str, str, Sort]] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), ("BIGINT", _TEXT, Sort.WHOLE)),
    **dict.fromkeys(("float", "double"), ("DOUBLE", _TEXT, Sort.OTHER)),
    **dict.fromkeys(("timestamp", "timestamp_ntz"), ("TIMESTAMP", f"concat({_TEXT}, 'Z')", Sort.INSTANT)),
    "boolean": ("BOOLEAN", _TEXT, Sort.OTHER),
    "date": ("DATE", _TEXT, Sort.INSTANT),
    "string": ("VARCHAR", _TEXT, Sort.OTHER),
    "binary": ("VARCHAR", "lower(hex({}))", Sort.OTHER),
}
"""By Spark's names: type in a table, expression of the text, order; all others are text."""
_JSON = ("JSON", "to_json({})", Sort.OTHER)


class JdbcConnection:
    """Each query is a connection of its own, made where Spark runs it, and sees what its database lets it see.

    ``session`` gives the session of Spark. Times without a zone count as UTC.
    """

    shared = False

    def __init__(self, session: Callable[[], Any], given: Mapping[str, str]) -> None:
        self._session = session
        self._given = given
        self._spark = session()
        with _understood():
            self._spark.conf.set("spark.sql.session.timeZone", "UTC")
            jvm = self._spark.sparkContext._jvm  # noqa: SLF001  # PySpark has no other way to them
            quoted = str(jvm.org.apache.spark.sql.jdbc.JdbcDialects.get(given["url"]).quoteIdentifier("x"))
            zone = str(jvm.java.util.TimeZone.getDefault().getID())
        if zone not in {"UTC", "GMT", "Etc/UTC", "Z"}:
            hint = "start Spark with TZ=UTC, or -Duser.timezone=UTC in spark.driver and spark.executor.extraJavaOptions"
            raise SetupError(f"Spark's Java lives in {zone}, and would shift times.", hint=hint)
        self._quotes = quoted[0], quoted[-1]

    def describe(self, relation: str) -> list[Column]:
        """As the protocol says.

        Raises:
            SetupError: a column has times of day, which Spark would cut.
        """
        with _understood():
            fields = self._read(f"SELECT * FROM {relation}").schema.fields
        return [self._column(field) for field in fields]

    def quoted(self, name: str) -> str:
        """As the protocol says."""
        return self._quotes[0] + name.replace(self._quotes[1], self._quotes[1] * 2) + self._quotes[1]

    def table(self, name: str) -> str:
        """As the protocol says."""
        return name if self._quotes[0] in name else ".".join(map(self.quoted, name.split(".")))

    def literal(self, text: str) -> str:
        """As the protocol says."""
        return literal(text, self._quotes[0])

    def one(self, query: str) -> list[str | None]:
        """As the protocol says."""
        with _understood():
            found = self._read(query)
            (row,) = found.selectExpr(*[_TEXT.format(_named(name)) for name in found.columns]).collect()
        return list(row)

    def until(self, column: Column) -> str | None:
        """As the protocol says; by Spark's clock, and a day beyond it, since wall times may be those of any zone."""
        if column.sort is not Sort.INSTANT:
            return None
        with _understood():
            (row,) = self._spark.sql("SELECT CAST(current_timestamp() + INTERVAL 1 DAY AS STRING)").collect()
        return f"{self.quoted(column.name)} <= {self.literal(_like(column, row[0]))}"

    def earlier(self, column: Column, value: str, seconds: float) -> str:
        """As the protocol says."""
        before = datetime.fromisoformat(value) - timedelta(seconds=seconds)
        return _like(column, before.isoformat(" "))

    def copy(self, columns: list[Column], tail: str, file: Path, pulse: Pulse) -> int:
        """As the protocol says; the lines are dealt out first, for one read alone may be larger than memory is."""
        values = ", ".join(self.quoted(each.name) for each in columns)
        cells = [f"coalesce(concat('\"', replace({each.value}, '\"', '\"\"'), '\"'), '')" for each in columns]
        line = f"concat_ws(',', {', '.join(cells)}) AS line"
        block = f"floor(monotonically_increasing_id() / {BLOCK_LINES}) AS block"
        rows = 0
        with _understood(), file.open("ab", buffering=2**20) as out:
            lines = self._read(f"SELECT {values} {tail}").selectExpr(line, block)
            blocks = lines.groupBy("block").agg({"line": "collect_list"}).toDF("block", "lines")
            for text, count in self._coming(blocks.selectExpr("concat_ws('\\n', lines)", "size(lines)"), pulse):
                out.write(text.encode() + b"\n")
                rows += count
                pulse()
        return rows

    def beside(self) -> Self:
        """As the protocol says."""
        return type(self)(self._session, self._given)

    def close(self) -> None:
        """As the protocol says: there is nothing to let go of, and Spark's session is not ours."""

    def _coming(self, frame: Any, pulse: Pulse) -> Iterator[Any]:
        """The rows of a frame. All work is before the first one: meanwhile there are pulses, and it ends with them."""
        context, group = self._spark.sparkContext, f"etl-daemon {id(frame)}"

        def begun() -> tuple[Any, Iterator[Any]]:
            context.setJobGroup(group, "etl-daemon extract", interruptOnCancel=True)
            rows = frame.toLocalIterator()
            return next(rows, None), rows

        with ThreadPoolExecutor(1) as pool:
            beginning = pool.submit(begun)
            try:
                while wait([beginning], PULSE_SECONDS).not_done:
                    pulse()
            except BaseException:
                context.cancelJobGroup(group)
                raise
        first, others = beginning.result()
        return chain([] if first is None else [first], others)

    def _read(self, query: str) -> Any:
        return self._spark.read.format("jdbc").options(**self._given, query=query).load()

    def _column(self, field: Any) -> Column:
        kind = field.dataType.simpleString()
        if field.metadata.get("logical_time_type") or kind.startswith("time("):
            hint = "give a query that casts it to text"
            raise SetupError(f"{field.name} holds times of day, of which Spark loses digits.", hint=hint)
        if kind.startswith("decimal"):
            return _decimal(field.name, field.dataType.precision, field.dataType.scale)
        nested = kind.startswith(("array", "map", "struct"))
        type_, value, sort = _TYPES.get(kind, _JSON if nested else _TYPES["string"])
        return Column(field.name, type_, value.format(_named(field.name)), sort)


def _decimal(name: str, precision: int, scale: int) -> Column:
    """Small values come with an exponent, where their digits are not asked for one by one."""
    value = _TEXT.format(_named(name))
    if scale > DIGITS_WITHOUT_EXPONENT:
        form = "9" * max(precision - scale, 1) + "." + "9" * scale
        value = f"regexp_replace(replace(to_char({_named(name)}, 'MI{form}'), ' ', ''), '^(-?)[.]', '$10.')"
    return Column(name, f"NUMBER({precision},{scale})", value, Sort.OTHER if scale else Sort.WHOLE)


def _named(name: str) -> str:
    """A column as Spark's expressions have it."""
    return "`" + name.replace("`", "``") + "`"


def _like(column: Column, instant: str) -> str:
    return instant[:10] if column.type == "DATE" else instant


def spark_session() -> Any:
    """The session of Spark that there is, or a new one by Spark's own settings.

    Raises:
        SetupError: there is no PySpark.
    """
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        hint = "pip install 'etl-daemon[spark]', or take postgresql:// or mysql://, which need none"
        raise SetupError("Addresses of JDBC are read by Spark, and there is no PySpark.", hint=hint) from error
    with _understood():
        return SparkSession.builder.getOrCreate()


@contextmanager
def _understood() -> Iterator[None]:
    """Spark's errors as what the database's driver said, wherever in them that stands.

    Raises:
        SetupError: there is no such driver.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        if "No suitable driver" in str(error) or "ClassNotFoundException" in str(error):
            hint = "give Spark its jar (--extra-jars of Glue, spark.jars), and the connection its class as driver"
            raise SetupError("Spark has no JDBC driver for this address.", hint=hint) from error
        raise _said(error, Py4JError) from error


def _said(error: Exception, missing: type[Exception]) -> JdbcError:
    """The first cause that has a code, else the text that came back from an executor."""
    cause = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while cause is not None:
        try:
            return JdbcError(str(cause.getMessage()), str(cause.getSQLState() or ""))
        except missing:  # it has none
            cause = cause.getCause()
    first = str(error).partition("\n\tat ")[0]
    return JdbcError(re.sub(r"(?s).* executor \S+\): ", "", first), "")
