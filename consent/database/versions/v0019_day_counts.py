"""The counts of each day beside those of each hour, which are kept for a while only."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import counted_by_day

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_ALIKE = ("measure", "place", "regime", "device", "language")
_KEYS = "store_id, {}, measure, place, regime, device, language, version"
FILL = (
    f"INSERT INTO day_counts ({_KEYS.format('day')}, n) "  # nosec B608  # noqa: S608 - names only
    f"SELECT {_KEYS.format('hour / 24')}, sum(n) FROM counts GROUP BY {_KEYS.format('hour / 24')}"
)


def upgrade() -> None:
    op.create_table(
        "day_counts",
        sa.Column("store_id", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in _ALIKE),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_day_counts_store_id"),
        sa.PrimaryKeyConstraint("store_id", "day", *_ALIKE, "version", name="pk_day_counts"),
        sqlite_with_rowid=False,
    )
    # First the triggers: what a process of the earlier release counts meanwhile waits for them.
    for statement in counted_by_day(op.get_bind().dialect.name):
        op.execute(statement)
    op.execute(FILL)
