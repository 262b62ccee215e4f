"""Groups of stores: what they share, what a template changes where, and the way back."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from consent import (
    accounts,
    activity,
    approve,
    bulk,
    changes,
    groups,
    inherit,
    lawful,
    loosened,
    publish,
    storefile,
    stores,
)
from consent.errors import NotFoundError, RefusedError
from consent.model import (
    BannerConfig,
    Group,
    Pixel,
    RegionRule,
    RetentionConfig,
    Rules,
    Scheme,
    StoreConfig,
    Template,
)
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

FILES = bulk.Files(Platforms.load(), Regions.load(), Texts.load())
META = Pixel("meta", "123456789012345")
GROUP = """key = "outdoor"
name = "Outdoor shops"
privacy_url = "https://outdoor.example/privacy"

[regions."*"]
layout = "box"

[regions."US-OR"]
regime = "eea"
until = 2027-01-01

[banner]
accent = "#1d4f91"

[signals]
wordpress = true

[texts."en"]
"banner.title" = "Ours"
"""
STORE = """key = "summit"
name = "Summit"
origins = ["https://summit.example"]
group = "outdoor"

[regions."DE"]
accept_days = 90

[banner]
layout = "bar"

[signals]
wordpress = false

[texts."en"]
"banner.choose" = "Mine"
"""
OUTDOOR = storefile.parse_group(GROUP, "outdoor.toml")
SUMMIT = storefile.parse(STORE, "summit.toml")


def told(before: StoreConfig, after: StoreConfig, template: Template | None = None) -> list[str]:
    one, other = stores.Draft(before, template), stores.Draft(after, template)
    found = changes.told(one, other, FILES.regions, on=dt.date(2026, 11, 26))
    return [each.said for each in found]


class TestFiles:
    def test_a_group_and_a_store_of_it_are_written_as_they_were_read(self):
        assert storefile.group_to_toml(OUTDOOR) == GROUP
        again = storefile.parse(storefile.to_toml(SUMMIT), "summit.toml")
        assert again == SUMMIT

    def test_what_the_store_leaves_out_is_the_templates_and_what_it_states_is_its_own(self):
        whole = inherit.effective(SUMMIT, OUTDOOR.template)
        assert whole.privacy_url == "https://outdoor.example/privacy"
        assert (whole.banner.layout, whole.banner.accent) == ("bar", "#1d4f91")
        assert whole.signals.wordpress is False
        assert whole.texts == {"en": {"banner.title": "Ours", "banner.choose": "Mine"}}
        assert whole.regions == SUMMIT.regions
        silent = msgspec.structs.replace(SUMMIT, stated=())
        assert inherit.effective(silent, OUTDOOR.template).signals.wordpress is True
        assert inherit.effective(SUMMIT, None) is SUMMIT

    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            ("pixels = []", "pixels"),
            ('origins = ["https://a.example"]', "origins"),
            ("stated = []", "stated"),
        ],
    )
    def test_a_template_names_no_shop(self, line, fault):
        with pytest.raises(Exception, match=fault):
            storefile.parse_group(f'key = "a"\nname = "A"\n{line}\n', "a.toml")


class TestDiff:
    def test_it_speaks_of_visitors_by_day(self):
        before = StoreConfig("a", "A", ("https://a.example",), pixels=(META,))
        rule = RegionRule("eea", until=dt.date(2027, 1, 1))
        after = msgspec.structs.replace(before, regions={"US-OR": rule})
        assert told(before, after) == [
            "Visitors from Oregon are asked first, and nothing runs before a yes (eea); "
            "until then everything ran until they refused (us-states).",
            "From 1 January 2027 visitors from Oregon are told, and everything runs until they "
            "refuse (us-states); until then they were asked first (eea).",
        ]
        assert told(after, after) == []

    def test_every_field_of_a_rule_has_its_sentence(self):
        before = StoreConfig("a", "A", ("https://a.example",), pixels=(META,))
        rule = RegionRule(
            accept_days=90,
            refuse_days=400,
            layout="dialog",
            purposes=("analytics",),
            pixels=("ga4",),
        )
        said = told(before, msgspec.structs.replace(before, regions={"DE": rule}))
        assert said == [
            "Visitors from Germany are asked again 90 days after a yes; until then after 365.",
            "Visitors from Germany are asked again 400 days after a no; until then after 184.",
            "Visitors from Germany see a dialog; until then a bar.",
            "Visitors from Germany are no longer asked for preferences, marketing, and nothing of "
            "it runs.",
            "Visitors from Germany get no pixel but ga4; until then every pixel that they allow.",
            "Visitors who have decided are asked again.",
        ]

    def test_words_and_colours_are_told_as_their_owner_calls_them(self):
        before = StoreConfig("a", "A", ("https://a.example",))
        look = BannerConfig(dark=Scheme(text="#ffffff"))
        texts = {"pt-BR": {"banner.reject": "Recusar", "status.saved": "Feito"}}
        after = msgspec.structs.replace(
            before, banner=look, texts=texts, retention=RetentionConfig(800)
        )
        assert told(before, after) == [
            "In the dark, the banner's text colour is #ffffff; until then not set.",
            "The time for which decisions are kept, in days, is 800; until then 1096.",
            "In Portuguese (Brazil), the banner's button that refuses is Recusar; until then "
            "as it ships.",
            "In Portuguese (Brazil), status.saved is Feito; until then as it ships.",
        ]

    def test_everything_else_is_told_key_by_key(self):
        before = StoreConfig("a", "A", ("https://a.example",), pixels=(META,))
        after = msgspec.structs.replace(before, name="A B", campaign=True, pixels=())
        assert told(before, after) == [
            "meta 123456789012345 is gone, and what it left in visitors' browsers is deleted.",
            "The store's name is “A B”; until then A.",
            "Keeping campaign parameters is on; until then off.",
            "Visitors who have decided are asked again.",
        ]


@pytest.fixture
async def lawyer(database, now):
    async with database.write() as c:
        return await accounts.add(c, "law@outdoor.example", "x", "legal", None, now())


async def published(database, now, config: StoreConfig) -> None:
    async with database.write() as c:
        await stores.save(c, config, now())
        await stores.publish(c, config.key, now())


async def save(database, now, group: Group) -> None:
    async with database.write() as c:
        await groups.save(c, group, now())


@pytest.mark.anyio
class TestVersions:
    async def test_a_version_holds_the_template_as_it_was(self, database, now):
        await save(database, now, OUTDOOR)
        await published(database, now, SUMMIT)
        other = msgspec.structs.replace(OUTDOOR, template=Template())
        await save(database, now, other)
        async with database.read() as c:
            live = await stores.current(c, "summit")
            (summary,) = await stores.all_stores(c)
            (listed,) = await groups.all_groups(c)
        assert live.template == OUTDOOR.template
        assert live.config.banner.accent == "#1d4f91"
        assert live.rules.template == OUTDOOR.template.regions
        assert live.sha256 == stores.Draft(SUMMIT, OUTDOOR.template).sha256
        assert (summary.changed, summary.group, listed.stores) == (True, "outdoor", 1)

    async def test_a_store_without_a_group_keeps_its_sha256(self, database, now):
        bare = StoreConfig("bare", "Bare", ("https://bare.example",))
        await published(database, now, bare)
        async with database.read() as c:
            live = await stores.current(c, "bare")
            (summary,) = await stores.all_stores(c)
        assert live.template is None
        assert (live.config, live.own) == (bare, bare)
        assert not summary.changed

    async def test_a_store_cannot_be_in_a_group_that_is_not_there(self, database, now):
        async with database.write() as c:
            with pytest.raises(NotFoundError, match="outdoor"):
                await stores.save(c, SUMMIT, now())

    async def test_a_rollback_brings_the_old_template_back_after_the_same_checks(
        self, database, now
    ):
        await save(database, now, OUTDOOR)
        await published(database, now, SUMMIT)
        await published(database, now, msgspec.structs.replace(SUMMIT, group="", name="Alone"))
        back = await publish.roll_back(database, "summit", 1, **FILES._asdict(), now=now)
        assert (back.number, back.own, back.template) == (3, SUMMIT, OUTDOOR.template)
        assert back.sha256 == stores.Draft(SUMMIT, OUTDOOR.template).sha256
        with pytest.raises(NotFoundError):
            await publish.roll_back(database, "summit", 9, **FILES._asdict(), now=now)
        loose = msgspec.structs.replace(SUMMIT, regions={"DE": RegionRule("us-ca")})
        await published(database, now, loose)
        await published(database, now, SUMMIT)
        with pytest.raises(RefusedError, match=r"regions\.DE\.regime"):
            await publish.roll_back(database, "summit", 4, **FILES._asdict(), now=now)


@pytest.mark.anyio
class TestApply:
    async def test_what_a_preview_says_is_what_happens_and_who_is_refused_holds_up_nobody(
        self, database, now
    ):
        await save(database, now, OUTDOOR)
        await published(database, now, SUMMIT)
        joiner = StoreConfig("joiner", "Joiner", ("https://j.example",), pixels=(META,))
        await published(database, now, joiner)
        await published(database, now, msgspec.structs.replace(joiner, key="busy"))
        busy = msgspec.structs.replace(joiner, key="busy", name="Half done")
        async with database.write() as c:
            await stores.save(c, busy, now())
        template = Template(regions={"*": RegionRule(layout="dialog")})
        await save(database, now, msgspec.structs.replace(OUTDOOR, template=template))
        only = ("summit", "joiner", "busy", "nobody")
        async with database.read() as c:
            on = now().date()
            preview = await bulk.preview(c, "outdoor", FILES, on=on, only=only)
        done = await bulk.apply(database, "outdoor", FILES, now=now, only=only)
        assert [(one.told, one.refused) for one in done] == [
            (one.told, one.refused) for one in preview
        ]
        assert [one.version for one in done] == [2, 2, None, None]
        assert "changes that are not published" in done[2].refused[0]
        assert done[3].refused == ("there is no such store",)
        assert "Visitors from everywhere see a dialog; until then a bar." in [
            one.said for one in done[1].told
        ]
        async with database.read() as c:
            joined = await stores.current(c, "joiner")
            acts = await activity.search(c, activity.ActivityFilter(), limit=9)
        assert (joined.own.group, joined.template) == ("outdoor", template)
        assert [(act.what, act.store) for act in acts] == [
            ("publishing", "joiner"),
            ("publishing", "summit"),
        ]
        again = await bulk.apply(database, "outdoor", FILES, now=now)
        assert [(one.store, one.told, one.version) for one in again] == [
            ("joiner", (), None),
            ("summit", (), None),
        ]


@pytest.mark.anyio
class TestApproval:
    async def test_a_lawyer_allows_what_publishing_refuses_and_the_report_says_so(
        self, database, now, lawyer
    ):
        bare = StoreConfig("bare", "Bare", ("https://bare.example",), pixels=(META,))
        loose = msgspec.structs.replace(bare, regions={"DE": RegionRule("us-ca")})
        async with database.write() as c:
            await stores.save(c, loose, now())
        with pytest.raises(RefusedError, match=r"regions\.DE\.regime.*GDPR"):
            await publish.publish(database, "bare", **FILES._asdict(), now=now)
        end = now().date() + dt.timedelta(days=90)
        async with database.write() as c:
            draft = await approve.allow(
                c, "bare", "DE", by=lawyer.email, reason="A memo", until=end, now=now()
            )
            (act,) = await activity.search(c, activity.ActivityFilter(), limit=2)
        assert (act.what, act.store, act.subject) == ("approval", "bare", "DE")
        assert draft.regions["DE"].until == end
        async with database.read() as c:
            (coming,) = await loosened.report(c, FILES.regions, on=now().date())
        assert (coming.state, coming.versions) == ("coming", None)
        await publish.publish(database, "bare", **FILES._asdict(), now=now)
        async with database.read() as c:
            (held,) = await loosened.report(c, FILES.regions, on=now().date())
            (past,) = await loosened.report(c, FILES.regions, on=end)
            kept = await approve.known(c, draft)
        assert (held.state, held.versions, held.by) == ("in force", (1, 1), lawyer.email)
        assert held.what == ("regime: 'us-ca' is opt-out, looser than 'eea', in DE",)
        assert past.state == "past"
        assert kept == draft
        await published(database, now, bare)
        async with database.read() as c:
            (gone,) = await loosened.report(c, FILES.regions, on=now().date())
        assert gone.state == "past"

    async def test_going_back_does_not_bring_back_a_word_that_has_ended(
        self, database, now, lawyer
    ):
        bare = StoreConfig("bare", "Bare", ("https://bare.example",), pixels=(META,))
        loose = msgspec.structs.replace(bare, regions={"DE": RegionRule("us-ca")})
        async with database.write() as c:
            await stores.save(c, loose, now())
            await approve.allow(c, "bare", "DE", by=lawyer.email, reason="A memo", now=now())
        await publish.publish(database, "bare", **FILES._asdict(), now=now)
        renamed = await publish.roll_back(database, "bare", 1, **FILES._asdict(), now=now)
        assert renamed.own.regions["DE"].approved, "it still stands"
        await published(database, now, bare)
        with pytest.raises(RefusedError, match=r"regions\.DE\.regime.*approval of a lawyer"):
            await publish.roll_back(database, "bare", 1, **FILES._asdict(), now=now)

    async def test_a_word_for_own_statistics_is_for_the_tool_that_was_there(
        self, database, now, lawyer
    ):
        def using(*ids: str) -> StoreConfig:
            pixels = tuple(Pixel("matomo", id_) for id_ in ids)
            return StoreConfig("bare", "Bare", ("https://bare.example",), pixels=pixels)

        rule = RegionRule(own_statistics=("matomo",))
        asked = msgspec.structs.replace(using("3@stats.bare.example"), regions={"FR": rule})
        async with database.write() as c:
            await stores.save(c, asked, now())
            allowed = await approve.allow(
                c, "bare", "FR", by=lawyer.email, reason="A memo", now=now()
            )
        await publish.publish(database, "bare", **FILES._asdict(), now=now)
        for ids in (("3@others.example",), ("3@stats.bare.example", "4@others.example")):
            swapped = msgspec.structs.replace(allowed, pixels=using(*ids).pixels)
            async with database.write() as c:
                await stores.save(c, swapped, now())
            with pytest.raises(RefusedError, match=f"matomo changed since {lawyer.email}"):
                await publish.publish(database, "bare", **FILES._asdict(), now=now)

    async def test_a_file_cannot_bring_its_own_approval(self, database, now, lawyer):
        rule = RegionRule("us-ca", reason="mine")
        forged = approve.Approval(lawyer.email, now().date(), approve.digest("DE", rule))
        claimed = msgspec.structs.replace(rule, approved=forged)
        config = StoreConfig("bare", "B", ("https://b.example",), regions={"DE": claimed})
        group = Group("g", "G", Template(regions={"DE": claimed}))
        async with database.read() as c:
            assert (await approve.known(c, config)).regions == {"DE": rule}
            assert (await approve.known_template(c, group)).template.regions == {"DE": rule}

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"by": "own@outdoor.example"}, "not_allowed"),
            ({"by": "nobody@outdoor.example"}, "unknown_user"),
            ({"reason": "  "}, "no_reason"),
            ({"until": dt.date(2020, 1, 1)}, "past"),
            ({"seen": "0" * 64}, "changed"),
            ({"place": "FR"}, "unknown_rule"),
        ],
    )
    async def test_nobody_else_may_and_nothing_changes(self, database, now, lawyer, changes, code):
        bare = StoreConfig("bare", "B", ("https://b.example",), regions={"DE": RegionRule("us-ca")})
        async with database.write() as c:
            await accounts.add(c, "own@outdoor.example", "x", "owner", None, now())
            await stores.save(c, bare, now())
        given = {"place": "DE", "by": lawyer.email, "reason": "A memo", **changes}
        with pytest.raises((RefusedError, NotFoundError)) as refused:
            async with database.write() as c:
                await approve.allow(c, "bare", given.pop("place"), now=now(), **given)
        assert refused.value.code == code
        async with database.read() as c:
            assert await stores.draft(c, "bare") == bare

    async def test_a_templates_rule_takes_a_lawyer_of_every_store(self, database, now, lawyer):
        group = Group("g", "G", Template(regions={"DE": RegionRule(accept_days=3000)}))
        await save(database, now, group)
        await published(database, now, StoreConfig("bare", "B", ("https://b.example",), group="g"))
        async with database.write() as c:
            await accounts.add(c, "one@b.example", "x", "legal", "bare", now())
            with pytest.raises(RefusedError, match="legal of every store, or of group"):
                await approve.allow_template(
                    c, "g", "DE", by="one@b.example", reason="why", now=now()
                )
            allowed = await approve.allow_template(
                c, "g", "DE", by=lawyer.email, reason="why", now=now()
            )
        rules = Rules(template=allowed.template.regions, group="g")
        assert list(lawful.faults(rules, FILES.regions, now().date())) == []
