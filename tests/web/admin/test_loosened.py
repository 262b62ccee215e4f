"""A rule that asks less than the law, on the page of a decision that it touched."""

from __future__ import annotations

import uuid

import msgspec
from bs4 import BeautifulSoup

from consent import approve, publish, stores
from consent.model import DecisionPost, Grants, Place, RegionRule, StoreConfig

LEGAL = "lex@example.com"
GERMANY = Place("DE", None, "header")


def test_the_page_of_a_decision_names_the_rule_the_reason_and_who_allowed_it(editor):
    client = editor(LEGAL)
    services = client.app.services
    files = {name: getattr(services, name) for name in ("platforms", "regions", "texts")}

    async def decide() -> uuid.UUID:
        config = StoreConfig(
            "loose",
            "Loose",
            ("https://loose.example",),
            regions={"DE": RegionRule("us-ca", layout="box")},
        )
        async with services.database.write() as c:
            await stores.save(c, config, services.now())
            await approve.allow(
                c, "loose", "DE", by=LEGAL, reason="Memo of <12> May", now=services.now()
            )
        version = await publish.publish(services.database, "loose", **files, now=services.now)
        here = services.regions.resolve(GERMANY, on=services.now().date(), rules=version.rules)
        post = DecisionPost(
            id=uuid.uuid4(),
            visitor=uuid.uuid4(),
            version=version.number,
            action="accept_all",
            grants=Grants.all(True),
            language="en",
            banner=services.composer.banner(version, here, "en").sha256,
        )
        done = await services.recorder.record(
            version, post, place=GERMANY, gpc_header=False, device="phone"
        )
        assert msgspec.json.decode(here.regime.content)["looser"][0]["by"] == LEGAL
        return done.record.id

    page = BeautifulSoup(
        client.get(f"/admin/ledger/{client.portal.call(decide)}").text, "html.parser"
    )
    law = page.find("section", attrs={"aria-labelledby": "law"}).get_text(" ", strip=True)
    assert "Looser by rule regime: 'us-ca' is opt-out, looser than 'eea'" in law
    assert f"regions.DE, allowed by {LEGAL}" in law
    assert "Memo of <12> May" in law
