"""The Merkle tree over the ledger, its signed heads, and what others said of them."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Moment, Serial, refusals

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entries",
        sa.Column("start", Serial, autoincrement=False, nullable=False),
        sa.Column("digests", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("start", name="pk_entries"),
    )
    op.create_table(
        "nodes",
        sa.Column("level", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", Serial, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_nodes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_keys",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("vkey", sa.Text, nullable=False),
        sa.Column("added_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_keys"),
        sa.UniqueConstraint("vkey", name="uq_log_keys_vkey"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", Serial, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("key_id", sa.Integer, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoints"),
        sa.ForeignKeyConstraint(["key_id"], ["log_keys.id"], name="fk_checkpoints_key_id"),
    )
    op.create_table(
        "anchors",
        sa.Column("size", Serial, autoincrement=False, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("size", "url", name="pk_anchors"),
        sa.ForeignKeyConstraint(["size"], ["checkpoints.size"], name="fk_anchors_size"),
    )
    dialect = op.get_bind().dialect.name
    for table in ("entries", "nodes", "log_keys", "checkpoints", "anchors"):
        for statement in refusals(dialect, table):
            op.execute(statement)
