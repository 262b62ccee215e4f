"""Several roles for each user, each for a store, a group of stores or all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("store_id", sa.Integer),
        sa.Column("group_id", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_grants_user_id"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_grants_store_id"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_grants_group_id"),
    )
    op.create_index("ix_grants_user", "grants", ["user_id"])
    op.execute("INSERT INTO grants (user_id, role, store_id) SELECT id, role, store_id FROM users")
