"""The connections of a ``Fetcher``: to addresses checked a moment before, and no others."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import cast

import httpcore2
import httpx2

from consent.errors import RefusedError
from consent.fetch.addresses import OPEN, refused

MOST_ADDRESSES = 4
"""Of one name, that are tried one after the other."""

Resolve = Callable[[str, int], Awaitable[list[str]]]


def transport(
    network: httpcore2.AsyncNetworkBackend | None,
    resolve: Resolve,
    trust: ssl.SSLContext,
    *,
    private: bool,
) -> httpx2.AsyncBaseTransport:
    """What an ``httpx2.AsyncClient`` sends its requests through. Arguments as of ``Fetcher``.

    A connection raises ``RefusedError`` where a name has an address that may not be asked.
    """
    guarded = _Guarded(network or httpcore2.AnyIOBackend(), resolve, private)
    return _Transport(httpcore2.AsyncConnectionPool(ssl_context=trust, network_backend=guarded))


class _Transport(httpx2.AsyncBaseTransport):
    """Requests over connections of our own making; httpx2's transport would resolve names."""

    def __init__(self, pool: httpcore2.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        asked = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=b"",
            extensions=request.extensions,
        )
        try:
            answer = await self._pool.handle_async_request(asked)
        except _FAILED as error:
            raise httpx2.TransportError(str(error) or type(error).__name__) from error
        body = _Body(cast(AsyncIterable[bytes], answer.stream))
        return httpx2.Response(answer.status, headers=answer.headers, stream=body)

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except _FAILED as error:
            raise httpx2.TransportError(str(error) or type(error).__name__) from error

    async def aclose(self) -> None:
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


_FAILED = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)


class _Guarded(httpcore2.AsyncNetworkBackend):
    """Connects to a name only by an address that was checked a moment before."""

    def __init__(
        self, network: httpcore2.AsyncNetworkBackend, resolve: Resolve, private: bool
    ) -> None:
        self._network, self._resolve, self._private = network, resolve, private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        found = await self._resolve(host, port)
        for one in found:
            # One bad address is enough: an honest name has none.
            if why := refused(one, private=self._private):
                also = f", or {OPEN}" if not refused(one, private=True) else ""
                raise RefusedError(
                    "refused_address", f"{host}: {one} {why}; expected a public address{also}"
                )
        last: Exception = OSError(f"{host} has no address")
        for one in found[:MOST_ADDRESSES]:
            try:
                return await self._network.connect_tcp(
                    one, port, timeout, local_address, socket_options
                )
            except _FAILED as error:
                last = error
        raise last

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise RefusedError("refused_address", "a local socket; expected a public address")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)
