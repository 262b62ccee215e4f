"""How far each store's guided set-up has come."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Moment

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "setups",
        sa.Column("store_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("facts", sa.LargeBinary, nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("store_id", name="pk_setups"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_setups_store_id"),
    )
