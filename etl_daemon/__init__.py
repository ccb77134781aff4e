"""Brings market-data objects from S3 into Snowflake or DuckDB, each object version exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl_daemon.api import S3ToSnowflakeETL
    from etl_daemon.core.frames.transformer import DataTransformer

__version__ = "0.1.0"
__all__ = ["DataTransformer", "S3ToSnowflakeETL", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the public classes when they are asked for: a command that needs none starts sooner."""
    if name in {"S3ToSnowflakeETL", "DataTransformer"}:
        from etl_daemon import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
