import asyncio
import datetime as dt
import json
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from consent import __version__, database, identities, secondfactors
from consent.cli import COMMANDS
from consent.cli import consent as commands
from consent.model import StoreConfig
from tests import command

STORE = """
key = "summit"
name = "Summit Outdoor"
origins = ["https://summit.example"]
privacy_url = "https://summit.example/privacy"
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "google-ads"
id = "AW-123456789"
labels = { Purchase = "abCDeFGhij" }
[regions."US-CA"]
regime = "eea"
[banner]
layout = "box"
"""


def test_the_list_of_commands_says_what_each_says_of_itself():
    context = click.Context(commands)
    for name, made in COMMANDS.items():
        made_ = commands.get_command(context, name)
        assert made_.get_short_help_str(1000) == made.summary
        assert f"  {name} " in commands.get_help(context)


class Shell:
    """Runs ``consent`` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "CONSENT_DATABASE_URL": "sqlite:///pixelgate.db",
            "CONSENT_SECRET_KEYS": "k" * 40,
            "CONSENT_PUBLIC_URL": "https://gate.example",
        }

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return command.run(arguments, folder=self.folder, environ=self.environ, stdin=stdin)

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        done = self.run(*arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def fails(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        done = self.run(*arguments, stdin=stdin)
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def consent(sqlite_url: str, tmp_path: Path) -> Shell:
    """With a migrated database and one store file."""
    (tmp_path / "store.toml").write_text(STORE, encoding="utf-8")
    return Shell(tmp_path)


def test_the_operators_first_run(bare):
    (bare.folder / "store.toml").write_text(STORE, encoding="utf-8")
    assert bare("migrate").startswith("applied ")
    assert bare("migrate").startswith("nothing to do")
    assert bare("store", "import", "store.toml", "--publish").startswith(
        "summit: version 1 is published"
    )
    added = bare(
        *("user", "add", "me@example.com", "--role", "owner", "--password-stdin"),
        stdin="correct horse battery\n",
    )
    assert added == "me@example.com\towner\tevery store\tactive\n"


def test_an_exported_store_imports_as_the_same_version(consent):
    consent("store", "import", "store.toml", "--publish")
    consent("store", "export", "summit", "-o", "again.toml")
    exported = (consent.folder / "again.toml").read_text(encoding="utf-8")
    assert exported == consent("store", "export", "summit")
    again = consent("store", "import", "again.toml", "--publish")
    assert again.startswith("summit: version 1 is published")


def test_an_address_that_filter_lists_stop_is_told(consent):
    consent.environ["CONSENT_PUBLIC_URL"] = "https://consent.summit.example"
    said = consent("store", "import", "store.toml", "--publish")
    assert "\nnote: CONSENT_PUBLIC_URL: found 'consent.summit.example'; expected " in said
    assert "note: key: " not in said


def test_a_draft_is_not_published_until_told(consent):
    assert consent("store", "import", "store.toml") == "summit: saved, not published\n"
    assert "not published" in consent("store", "list")
    assert consent("store", "publish", "summit").startswith("summit: version 1")
    listed = json.loads(consent("store", "list", "--json"))
    assert [(one["key"], one["published"]) for one in listed] == [("summit", 1)]
    shown = json.loads(consent("store", "show", "summit", "--json"))
    assert shown["published"]["number"] == 1
    assert shown["draft"]["pixels"][0]["id"] == "123456789012345"


def test_the_snippet_is_one_short_script_of_this_store(consent):
    consent("store", "import", "store.toml")
    snippet = consent("store", "snippet", "summit").strip()
    assert snippet.startswith("<script>")
    assert "https://gate.example/s/summit/loader.js" in snippet
    assert len(snippet.encode()) <= 600


def test_the_defaults_for_googles_tags_are_those_of_the_published_version(consent):
    consent("store", "import", "store.toml")
    status, said = consent.fails("store", "defaults", "summit")
    assert status == 2
    assert said == "consent: not_published: 'summit' is not published; see store publish\n"
    consent("store", "publish", "summit")
    script = consent("store", "defaults", "summit")
    assert script.startswith("<script>\n// Consent defaults of summit, version 1, as of 20")
    assert script.endswith("});\n}\n</script>\n")
    assert "'US-CA'" in script
    assert "'set'" not in script


def test_all_faults_of_a_store_file_are_told_with_file_and_key(consent):
    text = STORE.replace("123456789012345", "UA-1").replace('"eea"', '"lax"')
    (consent.folder / "bad.toml").write_text(text, encoding="utf-8")
    status, said = consent.fails("store", "import", "bad.toml", "--publish")
    assert status == 2
    lines = said.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("consent: bad.toml: pixels[0]: ")
    assert lines[1].startswith("consent: bad.toml: regions.US-CA.regime: ")
    assert consent("store", "list") == ""


def test_all_wrong_keys_of_a_store_file_are_told_at_once(consent):
    text = STORE.replace("name =", "nam =").replace('"box"', '"popup"')
    (consent.folder / "bad.toml").write_text(text, encoding="utf-8")
    status, said = consent.fails("store", "import", "bad.toml")
    assert status == 2
    known = ", ".join(name for name in StoreConfig.__struct_fields__ if name != "stated")
    assert said.splitlines() == [
        f"consent: bad.toml: nam: unknown, perhaps name; known are {known}",
        "consent: bad.toml: name: missing; expected a text",
        "consent: bad.toml: banner.layout: found 'popup'; expected one of bar, box, dialog",
    ]


def test_a_store_file_that_is_not_there_is_said_in_plain_words(consent):
    fault = "cannot be read (No such file or directory); expected a file in UTF-8"
    said = consent.fails("store", "import", "nofile.toml")
    assert said == (2, f"consent: nofile.toml: {fault}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("store", "import", "missing.toml"),
        ("store", "export", "nobody"),
        ("store", "publish", "nobody"),
        ("store", "snippet", "nobody"),
        ("store", "defaults", "nobody"),
        ("store", "show", "nobody"),
        ("user", "disable", "nobody@example.com"),
        ("explain", "--country", "Germany"),
        ("explain", "--country", "DE", "--store", "nobody"),
        ("explain",),
        ("nonsense",),
        ("serve", "--port", "0"),
        (),
    ],
)
def test_a_users_mistake_is_one_message_and_status_2(consent, arguments):
    status, said = consent.fails(*arguments)
    assert status == 2
    assert said.startswith("consent: " if arguments else "Usage: consent")


def test_a_database_that_was_not_migrated_is_not_served(bare):
    status, said = bare.fails("serve", "--port", "8765")
    assert status == 1
    assert said == "consent: database: no tables yet: run consent migrate\n"


def test_a_taken_port_is_one_line_before_anything_is_served(consent):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = consent.fails("serve", "--port", str(port))
    assert status == 2
    assert said.startswith(f"consent: --port: {port} is taken by another program")
    assert said.count("\n") == 1


def test_a_host_that_is_no_address_of_this_machine_is_said(consent):
    fault = "host: found '192.0.2.1'; expected an address of this machine"
    assert consent.fails("serve", "--host", "192.0.2.1") == (2, f"consent: {fault}\n")
    fault = "--host: 'localhost'; expected an IPv4 or IPv6 address"
    assert consent.fails("serve", "--host", "localhost") == (2, f"consent: {fault}\n")


def test_a_wrong_setting_is_named(bare):
    bare.environ["CONSENT_DATABASE"] = "x"
    status, said = bare.fails("migrate")
    assert status == 2
    assert said.startswith("consent: CONSENT_DATABASE: ")


def test_users_are_added_listed_and_disabled(consent):
    consent("store", "import", "store.toml")
    password = "correct horse battery\n"
    arguments = ("--role", "legal", "--store", "summit", "--password-stdin")
    consent("user", "add", "law@example.com", *arguments, stdin=password)
    status, said = consent.fails("user", "add", "law@example.com", *arguments, stdin=password)
    assert status == 2
    assert said.endswith(": consent user password law@example.com\n")
    given = consent("user", "grant", "law@example.com", "--role", "marketer")
    assert given == (
        "law@example.com\tlegal\tsummit\tactive\nlaw@example.com\tmarketer\tevery store\tactive\n"
    )
    consent("user", "revoke", "law@example.com", "--role", "marketer")
    link = consent("user", "invite", "new@example.com", "--role", "legal", "--store", "summit")
    assert link.startswith("https://gate.example/admin/invitation/")
    said = consent("user", "disable", "law@example.com")
    assert said == "law@example.com\tlegal\tsummit\tdisabled\n"
    (one,) = json.loads(consent("user", "list", "--json"))
    assert one["email"] == "law@example.com"
    assert one["grants"] == [{"role": "legal", "store": "summit", "group": None}]
    noted = json.loads(consent("activity", "list", "--json"))
    done = [one["detail"]["done"] for one in noted if one["what"] == "user"]
    assert done == ["disabled", "revoked", "granted", "added"]
    assert one["disabled_at"] is not None
    assert "password" not in json.dumps(one)


def test_a_disabled_user_gets_back_in_with_a_new_password(consent):
    email, stdin = "me@example.com", "correct horse battery\n"
    consent("user", "add", email, "--role", "owner", "--password-stdin", stdin=stdin)
    consent("user", "disable", email)
    again = consent("user", "password", email, "--password-stdin", stdin="another horse\n")
    assert again == "me@example.com\towner\tevery store\tactive\n"
    for who, word in ((email, "short\n"), ("nobody@example.com", stdin)):
        status, said = consent.fails("user", "password", who, "--password-stdin", stdin=word)
        assert status == 2
        assert said.startswith("consent: ")


def test_a_second_factor_is_reset_and_encrypted_again(consent):
    old, new = consent.environ["CONSENT_SECRET_KEYS"], "n" * 40
    for email in ("me@example.com", "you@example.com"):
        arguments = ("--role", "owner", "--password-stdin")
        consent("user", "add", email, *arguments, stdin="correct horse battery\n")
    asyncio.run(_second_factor(consent.folder, old))
    both = [one["second_factor"] for one in json.loads(consent("user", "list", "--json"))]
    assert both == [True, False]
    consent.environ["CONSENT_SECRET_KEYS"] = new
    lost = consent.run("user", "encrypt-again")
    assert (lost.returncode, lost.stdout) == (2, "0 under the newest key\n")
    assert "of keys that are not there: me@example.com; reset them" in lost.stderr
    consent.environ["CONSENT_SECRET_KEYS"] = f"{new},{old}"
    assert consent("user", "encrypt-again") == "1 under the newest key\n"
    consent.environ["CONSENT_SECRET_KEYS"] = new
    assert consent("user", "encrypt-again") == "1 under the newest key\n"
    said = consent("user", "reset-second-factor", "Me@example.com")
    assert said == "me@example.com\towner\tevery store\tactive\n"
    for email in ("me@example.com", "nobody@example.com"):
        status, said = consent.fails("user", "reset-second-factor", email)
        assert (status, said.count("\n")) == (2, 1)
    (noted,) = json.loads(consent("activity", "list", "--json"))[:1]
    assert (noted["what"], noted["detail"]) == ("second_factor", {"done": "reset"})


def test_the_link_with_a_provider_is_taken_away(consent):
    arguments = ("user", "add", "me@example.com", "--role", "owner", "--password-stdin")
    consent(*arguments, stdin="correct horse battery\n")
    asyncio.run(_linked(consent.folder))
    assert consent("user", "unlink", "Me@example.com").startswith("me@example.com\towner")
    for email in ("me@example.com", "nobody@example.com"):
        status, said = consent.fails("user", "unlink", email)
        assert (status, said.count("\n")) == (2, 1)
    (noted,) = json.loads(consent("activity", "list", "--json"))[:1]
    assert (noted["what"], noted["detail"]) == ("user", {"done": "unlinked"})


async def _linked(folder):
    db = database.connect(f"sqlite:///{folder / 'pixelgate.db'}")
    async with db.write() as c:
        at = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
        await identities.link(c, 1, "https://id.example", "42", at)
    await db.close()


async def _second_factor(folder, key):
    db = database.connect(f"sqlite:///{folder / 'pixelgate.db'}")
    async with db.write() as c:
        at = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
        kept = secondfactors.cipher([key]).encrypt("SECRET", at)
        await secondfactors.add(c, 1, kept, 1, at)
    await db.close()


def test_a_short_password_is_refused(consent):
    arguments = ("user", "add", "me@example.com", "--role", "owner", "--password-stdin")
    status, said = consent.fails(*arguments, stdin="short\n")
    assert status == 2
    assert "12" in said
    assert "short" not in said.replace("shorter", "")


class TestExplain:
    def explain(self, shell: Shell, *arguments: str) -> dict:
        return json.loads(shell("explain", *arguments, "--json"))

    def test_california_with_gpc_denies_marketing_at_once(self, bare):
        said = self.explain(bare, "--country", "US", "--region", "CA", "--gpc")
        assert (said["regime"], said["model"], said["gpc"]) == ("us-ca", "opt-out", "required")
        assert "CCPA" in said["law"]
        assert "California" in said["why"]
        assert said["banner"] == "none"
        assert said["purposes"] == {
            "necessary": True,
            "preferences": True,
            "analytics": True,
            "marketing": False,
        }

    def test_germany_asks_first(self, bare):
        said = self.explain(bare, "--country", "de")
        assert (said["regime"], said["banner"]) == ("eea", "banner")
        assert said["purposes"]["marketing"] is False

    def test_a_place_that_nobody_knows_gets_the_strictest(self, bare):
        said = self.explain(bare, "--country", "T1")
        assert (said["regime"], said["model"]) == ("unknown", "opt-in")

    def test_the_day_decides_which_law_is_in_force(self, bare):
        before = self.explain(bare, "--country", "US", "--region", "US-CA", "--date", "2019-12-31")
        after = self.explain(bare, "--country", "US", "--region", "US-CA", "--date", "2020-01-01")
        assert before["regime"] != after["regime"] == "us-ca"

    def test_a_stores_own_rules_and_pixels_are_said(self, consent):
        consent("store", "import", "store.toml", "--publish")
        said = self.explain(consent, "--country", "US", "--region", "CA", "--store", "summit")
        assert said["regime"] == "eea"
        assert said["pixels"] == [
            {"platform": "meta", "id": "123456789012345", "state": "blocked"},
            {"platform": "google-ads", "id": "AW-123456789", "state": "blocked"},
        ]

    def test_a_store_that_asks_for_advanced_consent_mode_is_told_where_it_gets_it(self, consent):
        asks = f'{STORE}[google]\nconsent_mode = "advanced"\n'
        (consent.folder / "store.toml").write_text(asks, encoding="utf-8")
        published = consent("store", "import", "store.toml", "--publish").splitlines()
        assert published[0].startswith("summit: version 1 is published")
        basic = (
            "br, ca, ca-qc, ch, eea, europe-other, mx, uk, unknown, world-notice, world-opt-in,"
            " world-precaution"
        )
        note = f"note: google.consent_mode: advanced, but basic under {basic}, by the law there"
        assert published[1:] == [note]
        assert consent("store", "publish", "summit").splitlines()[1:] == [note]
        for country, region, mode in (("US", "TX", "advanced"), ("US", "CA", "basic")):
            place = ("--country", country, "--region", region, "--store", "summit")
            assert self.explain(consent, *place)["consent_mode"] == mode
            assert f"Google Consent Mode: {mode}" in consent("explain", *place)
        assert "Consent Mode" not in consent("explain", "--country", "JP")

    def test_people_get_sentences(self, bare):
        said = bare("explain", "--country", "US", "--region", "CA")
        assert "May run: necessary, preferences, analytics, marketing. Denied: nothing." in said
        assert "Law: " in said
        assert ".." not in said


def test_an_address_is_looked_up(bare):
    said = json.loads(bare("geo", "lookup", "8.8.8.8", "--json"))
    assert set(said) == {"country", "subdivision", "source"}
    assert (said["country"], said["source"]) == ("US", "database")
    assert bare("geo", "lookup", "10.0.0.1") == "unknown (source: none)\n"
    fault = "IP: 'nonsense'; expected an IPv4 or IPv6 address"
    assert bare.fails("geo", "lookup", "nonsense") == (2, f"consent: {fault}\n")


def test_the_shipped_files_pass_the_check(bare):
    assert bare("check").startswith("ok: ")


def test_a_place_database_that_cannot_be_used_is_a_fault_with_its_setting(bare):
    bare.environ["CONSENT_GEOIP_DB"] = "gone.mmdb"
    status, said = bare.fails("check")
    assert status == 2
    missing = "cannot be opened (No such file or directory); expected a MaxMind DB file"
    assert said.startswith(f"CONSENT_GEOIP_DB: gone.mmdb: {missing}; `consent geo update`")
    (bare.folder / "gone.mmdb").write_text("not a database")
    status, said = bare.fails("check")
    assert status == 2
    assert said.startswith("CONSENT_GEOIP_DB: gone.mmdb: cannot be opened")
    assert said.count("\n") == 1


def test_all_wrong_settings_are_told_by_the_check_each_on_its_line(bare):
    (bare.folder / "set.toml").write_text("foo = 1\n")
    bare.environ |= {"CONSENT_SETTINGS": "set.toml", "CONSENT_PUBLIC_URL": "gate.example"}
    status, said = bare.fails("check")
    assert status == 2
    assert [line.partition(";")[0] for line in said.splitlines()] == [
        "set.toml: foo: no such setting",
        "CONSENT_PUBLIC_URL: found 'gate.example'",
    ]


def test_it_says_its_version(bare):
    assert __version__ in bare("--version")


SMALL = """
import sys
from consent import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print(sorted({"sqlalchemy", "alembic", "granian", "starlette"} & set(sys.modules)))
"""


def test_a_small_command_waits_for_no_import_of_the_database_or_the_web():
    command = ["explain", "--country", "DE", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", SMALL, *command], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
