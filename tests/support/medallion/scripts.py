"""What makes the scripts of deploy/snowflake/medallion, and the procedures in them, run in a JavaScript engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from tests.support.s3_servers import require

FOLDER = Path(__file__).resolve().parents[3] / "deploy/snowflake/medallion"
HARNESS = Path(__file__).with_name("procedure_harness.js")


def _generator() -> Any:
    spec = spec_from_file_location("medallion_generate", FOLDER / "generate.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


GENERATE = _generator()
FLOWS = GENERATE.flows()


PROCEDURES = re.compile(r"CREATE OR REPLACE PROCEDURE ([A-Z_.]+)\(\).*?\$\$\n(.*?)\$\$", re.DOTALL)
BODIES = {
    match[1].rpartition(".")[2]: match[2]
    for match in PROCEDURES.finditer((FOLDER / "11_procedures.sql").read_text("utf-8"))
}
"""The body of each procedure, by its name without database and schema."""


def ended(body: str, folder: Path, *fails: str) -> dict[str, Any]:
    """What a procedure sends, gives and throws, in a JavaScript engine."""
    require(shutil.which("node") is not None, "Node.js", "apt-get install nodejs")
    (folder / "body.js").write_text(body)
    answers = [["SELECT UUID_STRING", ["run-1", "2026-01-02 03:04:05.000006"]], ["SELECT COUNT", [4]]]
    done = subprocess.run(
        ["node", HARNESS, folder / "body.js", json.dumps(answers), json.dumps(fails)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)
