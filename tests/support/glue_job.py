"""The scripts of deploy/glue as Glue runs them: a process with arguments, in a folder with the files beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.support.command import Ended, Shell
from tests.support.s3_servers import require

ROOT = Path(__file__).parents[2]
DRIVERS = {"postgresql.jar": "libpostgresql-jdbc-java", "mariadb-java-client.jar": "libmariadb-java"}
JARS = Path("/usr/share/java")
JAVA = Path("/usr/lib/jvm/java-17-openjdk-amd64")
SUBMIT = "--master local[2] --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=4"
PATIENCE_SECONDS = 240.0


def spark_environment() -> dict[str, str]:
    """What a process needs to find Java, its own Python in the executors, and the drivers of Debian."""
    for jar, package in DRIVERS.items():
        require((JARS / jar).exists(), jar, f"apt-get install -y --no-install-recommends {package}")
    require(JAVA.exists(), "Java 17", "apt-get install -y --no-install-recommends openjdk-17-jre-headless")
    jars = ":".join(str(JARS / jar) for jar in DRIVERS)
    return {
        "JAVA_HOME": str(JAVA),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": f"{SUBMIT} --driver-class-path {jars} pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "UTC",
    }


@dataclass
class GlueJob:
    """``files`` are what Glue copies beside the script; ``environment`` is what is not the job's own."""

    script: str
    folder: Path
    files: Mapping[str, str]
    environment: Mapping[str, object]

    def run(self, **arguments: str) -> Ended:
        """The job from its start to its end."""
        return self._shell.execute(self._command(arguments))

    def start(self, **arguments: str) -> subprocess.Popen[bytes]:
        """The job as a process; its output goes to files."""
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            return subprocess.Popen(
                self._command(arguments), cwd=self.folder, env=self._shell.environment(), stdout=out, stderr=err
            )

    def _command(self, arguments: Mapping[str, str]) -> list[str]:
        for name, text in self.files.items():
            (self.folder / name).write_text(text, "utf-8")
        given = [word for name, value in arguments.items() for word in (f"--{name}", value)]
        of_glue = ["--job-language", "python", "--JOB_RUN_ID", "jr_1"]
        return [sys.executable, str(ROOT / "deploy/glue" / self.script), *given, *of_glue]

    @cached_property
    def _shell(self) -> Shell:
        paths = f"{ROOT}:{ROOT / 'tests/support/glue'}"
        return Shell(self.folder, {**self.environment, "PYTHONPATH": paths}, PATIENCE_SECONDS)
