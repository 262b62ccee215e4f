"""Groups of stores, with the template that they share."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("template", sa.LargeBinary, nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("key", name="uq_groups_key"),
    )
    # As text, since Alembic would add the reference by itself, which SQLite does not know.
    reference = "CONSTRAINT fk_stores_group_id REFERENCES groups (id)"
    op.execute(f"ALTER TABLE stores ADD COLUMN group_id INTEGER {reference}")
    op.add_column("versions", sa.Column("template", sa.LargeBinary))
