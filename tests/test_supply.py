"""What the image is made of is pinned, and is what the project asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OPERATE = ROOT / "consent" / "operate"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
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
