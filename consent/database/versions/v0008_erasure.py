"""What was erased, when, by whom and why; the one way by which a decision leaves the ledger."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Digest, Id, Moment, Serial, erasable, refusals

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", Serial, autoincrement=False, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("store_id", sa.Integer, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("visitor_sha256", Digest),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("records", sa.LargeBinary, nullable=False),
        sa.Column("key_id", sa.Integer, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_erasures_store_id"),
        sa.ForeignKeyConstraint(["key_id"], ["log_keys.id"], name="fk_erasures_key_id"),
    )
    op.create_index("ix_erasures_visitor", "erasures", ["visitor_sha256"])
    op.create_table(
        "erased",
        sa.Column("seq", Serial, autoincrement=False, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("erasure_id", Serial, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_erased"),
        sa.UniqueConstraint("id", name="uq_erased_id"),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasures.id"], name="fk_erased_erasure_id"),
    )
    dialect = op.get_bind().dialect.name
    for table in ("erasures", "erased"):
        for statement in refusals(dialect, table):
            op.execute(statement)
    for statement in erasable(dialect):
        op.execute(statement)
