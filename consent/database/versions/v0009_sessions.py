"""A row for each session. Who is signed in has to sign in once more."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Id, Moment

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("began_at", Moment, nullable=False),
        sa.Column("seen_on", sa.Date, nullable=False),
        sa.Column("browser", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user_id", "began_at"])
