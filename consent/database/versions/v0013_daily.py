"""The counts of each store by day, for lists of many stores."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = {
    "shown": "visit",
    "accepted": "accepted",
    "partly": "partly",
    "declined": "declined",
    "closed": "closed",
    "gpc": "gpc",
}
_SUMS = ", ".join(
    f"sum(CASE WHEN measure = '{measure}' THEN n ELSE 0 END)" for measure in COLUMNS.values()
)
FILL = (
    f"INSERT INTO daily (day, store_id, {', '.join(COLUMNS)}, refused) "  # nosec B608  # noqa: S608 - names only
    f"SELECT hour / 24, store_id, {_SUMS}, 0 FROM counts GROUP BY hour / 24, store_id"
)


def upgrade() -> None:
    op.create_table(
        "daily",
        sa.Column("day", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in (*COLUMNS, "refused")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_daily_store_id"),
        sa.PrimaryKeyConstraint("day", "store_id", name="pk_daily"),
        sqlite_with_rowid=False,
    )
    op.execute(FILL)
