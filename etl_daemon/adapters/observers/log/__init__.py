"""The log: a line per event, and lines of libraries and warnings; standard output belongs to the commands."""

from etl_daemon.adapters.observers.log.lines import LogObserver
from etl_daemon.adapters.observers.log.setup import configure_logging, log_failure, log_settings

__all__ = ["LogObserver", "configure_logging", "log_failure", "log_settings"]
