"""Records in bulk, past the service: copies of one that it stored, with ids of their own."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.engine import make_url

from consent.database.tables import decisions

OWN = {
    "sqlite": {
        "seq": "last.seq + n",
        "id": "randomblob(16)",
        "visitor": "randomblob(16)",
        "salt": "randomblob(16)",
        "at": "last.at + n * 1000",
    },
    "postgresql": {
        "seq": "last.seq + n",
        "id": "gen_random_uuid()",
        "visitor": "gen_random_uuid()",
        "salt": "uuid_send(gen_random_uuid())",
        "at": "last.at + n * interval '1 millisecond'",
    },
}
SERIES = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
    "WHERE n < {records}) ",
    "postgresql": "WITH numbers(n) AS (SELECT generate_series(1, {records})) ",
}


def statement(dialect: str, records: int) -> str:
    """Appends ``records`` copies of the ledger's last record."""
    names = [f'"{column.name}"' for column in decisions.columns]
    own = OWN[dialect]
    values = [own.get(column.name, f'last."{column.name}"') for column in decisions.columns]
    end = "(SELECT max(seq) FROM decisions)"
    insert = f"INSERT INTO decisions ({', '.join(names)}) "
    select = f"SELECT {', '.join(values)} FROM numbers, decisions AS last WHERE last.seq = {end}"
    series = SERIES[dialect].format(records=records)
    return insert + series + select if dialect == "sqlite" else series + insert + select


def fill_sqlite(url: str, records: int) -> None:
    with sqlite3.connect(Path(str(make_url(url).database))) as opened:
        opened.execute("PRAGMA cache_size = -262144")
        opened.execute(statement("sqlite", records))
    opened.close()


C15T = """
INSERT INTO subject (id, "identityProvider")
SELECT 'sub_fill' || n, 'anonymous' FROM generate_series(1, {records}) AS n;
INSERT INTO consent (id, "subjectId", "domainId", "policyId", "purposeIds", "givenAt",
    jurisdiction, "jurisdictionModel", "uiSource", "consentAction")
SELECT 'cns_fill' || n, 'sub_fill' || n, (SELECT id FROM domain LIMIT 1),
    (SELECT id FROM "consentPolicy" LIMIT 1), '{{"json":[]}}', now(), 'GDPR', 'opt-in', 'banner',
    'reject_all'
FROM generate_series(1, {records}) AS n;
ANALYZE;
"""
