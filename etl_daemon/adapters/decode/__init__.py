"""From bytes to rows: JSON, CSV and Parquet, plain or compressed, recognised by their content."""

from etl_daemon.adapters.decode.decoder import ObjectDecoder

__all__ = ["ObjectDecoder"]
