"""An index for each part of a search, and smaller ones for time and store."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RARE_ACTION = sa.text("action NOT IN ('accept_all', 'reject_all')")


def upgrade() -> None:
    # SQLite and PostgreSQL both find ``seq`` with a row, so that no index has to repeat it.
    op.drop_index("ix_decisions_at", "decisions")
    op.drop_index("ix_decisions_store", "decisions")
    op.create_index("ix_decisions_at", "decisions", ["at"])
    op.create_index("ix_decisions_store", "decisions", ["store_id", "at"])
    op.create_index("ix_decisions_version", "decisions", ["version_id", "at"])
    for column in ("country", "regime_id", "language"):
        name = f"ix_decisions_{column.removesuffix('_id')}"
        op.create_index(name, "decisions", ["store_id", column, "at"])
    op.create_index(
        "ix_decisions_action",
        "decisions",
        ["store_id", "action", "at"],
        sqlite_where=RARE_ACTION,
        postgresql_where=RARE_ACTION,
    )
