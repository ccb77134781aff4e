"""Modules of the connector that release 5 dropped and that fakesnow names when it is imported."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any


class _Converter:
    """Leaves values alone: a server gets them bound, already converted by the client."""

    def to_snowflake(self, value: Any) -> Any:
        return value

    def escape(self, value: Any) -> Any:
        return value

    def quote(self, value: Any) -> Any:
        return value


class _FileUtil:
    """Named by fakesnow for files it compresses itself; here the client does that."""


def supply() -> None:
    """Put the missing modules in place; to be called before the first import of fakesnow."""
    _supply("snowflake.connector.converter", SnowflakeConverter=_Converter)
    _supply("snowflake.connector.file_util", SnowflakeFileUtil=_FileUtil)


def _supply(name: str, **content: object) -> None:
    if importlib.util.find_spec(name) is not None:
        return
    module = ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    setattr(importlib.import_module(parent), child, module)
