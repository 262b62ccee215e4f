"""The first tables."""

import sqlalchemy as sa
from alembic import op

from consent.database.dialects import Digest, Hour, Id, Moment, Serial, refusals

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _configuration()
    _contents()
    _decisions()
    _counts()
    dialect = op.get_bind().dialect.name
    for table in ("decisions", "versions", "banners", "regimes"):
        for statement in refusals(dialect, table):
            op.execute(statement)


def _configuration() -> None:
    op.create_table(
        "stores",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("draft", sa.LargeBinary, nullable=False),
        sa.Column("draft_sha256", Digest, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stores"),
        sa.UniqueConstraint("key", name="uq_stores_key"),
    )
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sha256", Digest, nullable=False),
        sa.Column("config", sa.LargeBinary, nullable=False),
        sa.Column("asks_since", sa.Integer, nullable=False),
        sa.Column("published_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_versions_store_id"),
        sa.UniqueConstraint("store_id", "number", name="uq_versions_store_id_number"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("store_id", sa.Integer),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("disabled_at", Moment),
        sa.Column("session_epoch", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_users_store_id"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )


def _contents() -> None:
    op.create_table(
        "banners",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("sha256", Digest, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_banners"),
        sa.UniqueConstraint("sha256", name="uq_banners_sha256"),
    )
    op.create_table(
        "regimes",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("sha256", Digest, nullable=False),
        sa.Column("regime", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_regimes"),
        sa.UniqueConstraint("sha256", name="uq_regimes_sha256"),
    )


def _decisions() -> None:
    references = ("store", "version", "regime")
    op.create_table(
        "decisions",
        sa.Column("seq", Serial, autoincrement=False, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("visitor", Id, nullable=False),
        sa.Column("previous", Id),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        *(sa.Column(f"{one}_id", sa.Integer, nullable=False) for one in references),
        sa.Column("banner_sha256", Digest, nullable=False),
        sa.Column("preferences", sa.Boolean, nullable=False),
        sa.Column("analytics", sa.Boolean, nullable=False),
        sa.Column("marketing", sa.Boolean, nullable=False),
        sa.Column("gpc_header", sa.Boolean, nullable=False),
        sa.Column("gpc_property", sa.Boolean, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("country", sa.Text),
        sa.Column("subdivision", sa.Text),
        sa.Column("place_source", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_decisions"),
        sa.UniqueConstraint("id", name="uq_decisions_id"),
        *(
            sa.ForeignKeyConstraint([f"{one}_id"], [f"{one}s.id"], name=f"fk_decisions_{one}_id")
            for one in references
        ),
    )
    op.create_index("ix_decisions_at", "decisions", ["at", "seq"])
    op.create_index("ix_decisions_store", "decisions", ["store_id", "at", "seq"])
    op.create_index("ix_decisions_visitor", "decisions", ["visitor", "store_id", "seq"])


def _counts() -> None:
    op.create_table(
        "counts",
        sa.Column("store_id", sa.Integer, nullable=False),
        sa.Column("hour", Hour, nullable=False),
        sa.Column("measure", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("regime", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "store_id",
            "hour",
            "measure",
            "place",
            "regime",
            "device",
            "language",
            "version",
            name="pk_counts",
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name="fk_counts_store_id"),
        sqlite_with_rowid=False,
    )
