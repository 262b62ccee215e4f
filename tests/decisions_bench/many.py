"""A ledger of millions of records of twenty stores, and the counts that they have left behind.

Some are made one by one, as ``tests.bench_search`` makes them; the database copies those, each copy
with a time, an id, a visitor and a salt of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import sqlalchemy as sa

from consent import ledger
from consent.database import Database, tables
from tests import bench_search
from tests.decisions_bench.fill import OWN

TEMPLATES = 100_000
AT_ONCE = 500_000
SPAN = dt.timedelta(days=300)

_STEP = {"sqlite": "{step}", "postgresql": "interval '{step} microseconds'"}
_HOUR = {"sqlite": "at / 3600000000", "postgresql": "floor(extract(epoch FROM at) / 3600)::int"}
_MEASURE = (
    "CASE action WHEN 'accept_all' THEN 'accepted' WHEN 'reject_all' THEN 'declined' "
    "WHEN 'close' THEN 'closed' WHEN 'gpc' THEN 'gpc' WHEN 'withdraw' THEN 'withdrawn' "
    "ELSE 'partly' END"
)
_COUNTS = """
INSERT INTO counts (store_id, hour, measure, place, regime, device, language, version, n)
SELECT d.store_id, {hour} AS hour, {measure} AS measure,
    coalesce(d.subdivision, d.country, '') AS place, r.regime, d.device, d.language, v.number,
    count(*)
FROM decisions AS d
JOIN regimes AS r ON r.id = d.regime_id JOIN versions AS v ON v.id = d.version_id
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
_SHOWN = """
INSERT INTO counts (store_id, hour, measure, place, regime, device, language, version, n)
SELECT store_id, hour, 'visit', place, regime, device, language, version, sum(n) * 17 / 10
FROM counts GROUP BY store_id, hour, place, regime, device, language, version
"""
_DAILY = """
INSERT INTO daily (day, store_id, shown, accepted, partly, declined, closed, gpc, refused)
SELECT hour / 24, store_id, {sums}, 0 FROM counts GROUP BY 1, 2
"""


async def fill(db: Database, number: int) -> AsyncIterator[int]:
    """Fills ``db``, which is migrated and empty; tells now and then how many records it has."""
    first = min(number, TEMPLATES)
    await bench_search.fill(db, first, of=number)
    async with db.read() as c:
        last = await ledger.last(c)
    yield last
    step = SPAN // dt.timedelta(microseconds=1) // number
    for begin in range(first, number, AT_ONCE):
        copies = range(begin, min(begin + AT_ONCE, number), first)
        async with db.write() as c:
            for shift in copies:
                await c.exec_driver_sql(_copies(db.dialect, shift, step, last - first))
        yield last - first + copies[-1] + first


def _copies(dialect: str, shift: int, step: int, before: int) -> str:
    """Copies of the records after ``before``, each ``shift`` places further on."""
    after = _STEP[dialect].format(step=shift * step)
    own = {**OWN[dialect], "seq": f"seq + {shift}", "at": f"at + {after}"}
    names = [column.name for column in tables.decisions.columns]
    values = ", ".join(own.get(name, f'"{name}"') for name in names)
    some = f"seq > {before} AND seq <= {before + TEMPLATES} ORDER BY seq"
    columns = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO decisions ({columns}) SELECT {values} FROM decisions WHERE {some}"


async def count(db: Database) -> int:
    """Makes the counts that the records would have left behind; gives how many rows they are."""
    sums = ", ".join(
        f"coalesce(sum(n) FILTER (WHERE measure = '{measure}'), 0)"
        for measure in ("visit", "accepted", "partly", "declined", "closed", "gpc")
    )
    counted = _COUNTS.format(hour=_HOUR[db.dialect], measure=_MEASURE)
    async with db.write() as c:
        for table in ("counts", "day_counts", "daily"):
            await c.exec_driver_sql(f"DELETE FROM {table}")
        for statement in (counted, _SHOWN, _DAILY.format(sums=sums)):
            await c.exec_driver_sql(statement)
        rows = sa.select(sa.func.count()).select_from(tables.counts)
        return int((await c.execute(rows)).scalar_one())
