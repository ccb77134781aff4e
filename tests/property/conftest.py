"""What examples leave behind goes with their test: a property makes folders by the hundred."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folders_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``tempfile`` makes folders and files below the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
