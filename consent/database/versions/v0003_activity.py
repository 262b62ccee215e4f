"""Who looked at what, handed out what, and changed what."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Moment, Serial, refusals

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("id", Serial, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("store", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_activity"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_activity_user_id"),
    )
    op.create_index("ix_activity_store", "activity", ["store", "id"])
    op.create_index("ix_activity_subject", "activity", ["subject", "id"])
    for statement in refusals(op.get_bind().dialect.name, "activity"):
        op.execute(statement)
