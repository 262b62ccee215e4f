from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from consent.model import Pixel
from tests.pixels.shop import DENIED, Chromium, Seen


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    chromium = Chromium()
    yield chromium
    chromium.close()


@pytest.fixture
def shop(chromium: Chromium) -> Callable[..., Seen]:
    def shop(
        pixels: Sequence[Pixel],
        steps: str,
        *,
        limits: Mapping[int, object] | None = None,
        before: str = DENIED,
        complains: bool = False,
    ) -> Seen:
        seen = chromium.visit(pixels, steps, limits or {}, before)
        assert bool(seen.complaints) == complains, seen.complaints
        return seen

    return shop
