"""The OpenID client against a provider that lies; one that does not is in the tests of Chromium."""

import asyncio
import datetime as dt
import gzip

import httpx2
import pytest
from joserfc import jwt

from consent import oidc
from consent.errors import ForbiddenError, UnavailableError
from consent.oidc import Vouched
from tests.hostile_provider import CLIENT, ISSUER, Hostile, by_public_key, unsigned
from tests.hostile_provider import key as other_key

pytestmark = pytest.mark.anyio

BACK = "https://gate.example/admin/login/oidc/back"


@pytest.fixture
def hostile(now) -> Hostile:
    return Hostile(now)


async def come_back(hostile: Hostile, **changed: str) -> Vouched:
    address, pending = await hostile.provider.begin(BACK)
    return await hostile.provider.finish({**hostile.authorize(address), **changed}, pending, BACK)


async def test_the_browser_is_sent_off_with_state_nonce_and_challenge(hostile):
    address, pending = await hostile.provider.begin(BACK)
    assert address.startswith(f"{ISSUER}/authorize?tenant=1&response_type=code&client_id=pixelgate")
    assert "code_challenge_method=S256" in address
    assert f"state={pending.state}" in address
    assert f"nonce={pending.nonce}" in address
    assert pending.verifier not in address
    assert len({pending.state, pending.nonce, pending.verifier}) == 3
    assert (await hostile.provider.begin(BACK))[1].state != pending.state
    assert hostile.asked == ["openid-configuration"]


async def test_whom_it_vouches_for_is_told_with_address_and_groups(hostile):
    hostile.claims |= {"email": "ada@shop.example", "email_verified": True, "groups": ["team"]}
    found = await come_back(hostile)
    assert found == Vouched(ISSUER, "42", "ada@shop.example", True, ("team",))
    assert "userinfo" not in hostile.asked


async def test_what_the_id_token_leaves_out_is_asked_for(hostile):
    hostile.userinfo = {"email": "ada@shop.example", "email_verified": "true", "groups": "team"}
    found = await come_back(hostile)
    assert found == Vouched(ISSUER, "42", "ada@shop.example", True, ("team",))


async def test_who_tells_of_somebody_else_there_is_not_believed(hostile):
    hostile.userinfo = {"sub": "43", "email": "owner@shop.example", "email_verified": True}
    with pytest.raises(ForbiddenError, match="somebody else"):
        await come_back(hostile)


@pytest.mark.parametrize("verified", [None, False, 0, 1, "false", "yes", ["true"], {}])
async def test_only_a_plain_yes_verifies_an_address(hostile, verified):
    hostile.claims |= {"email": "ada@shop.example", "email_verified": verified}
    assert (await come_back(hostile)).verified is False


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"aud": ["pixelgate", "another"], "azp": "another"},
        {"aud": ["pixelgate", "another"]},
        {"azp": "another"},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": 99999999999},
        {"iat": None},
        {"nbf": 99999999999},
        {"at_hash": "AAAA"},
        {"sub": None},
        {"sub": ""},
        {"sub": 42},
        {"sub": ["42"]},
        {"sub": "a\0b"},
        {"sub": "x" * 300},
    ],
)
async def test_a_token_for_something_else_lets_nobody_in(hostile, claims):
    hostile.claims |= claims
    with pytest.raises(ForbiddenError):
        await come_back(hostile)


async def test_a_token_counts_until_it_ends_and_a_little_longer(hostile, now):
    later = int((now() - dt.timedelta(seconds=59)).timestamp())
    hostile.claims |= {"exp": later}
    assert (await come_back(hostile)).subject == "42"
    hostile.claims |= {"exp": later - 2}
    with pytest.raises(ForbiddenError, match="expired"):
        await come_back(hostile)


@pytest.mark.parametrize(
    "forge",
    [
        lambda key: unsigned,
        by_public_key,
        lambda key: (
            lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, other_key("evil"))
        ),
        lambda key: lambda claims: jwt.encode({"alg": "RS256"}, claims, key)[:-8] + "AAAAAAAA",
        lambda key: lambda claims: "not a token",
        lambda key: lambda claims: "é.é.é",
        lambda key: lambda claims: "..",
    ],
)
async def test_a_forged_token_lets_nobody_in(hostile, forge):
    hostile.sign = forge(hostile.keys[0])
    with pytest.raises(ForbiddenError, match="not signed by a key of the provider"):
        await come_back(hostile)


async def test_keys_rotate_and_are_not_asked_for_with_every_forged_token(hostile, now):
    await come_back(hostile)
    now.advance(minutes=5)
    hostile.rotate()
    assert (await come_back(hostile)).subject == "42"
    assert hostile.asked.count("jwks") == 2
    hostile.sign = unsigned
    for _ in range(3):
        with pytest.raises(ForbiddenError):
            await come_back(hostile)
    assert hostile.asked.count("jwks") == 2
    now.advance(hours=1)
    hostile.sign = hostile._sign
    await come_back(hostile)
    assert hostile.asked.count("openid-configuration") == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": "of another browser"}, "not the answer"),
        ({"state": ""}, "not the answer"),
        ({"state": "\ud800"}, "not the answer"),
        ({"iss": "https://evil.example"}, "another provider"),
        ({"error": "access_denied", "error_description": "no\n<b>"}, "says 'access_denied no <b>'"),
        ({"code": ""}, "no code"),
        ({"code": "stolen"}, "says 'invalid_grant'"),
    ],
)
async def test_an_answer_to_something_else_lets_nobody_in(hostile, changed, said):
    with pytest.raises(ForbiddenError, match=said):
        await come_back(hostile, **changed)


async def test_the_code_of_one_browser_is_worth_nothing_in_another(hostile):
    """With the state of its own, a stolen code fails by the verifier that only its owner has."""
    stolen = hostile.authorize((await hostile.provider.begin(BACK))[0])
    with pytest.raises(ForbiddenError, match="invalid_grant"):
        await come_back(hostile, code=stolen["code"])


async def test_a_provider_that_promises_to_name_itself_has_to(hostile):
    hostile.description = {"authorization_response_iss_parameter_supported": True}
    with pytest.raises(ForbiddenError, match="another provider"):
        await come_back(hostile)
    assert (await come_back(hostile, iss=ISSUER)).subject == "42"


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://id.example/token"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 7},
        {"userinfo_endpoint": "//evil.example"},
        {"end_session_endpoint": "https://"},
    ],
)
async def test_a_description_that_cannot_be_is_refused(hostile, description):
    hostile.description = description
    with pytest.raises(UnavailableError, match=r"sign-in: its? "):
        await hostile.provider.begin(BACK)


@pytest.mark.parametrize("which", ["openid-configuration", "jwks", "token", "userinfo"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx2.Response(500),
        lambda: httpx2.Response(302, headers={"location": "http://169.254.169.254/"}),
        lambda: httpx2.Response(200, content=b"[]"),
        lambda: httpx2.Response(200, content=b"\xff{"),
        lambda: httpx2.Response(200, content=b"{}"),
        lambda: httpx2.Response(200, content=b'{"a":' * 20_000),
        lambda: httpx2.Response(200, content=b'{"a":"' + b"x" * oidc.MOST_BYTES + b'"}'),
        lambda: httpx2.Response(
            200, content=gzip.compress(b"{}"), headers={"content-encoding": "gzip"}
        ),
        lambda: httpx2.ConnectError("no route"),
        lambda: httpx2.ReadTimeout("slow"),
    ],
)
async def test_nonsense_and_silence_are_told_and_lead_nowhere(hostile, which, answer):
    hostile.answers[which] = answer()
    with pytest.raises(UnavailableError, match="sign-in: "):
        await come_back(hostile)


async def test_a_provider_that_is_away_is_not_asked_by_everybody_at_once(hostile, now):
    hostile.answers["openid-configuration"] = httpx2.ConnectError("no route")
    for _ in range(5):
        with pytest.raises(UnavailableError, match="no answer from"):
            await hostile.provider.begin(BACK)
    assert len(hostile.asked) == 1
    hostile.answers.clear()
    now.advance(seconds=5)
    assert (await come_back(hostile)).subject == "42"


async def test_an_address_longer_than_any_is_none(hostile):
    hostile.claims |= {"email": "a" * 250 + "@shop.example", "email_verified": True}
    assert (await come_back(hostile)).email == ""


async def test_a_provider_that_dribbles_is_given_up(hostile, monkeypatch):
    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self):
            while True:
                await never.wait()
                yield b" "

    never = asyncio.Event()
    monkeypatch.setattr(oidc, "SECONDS", 0.01)
    hostile.answers["token"] = httpx2.Response(200, stream=Endless())
    with pytest.raises(UnavailableError, match="TimeoutError"):
        await come_back(hostile)


@pytest.mark.parametrize("keys", [None, "x", [7], [{"kty": "oct", "k": "AAAA"}], [{"kty": "RSA"}]])
async def test_keys_that_are_none_let_nobody_in(hostile, keys):
    hostile.answers["jwks"] = httpx2.Response(200, json={"keys": keys})
    with pytest.raises(ForbiddenError, match="not signed"):
        await come_back(hostile)


async def test_one_signs_out_of_the_provider_where_it_says(hostile):
    place = await hostile.provider.ending("https://gate.example/admin/login")
    assert place == (
        f"{ISSUER}/end?client_id={CLIENT.id}"
        "&post_logout_redirect_uri=https%3A%2F%2Fgate.example%2Fadmin%2Flogin"
    )
