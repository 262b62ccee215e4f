"""What is not in the README does not exist for an operator."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from consent.cli import consent
from consent.settings import SETTINGS, Setting

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_each_setting_is_documented(setting: Setting) -> None:
    assert f"`{setting.name}`" in README


def commands(command: click.Command, path: str) -> list[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        return [
            name
            for word in command.list_commands(context)
            for name in commands(command.get_command(context, word), f"{path} {word}")
        ]
    return [path]


@pytest.mark.parametrize("command", commands(consent, "consent"))
def test_each_command_is_documented(command: str) -> None:
    assert command in README


@pytest.mark.parametrize(
    "address",
    [
        "/s/{store}/loader.js",
        "/s/{store}/choices.js",
        "/s/{store}/decisions",
        "/s/{store}/seen",
        "/s/{store}/receipts/{id}",
        "/.well-known/gpc.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/admin/",
    ],
)
def test_each_address_is_documented(address: str) -> None:
    assert address in README


def test_the_two_commands_of_a_newcomer_come_first() -> None:
    assert README.index("make demo") < README.index("make test") < README.index("consent migrate")


@pytest.mark.parametrize("readme", sorted(ROOT.rglob("README.md")), ids=str)
def test_every_link_between_the_readmes_leads_somewhere(readme: Path) -> None:
    if ".venv" in readme.parts:
        return
    text = readme.read_text(encoding="utf-8")
    links = [part.partition(")")[0] for part in text.split("](")[1:]]
    local = [link for link in links if "://" not in link and not link.startswith("#")]
    assert [link for link in local if not (readme.parent / link).exists()] == []
