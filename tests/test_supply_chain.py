"""What comes in from elsewhere: under which licences, by which hashes, and told in which list."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
PERMISSIVE = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"}
PERMISSIVE |= {"PSF-2.0", "Zlib", "ZPL-2.1"}
WEAK_COPYLEFT = {"MPL-2.0": {"certifi", "orjson"}, "LGPL-3.0-only": {"psycopg", "psycopg-binary"}}
"""Who uses them as they come, as a package of its own that anybody may replace, owes nothing further."""
SAID_OTHERWISE = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
}
LOCKED = re.compile(r"^([a-z0-9.-]+)==(\S+)(?: ; ([^\\\n]+))?", re.MULTILINE)


def locked(name: str) -> dict[str, Marker | None]:
    """The packages of a lock, and where they are needed."""
    found = LOCKED.findall((ROOT / name).read_text("utf-8"))
    return {package: Marker(marker) if marker else None for package, _, marker in found}


def licences(package: Distribution) -> set[str]:
    """The licences that a package names, whether one may choose among them or not."""
    told = package.metadata.json
    if expression := told.get("license_expression"):
        return set(re.split(r"\s+(?:AND|OR|WITH)\s+|[()\s]+", expression)) - {""}
    classed = [each.rpartition(" :: ")[2] for each in told.get("classifier", []) if each.startswith("License")]
    given = [each for each in classed if each != "OSI Approved"] or [told.get("license", "").strip()]
    return {SAID_OTHERWISE.get(each, each) for each in given}


def test_licences_of_what_runs_are_accepted() -> None:
    refused: dict[str, set[str]] = {}
    for name, marker in locked("requirements.txt").items():
        try:
            found = licences(distribution(name))
        except PackageNotFoundError:
            assert marker, f"{name} is not installed: make setup"
            assert not marker.evaluate(), f"{name} is not installed: make setup"
            continue
        accepted = PERMISSIVE | {each for each, names in WEAK_COPYLEFT.items() if name in names}
        if not found or found - accepted:
            refused[name] = found - accepted
    assert refused == {}, "look whether we may use them; then name the licence here"


def test_packages_come_by_their_hashes_only() -> None:
    """Each call of pip that brings something has hashes; the others ask nobody."""
    files = [ROOT / "Makefile", *ROOT.glob("scripts/*.sh"), ROOT / ".ci/run"]
    text = "\n".join(file.read_text("utf-8").replace("\\\n", " ") for file in files)
    calls = re.findall(r"^\s.*(?:\bpip\"? (?:install|download)|\$\(WHEELS\)).*$", text, re.MULTILINE)
    assert len(calls) >= 9
    assert [call.strip() for call in calls if not re.search("--require-hashes|--no-index", call)] == []
    bundle = (ROOT / "deploy/glue/bundle.py").read_text("utf-8")
    assert re.findall(r'\("(wheel|download)".*(--no-index|--require-hashes)', bundle) == [
        ("wheel", "--no-index"),
        ("download", "--require-hashes"),
    ]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-build.txt"])
def test_a_release_takes_its_locks_along(name: str) -> None:
    script = (ROOT / "scripts/deploy-etl-pipeline.sh").read_text("utf-8")
    (shipped,) = re.findall(r"SHIPPED=\((.*)\)", script)
    assert name in shipped.split()
    assert f'--require-hashes --requirement "$release/{name}"' in script


def test_the_list_of_what_a_release_is_made_of_is_valid_and_whole(tmp_path: Path) -> None:
    """`make sbom`; the tool itself holds it against the schema of CycloneDX."""
    made = tmp_path / "sbom.json"
    recipe = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    (words,) = re.findall(r"-m (cyclonedx_py .*) --output-file build/sbom.json", recipe)
    assert "--validate" in words
    command = [sys.executable, "-W", "ignore", "-m", *words.split(), "--output-file", str(made)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    document = json.loads(made.read_text("utf-8"))
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", "etl_daemon")
    components = {each["name"]: each for each in document["components"]}
    assert components.keys() == locked("requirements.txt").keys()
    for each in components.values():
        assert each["purl"].startswith("pkg:pypi/")
        assert each["externalReferences"][0]["hashes"][0]["alg"] == "SHA-256"
