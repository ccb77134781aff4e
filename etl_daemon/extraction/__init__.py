"""Rows of databases into the bucket, each once, before the corridor takes them from there."""

from etl_daemon.extraction.extractor import Extracted, Extraction, Extractor, Places

__all__ = ["Extracted", "Extraction", "Extractor", "Places"]
