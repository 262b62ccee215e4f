"""Tokens of the API in the admin: made once, told once, revoked."""

from consent import tokens
from tests.web.admin.stage import HERE, HOSTILE, ORIGIN, ask, soup

PATH = "/admin/tokens"


def make(client, *scopes, name="Deploys", days="30"):
    form = {"name": name, "days": days, **{f"scope-{scope}": "on" for scope in scopes}}
    return client.post(f"{PATH}/add", data=form, headers=HERE)


def everyone(client):
    return ask(client, tokens.all_tokens)


def test_a_token_is_made_told_once_used_and_revoked(editor):
    client = editor("mia@summit.example")
    assert "Nothing uses the API in your name now." in client.get(PATH).text
    page = soup(make(client, "rates:read", name=HOSTILE[:60]))
    secret = page.find(id="secret-text").text
    assert not page.find("img")
    headers = {"authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/rates", headers=headers).status_code == 200
    assert secret not in client.get(PATH).text
    assert "Last used on 23 Nov 2026." in client.get(PATH).text
    [token] = everyone(client)
    answer = client.post(f"{PATH}/revoke", data={"token": token.id}, headers=HERE)
    assert answer.headers["location"] == f"{PATH}?done=revoked"
    assert client.get("/api/v1/rates", headers=headers).status_code == 401
    assert "Revoked on" in soup(client.get(PATH)).text


def test_what_cannot_be_made_says_why_and_keeps_what_was_typed(editor):
    client = editor("mia@summit.example")
    for answer, why in (
        (make(client, "ledger:read"), "none of your roles allows ledger:read"),
        (make(client), "nothing is ticked"),
        (make(client, "rates:read", days="5000"), "expected one of the form's"),
        (make(client, "rates:read", name=" "), "expected what it is for"),
    ):
        assert answer.status_code == 422
        page = soup_of(answer)
        assert why.replace("'", "’") in page.text.replace("'", "’")
    assert everyone(client) == []
    offered = [box["name"] for box in soup(client.get(PATH)).find_all("input", type="checkbox")]
    assert "scope-rates:read" in offered
    assert "scope-ledger:read" not in offered


def test_only_an_owner_of_all_stores_sees_and_revokes_what_others_have(editor):
    assert make(editor("lex@example.com"), "ledger:read", name="Audit").status_code == 200
    client = editor("owner@summit.example")
    assert "Audit" not in client.get(PATH).text
    [token] = everyone(client)
    form = {"token": token.id}
    assert client.post(f"{PATH}/revoke", data=form, headers=HERE).status_code == 404
    assert everyone(client) == [token]
    client = editor("owner@example.com")
    assert "Audit" in client.get(PATH).text
    assert client.post(f"{PATH}/revoke", data=form, headers=HERE).status_code == 303
    assert everyone(client)[0].revoked_at is not None


def test_another_site_makes_no_token(editor):
    client = editor("owner@example.com")
    form = {"name": "x", "days": "30", "scope-rates:read": "on"}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = client.post(f"{PATH}/add", data=form, headers=headers)
        assert answer.status_code == 403
    assert everyone(client) == []
    assert ORIGIN in HERE.values()


def soup_of(answer):
    answer.status_code = 200
    return soup(answer)
