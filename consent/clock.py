"""The one clock. Whatever needs the time is handed it, so that tests can move it."""

from __future__ import annotations

import datetime as dt


def utcnow() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - the one clock, handed to everything else
