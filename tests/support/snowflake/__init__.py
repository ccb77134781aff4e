"""A stand-in for Snowflake, for the real connector to talk to over HTTP.

``Emulator`` starts it as a process of its own. Inside is fakesnow (Snowflake's SQL on DuckDB) with what it leaves out
and an exactly-once loader depends on: DDL that commits, table locks, aborted transactions, repeated requests and lost
answers. What it does not do: ``SHOW GRANTS``, roles, warehouses, pipes, streams and tasks are taken without effect;
VARCHAR lengths, nanoseconds and the case of quoted names are not kept; from its first write on, a transaction reads
one snapshot, where Snowflake reads what is committed; result columns without an alias have DuckDB's names; COPY needs
a session with a current database; ROW_COUNT of INFORMATION_SCHEMA does not see DELETE.
"""

from tests.support.snowflake.emulator import Emulator, Statement

__all__ = ["Emulator", "Statement"]
