"""The examples for operators name what there is."""

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml

from consent.geo import HEADERS
from consent.settings import SETTINGS
from consent.web.metrics import Answered

FOLDER = Path(__file__).resolve().parents[2] / "consent" / "operate"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ALERTS = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
KNOWN = {setting.name for setting in SETTINGS}


def expressions() -> Iterator[tuple[str, str]]:
    for rule in ALERTS:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


@pytest.fixture
def told(client) -> set[str]:
    """The names of all figures, after one of each kind was counted."""
    answered: Answered = client.app._visitor.answered
    answered.stored("accept_all", 0.1)
    answered.refusals["internal"] += 1
    answered.left_out["seen"] += 1
    text = client.get("/metrics").text
    return set(re.findall(r"^(pixelgate_\w+)", text, re.MULTILINE)) | {"up"}


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_what_is_asked_of_prometheus_can_be_answered(where, expression, told):
    promql_parser.parse(expression)
    asked = set(re.findall(r"\b(?:pixelgate_\w+|up)\b", expression))
    assert asked, where
    assert asked - {"up"} <= told


def test_each_figure_is_documented(told):
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told - {"up"}}
    assert [name for name in bare if name not in README] == []


def test_each_alert_says_what_to_do():
    assert all(rule["annotations"]["summary"] for rule in ALERTS)
    assert all(rule["annotations"]["description"] for rule in ALERTS)


def test_the_containers_get_settings_that_there_are():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    given = set(services["service"]["environment"])
    assert given <= KNOWN
    assert {"CONSENT_DATABASE_URL", "CONSENT_SECRET_KEYS", "CONSENT_PUBLIC_URL"} <= given
    stop, unit = services["service"]["stop_grace_period"], systemd()
    assert int(stop.removesuffix("s")) >= 30, "workers get 30 seconds to answer"
    assert int(unit["Service"]["TimeoutStopSec"]) >= 30


def systemd() -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read(FOLDER / "pixelgate.service")
    return unit


def test_systemd_starts_what_there_is_and_reloads_without_a_gap():
    unit = systemd()["Service"]
    assert unit["ExecStartPre"].endswith("consent migrate")
    assert " serve " in unit["ExecStart"]
    assert unit["ExecReload"].endswith("-HUP $MAINPID")


@pytest.mark.parametrize(
    ("proxy", "cleared"),
    [
        ("nginx.conf", r'^\s*proxy_set_header (\S+) "";'),
        ("Caddyfile", r"^\s*request_header -(\S+)$"),
    ],
    ids=["nginx", "caddy"],
)
def test_a_proxy_clears_every_header_of_a_place_and_names_the_setting(proxy, cleared):
    text = (FOLDER / proxy).read_text(encoding="utf-8")
    names = {name for kind in HEADERS for name in (kind.country, kind.subdivision) if name}
    assert names <= set(re.findall(cleared, text, re.MULTILINE))
    assert "CONSENT_TRUSTED_PROXIES=127.0.0.1 and CONSENT_PLACE_HEADERS=none" in text


@pytest.mark.parametrize("name", [path.name for path in sorted(FOLDER.iterdir())])
def test_each_file_is_in_the_readme(name):
    assert name == "README.md" or f"]({name})" in README
