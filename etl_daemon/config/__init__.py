"""Settings: read from a file and the environment, checked whole, frozen."""

from etl_daemon.config.datasets_file import DatasetOptions, DatasetsFile, read_datasets_file
from etl_daemon.config.load import FILE_NAME, load_settings, settings_from
from etl_daemon.config.redact import shown
from etl_daemon.config.settings import Settings
from etl_daemon.config.template import template

__all__ = [
    "FILE_NAME",
    "DatasetOptions",
    "DatasetsFile",
    "Settings",
    "load_settings",
    "read_datasets_file",
    "settings_from",
    "shown",
    "template",
]
