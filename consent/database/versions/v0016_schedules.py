"""Versions that are published at a set time."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Digest, Moment

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("store_id", sa.Integer, nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("sha256", Digest, nullable=False),
        sa.Column("config", sa.LargeBinary, nullable=False),
        sa.Column("template", sa.LargeBinary),
        sa.Column("made_at", Moment, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ended_at", Moment),
        sa.Column("number", sa.Integer),
        sa.Column("fault", sa.Text),
        sa.Column("why", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_schedules_store_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_schedules_user_id"),
    )
    op.create_index("ix_schedules_state", "schedules", ["state", "due_at"])
    op.create_index("ix_schedules_store", "schedules", ["store_id", "id"])
