"""What holds for all values of the core."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from functools import cached_property
from pathlib import Path

import pytest

import etl_daemon.core

CORE = Path(etl_daemon.core.__file__).parent
PATHS = sorted(path.relative_to(CORE.parents[1]).with_suffix("") for path in CORE.rglob("*.py"))
MODULES = [".".join(path.parts).removesuffix(".__init__") for path in PATHS]


@pytest.mark.parametrize("name", MODULES)
def test_values_are_frozen_and_small(name):
    module = importlib.import_module(name)
    for value in [each for each in vars(module).values() if inspect.isclass(each) and each.__module__ == name]:
        if dataclasses.is_dataclass(value):
            assert value.__dataclass_params__.frozen, value
            keeps = any(isinstance(each, cached_property) for each in vars(value).values())
            assert "__slots__" in vars(value) or keeps, f"{value} takes a dictionary for each of its values"
        elif not issubclass(value, tuple):
            assert not vars(value).get("__annotations__"), f"{value} has fields, and is no dataclass"
