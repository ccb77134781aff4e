"""Settings: read from a file and the environment, checked whole, frozen."""

from etl_daemon.config.datasets_file import DatasetOptions, DatasetsFile, read_datasets_file
from etl_daemon.config.load import (
    FILE_NAME,
    NAMES,
    Given,
    given_by,
    load_settings,
    read_given,
    settings_from,
    validated,
)
from etl_daemon.config.redact import shown
from etl_daemon.config.settings import Settings
from etl_daemon.config.stored import Stored
from etl_daemon.config.template import template

__all__ = [
    "FILE_NAME",
    "NAMES",
    "DatasetOptions",
    "DatasetsFile",
    "Given",
    "Settings",
    "Stored",
    "given_by",
    "load_settings",
    "read_datasets_file",
    "read_given",
    "settings_from",
    "shown",
    "template",
    "validated",
]
