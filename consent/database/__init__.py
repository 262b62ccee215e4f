"""Where everything is kept: SQLite in a file (the default) or PostgreSQL.

``migrate(url)`` makes the tables, ``connect(url)`` gives the ``Database``; ``tables`` describes
what is in it. Only ``ledger``, ``stores``, ``accounts``, ``counts`` and ``activity``
write statements.
"""

from __future__ import annotations

from consent.database.engine import Database, connect, driver_of
from consent.database.migrations import migrate

__all__ = ["Database", "connect", "driver_of", "migrate"]
