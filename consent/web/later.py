"""Routes that are made when the first request for them comes.

A service that starts has visitors to answer first, and the admin pages and the API are a sixth of
all that it would import. They are imported a second after it: an upgrade may come at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import anyio.to_thread
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send


class Later:
    """What is mounted in the place of the routes that ``make`` gives; it is called once."""

    def __init__(self, make: Callable[[], Sequence[BaseRoute]]) -> None:
        self._make = make
        self._making = threading.Lock()
        self._router: Router | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        router = self._router
        if router is None:
            router = await anyio.to_thread.run_sync(self._made)
        await router(scope, receive, send)

    @property
    def routes(self) -> list[BaseRoute]:
        return self._made().routes

    def _made(self) -> Router:
        with self._making:
            if self._router is None:
                self._router = Router(routes=self._make())
            return self._router
