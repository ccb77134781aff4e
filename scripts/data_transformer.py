"""The rules on pandas frames, under their documented name: `from data_transformer import DataTransformer`."""

from etl_daemon import DataTransformer

__all__ = ["DataTransformer"]
