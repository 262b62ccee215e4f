"""The wheel is whole: what an installation needs is inside, and it works from there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    (path,) = out.glob("*.whl")
    return path


def names_in_checkout(folder: str, pattern: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in (ROOT / folder).glob(pattern)}


def test_everything_that_an_installation_needs_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = (
        names_in_checkout("consent", "*.py")
        | names_in_checkout("consent/regimes", "*.toml")
        | names_in_checkout("consent/database/versions", "*.py")
        | names_in_checkout("consent/web/admin/templates", "**/*.html")
        | names_in_checkout("consent/web/admin/static", "*.*")
        | names_in_checkout("consent/demo/templates", "**/*.html")
        | names_in_checkout("consent/demo/static", "**/*.*")
        | {f"consent/{name}" for name in names_in_checkout("snippets", "*/*.*")}
        | {f"consent/{name}" for name in names_in_checkout("locales", "*.json")}
        | {
            "consent/snippets/embeds.toml",
            "consent/browser/dist/loader.js",
            "consent/browser/dist/choices.js",
            "consent/browser/dist/pixels/meta.js",
            "consent/browser/dist/pixels/sources.json",
            "consent/data/places.mmdb",
            "consent/py.typed",
        }
    )
    assert expected - inside == set()
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert not [name for name in inside if name.startswith("tests/")]


def test_the_command_works_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            installed,
            wheel,
        ],
        check=True,
        capture_output=True,
    )
    # The folders of the checkout are not to be found from here.
    code = (
        "import consent, sys; from consent import data;"
        "print(data.folder('snippets')); print(data.folder('locales')); print(consent.__file__)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(installed), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert all(path.startswith(str(installed)) for path in told)
    done = subprocess.run(
        [sys.executable, "-m", "consent", "check"],
        env={"PYTHONPATH": str(installed), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout[:2]) == (0, "ok"), done.stderr


def test_an_editable_install_finds_the_folders_of_the_checkout() -> None:
    code = "from consent import data; print(data.folder('snippets'), data.folder('locales'))"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    ).stdout.split()
    assert told == [str(ROOT / "snippets"), str(ROOT / "locales")]
