"""What ``make glue-bundle`` has made: complete, for Glue's platform, and at work in an environment of nothing else."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.glue_job import ROOT

pytestmark = pytest.mark.glue
BUNDLE = ROOT / "build/glue"
SCRIPTS = ["api_to_s3_job.py", "glue_etl_job.py"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    with ZipFile(BUNDLE / "etl_daemon.gluewheels.zip") as packed:
        packed.extractall(folder)
    return folder / "wheels"


@pytest.fixture(scope="module")
def python(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment into which the wheels were installed as Glue does it: without an index."""
    assert sys.version_info[:2] == (3, 11), "Glue 5 has Python 3.11: make setup PYTHON=python3.11"
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    made = folder / "bin/python"
    install = [str(made), "-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels)]
    subprocess.run([*install, "--requirement", str(wheels / "requirements.txt")], check=True, env=bare())
    return made


def bare(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": os.devnull, **more}


def test_everything_that_is_uploaded_is_listed() -> None:
    listed = dict(reversed(line.split("  ")) for line in (BUNDLE / "SHA256SUMS").read_text().splitlines())
    assert sorted(listed) == ["api_to_s3_job.py", "etl_daemon.gluewheels.zip", "glue_etl_job.py"]
    assert sorted(each.name for each in BUNDLE.iterdir()) == sorted([*listed, "SHA256SUMS"])
    for name, digest in listed.items():
        assert hashlib.sha256((BUNDLE / name).read_bytes()).hexdigest() == digest
    for name in SCRIPTS:
        assert (BUNDLE / name).read_text() == (ROOT / "deploy/glue" / name).read_text()


def test_the_wheels_are_those_of_the_lock_for_the_platform_of_glue(wheels: Path) -> None:
    found = sorted(each.name for each in wheels.glob("*.whl"))
    assert {each.suffix for each in wheels.iterdir()} == {".whl", ".txt"}
    for name in found:
        _, _, interpreter, abi, platform = name.removesuffix(".whl").rsplit("-", 4)
        assert abi in {"none", "abi3", "cp311"}, name
        assert interpreter == "cp311" or abi != "cp311", name
        assert platform == "any" or platform.endswith("x86_64"), name
        oldest = min((int(each) for each in re.findall(r"manylinux_2_(\d+)", platform)), default=0)
        assert oldest <= 34, f"{name} needs a later glibc than Amazon Linux 2023 has"
    names = {name.partition("-")[0].lower().replace("_", "-") for name in found}
    assert {"etl-daemon", "duckdb", "pyarrow", "snowflake-connector-python", "obstore"} <= names
    assert "pyspark" not in names, "Glue has its own"


def test_it_works_where_nothing_else_is_installed(python: Path, tmp_path: Path) -> None:
    version = subprocess.run(
        [str(python), "-m", "etl_daemon", "--version"], capture_output=True, text=True, check=True, env=bare(), cwd="/"
    ).stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", version)
    (tmp_path / "bucket").mkdir()
    (tmp_path / "etl-config.env").write_text(
        "ETL_SOURCE=local\nETL_LOCAL_DIR=bucket\nETL_DATASETS_FILE=datasets.toml\n"
    )
    (tmp_path / "datasets.toml").write_text(
        '[datasets.rates]\ntable = "RAW.RATES"\nraw = "document"\n[datasets.rates.api]\nurl = "http://127.0.0.1:9/"\n'
    )
    ended = subprocess.run(
        [str(python), str(BUNDLE / "api_to_s3_job.py"), "--JOB_NAME", "apis", "--DATASET", "all"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=bare(PYTHONPATH=str(ROOT / "tests/support/glue"), ETL_MAX_RETRIES="1", ETL_RETRY_DELAY="0.01"),
    )
    assert ended.returncode == 1
    assert '"event": "dataset_failed", "dataset": "rates"' in ended.stderr
    assert "apis: etl-daemon ended with 1" in ended.stderr
