"""Links by which somebody becomes a user."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Digest, Moment

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("token_sha256", Digest, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("store_id", sa.Integer),
        sa.Column("group_id", sa.Integer),
        sa.Column("ends_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("token_sha256", name="uq_invitations_token_sha256"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_invitations_store_id"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_invitations_group_id"),
    )
