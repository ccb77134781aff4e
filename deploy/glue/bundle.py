"""Makes ``build/glue``: all that lies below ``glue/`` in the bucket. ``make glue-bundle`` runs it.

Glue 5 has Python 3.11 on Amazon Linux 2023, and installs the wheels of ``*.gluewheels.zip`` without asking anybody.
They are those of ``requirements.txt``, by their hashes, for that platform and not for this machine.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_STORED, ZipFile

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PYTHON = "3.11"
GLIBC = 34
"""Of Amazon Linux 2023: 2.34."""
OLDEST_GLIBC = 5
BUNDLE = "etl_daemon.gluewheels.zip"
BESIDE = ("glue_etl_job.py", "api_to_s3_job.py")


def main(target: Path) -> None:
    """Make the folder anew."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with TemporaryDirectory() as folder:
        wheels = Path(folder) / "wheels"
        own = build(wheels)
        download(wheels)
        (wheels / "requirements.txt").write_text(requirements(own), "utf-8")
        pack(wheels, target / BUNDLE)
    for name in BESIDE:
        shutil.copy(HERE / name, target)
    (target / "SHA256SUMS").write_text(sums(target), "utf-8")


def build(wheels: Path) -> Path:
    """The wheel of this checkout, and of nothing that an earlier build has left."""
    shutil.rmtree(ROOT / "build/lib", ignore_errors=True)
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels), str(ROOT))
    (own,) = wheels.glob("etl_daemon-*.whl")
    return own


def download(wheels: Path) -> None:
    """What it needs, for Glue's platform."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC, OLDEST_GLIBC - 1, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    pip(
        *("download", "--only-binary", ":all:", "--require-hashes", "--requirement", str(ROOT / "requirements.txt")),
        *("--python-version", PYTHON, "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none"),
        *(word for platform in platforms for word in ("--platform", platform)),
        *("--dest", str(wheels)),
    )


def requirements(own: Path) -> str:
    """What Glue installs: the lock, and this checkout by the hash of its wheel."""
    name, version, *_ = own.name.split("-")
    ours = f"{name}=={version} --hash=sha256:{hashlib.sha256(own.read_bytes()).hexdigest()}\n"
    return (ROOT / "requirements.txt").read_text("utf-8") + ours


def pack(wheels: Path, bundle: Path) -> None:
    """Wheels are compressed already."""
    with ZipFile(bundle, "w", ZIP_STORED) as out:
        for each in sorted(wheels.iterdir()):
            out.write(each, f"wheels/{each.name}")


def sums(target: Path) -> str:
    """A line per file, as sha256sum --check reads it."""
    lines = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in sorted(target.iterdir())]
    return "".join(lines)


def pip(*words: str) -> None:
    """Run pip; it says what is wrong."""
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *words], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
