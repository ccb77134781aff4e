"""From bytes to rows: JSON, CSV and Parquet, plain or compressed, recognised by their content."""

from etl_daemon.adapters.decode.decoder import ObjectDecoder
from etl_daemon.adapters.decode.sizes import Sizes

__all__ = ["ObjectDecoder", "Sizes"]
