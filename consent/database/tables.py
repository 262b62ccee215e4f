"""The tables as they are now. ``versions/`` holds how they came to be; a test compares the two.

``decisions`` is the ledger. Its ``seq`` is given out under a lock as the newest ``seq`` plus one,
so it has no gaps, and a row with a higher one was committed later. An erasure takes a sealed row
out and leaves its ``seq`` and ``id`` in ``erased``, so that neither is ever given again. The tables
of ``APPEND_ONLY`` refuse UPDATE and DELETE by triggers; ``decisions`` lets go of a row that
``erased`` names, and of no other.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from consent.database.dialects import Digest, Hour, Id, Keys, Moment, Serial

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

groups = sa.Table(
    "groups",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("template", sa.LargeBinary, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
)

stores = sa.Table(
    "stores",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("draft", sa.LargeBinary, nullable=False),
    sa.Column("draft_sha256", Digest, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("group_id", sa.ForeignKey("groups.id")),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("store_id", sa.ForeignKey("stores.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("sha256", Digest, nullable=False),
    sa.Column("config", sa.LargeBinary, nullable=False),
    sa.Column("asks_since", sa.Integer, nullable=False),
    sa.Column("published_at", Moment, nullable=False),
    sa.Column("former", sa.LargeBinary),
    sa.Column("template", sa.LargeBinary),
    sa.UniqueConstraint("store_id", "number"),
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("store_id", sa.ForeignKey("stores.id"), nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("sha256", Digest, nullable=False),
    sa.Column("config", sa.LargeBinary, nullable=False),
    sa.Column("template", sa.LargeBinary),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("user_id", sa.ForeignKey("users.id")),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("number", sa.Integer),
    sa.Column("fault", sa.Text),
    sa.Column("why", sa.Text),
    sa.Index("ix_schedules_state", "state", "due_at"),
    sa.Index("ix_schedules_store", "store_id", "id"),
)

banners = sa.Table(
    "banners",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sha256", Digest, nullable=False, unique=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

regimes = sa.Table(
    "regimes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sha256", Digest, nullable=False, unique=True),
    sa.Column("regime", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

RARE_ACTION = sa.text("action NOT IN ('accept_all', 'reject_all')")
"""What every second visitor does needs no index: a page of it is soon found without one."""

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("seq", Serial, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("id", Id, nullable=False, unique=True),
    sa.Column("visitor", Id, nullable=False),
    sa.Column("previous", Id),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("store_id", sa.ForeignKey("stores.id"), nullable=False),
    sa.Column("version_id", sa.ForeignKey("versions.id"), nullable=False),
    sa.Column("banner_sha256", Digest, nullable=False),
    sa.Column("regime_id", sa.ForeignKey("regimes.id"), nullable=False),
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
    sa.Column("refused", Keys),
    sa.Index("ix_decisions_visitor", "visitor", "store_id", "seq"),
    sa.Index("ix_decisions_at", "at"),
    sa.Index("ix_decisions_store", "store_id", "at"),
    sa.Index("ix_decisions_version", "version_id", "at"),
    sa.Index("ix_decisions_country", "store_id", "country", "at"),
    sa.Index("ix_decisions_regime", "store_id", "regime_id", "at"),
    sa.Index("ix_decisions_language", "store_id", "language", "at"),
    sa.Index(
        "ix_decisions_action",
        *("store_id", "action", "at"),
        sqlite_where=RARE_ACTION,
        postgresql_where=RARE_ACTION,
    ),
)


def _counted(*within: sa.Column[Any]) -> list[sa.Column[Any]]:
    """What a store's visitors are counted by in an hour or a day, and how many there were."""
    texts = ("measure", "place", "regime", "device", "language")
    return [
        sa.Column("store_id", sa.ForeignKey("stores.id"), primary_key=True),
        *within,
        *(sa.Column(name, sa.Text, primary_key=True) for name in texts),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    ]


counts = sa.Table(
    "counts",
    metadata,
    *_counted(sa.Column("hour", Hour, primary_key=True, autoincrement=False)),
    sqlite_with_rowid=False,
)

day_counts = sa.Table(
    "day_counts",
    metadata,
    *_counted(sa.Column("day", sa.Integer, primary_key=True, autoincrement=False)),
    sqlite_with_rowid=False,
)
"""``counts`` by day (a number of days since 1970). A trigger adds here what is added there, so that
the two agree whoever counts; the hours go after a while, the days stay."""

DAILY = ("shown", "accepted", "partly", "declined", "closed", "gpc", "refused")

daily = sa.Table(
    "daily",
    metadata,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("store_id", sa.ForeignKey("stores.id"), primary_key=True),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in DAILY),
    sqlite_with_rowid=False,
)
"""Of ``counts`` the sums of a store and a day (a number of days since 1970), for lists of many
stores; and the posts that were refused."""

variant_counts = sa.Table(
    "variant_counts",
    metadata,
    *_counted(
        sa.Column("variant", sa.Text, primary_key=True),
        sa.Column("hour", Hour, primary_key=True, autoincrement=False),
    ),
    sqlite_with_rowid=False,
)
"""What of ``counts`` was counted under a variant of an experiment, once more. A table of its own:
nobody else's counts grow, and workers of an earlier release go on counting meanwhile."""

coverage = sa.Table(
    "coverage",
    metadata,
    sa.Column("store_id", sa.ForeignKey("stores.id"), primary_key=True),
    sa.Column("hour", Hour, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("event", sa.Text, primary_key=True),
    sa.Column("reached", sa.Text, primary_key=True),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    # role, store_id and session_epoch: of an earlier release, read no more; see ``grants``
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("store_id", sa.ForeignKey("stores.id")),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("disabled_at", Moment),
    sa.Column("session_epoch", sa.Integer, nullable=False),
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("store_id", sa.ForeignKey("stores.id")),
    sa.Column("group_id", sa.ForeignKey("groups.id")),
    sa.Index("ix_grants_user", "user_id"),
)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("token_sha256", Digest, nullable=False, unique=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("store_id", sa.ForeignKey("stores.id")),
    sa.Column("group_id", sa.ForeignKey("groups.id")),
    sa.Column("ends_at", Moment, nullable=False),
)

setups = sa.Table(
    "setups",
    metadata,
    sa.Column("store_id", sa.ForeignKey("stores.id"), primary_key=True, autoincrement=False),
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("began_at", Moment, nullable=False),
    sa.Column("seen_on", sa.Date, nullable=False),
    sa.Column("browser", sa.Text, nullable=False),
    sa.Index("ix_sessions_user", "user_id", "began_at"),
)

second_factors = sa.Table(
    "second_factors",
    metadata,
    sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True, autoincrement=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("added_at", Moment, nullable=False),
)

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("linked_at", Moment, nullable=False),
    sa.UniqueConstraint("user_id", "issuer", name="uq_identities_user_id"),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("sha256", Digest, nullable=False),
    sa.Index("ix_recovery_codes_user", "user_id"),
)

activity = sa.Table(
    "activity",
    metadata,
    sa.Column("id", Serial, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("user_id", sa.ForeignKey("users.id")),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("store", sa.Text),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index("ix_activity_store", "store", "id"),
    sa.Index("ix_activity_subject", "subject", "id"),
)

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("sha256", Digest, nullable=False, unique=True),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_on", sa.Date),
    sa.Column("revoked_at", Moment),
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("start", Serial, primary_key=True, autoincrement=False),
    sa.Column("digests", sa.LargeBinary, nullable=False),
)

nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", Serial, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

log_keys = sa.Table(
    "log_keys",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("vkey", sa.Text, nullable=False, unique=True),
    sa.Column("added_at", Moment, nullable=False),
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("size", Serial, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("key_id", sa.ForeignKey("log_keys.id"), nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)

anchors = sa.Table(
    "anchors",
    metadata,
    sa.Column("size", sa.ForeignKey("checkpoints.size"), primary_key=True, autoincrement=False),
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("store_id", sa.ForeignKey("stores.id"), nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("visitor_sha256", Digest),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("records", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.ForeignKey("log_keys.id"), nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Index("ix_erasures_visitor", "visitor_sha256"),
)

erased = sa.Table(
    "erased",
    metadata,
    sa.Column("seq", Serial, primary_key=True, autoincrement=False),
    sa.Column("id", Id, nullable=False, unique=True),
    sa.Column("erasure_id", sa.ForeignKey("erasures.id"), nullable=False),
)

LOG = (entries, nodes, log_keys, checkpoints, anchors)
"""The Merkle tree over the ledger. ``entries`` holds the SHA-256 of each record, in pieces that
never cross a multiple of 256; ``nodes`` the hashes of tiles above level 0."""

APPEND_ONLY = (decisions, versions, banners, regimes, activity, *LOG, erasures, erased)
"""The tables whose rows are never changed or removed."""
