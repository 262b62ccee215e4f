from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from consent import csp
from consent.model import BannerConfig, Custom, Hosts, Pixel, StoreConfig
from consent.platforms import Platforms
from tests import command

PLATFORMS = Platforms.load()
META = Pixel("meta", "123456789012345")
MATOMO = Pixel("matomo", "3@stats.example.org")
ADS = Pixel("google-ads", "AW-123456789")
SERVICE = "https://gate.example"


def config(*pixels: Pixel, logo: str = "") -> StoreConfig:
    banner = BannerConfig(logo=logo)
    return StoreConfig(
        "summit", "Summit", ("https://summit.example",), pixels=pixels, banner=banner
    )


def policy(*pixels: Pixel, **more: str) -> csp.Policy:
    return csp.policy(config(*pixels, **more), PLATFORMS, f"{SERVICE}/below")


def test_a_store_without_pixels_needs_the_service_alone() -> None:
    assert policy() == {
        "script-src": ("'nonce-{NONCE}'", SERVICE),
        "connect-src": ("'self'", SERVICE),
        "img-src": ("'self'",),
        "frame-src": ("'self'",),
    }


def test_each_pixels_own_hosts_come_along_in_their_directives() -> None:
    found = policy(MATOMO)
    assert found["script-src"][2:] == ("https://stats.example.org",)
    assert found["connect-src"][2:] == found["img-src"][1:] == ("https://stats.example.org",)


@pytest.mark.parametrize("key", PLATFORMS)
def test_every_host_of_every_platform_is_allowed(key: str) -> None:
    pixel = Pixel(key, PLATFORMS[key].id_example)
    hosts = PLATFORMS.hosts(pixel)
    found = policy(pixel)
    for directive, wanted in (
        ("script-src", hosts.script),
        ("connect-src", hosts.connect),
        ("img-src", hosts.img),
        ("frame-src", hosts.frame),
    ):
        assert {f"https://{host}" for host in wanted} <= set(found[directive])


def test_the_order_is_the_same_however_the_pixels_stand() -> None:
    one, other = policy(META, ADS, MATOMO), policy(MATOMO, META, ADS, META)
    assert list(csp.lines(one)) == list(csp.lines(other))
    assert [line.partition(" ")[0] for line in csp.lines(one)] == [
        *("script-src", "connect-src", "img-src", "frame-src"),
    ]


def test_a_pixel_of_the_stores_own_brings_what_it_declares() -> None:
    hosts = Hosts(script=("tag.example",), img=("*.tag.example",))
    own = Custom("Own", "Example", "https://tag.example/privacy", hosts=hosts)
    found = policy(Pixel("custom", "own", purposes=("marketing",), custom=own))
    assert found["script-src"][2:] == ("https://tag.example",)
    assert found["img-src"][1:] == ("https://*.tag.example",)


def test_nothing_is_unsafe_and_the_placeholder_is_no_nonce_by_itself() -> None:
    text = "".join(csp.lines(policy(*(Pixel(k, p.id_example) for k, p in PLATFORMS.items()))))
    assert "unsafe" not in text
    assert "'nonce-{NONCE}'" in text


def test_a_logo_on_another_of_the_stores_origins_may_be_shown() -> None:
    assert policy(logo="https://cdn.summit.example/logo.svg")["img-src"] == (
        "'self'",
        "https://cdn.summit.example",
    )
    assert policy(logo="/logo.svg")["img-src"] == ("'self'",)


def test_what_no_list_can_name_is_said() -> None:
    said = csp.notes(config(META, ADS, ADS), PLATFORMS)
    assert [note for note in said if "google.TLD" in note] == [
        "google-ads: www.google.TLD of the visitor's country, such as www.google.de: "
        "cannot be listed; add what your visitors need"
    ]
    assert not any("google" in note for note in csp.notes(config(META), PLATFORMS))


STORE = """
key = "summit"
name = "Summit"
origins = ["https://summit.example"]
[[pixels]]
platform = "google-ads"
id = "AW-123456789"
"""


def test_the_command_prints_a_directive_a_line_and_the_notes_apart(
    sqlite_url: str, tmp_path: Path
) -> None:
    (tmp_path / "store.toml").write_text(STORE, encoding="utf-8")

    def consent(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {"CONSENT_DATABASE_URL": sqlite_url, "CONSENT_PUBLIC_URL": SERVICE}
        return command.run(["store", *arguments], folder=tmp_path, environ=environ)

    assert consent("import", "store.toml").returncode == 0
    plain = consent("csp", "summit")
    assert plain.stdout.splitlines() == list(csp.lines(policy(ADS)))
    assert "note: google-ads: www.google.TLD" in plain.stderr
    said = json.loads(consent("csp", "summit", "--json").stdout)
    assert said["policy"] == {key: list(sources) for key, sources in policy(ADS).items()}
    assert said["notes"] == csp.notes(config(ADS), PLATFORMS)
    unknown = consent("csp", "other")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "store 'other' is not known" in unknown.stderr
