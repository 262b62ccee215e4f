"""``consent experiment``, as an operator types it."""

import asyncio
import json

import pytest

from consent import counts, stores
from tests import command
from tests.test_variants import FILE
from tests.web.shop import with_new_connection


@pytest.fixture
def consent(tmp_path, database_url):
    """Types a command; gives what it said."""
    (tmp_path / "store.toml").write_text(
        FILE.replace("starts = 2026-03-01\nends = 2026-04-01\n", "")
    )

    def type_(*arguments: str, fails: int = 0) -> str:
        environ = {"CONSENT_DATABASE_URL": database_url, "CONSENT_SECRET_KEYS": "k" * 40}
        done = command.run(arguments, folder=tmp_path, environ=environ)
        assert done.returncode == fails, done.stderr
        return done.stderr if fails else done.stdout

    type_("store", "import", "store.toml", "--publish")
    return type_


def count(url: str, visits: int, accepted: int) -> None:
    async def work(db) -> None:
        async with db.write() as c:
            version = await stores.current(c, "summit")
            hour = counts.hour_of(version.published_at)
            for key in ("control", "box", "short"):
                told = counts.Key(
                    version.store_id, hour, "DE", "eea", "phone", "en", 1, "visit", f"spring/{key}"
                )
                more = 300 if key == "box" else 0
                await counts.add(
                    c, {told: visits, told._replace(measure="accepted"): accepted + more}
                )

    asyncio.run(with_new_connection(url, work))


def test_it_says_what_was_shown_and_what_one_may_say(consent, database_url):
    assert "about" in consent("experiment", "show", "summit")
    count(database_url, 3000, 1300)
    said = consent("experiment", "show", "summit").splitlines()
    assert said[0].startswith("spring\tA box, and fewer words\trunning\t9000 of ")
    assert said[1] == "  A · as it is: 3000 visits, accepted 1300, declined 0, answered 1300"
    assert any(line.startswith("  B has more accepts: between") for line in said)
    assert "  Declines differ by less than 5 points." in said
    (found,) = json.loads(consent("experiment", "show", "summit", "--json"))
    assert found["variants"][1]["rates"]["accepted"]["n"] == 1600
    assert found["compared"][0]["differences"]["accepted"]["low"] > 0


def test_it_says_how_many_visits_it_takes(consent):
    said = consent("experiment", "plan", "--expected", "45").splitlines()
    assert said == [
        "7203 visits, looked at as often as one likes",
        "3130 for two banners, looked at once, at the end",
    ]
    assert "experiment.difference: 0" in consent("experiment", "plan", "--difference", "0", fails=2)
    assert "variants: 9" in consent("experiment", "plan", "--variants", "9", fails=2)


def test_it_ends_in_the_draft_and_by_publishing(consent):
    assert "expected control, box, short" in consent(
        "experiment", "end", "summit", "--keep", "nosuch", fails=2
    )
    assert "not published" in consent("experiment", "end", "summit", "--keep", "box")
    assert "experiment" not in consent("store", "export", "summit")
    assert 'layout = "box"' in consent("store", "export", "summit")
    assert "\trunning\t" in consent("experiment", "show", "summit")
    consent("store", "publish", "summit")
    assert "\tended\t" in consent("experiment", "show", "summit")
    assert "is not known" in consent("experiment", "show", "nosuch", fails=2)
