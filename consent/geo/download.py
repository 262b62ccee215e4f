"""Fetching one file from a server that may be slow, broken or not the one it says it is.

Every step is bounded, and what comes is only written to the path that was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import hashlib
import ssl
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple
from urllib.parse import urljoin

import httpx2

from consent.errors import DataError, UnavailableError

_MOST_REDIRECTS = 5
_CHUNK = 1 << 20
_OK = 200
_MOVED = (301, 302, 303, 307, 308)
_AGENT = {"user-agent": "pixelgate", "accept-encoding": "identity"}


class Limits(NamedTuple):
    """What a download may cost, and what a place database has to be at least."""

    seconds: float = 1800
    """For one file, all redirects included."""
    idle_seconds: float = 30
    packed_bytes: int = 512 << 20
    bytes: int = 1 << 30
    least_bytes: int = 4 << 20


class Login(NamedTuple):
    """Sent to the host of the first address alone, never on to where it redirects."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Login(...)"


class StatusError(UnavailableError):
    """The server answered with a status that is no success."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url}: answered {status}; expected {_OK}")
        self.status = status


def download(url: str, into: Path, limits: Limits, login: Login | None = None) -> str:
    """The SHA-256 of what ``url`` gave, in hexadecimal; the bytes are in ``into``.

    Raises:
        StatusError: the server refused.
        UnavailableError: it cannot be reached, is too slow, sends too much, or breaks off.
    """

    async def bounded() -> str:
        timeout = httpx2.Timeout(limits.idle_seconds)
        async with (
            asyncio.timeout(limits.seconds),
            httpx2.AsyncClient(timeout=timeout, headers=_AGENT, verify=_tls()) as client,
        ):
            return await _download(client, url, into, limits, login)

    try:
        return asyncio.run(bounded())
    except TimeoutError as error:
        raise UnavailableError(
            f"{url}: not done after {limits.seconds:g} seconds; try again"
        ) from error
    except httpx2.TimeoutException as error:
        idle = f"{limits.idle_seconds:g} seconds"
        raise UnavailableError(f"{url}: silent for {idle}; try again") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise UnavailableError(f"{url}: {type(error).__name__}; try again") from error


@functools.cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than a small download."""
    return httpx2.create_ssl_context()


async def _download(
    client: httpx2.AsyncClient, url: str, into: Path, limits: Limits, login: Login | None
) -> str:
    first = here = httpx2.URL(url)
    for _ in range(_MOST_REDIRECTS + 1):
        known = login if _origin(here) == _origin(first) else None
        # Without a login an empty one, so that none comes out of a .netrc or the address.
        auth = httpx2.BasicAuth(*known) if known else httpx2.Auth()
        async with client.stream("GET", here, auth=auth) as response:
            if response.status_code not in _MOVED:
                if response.status_code != _OK:
                    raise StatusError(url, response.status_code)
                return await _save(response, url, into, limits)
            here = httpx2.URL(urljoin(str(here), response.headers.get("location", "")))
        if here.scheme not in ("https", first.scheme) or not here.host:
            raise UnavailableError(
                f"{url}: redirects to {here.scheme or 'nothing'}; expected https"
            )
    raise UnavailableError(f"{url}: redirects more than {_MOST_REDIRECTS} times; try again")


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _save(response: httpx2.Response, url: str, into: Path, limits: Limits) -> str:
    digest, count = hashlib.sha256(), 0
    with into.open("wb") as file:
        async for chunk in response.aiter_raw(_CHUNK):
            count += len(chunk)
            if count > limits.packed_bytes:
                most = f"{limits.packed_bytes:,} bytes"
                raise UnavailableError(f"{url}: more than {most}; expected a place database")
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def unpack_gzip(packed: Path, into: Path, limits: Limits) -> None:
    """Writes what is packed in a gzip file.

    Raises:
        DataError: it is no gzip file, is cut off, or holds too much.
    """
    with _damage_named(packed), _Unpacked(packed, limits.bytes) as source:
        _copy(source, into)


def unpack_tar(packed: Path, name: str, into: Path, limits: Limits) -> None:
    """Writes the one file called ``name``, in whatever folder, of a ``.tar.gz``. Where the archive
    would put it does not matter, since nothing is extracted.

    Raises:
        DataError: it is no such archive, is cut off, holds too much, or no such file.
    """
    with (
        _damage_named(packed),
        _Unpacked(packed, limits.bytes) as source,
        tarfile.open(fileobj=source, mode="r|") as archive,
    ):
        for member in archive:
            found = archive.extractfile(member) if member.isreg() else None
            if found is not None and PurePosixPath(member.name).name == name:
                _copy(found, into)
                return
    raise DataError(packed.name, "", f"holds no file {name}; expected one")


class _Unpacked(gzip.GzipFile):
    """What a gzip file holds, up to ``most`` bytes; asking for more is an error."""

    def __init__(self, packed: Path, most: int) -> None:
        super().__init__(packed, "rb")
        self._packed, self._left = packed, most

    def read(self, size: int | None = -1) -> bytes:
        got = super().read(size)
        self._left -= len(got)
        if self._left < 0:
            raise DataError(self._packed.name, "", "holds too much; expected a place database")
        return got


def _copy(source: gzip.GzipFile | IO[bytes], into: Path) -> None:
    with into.open("wb") as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)


@contextlib.contextmanager
def _damage_named(packed: Path) -> Iterator[None]:
    """What the unpackers raise for a file that is not what it should be, in our words."""
    try:
        yield
    except EOFError as error:
        raise DataError(packed.name, "", "is cut off; expected the whole file") from error
    except (gzip.BadGzipFile, zlib.error, tarfile.TarError) as error:
        raise DataError(packed.name, "", "is no such archive; expected gzip") from error
