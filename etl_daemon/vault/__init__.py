"""Secrets of this process: settings that stores hold, and those of connections."""

from etl_daemon.vault.settings import load_settings, renewal, settings_from
from etl_daemon.vault.vault import Vault, open_vault

__all__ = ["Vault", "load_settings", "open_vault", "renewal", "settings_from"]
