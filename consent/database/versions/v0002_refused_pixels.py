"""Pixels that a visitor refused one by one, and pixels that a store has removed."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Keys

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default, so that neither database rewrites a row of the ledger.
    op.add_column("decisions", sa.Column("refused", Keys))
    op.add_column("versions", sa.Column("former", sa.LargeBinary))
