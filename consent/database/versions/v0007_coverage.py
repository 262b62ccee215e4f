"""How much of what shops track reached each platform."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Hour

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coverage",
        sa.Column("store_id", sa.Integer, nullable=False),
        sa.Column("hour", Hour, autoincrement=False, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("reached", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_coverage_store_id"),
        sa.PrimaryKeyConstraint(
            *("store_id", "hour", "place", "platform", "event", "reached", "currency"),
            name="pk_coverage",
        ),
        sqlite_with_rowid=False,
    )
