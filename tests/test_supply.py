"""What the image is made of is pinned, and is what the project asks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OPERATE = ROOT / "consent" / "operate"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
MAKEFILE = re.sub(r"\\\n", " ", (ROOT / "Makefile").read_text(encoding="utf-8"))
BUILDERS = (*PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["image"])
WANTED = {"requirements.lock": PROJECT["project"]["dependencies"], "build.lock": BUILDERS}


def pinned(name: str) -> dict[str, str]:
    """The version of each package of a lock; every entry is one version and its hashes."""
    text = re.sub(r"\\\n", " ", (OPERATE / name).read_text(encoding="utf-8"))
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            entry = re.fullmatch(
                r"([a-z0-9.-]+)==([^ ]+)((?:\s+--hash=sha256:[0-9a-f]{64})+)", line
            )
            assert entry, line[:80]
            found[entry[1]] = entry[2]
    return found


@pytest.mark.parametrize("name", WANTED)
def test_the_lock_has_all_that_the_project_asks_for(name: str) -> None:
    versions = pinned(name)
    for text in WANTED[name]:
        asked = Requirement(text)
        version = versions.get(canonicalize_name(asked.name))
        assert version is not None, f"{asked.name} is not pinned: make lock"
        assert asked.specifier.contains(version), f"{asked} is pinned as {version}: make lock"


def test_the_image_installs_by_hash_alone() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install ([^&\n]+)", DOCKERFILE)
    assert len(installs) == 3
    for arguments in installs:
        ours_alone = "--no-deps --no-index /wheels/*.whl" in arguments
        assert ours_alone or "--require-hashes --only-binary :all:" in arguments
    assert "--no-isolation" in DOCKERFILE, "what builds the wheel is pinned too"


def test_the_image_runs_as_nobody_in_particular_and_without_what_made_it() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "\nUSER 10001\n" in final
    assert not re.search(r"\b(apt-get|apk|pip|gcc|build-essential|sudo|ADD)\b", final)
    assert "\nHEALTHCHECK " in final
    assert re.findall(r"COPY (--from=build )?", final) == ["--from=build "] * 2
    assert "sbom.json" in final


def needed(roots: list[str]) -> set[str]:
    """All that ``roots`` bring with them in the image, as what is installed here says."""
    environment = {"python_version": "3.13", "python_full_version": "3.13.0", "extra": ""}
    found: set[tuple[str, str]] = set()
    waiting = [(asked, "") for asked in map(Requirement, roots)]
    while waiting:
        asked, extra = waiting.pop()
        if asked.marker and not asked.marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(asked.name)
        for wanted in {"", *asked.extras}:
            if (name, wanted) not in found:
                found.add((name, wanted))
                with suppress(metadata.PackageNotFoundError):  # it is for another Python alone
                    below = metadata.requires(asked.name) or []
                    waiting += [(Requirement(text), wanted) for text in below]
    return {name for name, _ in found}


def test_all_that_runs_is_pinned_and_not_only_what_is_asked_for() -> None:
    closure = needed(PROJECT["project"]["dependencies"])
    assert len(closure) > len(PROJECT["project"]["dependencies"])
    assert closure - set(pinned("requirements.lock")) == set()


@pytest.mark.soak
def test_the_bill_of_materials_is_valid_and_has_each_pinned_package_with_its_hashes(
    tmp_path: Path,
) -> None:
    # Imported here, since it takes seconds.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    recipe = re.search(r"\$\(BIN\)/cyclonedx-py (.*)", MAKEFILE)
    assert recipe is not None
    file = tmp_path / "sbom.json"
    arguments = [str(file) if one == "build/sbom.json" else one for one in recipe[1].split()]
    subprocess.run([sys.executable, "-m", "cyclonedx_py", *arguments], cwd=ROOT, check=True)
    text = file.read_text(encoding="utf-8")
    found = json.loads(text)
    version = SchemaVersion["V" + found["specVersion"].replace(".", "_")]
    assert JsonStrictValidator(version).validate_str(text) is None
    listed = {
        (canonicalize_name(one["name"]), one["version"]): {
            hash_["content"]
            for reference in one["externalReferences"]
            for hash_ in reference.get("hashes", [])
        }
        for one in found["components"]
    }
    lock = (OPERATE / "requirements.lock").read_text(encoding="utf-8")
    hashes = {found for wanted in listed.values() for found in wanted}
    assert set(listed) == set(pinned("requirements.lock").items())
    assert all(listed.values())
    assert hashes == set(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock))
