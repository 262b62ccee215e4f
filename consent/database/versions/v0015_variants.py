"""What was counted under each variant of an experiment."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Hour

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "variant_counts",
        sa.Column("store_id", sa.Integer, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.Column("hour", Hour, autoincrement=False, nullable=False),
        sa.Column("measure", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("regime", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_variant_counts_store_id"),
        sa.PrimaryKeyConstraint(
            *("store_id", "variant", "hour", "measure", "place", "regime", "device", "language"),
            "version",
            name="pk_variant_counts",
        ),
        sqlite_with_rowid=False,
    )
