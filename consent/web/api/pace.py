"""How many requests one token may make. Kept in memory by each process, forgotten at a restart."""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from collections.abc import Callable

from consent.errors import ThrottledError

REQUESTS, SECONDS = 600, 60
"""A token may make so many in so long, all at once or spread."""
TOKENS_KEPT = 10_000
"""Beyond this the one that was quiet for longest is forgotten."""


class Pace:
    """A bucket for each token, which fills by itself.

    Args:
        now: the clock, aware UTC.
    """

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._left: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def take(self, token_id: int) -> None:
        """Counts one request.

        Raises:
            ThrottledError: there were too many; nothing was counted.
        """
        now = self._now().timestamp()
        left, at = self._left.get(token_id, (float(REQUESTS), now))
        left = min(float(REQUESTS), left + max(0.0, now - at) * REQUESTS / SECONDS)
        if left < 1:
            raise ThrottledError(
                "too_many_requests",
                f"requests: more than {REQUESTS} in {SECONDS} seconds; expected fewer",
                retry_after_seconds=max(1, math.ceil((1 - left) * SECONDS / REQUESTS)),
            )
        self._left[token_id] = left - 1, now
        self._left.move_to_end(token_id)
        while len(self._left) > TOKENS_KEPT:
            self._left.popitem(last=False)
