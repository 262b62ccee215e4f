"""An OpenID provider that lies as told, and the transport by which it is asked. No network."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from consent.oidc import Client, Provider

ISSUER = "https://id.example/realm"
CLIENT = Client(ISSUER, "pixelgate", "s&cret =%", "openid email profile", "email", "groups")


@functools.cache
def key(name: str) -> RSAKey:
    """Made once: that takes a while."""
    return RSAKey.generate_key(2048, {"kid": name})


class Hostile:
    """Answers as a provider should, but for what a test puts in ``lies``.

    Args:
        now: the clock of both sides.
    """

    def __init__(self, now: Callable) -> None:
        self.now = now
        self.keys = [key("one")]
        self.claims: dict[str, Any] = {"sub": "42"}
        """More claims of the ID token, or others; those that are None are left out."""
        self.userinfo: dict[str, Any] = {}
        self.description: dict[str, Any] = {}
        self.answers: dict[str, httpx2.Response | Exception] = {}
        """By the last part of an address, in place of the right answer."""
        self.sign = self._sign
        self.asked: list[str] = []
        self.nonces: dict[str, tuple[str, str]] = {}
        self.provider = Provider(CLIENT, now, httpx2.MockTransport(self._answer))

    def authorize(self, address: str) -> dict[str, str]:
        """The parameters with which a browser comes back that was sent to ``address``."""
        asked = dict(parse_qsl(urlsplit(address).query))
        code = f"code-{len(self.nonces)}"
        self.nonces[code] = asked["nonce"], asked["code_challenge"]
        return {"code": code, "state": asked["state"]}

    def rotate(self) -> None:
        self.keys = [key("two")]

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.keys[0].kid}, claims, self.keys[0])

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        last = request.url.path.rpartition("/")[2]
        self.asked.append(last)
        if last in self.answers:
            told = self.answers[last]
            if isinstance(told, Exception):
                raise told
            return _streamed(told)
        answer = {
            "openid-configuration": self._describe,
            "jwks": lambda _: {"keys": KeySet(self.keys).as_dict()["keys"]},
            "token": self._token,
            "userinfo": lambda _: {"sub": self.claims["sub"], **self.userinfo},
        }[last](request)
        return _streamed(httpx2.Response(answer.pop("status", 200), json=answer))

    def _describe(self, request: httpx2.Request) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize?tenant=1",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "end_session_endpoint": f"{ISSUER}/end",
            **self.description,
        }

    def _token(self, request: httpx2.Request) -> dict[str, Any]:
        form = {name: each[0] for name, each in parse_qs(request.content.decode()).items()}
        basic = base64.b64decode(request.headers["authorization"].removeprefix("Basic "))
        assert basic == b"pixelgate:s%26cret%20%3D%25"
        nonce, challenge = self.nonces.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if _base64(digest) != challenge:
            return {"status": 400, "error": "invalid_grant"}
        now = int(self.now().timestamp())
        claims = {
            **{"iss": ISSUER, "aud": "pixelgate", "iat": now, "exp": now + 300, "nonce": nonce},
            **self.claims,
        }
        told = {name: value for name, value in claims.items() if value is not None}
        return {"access_token": "access", "token_type": "Bearer", "id_token": self.sign(told)}


def _streamed(answer: httpx2.Response) -> httpx2.Response:
    """``answer`` as it comes over a network: not read yet."""
    if not answer.is_stream_consumed:
        return answer
    stream = httpx2.ByteStream(answer.content)
    return httpx2.Response(answer.status_code, headers=answer.headers, stream=stream)


def unsigned(claims: dict[str, Any], **header: str | None) -> str:
    """A token without a signature, with the algorithm ``none`` unless the header says another."""
    parts = ({"alg": "none", **header}, claims)
    return ".".join(_base64(json.dumps(part).encode()) for part in parts) + "."


def by_public_key(key: RSAKey) -> Callable[[dict[str, Any]], str]:
    """Signs with HMAC, and the public key as its secret."""

    def sign(claims: dict[str, Any]) -> str:
        head = unsigned(claims, alg="HS256", kid=key.kid).removesuffix(".")
        made = hmac.digest(key.as_pem(private=False), head.encode(), "sha256")
        return f"{head}.{_base64(made)}"

    return sign


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
