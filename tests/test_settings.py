from __future__ import annotations

import ipaddress
import stat
from pathlib import Path

import pytest

from consent import parsing, settings
from consent.errors import SettingsError
from consent.model import Grant

KEYS = {"CONSENT_SECRET_KEYS": "k" * 40}


def test_without_a_variable_the_defaults_hold(tmp_path: Path) -> None:
    loaded = settings.load({}, var=tmp_path)
    assert loaded.database_url == "sqlite:///var/pixelgate.db"
    assert loaded.trusted_proxies == ()
    assert loaded.geoip_db is None
    assert loaded.fetched_places == tmp_path / "places.mmdb"


def test_a_key_is_made_once_kept_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first = settings.load({}, var=tmp_path).secret_keys
    assert settings.load({}, var=tmp_path).secret_keys == first
    assert len(first[0]) >= 32
    assert stat.S_IMODE((tmp_path / "secret-keys").stat().st_mode) == 0o600


def test_keys_are_newest_first() -> None:
    loaded = settings.load({"CONSENT_SECRET_KEYS": f"{'n' * 32}, {'o' * 32}"})
    assert loaded.secret_keys == ("n" * 32, "o" * 32)


def test_proxies_are_addresses_and_networks() -> None:
    loaded = settings.load({**KEYS, "CONSENT_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,::1"})
    assert loaded.trusted_proxies == (
        ipaddress.ip_network("127.0.0.1"),
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1"),
    )


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        'public_url = "https://file.example"\ndatabase_url = "sqlite:///file.db"\n'
        'trusted_proxies = ["127.0.0.1", "::1"]\n'
    )
    loaded = settings.load(
        {**KEYS, "CONSENT_SETTINGS": str(file), "CONSENT_PUBLIC_URL": "https://variable.example/"}
    )
    assert loaded.public_url == "https://variable.example"
    assert loaded.database_url == "sqlite:///file.db"
    assert len(loaded.trusted_proxies) == 2


def test_private_pages_are_checked_only_where_it_is_said() -> None:
    assert settings.load(KEYS).scan_private is False
    assert settings.load({**KEYS, "CONSENT_SCAN_PRIVATE": "True"}).scan_private is True
    with pytest.raises(SettingsError, match="CONSENT_SCAN_PRIVATE: found 'yes'; expected true"):
        settings.load({**KEYS, "CONSENT_SCAN_PRIVATE": "yes"})


def test_place_headers_are_all_none_or_named() -> None:
    def headers(text: str) -> tuple[str, ...]:
        return settings.load({**KEYS, "CONSENT_PLACE_HEADERS": text}).place_headers

    assert headers("all") == parsing.CDNS
    assert headers("none") == ()
    assert headers("cloudflare, akamai") == ("cloudflare", "akamai")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONSENT_PLACE_HEADERS", ""),
        ("CONSENT_MAXMIND_ACCOUNT", "me@example.com"),
        ("CONSENT_PLACE_HEADERS", "cloudflare,typo"),
        ("CONSENT_DATABASE_URL", "mysql://host/name"),
        ("CONSENT_TRUSTED_PROXIES", "proxy.example"),
        ("CONSENT_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CONSENT_PUBLIC_URL", "consent.example"),
        ("CONSENT_PUBLIC_URL", "https://consent.example/?a=1"),
        ("CONSENT_PUBLC_URL", "https://consent.example"),
        ("CONSENT_SECOND_FACTOR", ""),
        ("CONSENT_SECOND_FACTOR", "owner, root"),
        ("CONSENT_OIDC_ISSUER", "http://id.example"),
        ("CONSENT_OIDC_ISSUER", "https://user@id.example"),
        ("CONSENT_OIDC_ISSUER", "https://id.example/?a=1"),
        ("CONSENT_OIDC_ISSUER", "https://"),
        ("CONSENT_OIDC_SCOPE", "email"),
        ("CONSENT_OIDC_SCOPE", 'openid "'),
        ("CONSENT_OIDC_LABEL", ""),
        ("CONSENT_OIDC_ROLES", "admins"),
        ("CONSENT_OIDC_ROLES", "admins=root"),
        ("CONSENT_OIDC_ROLES", "admins=owner shop summit"),
        ("CONSENT_OIDC_ROLES", "admins=owner store"),
        ("CONSENT_OIDC_ONLY", "yes"),
    ],
)
def test_a_wrong_value_or_name_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings.load({**KEYS, name: value})


@pytest.mark.parametrize("one", [("ACCOUNT", "123456"), ("KEY", "aBcDeF_123456")])
def test_a_maxmind_account_without_its_key_is_a_fault(one: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"CONSENT_MAXMIND_(KEY|ACCOUNT): not set; expected"):
        settings.load({**KEYS, f"CONSENT_MAXMIND_{one[0]}": one[1]})
    both = {"CONSENT_MAXMIND_ACCOUNT": "123456", "CONSENT_MAXMIND_KEY": "aBcDeF_123456"}
    assert settings.load({**KEYS, **both}).maxmind_account == "123456"


def test_groups_of_a_provider_are_mapped_by_the_last_equals_sign() -> None:
    given = {
        "CONSENT_OIDC_ISSUER": "https://id.example/",
        "CONSENT_OIDC_CLIENT_ID": "pixelgate",
        "CONSENT_OIDC_ROLES": "cn=law,dc=x = legal store summit; all=owner ;",
        "CONSENT_SECOND_FACTOR": "everybody",
    }
    found = settings.load({**KEYS, **given})
    assert found.oidc_issuer == "https://id.example/"
    assert found.oidc_roles == (("cn=law,dc=x", Grant("legal", "summit")), ("all", Grant("owner")))
    assert found.second_factor == (parsing.EVERYBODY,)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"ISSUER": "https://id.example"}, "CLIENT_ID"),
        ({"CLIENT_ID": "x"}, "ISSUER"),
        ({"ONLY": "true"}, "ISSUER"),
        ({"ROLES": "a=owner"}, "ISSUER"),
        ({"CLIENT_SECRET": "hunter2"}, "ISSUER"),
    ],
)
def test_half_a_provider_is_a_fault(given: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsError, match=f"CONSENT_OIDC_{missing}: not set") as caught:
        settings.load({**KEYS, **{f"CONSENT_OIDC_{name}": text for name, text in given.items()}})
    assert "hunter2" not in str(caught.value)


def test_a_key_that_is_too_short_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({"CONSENT_SECRET_KEYS": "hunter2"})
    assert "32" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    with pytest.raises(SettingsError, match=r"^CONSENT_SETTINGS: .*\.toml: .*\(No such file"):
        settings.load({**KEYS, "CONSENT_SETTINGS": str(file)})
    file.write_text("public_url = ")
    with pytest.raises(SettingsError, match=r"^CONSENT_SETTINGS: .*expected a file in TOML"):
        settings.load({**KEYS, "CONSENT_SETTINGS": str(file)})


def test_every_wrong_setting_is_told_at_once_by_the_name_it_was_written_with(
    tmp_path: Path,
) -> None:
    file = tmp_path / "set.toml"
    file.write_text('foo = 1\npublic_url = "consent.example"\nsecret_keys = ["hunter2"]\n')
    wrong = {
        "CONSENT_SETTINGS": str(file),
        "CONSENT_DATABASE": "x",
        "CONSENT_MAXMIND_KEY": "a password of mine",
    }
    with pytest.raises(SettingsError) as caught:
        settings.load(wrong, var=tmp_path)
    faults = sorted(caught.value.faults)
    assert str(caught.value).splitlines() == list(caught.value.faults)
    assert [fault.partition(";")[0] for fault in faults] == [
        f"{file}: foo: no such setting",
        f"{file}: public_url: found 'consent.example'",
        f"{file}: secret_keys: found a value that is not shown",
        "CONSENT_DATABASE: no such setting",
        "CONSENT_MAXMIND_KEY: found a value that is not shown",
    ]
    known = ", ".join(sorted(setting.key for setting in settings.SETTINGS))
    assert faults[0].endswith(f"; known are {known}")
    assert not (tmp_path / "secret-keys").exists()


def test_a_wrong_key_of_the_file_is_told_though_a_variable_wins_over_the_others(
    tmp_path: Path,
) -> None:
    file = tmp_path / "set.toml"
    file.write_text('CONSENT_PUBLIC_URL = "https://a.example"\n')
    with pytest.raises(
        SettingsError, match="CONSENT_PUBLIC_URL: no such setting; known are anchor"
    ):
        settings.load({**KEYS, "CONSENT_SETTINGS": str(file)})


def test_keys_of_the_log_are_seeds_in_base64(tmp_path: Path) -> None:
    seed = "A" * 43 + "="
    given = settings.load({**KEYS, "CONSENT_LOG_KEYS": f"{seed},{seed}"})
    assert given.log_keys == (bytes(32), bytes(32))
    assert settings.load(KEYS).log_keys == ()
    for wrong in ("hunter2", "AAAA", "!" * 44):
        with pytest.raises(SettingsError, match="LOG_KEYS: found a value that is not shown"):
            settings.load({**KEYS, "CONSENT_LOG_KEYS": wrong})
