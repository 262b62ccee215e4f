"""Signing in with an OpenID provider: the authorization code flow with PKCE, state and nonce.

Authlib holds the claims of an ID token against OpenID Connect Core 1.0, section 3.1.3.7, and
joserfc its signature; both are asked over httpx2, bounded in time and size. Authlib's own client
would bring another HTTP library. Nobody but the provider that the operator named is asked, and
nothing that it sends leads anywhere else.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import hmac
import secrets
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import httpx2
import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from consent.errors import ForbiddenError, UnavailableError
from consent.parsing import is_loopback

SECONDS = 10.0
"""For one question, however slowly its answer comes."""
MOST_BYTES = 256 * 1024
AT_ONCE = 8
"""So many answers are waited for; others wait in line."""
KEPT = dt.timedelta(hours=1)
"""For so long the provider's description and keys are kept."""
KEYS_AGAIN = dt.timedelta(minutes=1)
"""Keys are asked for again so soon at the earliest, when a token names one that is not known."""
AFTER_FAILURE = dt.timedelta(seconds=5)
"""For so long nobody asks again what the provider failed to say of itself."""
LEEWAY_SECONDS = 60
MOST_EMAIL = 254
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""With a key pair each. Never ``none``, nor HMAC, whose key would be no secret."""
_KEY_KINDS = ("RSA", "EC", "OKP")


class Client(NamedTuple):
    """What the operator agreed on with the provider. An empty ``secret``: a public client."""

    issuer: str
    id: str
    secret: str
    scope: str
    email_claim: str
    groups_claim: str


class Pending(msgspec.Struct, frozen=True):
    """What a browser has to keep until it comes back. Nobody else may see it."""

    state: str
    nonce: str
    verifier: str


class Vouched(msgspec.Struct, frozen=True):
    """For whom the provider vouches. ``subject`` is theirs for ever, ``email`` is not."""

    issuer: str
    subject: str
    email: str
    verified: bool
    """Whether the provider says that the address is theirs."""
    groups: tuple[str, ...] | None
    """None: nothing is said of groups."""


class Provider:
    """The provider that ``client`` names.

    Args:
        client: what was agreed on.
        now: the clock, aware UTC.
        transport: makes the connections; None means the system's.
    """

    def __init__(
        self,
        client: Client,
        now: Callable[[], dt.datetime],
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.client = client
        self._transport = transport
        self._now = now
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._described: tuple[dt.datetime, dict[str, Any]] | None = None
        self._failed: tuple[dt.datetime, UnavailableError] | None = None
        self._keys: tuple[dt.datetime, KeySet] | None = None

    async def begin(self, back: str) -> tuple[str, Pending]:
        """The address to send a browser to, and what it has to keep.

        Args:
            back: where the provider sends it afterwards, as it was registered there.

        Raises:
            UnavailableError: the provider does not answer, or not as one.
        """
        described = await self._description()
        pending = Pending(*(secrets.token_urlsafe(32) for _ in range(3)))
        asked = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": back,
            "scope": self.client.scope,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": create_s256_code_challenge(pending.verifier),
            "code_challenge_method": "S256",
        }
        return _with_query(described["authorization_endpoint"], asked), pending

    async def finish(self, answer: Mapping[str, str], pending: Pending, back: str) -> Vouched:
        """Who came back.

        Args:
            answer: the parameters with which the provider sent the browser back.
            pending: as this browser kept it.
            back: as it was given to ``begin``.

        Raises:
            ForbiddenError: it is not an answer to what this browser asked, or the provider
                refused, or vouches for nobody.
            UnavailableError: the provider does not answer, or not as one.
        """
        state = answer.get("state", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(state, pending.state.encode()):
            raise _refused("this is not the answer to what this browser asked; begin again")
        described = await self._description()
        issuer = answer.get("iss")
        sent = bool(described.get("authorization_response_iss_parameter_supported"))
        if (issuer is not None or sent) and issuer != self.client.issuer:  # RFC 9207
            raise _refused("the answer is of another provider; begin again")
        if "error" in answer:
            said = " ".join(answer.get(key, "") for key in ("error", "error_description"))
            raise _refused(f"the provider says {_shown(said)!r}")
        if not answer.get("code"):
            raise _refused("the provider sent no code; begin again")
        tokens = await self._exchange(described, answer["code"], pending, back)
        claims = await self._claims(described, tokens, pending.nonce)
        return self._vouched(await self._completed(described, tokens, claims))

    async def ending(self, back: str) -> str:
        """Where a browser signs out of the provider; empty when it has no such place.

        Source: https://openid.net/specs/openid-connect-rpinitiated-1_0.html.
        """
        described = await self._description()
        place = str(described.get("end_session_endpoint") or "")
        asked = {"client_id": self.client.id, "post_logout_redirect_uri": back}
        return _with_query(place, asked) if place else ""

    async def _exchange(
        self, described: dict[str, Any], code: str, pending: Pending, back: str
    ) -> dict[str, Any]:
        """The tokens for ``code``."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": pending.verifier,
        }
        auth, methods = None, described.get("token_endpoint_auth_methods_supported")
        if not self.client.secret:
            form["client_id"] = self.client.id
        elif methods is not None and "client_secret_basic" not in methods:
            form |= {"client_id": self.client.id, "client_secret": self.client.secret}
        else:  # each part encoded first: RFC 6749, section 2.3.1
            auth = httpx2.BasicAuth(
                quote(self.client.id, safe=""), quote(self.client.secret, safe="")
            )
        tokens = await self._ask("POST", described["token_endpoint"], form=form, auth=auth)
        if not isinstance(tokens.get("id_token"), str):
            raise _refused("the provider sent no ID token")
        return tokens

    async def _claims(
        self, described: dict[str, Any], tokens: dict[str, Any], nonce: str
    ) -> dict[str, Any]:
        """What the ID token says, once everything about it was held against what was asked."""
        token: str = tokens["id_token"]
        decoded = _decoded(token, await self._key_set(described))
        if decoded is None:
            decoded = _decoded(token, await self._key_set(described, again=True))
        if decoded is None:
            raise _refused("the ID token is not signed by a key of the provider")
        wanted: dict[str, Any] = {
            "iss": {"essential": True, "value": self.client.issuer},
            "aud": {"essential": True, "value": self.client.id},
        }
        given = {
            "nonce": nonce,
            "client_id": self.client.id,
            "access_token": tokens.get("access_token"),
        }
        claims = CodeIDToken(decoded.claims, decoded.header, wanted, given)
        try:
            claims.validate(now=int(self._now().timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, TypeError, ValueError, AttributeError) as error:
            raise _refused(f"the ID token does not hold ({_shown(str(error))})") from error
        return dict(claims)

    async def _completed(
        self, described: dict[str, Any], tokens: dict[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """The claims, with what the user-info endpoint says where the ID token leaves it out.

        Source: OpenID Connect Core 1.0, section 5.3.
        """
        wanted = (self.client.email_claim, "email_verified", self.client.groups_claim)
        place, access = described.get("userinfo_endpoint"), tokens.get("access_token")
        if not place or not isinstance(access, str) or all(name in claims for name in wanted):
            return claims
        told = await self._ask("GET", place, bearer=access)
        if told.get("sub") != claims["sub"]:
            raise _refused("the provider tells of somebody else than its ID token")
        return {**{name: told[name] for name in wanted if name in told}, **claims}

    def _vouched(self, claims: dict[str, Any]) -> Vouched:
        subject, email = claims["sub"], claims.get(self.client.email_claim, "")
        if not isinstance(subject, str) or not 0 < len(subject) < 256 or not subject.isprintable():
            raise _refused("the provider names no subject")
        if not isinstance(email, str) or len(email) > MOST_EMAIL or not email.isprintable():
            email = ""
        groups = claims.get(self.client.groups_claim)
        if isinstance(groups, str):
            groups = [groups]
        return Vouched(
            self.client.issuer,
            subject,
            email,
            _is_true(claims.get("email_verified")),
            tuple(map(str, groups)) if isinstance(groups, list) else None,
        )

    async def _description(self) -> dict[str, Any]:
        """What the provider says of itself, at most ``KEPT`` old."""
        now = self._now()
        if self._described is not None and now - KEPT < self._described[0] <= now:
            return self._described[1]
        if self._failed is not None and now - AFTER_FAILURE < self._failed[0] <= now:
            raise _nonsense(str(self._failed[1]).removeprefix("sign-in: "))
        try:
            found = await self._described_now()
        except UnavailableError as error:
            self._failed = now, error
            raise
        self._described, self._failed = (now, found), None
        return found

    async def _described_now(self) -> dict[str, Any]:
        issuer = self.client.issuer
        place = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await self._ask("GET", place)
        if found.get("issuer") != issuer:
            shown = _shown(str(found.get("issuer")))
            raise _nonsense(f"it calls itself {shown!r}; expected {issuer!r}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _check_place(name, found.get(name), issuer)
        for name in ("userinfo_endpoint", "end_session_endpoint"):
            if found.get(name):
                _check_place(name, found[name], issuer)
        return found

    async def _key_set(self, described: dict[str, Any], *, again: bool = False) -> KeySet:
        """The provider's keys; ``again``: those of now, unless they were asked for just before."""
        now = self._now()
        most = KEYS_AGAIN if again else KEPT
        if self._keys is None or not now - most < self._keys[0] <= now:
            found = await self._ask("GET", described["jwks_uri"])
            self._keys = now, _key_set(found.get("keys"))
        return self._keys[1]

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        auth: httpx2.Auth | None = None,
        bearer: str = "",
    ) -> dict[str, Any]:
        """The JSON object that ``url`` answers with; no redirect is followed."""
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._turns,
                httpx2.AsyncClient(
                    verify=_tls(), timeout=SECONDS, trust_env=False, transport=self._transport
                ) as client,
                client.stream(
                    method, url, data=form, headers=headers, auth=auth or httpx2.Auth()
                ) as answer,
            ):
                body = b""
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise _nonsense(f"more than {MOST_BYTES:,} bytes from {url}")
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise _nonsense(f"no answer from {url} ({type(error).__name__})") from error
        try:
            found = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = {}
        if answer.status_code != 200:
            if method == "POST" and isinstance(found.get("error"), str):
                raise _refused(f"the provider says {_shown(found['error'])!r}")
            raise _nonsense(f"status {answer.status_code} from {url}")
        if not found:
            raise _nonsense(f"no JSON object from {url}")
        return found


@functools.cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates takes a while."""
    return httpx2.create_ssl_context(trust_env=False)


def _key_set(found: Any) -> KeySet:
    """The public keys of a JWK set; those of a kind that signs no ID token are left out."""
    keys = []
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and one.get("kty") in _KEY_KINDS and one.get("use") != "enc":
            try:
                keys.append(JWKRegistry.import_key(one))
            except (JoseError, TypeError, ValueError, KeyError):
                continue
    return KeySet(keys)


def _decoded(token: str, keys: Iterable[Any]) -> jwt.Token | None:
    """What ``token`` says; None when none of ``keys`` has signed it as one of ``ALGORITHMS``."""
    for key in keys:
        try:
            return jwt.decode(token, key, algorithms=ALGORITHMS)
        except (JoseError, TypeError, ValueError, KeyError, RecursionError):
            continue
    return None


def _check_place(name: str, place: Any, issuer: str) -> None:
    """Raises UnavailableError for an endpoint that is no address, or less safe than the issuer."""
    read = urlsplit(place) if isinstance(place, str) else None
    plain = read is not None and read.scheme == "http" and is_loopback(read.hostname or "")
    safe = read is not None and read.hostname and (read.scheme == "https" or plain)
    if not safe or (plain and issuer.startswith("https:")):
        raise _nonsense(f"its {name} is {_shown(str(place))!r}; expected https://...")


def _is_true(claim: Any) -> bool:
    """Some providers say it as a text."""
    return claim is True or claim == "true"


def _with_query(place: str, asked: Mapping[str, str]) -> str:
    return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(asked)}"


def _shown(text: str) -> str:
    """What somebody else wrote, short enough to be told."""
    return "".join(c if c.isprintable() else " " for c in text).strip()[:200]


def _refused(detail: str) -> ForbiddenError:
    return ForbiddenError("sign_in_refused", detail)


def _nonsense(detail: str) -> UnavailableError:
    return UnavailableError(f"sign-in: {detail}")
