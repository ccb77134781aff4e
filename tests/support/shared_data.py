"""Real data with independently computed counts, kept beside a checkout; tests that read it skip where it is absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"

needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder ../shared/data beside this checkout")


def oracle(folder: str) -> dict[str, Any]:
    """The expected counts of a folder."""
    return json.loads((SHARED / folder / "oracle.json").read_text())
