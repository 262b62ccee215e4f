"""Small ways to use the API."""

from __future__ import annotations

from starlette.testclient import TestClient

from tests.web.admin.stage import ask, write

OWNER = "owner@example.com"
TOML = {"content-type": "application/toml"}


class Caller:
    """Asks the API in the name of a user."""

    def __init__(self, client: TestClient, secrets: dict[str, str]) -> None:
        self.client = client
        self.secrets = secrets

    def __call__(self, path: str, *, by: str = OWNER, method: str = "GET", **more):
        headers = {"authorization": f"Bearer {self.secrets[by]}", **more.pop("headers", {})}
        return self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    def get(self, path: str, **more):
        answer = self(path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, path: str, *, seen: str | None, **more):
        """``seen``: an etag; None for what is new."""
        headers = {"if-none-match": "*"} if seen is None else {"if-match": seen}
        headers |= more.pop("headers", {})
        return self(path, method="PUT", headers=headers, **more)

    def post(self, path: str, *, seen: str = "", **more):
        headers = {"if-match": seen} if seen else {}
        return self(path, method="POST", headers=headers, **more)

    def tag(self, path: str) -> str:
        return self(path).headers["etag"]

    def write(self, work) -> None:
        write(self.client, work)

    def ask(self, question):
        return ask(self.client, question)
