"""The dbt project, built by the dbt of ``.venv-dbt``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import Ended, Shell
from tests.support.s3_servers import require

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "deploy" / "dbt"
DBT = ROOT / ".venv-dbt" / "bin" / "dbt"


@dataclass(frozen=True)
class Project:
    """Builds ``target`` with ``settings``; what dbt leaves behind is in ``folder``.

    ``files`` are those of the project, or a copy of them that a test changes.
    """

    folder: Path
    settings: Mapping[str, object]
    files: Path = PROJECT

    def __post_init__(self) -> None:
        require(DBT.exists() and DBT.with_name("python").exists(), "dbt", "make dbt-setup")

    def build(self, target: str, *words: str) -> Ended:
        """``dbt build`` as an operator types it."""
        places = {"DBT_TARGET_PATH": self.folder / "target", "DBT_LOG_PATH": self.folder / "logs"}
        command = [str(DBT), "build", "--project-dir", str(self.files), "--profiles-dir", str(self.files)]
        shell = Shell(self.folder, {**self.settings, **places, "DBT_USE_COLORS": "false"})
        return shell.execute([*command, "--target", target, *words])
