"""A store's own pixels: what may be declared, who has to look, and what is served."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from consent import accounts, publish, review, storefile, stores
from consent.compose import Composer
from consent.database import Database
from consent.errors import NotFoundError, RefusedError
from consent.model import Custom, Hosts, Pixel, Place, Review, Role, StoreConfig, Trace, Version
from consent.platforms import Platforms, custom
from consent.questions import asks, former
from consent.regions import Regions
from consent.texts import Texts

PLATFORMS, REGIONS, TEXTS = Platforms.load(), Regions.load(), Texts.load()
NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
CODE = "function (page) {\n  return { start() {}, send() {}, revoke() {}, grant() {} };\n}"
QUIZ = Custom(
    name="Size quiz",
    vendor="Quiz Ltd",
    privacy_url="https://quiz.example/privacy",
    template=CODE,
    hosts=Hosts(connect=("api.quiz.example",)),
    traces=(Trace("quiz_id", lifetime="30 days"),),
)
PIXEL = Pixel("custom", "size-quiz", purposes=("analytics",), custom=QUIZ)
SCRIPT = msgspec.structs.replace(
    QUIZ, template="", script="https://quiz.example/q.js", hosts=Hosts(script=("quiz.example",))
)


def changed(**changes: object) -> Pixel:
    own = {key: changes.pop(key) for key in list(changes) if key in Custom.__struct_fields__}
    return msgspec.structs.replace(PIXEL, custom=msgspec.structs.replace(QUIZ, **own), **changes)


def store(*pixels: Pixel) -> StoreConfig:
    return StoreConfig(
        key="summit", name="Summit", origins=("https://summit.example",), pixels=pixels
    )


@pytest.mark.parametrize("own", [QUIZ, SCRIPT], ids=["template", "script"])
def test_what_is_declared_well_has_no_fault(own: Custom) -> None:
    assert PLATFORMS.faults(msgspec.structs.replace(PIXEL, custom=own)) == []


@pytest.mark.parametrize(
    ("pixel", "fault"),
    [
        (msgspec.structs.replace(PIXEL, custom=None), "custom: missing; expected a table"),
        (changed(id="Size Quiz"), "id: 'Size Quiz'; expected small letters"),
        (changed(id="q" * 41), "expected small letters"),
        (changed(purposes=()), "purposes: missing; expected preferences"),
        (changed(purposes=("necessary",)), "custom.purposes: 'necessary' cannot be refused"),
        (changed(opt_out="limit"), "opt_out: is for platforms"),
        (changed(automatic=True), "automatic: is for platforms"),
        (changed(labels={"Lead": "x"}), "labels: is for platforms"),
        (changed(name=" "), "custom.name: ' '; expected 1 to 80"),
        (changed(vendor="v" * 81), "custom.vendor: "),
        (changed(privacy_url="http://quiz.example"), "custom.privacy_url: 'http://quiz.example'"),
        (changed(hosts=Hosts(img=("a b",))), "custom.hosts.img: 'a b' is no host"),
        (changed(hosts=Hosts(connect=("*",))), "custom.hosts.connect: '*' is no host"),
        (changed(traces=(Trace("*"),)), "custom.traces: '*' is no name"),
        (changed(traces=(Trace("pixelgate"),)), "is where the decision is kept"),
        (changed(traces=(Trace("p*"),)), "is where the decision is kept"),
        (changed(template=""), "custom: script and template; expected exactly one"),
        (changed(script="https://quiz.example/q.js"), "expected exactly one of them"),
        (changed(template="", script="http://quiz.example/q.js"), "custom.script: 'http:"),
        (changed(template="", script="https://other.example/q.js"), "that is in hosts.script"),
        (changed(template="alert(1)"), "custom.template: is not one function expression"),
        (changed(template="function (page) { eval('') }"), "custom.template: uses 'eval'"),
        (changed(template="function (page) { return {{ id | tojson }} }"), "has a placeholder"),
        (changed(template="function (page) { return { }"), "custom.template: is no"),
        (changed(template="function (page) { a b c }"), "custom.template: is no JavaScript"),
        (
            changed(template="function (page) {} })(); alert(1); (function () {}"),
            "custom.template: is no",
        ),
        (changed(template=f"function (page) {{ '{'x' * 20_000}' }}"), "at most 20000 bytes"),
        (changed(template="function (page) { \u202e }"), "invisible character U+202E"),
        (changed(template="function (page) { return {} // }"), "custom.template: is no JavaScript"),
        (changed(template="function () {}; fetch('x'); {}"), "custom.template: is no JavaScript"),
        (
            changed(template="function () {}), x: fetch('x'), y: () => (function () {}"),
            "custom.template: is no JavaScript",
        ),
        (
            changed(template="function () {}), fetch('x'), (function () {}"),
            "custom.template: is no JavaScript",
        ),
        (changed(traces=(Trace("{id}"),)), "custom.traces: has a placeholder"),
        (changed(traces=(Trace("pixelgate_campaign", "local"),)), "where the decision is kept"),
        (
            changed(template="", script="https://evil.example\\@quiz.example/q.js"),
            "expected a plain https address",
        ),
        (changed(template="", script="https://quiz.example:8443/q.js"), "expected a plain https"),
    ],
)
def test_what_is_declared_badly_is_refused_with_the_reason(pixel: Pixel, fault: str) -> None:
    assert any(fault in found for found in PLATFORMS.faults(pixel)), PLATFORMS.faults(pixel)


def test_a_platforms_pixel_declares_nothing() -> None:
    pixel = Pixel("meta", "123456789012345", custom=QUIZ)
    assert PLATFORMS.faults(pixel) == ["custom: is for platform custom; expected none"]


def test_nothing_is_published_that_nobody_has_looked_at_and_a_draft_may_wait() -> None:
    config = store(PIXEL)
    (fault,) = publish.check(config, PLATFORMS, REGIONS, TEXTS, on=NOW.date())
    assert fault.startswith("pixels[0]: custom.reviewed: missing")
    assert "consent store review summit size-quiz" in fault
    assert publish.check(config, PLATFORMS, REGIONS, TEXTS, on=NOW.date(), draft=True) == []


@pytest.mark.anyio
async def test_an_owner_or_legal_looks_and_any_change_asks_for_another_look(
    database: Database,
) -> None:
    async with database.write() as c:
        await stores.save(c, store(PIXEL), NOW)
        users: tuple[tuple[str, Role], ...] = (
            ("dev@x.example", "developer"),
            ("legal@x.example", "legal"),
        )
        for email, role in users:
            await accounts.add(c, email, "hash", role, None, NOW)
    seen = custom.digest(PIXEL)

    async def note(by: str, seen: str = seen, id_: str = "size-quiz") -> StoreConfig:
        async with database.write() as c:
            return await review.note(c, "summit", id_, seen=seen, by=by, now=NOW)

    with pytest.raises(RefusedError, match="not_allowed"):
        await note("dev@x.example")
    with pytest.raises(RefusedError, match="unknown_user"):
        await note("nobody@x.example")
    with pytest.raises(RefusedError, match="changed"):
        await note("legal@x.example", "0" * 64)
    with pytest.raises(NotFoundError, match="unknown_pixel"):
        await note("legal@x.example", id_="other")
    config = await note("Legal@x.example")
    assert publish.check(config, PLATFORMS, REGIONS, TEXTS, on=NOW.date()) == []
    (pixel,) = config.pixels
    assert pixel.custom is not None
    assert pixel.custom.reviewed is not None
    assert pixel.custom.reviewed.by == "legal@x.example"
    other = msgspec.structs.replace(
        pixel.custom, template=CODE.replace("start() {}", "start() {1}")
    )
    edited = msgspec.structs.replace(pixel, custom=other)
    (fault,) = publish.check(store(edited), PLATFORMS, REGIONS, TEXTS, on=NOW.date())
    assert "legal@x.example saw something else" in fault


@pytest.mark.anyio
async def test_a_review_that_a_file_claims_counts_only_where_it_is_known(
    database: Database,
) -> None:
    claimed = Review("ceo@not-a-user.example", NOW.date(), custom.digest(PIXEL))
    config = store(changed(reviewed=claimed))
    async with database.write() as c:
        assert await review.known(c, config) == store(PIXEL)
        await stores.save(c, config, NOW)
        assert await review.known(c, config) == config
        other = msgspec.structs.replace(claimed, by="other@not-a-user.example")
        assert await review.known(c, store(changed(reviewed=other))) == store(PIXEL)


def test_another_recipient_is_another_question_and_old_traces_are_not_forgotten() -> None:
    asked = asks(store(PIXEL))
    assert asks(store(changed(vendor="Adtech Inc"))) != asked
    assert asks(store(changed(template=CODE + "\n"))) == asked
    was = Version(1, 1, 1, "0" * 64, NOW, store(PIXEL), 1)
    assert former(was, store(PIXEL)) == ()
    (left,) = former(was, store(changed(traces=(Trace("other"),))))
    assert [trace.name for trace in PLATFORMS.traces(left)] == ["quiz_id"]


def test_the_file_of_a_store_keeps_code_in_lines() -> None:
    text = storefile.to_toml(store(PIXEL))
    assert '[pixels.custom]\nname = "Size quiz"' in text
    assert 'template = """\nfunction (page) {\n  return' in text
    assert storefile.parse(text, "summit.toml") == store(PIXEL)


def test_what_is_served_are_the_templates_by_name() -> None:
    other = msgspec.structs.replace(PIXEL, id="other", custom=SCRIPT)
    version = Version(1, 1, 1, "0" * 64, NOW, store(PIXEL, other), 1)
    text = Composer(REGIONS, PLATFORMS, TEXTS).custom(version)
    assert text.startswith("pixelgate('part',")
    assert '"custom-size-quiz":()=>(\nfunction (page) {' in text
    assert "custom-other" not in text


def test_a_platform_with_a_host_of_its_own_is_named_to_visitors_by_that() -> None:
    sites = ("3@stats.example.org/matomo", "7@numbers.example.net")
    version = Version(1, 1, 1, "0" * 64, NOW, store(*(Pixel("matomo", site) for site in sites)), 1)
    at = REGIONS.resolve(Place("DE"), on=NOW.date())
    content = msgspec.json.decode(
        Composer(REGIONS, PLATFORMS, TEXTS).banner(version, at, "en").content
    )
    (service,) = content["purposes"][2]["services"]
    assert service["hosts"] == ["stats.example.org", "numbers.example.net"]


def test_one_name_in_two_kinds_of_storage_is_told_twice() -> None:
    version = Version(1, 1, 1, "0" * 64, NOW, store(Pixel("uet", "97184883")), 1)
    at = REGIONS.resolve(Place("DE"), on=NOW.date())
    banner = Composer(REGIONS, PLATFORMS, TEXTS).banner(version, at, "en")
    (service,) = msgspec.json.decode(banner.content)["purposes"][3]["services"]
    kinds = [trace.name for trace in PLATFORMS["uet"].traces]
    assert len(kinds) > len(set(kinds))
    assert [name for name, _ in service["stored"]] == kinds
